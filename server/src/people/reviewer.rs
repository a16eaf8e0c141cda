//! `Reviewer`: whoever reviews.
use axum::{extract::FromRequestParts, http::request::Parts};
use boathook_schema::Role;

use crate::{
    app::Shared,
    errors::Problem,
    people::{Caller, caller::with_role},
};

/// May send back for the customers of their role as reviewer.
pub struct Reviewer(pub Caller);

impl FromRequestParts<Shared> for Reviewer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        with_role(parts, app, &[Role::Reviewer], "reviewer")
            .await
            .map(Self)
    }
}
