//! `HouseAdmin`: an admin for all customers, and so of the house: people, customers, trust.
use axum::{extract::FromRequestParts, http::request::Parts};
use boathook_schema::{Role, Scope};

use crate::{
    app::Shared,
    errors::Problem,
    people::{
        Caller,
        caller::{refuse, with_role},
    },
};

/// May manage people, customers and trust documents. An admin of some customers only is refused with an event.
pub struct HouseAdmin(pub Caller);

impl FromRequestParts<Shared> for HouseAdmin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        let caller = with_role(parts, app, &[Role::Admin], "admin of all customers").await?;
        if caller.scope == Scope::All {
            return Ok(Self(caller));
        }
        Err(refuse(app, parts, &caller, "admin of all customers").await)
    }
}
