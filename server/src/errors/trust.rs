//! Refusals of the verifier as problems: a document that is not good enough is the sender's to put right.
use axum::http::StatusCode;
use boathook_hooks::verify::Refusal;

use crate::errors::Problem;

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            refusal.code(),
            refusal.to_string(),
        )
    }
}
