//! `Viewer`: whoever may read.
use axum::{extract::FromRequestParts, http::request::Parts};
use boathook_schema::Role;

use crate::{
    app::Shared,
    errors::Problem,
    people::{Caller, caller::with_role},
};

/// May read what belongs to the customers of any of their roles.
pub struct Viewer(pub Caller);

impl FromRequestParts<Shared> for Viewer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        with_role(
            parts,
            app,
            &[Role::Viewer, Role::Engineer, Role::Reviewer, Role::Admin],
            "viewer",
        )
        .await
        .map(Self)
    }
}
