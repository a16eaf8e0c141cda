//! `Admin`: whoever runs customers' instances and tokens.
use axum::{extract::FromRequestParts, http::request::Parts};
use boathook_schema::Role;

use crate::{
    app::Shared,
    errors::Problem,
    people::{Caller, caller::with_role},
};

/// May manage instances and join tokens of the customers of their role as admin.
pub struct Admin(pub Caller);

impl FromRequestParts<Shared> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        with_role(parts, app, &[Role::Admin], "admin")
            .await
            .map(Self)
    }
}
