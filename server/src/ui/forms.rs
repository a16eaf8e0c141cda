//! `Form<T>`: what a page's form sent. The guard has seen to it that it came from a page of ours.
use axum::{
    extract::{FromRequest, rejection::FormRejection},
    http::StatusCode,
};
use serde::Deserialize;

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

/// All fields as they were sent: for forms whose boxes share a name, or that are not the same for all.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    /// Trimmed; empty when it was not sent.
    pub fn get(&self, name: &str) -> &str {
        self.exact(name).trim()
    }

    /// As it was typed, for passwords.
    pub fn exact(&self, name: &str) -> &str {
        self.all(name).next().unwrap_or_default()
    }

    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter(move |(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }

    pub fn has(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }
}
