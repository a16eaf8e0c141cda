//! `Caller`: the person behind a bearer token, narrowed to the customers of the role that was asked for.
use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    http::{header, request::Parts},
};
use boathook_hooks::{
    ids::{CustomerId, Digest, PersonId},
    time::Time,
};
use boathook_schema::{
    Chain, Customers, EventKind, Grant, NewEvent, Role, Scope, Who, Write, scope_of,
};

use crate::{
    app::{App, Shared},
    errors::{Answer, Problem},
    people::secrets,
    ui::session,
};

/// A signed-in person, within the customers for which they hold a role.
#[derive(Clone, Debug)]
pub struct Caller {
    pub person: PersonId,
    pub name: String,
    /// What the person may, as far as this token passes it on.
    pub roles: Vec<Grant>,
    pub scope: Scope,
    /// SHA-256 of the token that was used.
    pub token: Digest,
}

impl Caller {
    /// A write by this person.
    pub fn write(&self, now: Time) -> Write {
        Write::person(self.person.clone(), now)
    }

    /// The customers for which they work with tickets and packets; none for who only audits.
    pub fn as_staff(&self) -> Option<Scope> {
        scope_of(&self.roles, &super::staff::ROLES)
    }

    /// Whether they hold one of these roles for all of these customers; with none of them, for the house: as what changes a
    /// record of them asks.
    pub fn may(&self, wanted: &[Role], customers: &[CustomerId]) -> bool {
        scope_of(&self.roles, wanted).is_some_and(|scope| scope.holds_all(customers))
    }

    /// The scope of staff as it is now: none once the sign-in has ended, or the roles were taken away.
    pub async fn staff_scope_now(&self, app: &App) -> Answer<Option<Scope>> {
        let who = app
            .store
            .who(&Scope::System, &self.token, app.now())
            .await?;
        Ok(who.and_then(|who| narrowed(&who, &super::staff::ROLES)))
    }

    /// 404 for a customer that is none of theirs.
    pub fn must_hold(&self, customer: &CustomerId) -> Answer<()> {
        if self.scope.holds(customer) {
            Ok(())
        } else {
            Err(Problem::not_found("customer"))
        }
    }
}

/// Anyone who is signed in, whatever their roles.
pub struct AnyRole(pub Caller);

impl FromRequestParts<Shared> for AnyRole {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        let (caller, _) = signed_in(parts, app).await?;
        Ok(Self(caller))
    }
}

/// The caller with one of `wanted` roles for at least one customer. Without one: 403, and an event.
pub(super) async fn with_role(
    parts: &mut Parts,
    app: &Arc<App>,
    wanted: &[Role],
    name: &'static str,
) -> Answer<Caller> {
    let (caller, who) = signed_in(parts, app).await?;
    match narrowed(&who, wanted) {
        Some(scope) => Ok(Caller { scope, ..caller }),
        None => Err(refuse(app, parts, &caller, name).await),
    }
}

/// The customers for which this sign-in or token passes one of the roles on.
fn narrowed(who: &Who, wanted: &[Role]) -> Option<Scope> {
    let own = scope_of(&who.person().roles, wanted);
    let passed_on = match who {
        Who::SignIn { .. } => own.clone(),
        Who::Token { token, .. } => scope_of(&token.roles, wanted),
    };
    own.zip(passed_on).and_then(|(a, b)| both(a, b))
}

/// 403 for a caller without the role, recorded as an event.
pub(super) async fn refuse(
    app: &App,
    parts: &Parts,
    caller: &Caller,
    role: &'static str,
) -> Problem {
    let mut event = NewEvent::new(EventKind::AUTHORITY_REFUSED);
    event.details.insert("role", role);
    event.details.insert("method", parts.method.as_str());
    event.details.insert(
        "path",
        parts.uri.path().chars().take(300).collect::<String>(),
    );
    if let Err(problem) = app
        .record(caller.write(app.now()), Chain::House, event)
        .await
    {
        return problem;
    }
    Problem::forbidden(format!("this needs the role {role}"))
}

/// Whoever has that token, if it counts; for pages that are shown to anybody. Never a check.
pub async fn of_token(app: &App, token: &str) -> Answer<Option<Caller>> {
    let hash = secrets::hash(token);
    let who = app.store.who(&Scope::System, &hash, app.now()).await?;
    Ok(who.map(|who| caller_of(&who, hash)))
}

fn caller_of(who: &Who, token: Digest) -> Caller {
    let roles = match who {
        Who::SignIn { person, .. } => person.roles.clone(),
        Who::Token { person, token } => passed_on(&person.roles, &token.roles),
    };
    Caller {
        person: who.person().id.clone(),
        name: who.person().name.clone(),
        roles,
        scope: Scope::Only(Default::default()),
        token,
    }
}

/// What a token passes on of what its person has still.
fn passed_on(own: &[Grant], token: &[Grant]) -> Vec<Grant> {
    let still = |grant: &Grant| {
        let wanted = [grant.role];
        let own = scope_of(own, &wanted)?;
        let given = scope_of(std::slice::from_ref(grant), &wanted)?;
        let customers = match both(own, given)? {
            Scope::All => Customers::All,
            Scope::Only(only) => Customers::Only(only),
            _ => return None,
        };
        Some(Grant {
            role: grant.role,
            customers,
        })
    };
    token.iter().filter_map(still).collect()
}

async fn signed_in(parts: &Parts, app: &App) -> Answer<(Caller, Who)> {
    let bearer = match parts.headers.get(header::AUTHORIZATION) {
        Some(value) => value.to_str().ok().and_then(|v| v.strip_prefix("Bearer ")),
        // A browser's: what it may change with it, the guard decides.
        None => session::token(&parts.headers),
    };
    let bearer = bearer
        .filter(|token| token.starts_with(secrets::PREFIX))
        .ok_or_else(|| Problem::unauthorized("sign in first: Authorization: Bearer bh_…"))?;
    let hash = secrets::hash(bearer);
    let who = app
        .store
        .who(&Scope::System, &hash, app.now())
        .await?
        .ok_or_else(|| Problem::unauthorized("this token is unknown, or has ended"))?;
    let caller = caller_of(&who, hash);
    Ok((caller, who))
}

/// The customers that are in both; none when there is no such customer.
pub fn both(a: Scope, b: Scope) -> Option<Scope> {
    match (a, b) {
        (Scope::All, other) | (other, Scope::All) => Some(other),
        (Scope::Only(a), Scope::Only(b)) => {
            let common: std::collections::BTreeSet<CustomerId> =
                a.intersection(&b).cloned().collect();
            (!common.is_empty()).then_some(Scope::Only(common))
        }
        // Roles give no other scopes.
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn only(ids: &[&str]) -> Scope {
        Scope::Only(ids.iter().map(|id| id.parse().unwrap()).collect())
    }

    #[test]
    fn of_a_tokens_roles_those_count_that_its_person_has_still() {
        let grant = |role, customers| Grant { role, customers };
        let acme = || Customers::Only(["acme".parse().unwrap()].into());
        let both = || Customers::Only(["acme".parse().unwrap(), "bolt".parse().unwrap()].into());
        let token = [
            grant(Role::Engineer, Customers::All),
            grant(Role::Reviewer, acme()),
        ];
        assert_eq!(passed_on(&[], &token), []);
        assert_eq!(
            passed_on(&[grant(Role::Viewer, Customers::All)], &token),
            []
        );
        assert_eq!(
            passed_on(&[grant(Role::Engineer, both())], &token),
            [grant(Role::Engineer, both())]
        );
        assert_eq!(
            passed_on(&[grant(Role::Reviewer, both())], &token),
            [grant(Role::Reviewer, acme())]
        );
    }

    #[test]
    fn a_token_passes_on_no_more_than_its_person_still_has() {
        assert_eq!(both(Scope::All, only(&["acme"])), Some(only(&["acme"])));
        assert_eq!(
            both(only(&["acme", "bolt"]), only(&["bolt", "crux"])),
            Some(only(&["bolt"]))
        );
        assert_eq!(both(only(&["acme"]), only(&["bolt"])), None);
        assert_eq!(both(Scope::System, Scope::System), None);
    }
}
