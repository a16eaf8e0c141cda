//! `EngineerOrReviewer`: whoever works on hooks.
use axum::{extract::FromRequestParts, http::request::Parts};
use boathook_schema::Role;

use crate::{
    app::Shared,
    errors::Problem,
    people::{Caller, caller::with_role},
};

/// May bring signatures, hold, publish and stop for the customers of either role.
pub struct EngineerOrReviewer(pub Caller);

impl FromRequestParts<Shared> for EngineerOrReviewer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        let wanted = [Role::Engineer, Role::Reviewer];
        with_role(parts, app, &wanted, "engineer or reviewer")
            .await
            .map(Self)
    }
}
