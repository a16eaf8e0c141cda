//! Signing in and out, and who one is.
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
};
use boathook_hooks::{
    ids::PersonId,
    time::{HOUR, Time},
};
use boathook_schema::{
    Chain, EventKind, Grant, How, NewEvent, Outcome, Person, Refused, Scope, SignIn, Write,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    api::extract::Json,
    app::{App, Shared},
    errors::{Answer, IntoAnswer as _, Problem},
    metrics::OutcomeLabels,
    people::{AnyRole, Caller, password, secrets},
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignInBody {
    pub person: String,
    pub password: String,
    /// Such as the machine, for the list of sign-ins.
    pub label: Option<String>,
}

/// Shown once.
#[derive(Serialize, ToSchema)]
pub struct SignedIn {
    /// For `Authorization: Bearer`.
    pub token: String,
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Time,
    #[schema(value_type = String)]
    pub person: PersonId,
    #[schema(value_type = Vec<Object>)]
    pub roles: Vec<Grant>,
}

#[derive(Serialize, ToSchema)]
pub struct Me {
    #[schema(value_type = String)]
    pub person: PersonId,
    pub name: String,
    /// As far as this token passes them on.
    #[schema(value_type = Vec<Object>)]
    pub roles: Vec<Grant>,
}

/// Signs in with a password. Whoever it is, a wrong name and a wrong password sound the same.
#[utoipa::path(post, path = "/api/v1/sign-in", tag = "people", security(()), responses((status = 201, body = SignedIn)))]
pub async fn post(
    State(app): State<Shared>,
    headers: HeaderMap,
    Json(body): Json<SignInBody>,
) -> Answer<(
    StatusCode,
    [(header::HeaderName, &'static str); 1],
    Json<SignedIn>,
)> {
    let agent = headers
        .get(header::USER_AGENT)
        .and_then(|v| v.to_str().ok());
    let signed_in = sign_in(&app, body, agent.unwrap_or_default()).await?;
    Ok((
        StatusCode::CREATED,
        [(header::CACHE_CONTROL, "no-store")],
        Json(signed_in),
    ))
}

pub async fn sign_in(app: &App, body: SignInBody, user_agent: &str) -> Answer<SignedIn> {
    let id: Option<PersonId> = body.person.parse().ok();
    let person = match &id {
        Some(id) => app.store.person(&Scope::System, id).await?,
        None => None,
    };
    let stored = person.as_ref().and_then(|p| p.password.clone());
    let right = password::verify(body.password, stored.clone()).await;
    let Some(person) = person.filter(|_| right) else {
        return Err(refuse(app, How::Password, &body.person, None).await?);
    };
    let label = body.label.filter(|l| !l.is_empty());
    let label = label.as_deref().unwrap_or(user_agent);
    match opened(app, person, How::Password, label, stored).await? {
        Some(signed_in) => Ok(signed_in),
        // It was changed while this one waited for its turn.
        None => Err(refuse(app, How::Password, &body.person, None).await?),
    }
}

/// A new sign-in of somebody who has shown who they are.
pub async fn open(app: &App, person: Person, how: How, label: &str) -> Answer<SignedIn> {
    let signed_in = opened(app, person, how, label, None).await?;
    signed_in.ok_or_else(|| Problem::conflict("the person was changed meanwhile; try again"))
}

/// None when the password that was found right is another by now.
async fn opened(
    app: &App,
    person: Person,
    how: How,
    label: &str,
    password: Option<String>,
) -> Answer<Option<SignedIn>> {
    let now = app.now();
    let (token, hash) = secrets::fresh(secrets::PREFIX)?;
    let hours = i64::try_from(app.config.people.sign_in_hours).unwrap_or(12);
    let sign_in = SignIn {
        hash,
        person: person.id.clone(),
        label: label.chars().take(100).collect(),
        how,
        opened_at: now,
        expires_at: now.plus_ms(hours * HOUR),
    };
    let write = Write::person(person.id.clone(), now);
    let open = app
        .store
        .open_sign_in(&Scope::System, write, sign_in, password);
    let sign_in = match open.await? {
        Outcome::Refused(Refused::Version { .. }) => return Ok(None),
        other => Ok(other).answer()?,
    };
    count(app, "opened");
    Ok(Some(SignedIn {
        token,
        expires_at: sign_in.expires_at,
        person: person.id,
        roles: person.roles,
    }))
}

/// The refusal, recorded. Whoever it is, a wrong name and a wrong password sound the same.
pub async fn refuse(app: &App, how: How, named: &str, why: Option<&str>) -> Answer<Problem> {
    count(app, "refused");
    let mut event = NewEvent::new(EventKind::SIGN_IN_REFUSED);
    event.details.insert("how", how.word());
    if let Some(why) = why {
        event.details.insert("why", why);
    }
    // What is no name may be a password that was typed in the wrong field.
    let is_name = how != How::Password || named.parse::<PersonId>().is_ok();
    let named: String = named.chars().take(80).collect();
    if is_name {
        event.personal.insert("person", named);
    }
    app.record(Write::system(app.now()), Chain::House, event)
        .await?;
    Ok(Problem::unauthorized("the person or the password is wrong"))
}

fn count(app: &App, outcome: &'static str) {
    let labels = OutcomeLabels { outcome };
    app.metrics.sign_ins.get_or_create(&labels).inc();
}

/// Ends the sign-in, or the API token, that this request uses.
#[utoipa::path(delete, path = "/api/v1/sign-in", tag = "people", responses((status = 204)))]
pub async fn delete(State(app): State<Shared>, AnyRole(caller): AnyRole) -> Answer<StatusCode> {
    sign_out(&app, &caller).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn sign_out(app: &App, caller: &Caller) -> Answer<()> {
    let (scope, now) = (Scope::System, app.now());
    let ended = app
        .store
        .end_sign_in(&scope, caller.write(now), caller.token)
        .await
        .answer()?;
    if ended == 0 {
        app.store
            .end_api_token(&scope, caller.write(now), caller.token)
            .await
            .answer()?;
    }
    Ok(())
}

/// Who the token's person is, and what the token passes on.
#[utoipa::path(get, path = "/api/v1/me", tag = "people", responses((status = 200, body = Me)))]
pub async fn me(AnyRole(caller): AnyRole) -> Json<Me> {
    Json(Me {
        person: caller.person,
        name: caller.name,
        roles: caller.roles,
    })
}
