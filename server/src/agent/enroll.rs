//! Enrolment: a join token and a key become an instance. The same token and key get the same answer.
use axum::{extract::State, http::StatusCode, response::Response};
use boathook_hooks::{
    documents::{
        Document as _,
        identity::{Enroll, Facts, IDENTITY_LIFE_MS, MAX_FACTS_BYTES},
    },
    envelope::Envelope,
    ids::{Blob, Digest, InstanceId},
    protocol::{EnrollAnswer, EnrollRequest},
    strict::{self, MAX_DOCUMENT},
    time::Time,
};
use boathook_schema::{Chain, InstanceState, NewInstance, Refs, Refused, Scope, Write};

use crate::{
    agent::{
        body::{self, Bson},
        refused,
    },
    app::{App, Shared},
    errors::{Answer, IntoAnswer as _, Problem},
};

pub async fn post(
    State(app): State<Shared>,
    Bson(request): Bson<EnrollRequest>,
) -> Answer<Response> {
    let now = app.now();
    let token = Digest::of(request.token.as_bytes());
    let enroll = read(&request.envelope.0, &app.config.origin, &token, now)?;
    let roots: Vec<Blob> = app
        .trust
        .current()
        .documents
        .roots
        .iter()
        .map(|d| d.envelope.clone())
        .collect();
    if roots.is_empty() {
        return Err(Problem::busy("this server has no root yet", 60));
    }
    let joined = app
        .store
        .use_token(
            &Scope::System,
            Write::system(now),
            token,
            enroll.key.id(),
            InstanceId::fresh(),
        )
        .await?;
    let joined = match joined.done() {
        Ok(joined) => joined,
        Err(reason) => return Err(token_refused(&app, reason, now).await),
    };
    let instance = app
        .store
        .put_instance(
            &Scope::System,
            Write::instance(joined.instance.clone(), now),
            NewInstance {
                id: joined.instance,
                customer: joined.customer,
                key: enroll.key,
                facts: enroll.facts,
                confirm: joined.confirm,
            },
        )
        .await
        .answer()?;
    let confirmed = match instance.state {
        InstanceState::Confirmed => true,
        InstanceState::Unconfirmed => false,
        state @ (InstanceState::Suspended { .. } | InstanceState::Retired { .. }) => {
            return Err(Problem::new(
                StatusCode::FORBIDDEN,
                state.word(),
                format!("this key's instance is {}", state.word()),
            ));
        }
    };
    tracing::info!(instance = %instance.id, customer = %instance.customer, confirmed, "enrolled");
    let answer = EnrollAnswer {
        instance: instance.id,
        customer: instance.customer,
        roots,
        confirmed,
    };
    body::reply(StatusCode::OK, &answer)
}

/// What the envelope says, once it holds together: signed by the key that it names, for this origin and token, now.
fn read(bytes: &[u8], origin: &str, token: &Digest, now: Time) -> Answer<Enroll> {
    let bad = |words: String| Problem::bad_request(format!("enroll.v1: {words}"));
    let envelope = Envelope::from_bson(bytes, MAX_DOCUMENT).map_err(|e| bad(e.to_string()))?;
    envelope
        .expect_type(Enroll::PAYLOAD_TYPE)
        .map_err(|e| bad(e.to_string()))?;
    let enroll: Enroll =
        strict::decode(&envelope.payload.0, MAX_DOCUMENT).map_err(|e| bad(e.to_string()))?;
    let refuse = |code, words: &str| Err(Problem::new(StatusCode::FORBIDDEN, code, words));
    if !envelope.is_signed_by(&enroll.key) {
        return refuse(
            "signature",
            "enroll.v1 is not signed by the key that it names",
        );
    }
    if enroll.origin != origin {
        return refuse("origin", "enroll.v1 was made for another server");
    }
    if enroll.token != *token {
        return refuse("other_token", "enroll.v1 was made for another join token");
    }
    if now.since(enroll.signed_at).abs() > IDENTITY_LIFE_MS {
        return refuse(
            "clock",
            "enroll.v1 was not signed within the last 60 s: compare the clocks",
        );
    }
    bounded(&enroll.facts)?;
    Ok(enroll)
}

/// Facts travel in the bearer, which is a header.
pub(super) fn bounded(facts: &Facts) -> Answer<()> {
    let size = strict::encode(facts).map_or(usize::MAX, |b| b.len());
    if size > MAX_FACTS_BYTES {
        return Err(Problem::too_large(format!(
            "facts must have at most {MAX_FACTS_BYTES} bytes"
        )));
    }
    Ok(())
}

async fn token_refused(app: &App, reason: Refused, now: Time) -> Problem {
    let words = format!("enrolment: {reason}");
    refused::record(
        app,
        Chain::House,
        Refs::default(),
        Write::system(now),
        &words,
    )
    .await;
    reason.into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use boathook_hooks::keys::SecretKey;

    const ORIGIN: &str = "https://boathook.example";

    fn now() -> Time {
        Time::from_ms(1_700_000_000_000)
    }

    fn enroll(key: &SecretKey) -> Enroll {
        Enroll {
            origin: ORIGIN.into(),
            token: Digest::of(b"token"),
            key: key.public(),
            facts: Facts::default(),
            signed_at: now(),
        }
    }

    fn code(document: &Enroll, signer: &SecretKey) -> &'static str {
        let bytes = document.envelope(&[signer]).unwrap().to_bson().unwrap();
        read(&bytes, ORIGIN, &Digest::of(b"token"), now()).map_or_else(|p| p.code, |_| "ok")
    }

    #[test]
    fn an_enrolment_must_hold_together() {
        let (key, other) = (
            SecretKey::from_seed(&[1; 32]),
            SecretKey::from_seed(&[2; 32]),
        );
        let good = enroll(&key);
        assert_eq!(code(&good, &key), "ok");
        assert_eq!(code(&good, &other), "signature");
        assert_eq!(
            code(
                &Enroll {
                    origin: "https://other".into(),
                    ..good.clone()
                },
                &key
            ),
            "origin"
        );
        assert_eq!(
            code(
                &Enroll {
                    token: Digest::of(b"t"),
                    ..good.clone()
                },
                &key
            ),
            "other_token"
        );
        for ms in [-60_001, 60_001] {
            assert_eq!(
                code(
                    &Enroll {
                        signed_at: now().plus_ms(ms),
                        ..good.clone()
                    },
                    &key
                ),
                "clock"
            );
        }
        let facts = Facts {
            name: "x".repeat(MAX_FACTS_BYTES),
            ..Facts::default()
        };
        assert_eq!(code(&Enroll { facts, ..good }, &key), "too_large");
    }

    #[test]
    fn another_document_is_not_an_enrolment() {
        let key = SecretKey::from_seed(&[1; 32]);
        let payload = enroll(&key).to_payload().unwrap();
        let bytes = Envelope::sign("application/vnd.boathook.session.v1+bson", payload, &[&key]);
        let found = read(
            &bytes.to_bson().unwrap(),
            ORIGIN,
            &Digest::of(b"token"),
            now(),
        );
        assert_eq!(
            found.map(|_| ()).unwrap_err().status,
            StatusCode::BAD_REQUEST
        );
    }
}
