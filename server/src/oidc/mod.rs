//! Sign-in at a provider of OpenID Connect: code flow with PKCE. What belongs to one attempt is kept by its browser alone,
//! sealed; any server of the house can finish what another began.
mod claims;
mod journey;
mod provider;
#[cfg(test)]
mod tests;

use axum::http::{HeaderMap, HeaderValue};
use boathook_hooks::ids::PersonId;
use boathook_schema::{How, Origin, OutsidePerson, Person, Refused, Reserved, Scope, Write};
use openidconnect::{AuthorizationCode, CsrfToken, Nonce, PkceCodeChallenge, PkceCodeVerifier};
use serde::Deserialize;
use subtle::ConstantTimeEq as _;

use crate::{
    api::sign_in::{self, SignedIn},
    app::App,
    errors::{Answer, IntoAnswer as _, Problem},
};

use claims::Described;
use journey::Journey;
pub use journey::forget;
pub use provider::Oidc;

/// Where the provider sends people back to.
pub const CALLBACK: &str = "/sign-in/oidc/callback";

/// What the provider says when it sends a browser back.
#[derive(Deserialize)]
pub struct Back {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
    /// RFC 9207: who speaks.
    iss: Option<String>,
}

/// The provider's address for one attempt, and the cookie that goes with it.
pub async fn begin(app: &App, to: String) -> Answer<(String, HeaderValue)> {
    let client = app.oidc.client(app).await?;
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let (state, nonce) = (CsrfToken::new_random(), Nonce::new_random());
    let journey = Journey {
        state: state.secret().clone(),
        nonce: nonce.secret().clone(),
        verifier: verifier.secret().clone(),
        to,
        begun_at: app.now(),
    };
    let url = provider::address(app, &client, state, nonce, challenge);
    Ok((url, journey.cookie(app)?))
}

/// The sign-in of whoever the provider sends back, and where they were going. Every refusal is an event.
pub async fn finish(
    app: &App,
    headers: &HeaderMap,
    back: Back,
    label: &str,
) -> Answer<(SignedIn, String)> {
    if app.config.oidc.issuer.is_empty() {
        return Err(Problem::not_found("way to sign in"));
    }
    let mut named = String::new();
    match finished(app, headers, back, label, &mut named).await {
        Err(problem) if problem.status.is_client_error() => {
            // The code says which refusal it was; what the provider said stays out of the chain.
            sign_in::refuse(app, How::Provider, &named, Some(problem.code)).await?;
            Err(problem)
        }
        other => other,
    }
}

async fn finished(
    app: &App,
    headers: &HeaderMap,
    back: Back,
    label: &str,
    named: &mut String,
) -> Answer<(SignedIn, String)> {
    let journey = Journey::of(app, headers)?;
    let state = back.state.unwrap_or_default();
    if !bool::from(state.as_bytes().ct_eq(journey.state.as_bytes())) {
        return Err(refusal(
            "oidc_state",
            "the answer belongs to another sign-in than the one that this browser began",
        ));
    }
    let settings = &app.config.oidc;
    if back.iss.is_some_and(|iss| iss != settings.issuer) {
        return Err(refusal(
            "oidc_issuer",
            "somebody else than the provider answered",
        ));
    }
    if let Some(error) = back.error {
        let words = back.error_description.unwrap_or(error);
        let words: String = words
            .chars()
            .filter(|c| !c.is_control())
            .take(200)
            .collect();
        return Err(refusal(
            "oidc_denied",
            format!("the provider says: {words}"),
        ));
    }
    let code = AuthorizationCode::new(back.code.unwrap_or_default());
    let verifier = PkceCodeVerifier::new(journey.verifier);
    let nonce = Nonce::new(journey.nonce);
    let client = app.oidc.client(app).await?;
    let claims = provider::exchange(app, &client, code, verifier, &nonce).await?;
    let described = claims::describe(settings, &claims)?;
    named.clone_from(&described.called);
    let person = person(app, described).await?;
    let signed_in = sign_in::open(app, person, How::Provider, label).await?;
    Ok((signed_in, journey.to))
}

/// The person to whom issuer and subject are bound for ever; at the first sign-in a new one. Brings roles up to date, also
/// when there are none left.
async fn person(app: &App, described: Described) -> Answer<Person> {
    let issuer = app.config.oidc.issuer.clone();
    let subject = described.subject.clone();
    let origin = Origin { issuer, subject };
    let name = claims::reserved_as(&origin);
    let known = app
        .store
        .reserved_name(&Scope::System, claims::KIND, &name)
        .await?;
    let id: PersonId = match known {
        Some(id) => id
            .parse()
            .map_err(|e| Problem::internal("reading whose an outside name is", e))?,
        None => {
            if described.roles.is_empty() {
                return Err(no_role());
            }
            let id = described.id()?;
            // Before it is theirs for ever: nobody is taken over, and nobody bound to another's name.
            if let Some(there) = app.store.person(&Scope::System, &id).await?
                && there.origin.as_ref() != Some(&origin)
            {
                return Err(taken(id.as_str()));
            }
            let reserved = app.store.reserve_name(
                &Scope::System,
                Write::system(app.now()),
                claims::KIND.to_owned(),
                name,
                id.to_string(),
            );
            match reserved.await.answer()? {
                Reserved::Won => id,
                // Their other browser was quicker.
                Reserved::Taken { by } => by
                    .parse()
                    .map_err(|e| Problem::internal("reading whose an outside name is", e))?,
            }
        }
    };
    let has_role = !described.roles.is_empty();
    let put = OutsidePerson {
        name: described.name,
        roles: described.roles,
        origin,
        id,
    };
    let (id, write) = (put.id.clone(), Write::system(app.now()));
    let put = app
        .store
        .put_outside_person(&Scope::System, write, put)
        .await?;
    let person = match put.done() {
        Ok(person) => person,
        Err(Refused::Exists(_)) => return Err(taken(id.as_str())),
        Err(other) => return Err(other.into()),
    };
    match has_role {
        true => Ok(person),
        false => Err(no_role()),
    }
}

fn taken(id: &str) -> Problem {
    refusal(
        "oidc_taken",
        format!(
            "the name {id} is somebody else's here; an admin or the provider has to give you another"
        ),
    )
}

fn no_role() -> Problem {
    refusal(
        "oidc_no_role",
        "the provider knows you, but nothing that it says of you gives you a role here; ask an admin of boathook",
    )
}

/// 403 with words for the sign-in page.
fn refusal(code: &'static str, words: impl Into<String>) -> Problem {
    Problem::new(axum::http::StatusCode::FORBIDDEN, code, words)
}
