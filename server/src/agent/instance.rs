//! Who asks: holding an [`Instance`] is the proof of a bearer that counts, a [`Working`] one that may have hooks.
use std::ops::Deref;

use axum::{
    extract::{FromRef, FromRequestParts},
    http::{header, request::Parts},
};
use boathook_hooks::ids::ClaimId;
use boathook_schema::{Scope, Write};

use crate::{
    agent::{bearer::Bearer, challenge},
    app::{App, Shared},
    control::Asker,
    errors::{Answer, Problem},
    keys::BEARER_LIFE,
};

/// An enrolled instance with a live session, confirmed or not.
#[derive(Debug)]
pub struct Instance(Bearer);

impl Deref for Instance {
    type Target = Bearer;

    fn deref(&self) -> &Bearer {
        &self.0
    }
}

impl Instance {
    pub fn asker(&self) -> Asker<'_> {
        Asker {
            instance: &self.instance,
            customer: &self.customer,
            facts: &self.facts,
        }
    }

    /// What it may read and write in the store.
    pub fn scope(&self) -> Scope {
        Scope::Instance {
            customer: self.customer.clone(),
            instance: self.instance.clone(),
        }
    }

    pub fn write(&self, app: &App) -> Write {
        Write::instance(self.instance.clone(), app.now())
    }

    /// For requests that wait: whether the bearer counts still.
    pub fn recheck(&self, app: &App) -> Answer<()> {
        if app.now() < self.until {
            self.recheck_denied(app)
        } else {
            Err(challenged(app, "the session has ended: open another"))
        }
    }

    /// For uploads, which may outlast the bearer: whether the instance was suspended or retired meanwhile.
    pub fn recheck_denied(&self, app: &App) -> Answer<()> {
        let control = &app.agent.control;
        if control.counts(&self.instance, self.confirmed, self.number) {
            Ok(())
        } else {
            Err(challenged(
                app,
                "the session no longer counts: open another",
            ))
        }
    }

    /// The claim that a path names, if it is this instance's own. Another's sounds like one that is not there.
    pub fn own_claim(&self, text: &str) -> Answer<ClaimId> {
        text.parse()
            .ok()
            .filter(|claim: &ClaimId| claim.instance == self.instance)
            .ok_or_else(|| Problem::not_found("claim"))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Instance
where
    Shared: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Answer<Self> {
        let app = Shared::from_ref(state);
        let text = parts
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|v| v.to_str().ok())
            .and_then(|v| v.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, text)| text.trim())
            .ok_or_else(|| challenged(&app, "a session's bearer is needed"))?;
        let (ring, now) = (app.keys.ring(), app.now());
        let bearer = ring
            .accepted(now, BEARER_LIFE)
            .find_map(|keys| Bearer::open(&keys.bearer, text, now))
            .ok_or_else(|| challenged(&app, "the bearer is not one of ours, or has ended"))?;
        // Denials come through the control log, so it must have been read once.
        crate::control::at_least(&app, 0).await?;
        let instance = Self(bearer);
        instance.recheck(&app)?;
        Ok(instance)
    }
}

/// An instance that a person (or its join token) has let work.
#[derive(Debug)]
pub struct Working(Instance);

impl Deref for Working {
    type Target = Instance;

    fn deref(&self) -> &Instance {
        &self.0
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Working
where
    Shared: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Answer<Self> {
        let instance = Instance::from_request_parts(parts, state).await?;
        if instance.confirmed {
            Ok(Self(instance))
        } else {
            Err(Problem::forbidden(
                "this instance waits for a person to confirm its fingerprint",
            ))
        }
    }
}

/// 401 with a challenge, so that a new session needs no other request first.
pub fn challenged(app: &App, detail: &str) -> Problem {
    let now = app.now();
    match challenge::fresh(&app.keys.ring().current(now).challenge, now) {
        Ok(text) => Problem::unauthorized(detail).with("challenge", text),
        Err(error) => Problem::internal("making a challenge", error),
    }
}
