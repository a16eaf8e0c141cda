//! `Form<T>`: what a page's form sent. The guard has seen to it that it came from a page of ours.
use axum::{
    extract::{FromRequest, rejection::FormRejection},
    http::StatusCode,
};

use crate::errors::Problem;

#[derive(FromRequest)]
#[from_request(via(axum::extract::Form), rejection(Problem))]
pub struct Form<T>(pub T);

impl From<FormRejection> for Problem {
    fn from(rejection: FormRejection) -> Self {
        let mut problem = Self::bad_request(rejection.body_text());
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            problem.status = StatusCode::PAYLOAD_TOO_LARGE;
            problem.code = "too_large";
        }
        problem
    }
}
