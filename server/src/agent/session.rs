//! Sessions: an instance proves its key over the server's challenge and gets a bearer that needs no store.
use axum::{extract::State, http::StatusCode, response::Response};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use boathook_hooks::{
    documents::{Document as _, identity::Session},
    envelope::Envelope,
    protocol::SessionAnswer,
    strict::{self, MAX_DOCUMENT},
};
use boathook_schema::{
    Chain, Instance, InstanceState, Scope, SessionAsk, SessionStep, SuspendReason, Write,
};

use crate::{
    agent::{
        bearer::Bearer,
        body::{self, Raw},
        challenge, enroll,
        instance::challenged,
        refused,
    },
    app::{App, Shared},
    errors::{Answer, IntoAnswer as _, Problem},
    keys::BEARER_LIFE,
};

/// Bytes of a session's value and of a nonce.
const VALUE_BYTES: usize = 16;
/// Longest value that is looked at.
const LONGEST_VALUE: usize = 64;

pub async fn post(State(app): State<Shared>, Raw(bytes): Raw) -> Answer<Response> {
    let now = app.now();
    let (envelope, session) = read(&app, &bytes)?;
    crate::control::at_least(&app, 0).await?;
    // Before the record is read: what is denied later has a higher number, and so ends this bearer.
    let number = app.agent.control.number();
    let record = known(&app, &envelope, &session).await?;

    let fresh = random_value()?;
    let ask = SessionAsk {
        instance: session.instance.clone(),
        value: session.value,
        nonce: session.nonce,
        fresh,
        facts: session.facts.clone(),
    };
    let write = Write::instance(session.instance.clone(), now);
    let step = app
        .store
        .next_session(&Scope::System, write.clone(), ask)
        .await
        .answer()?;
    let SessionStep::Next { value, .. } = step else {
        let suspended = app.store.suspend_instance(
            &Scope::System,
            Write::instance(session.instance.clone(), now),
            session.instance.clone(),
            SuspendReason::Cloned,
        );
        let _ = suspended.await.answer()?;
        tracing::warn!(instance = %session.instance, "two agents under one key: suspended as cloned");
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "cloned",
            "this session's value was spent by another agent under the same key: suspended as cloned",
        ));
    };
    let until = now.plus_ms(i64::try_from(app.config.agents.bearer_seconds).unwrap_or(0) * 1000);
    let confirmed = record.state == InstanceState::Confirmed;
    let ring = app.keys.ring();
    let bearer = Bearer {
        instance: record.id,
        customer: record.customer,
        key: record.key,
        facts: session.facts,
        confirmed,
        number,
        until,
    };
    let bearer = bearer
        .seal(&ring.current(now).bearer)
        .map_err(|e| Problem::internal("making a bearer", e))?;
    let challenge = challenge::fresh(&ring.current(now).challenge, now)
        .map_err(|e| Problem::internal("making a challenge", e))?;
    body::reply(
        StatusCode::OK,
        &SessionAnswer {
            bearer,
            bearer_until: until,
            confirmed,
            challenge,
            value,
        },
    )
}

/// The session that is asked for, over a live challenge of ours. Its signature is not checked yet.
fn read(app: &App, bytes: &[u8]) -> Answer<(Envelope, Session)> {
    let bad = |words: String| Problem::bad_request(format!("session.v1: {words}"));
    // An agent that has no challenge yet may ask with an empty body.
    if bytes.is_empty() {
        return Err(challenged(app, "a live challenge is needed"));
    }
    let envelope = Envelope::from_bson(bytes, MAX_DOCUMENT).map_err(|e| bad(e.to_string()))?;
    envelope
        .expect_type(Session::PAYLOAD_TYPE)
        .map_err(|e| bad(e.to_string()))?;
    let session: Session =
        strict::decode(&envelope.payload.0, MAX_DOCUMENT).map_err(|e| bad(e.to_string()))?;
    let (ring, now) = (app.keys.ring(), app.now());
    let is_live = ring
        .accepted(now, BEARER_LIFE)
        .any(|keys| challenge::is_live(&keys.challenge, &session.challenge, now));
    if !is_live {
        return Err(challenged(app, "a live challenge is needed"));
    }
    if session.origin != app.config.origin {
        let words = "session.v1 was made for another server";
        return Err(Problem::new(StatusCode::FORBIDDEN, "origin", words));
    }
    let is_nonce = session.nonce.len() == 2 * VALUE_BYTES
        && session
            .nonce
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if !is_nonce {
        return Err(bad("nonce must be 16 bytes as lower-case hex".into()));
    }
    if session.value.len() > LONGEST_VALUE {
        return Err(bad("value is not one that this server gave".into()));
    }
    enroll::bounded(&session.facts)?;
    Ok((envelope, session))
}

/// The instance on record, if it signed the session and may have one.
async fn known(app: &App, envelope: &Envelope, session: &Session) -> Answer<Instance> {
    let record = app
        .store
        .instance(&Scope::System, &session.instance)
        .await?;
    // An unknown instance and a wrong key sound alike: who is enrolled is nobody's business.
    let Some(record) = record.filter(|r| envelope.is_signed_by(&r.key)) else {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "not_enrolled",
            "no instance of that id with that key is enrolled here",
        ));
    };
    match &record.state {
        InstanceState::Confirmed | InstanceState::Unconfirmed => Ok(record),
        state @ (InstanceState::Suspended { .. } | InstanceState::Retired { .. }) => {
            let words = format!("this instance is {}", state.word());
            let chain = Chain::Customer(record.customer.clone());
            let write = Write::instance(record.id.clone(), app.now());
            refused::record(app, chain, refused::of(&record.id), write, &words).await;
            Err(Problem::new(StatusCode::FORBIDDEN, state.word(), words))
        }
    }
}

fn random_value() -> Answer<String> {
    let mut bytes = [0; VALUE_BYTES];
    getrandom::fill(&mut bytes).map_err(|e| Problem::internal("making a value", e))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
