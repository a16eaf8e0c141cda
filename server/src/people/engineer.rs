//! `Engineer`: whoever drafts, publishes and stops hooks.
use axum::{extract::FromRequestParts, http::request::Parts};
use boathook_schema::Role;

use crate::{
    app::Shared,
    errors::Problem,
    people::{Caller, caller::with_role},
};

/// May draft, publish, hold and stop for the customers of their role as engineer.
pub struct Engineer(pub Caller);

impl FromRequestParts<Shared> for Engineer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        with_role(parts, app, &[Role::Engineer], "engineer")
            .await
            .map(Self)
    }
}
