//! `Staff`: whoever works with tickets, hooks, instances and packets. A viewer, who audits, is not among them.
use axum::{extract::FromRequestParts, http::request::Parts};
use boathook_schema::Role;

use crate::{
    app::Shared,
    errors::Problem,
    people::{Caller, caller::with_role},
};

pub const ROLES: [Role; 3] = [Role::Engineer, Role::Reviewer, Role::Admin];

/// May read tickets, hooks, instances and packets of the customers of any of these roles.
pub struct Staff(pub Caller);

impl FromRequestParts<Shared> for Staff {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        with_role(parts, app, &ROLES, "engineer, reviewer or admin")
            .await
            .map(Self)
    }
}
