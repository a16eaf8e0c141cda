//! Enrolment through the router: each thing that must fit, and what is told of what does not.
use axum::http::StatusCode;
use boathook_hooks::{
    documents::{Document as _, identity::Enroll},
    ids::{Blob, Digest},
    keys::SecretKey,
    protocol::*,
};
use boathook_schema::{Chain, EventFilter, EventKind, InstanceState, Page, Scope, Write};

use crate::agent::testing::{Bench, ORIGIN, Said, nonce};

async fn send(bench: &Bench, token: &str, signer: &SecretKey, enroll: &Enroll) -> Said {
    let envelope = Blob(enroll.envelope(&[signer]).unwrap().to_bson().unwrap());
    let request = EnrollRequest {
        token: token.to_owned(),
        envelope,
    };
    bench.post(PATH_ENROLL, &request).await
}

#[tokio::test]
async fn an_enrolment_that_does_not_hold_together_uses_no_token_up() {
    let bench = Bench::new().await;
    let token = bench.token(1, false).await;
    let (key, other) = (
        SecretKey::generate().unwrap(),
        SecretKey::generate().unwrap(),
    );
    let good = Enroll {
        origin: ORIGIN.into(),
        token: Digest::of(token.as_bytes()),
        key: key.public(),
        facts: Default::default(),
        signed_at: bench.now(),
    };
    let bad = [
        (
            "origin",
            Enroll {
                origin: "https://other.test".into(),
                ..good.clone()
            },
        ),
        (
            "other_token",
            Enroll {
                token: Digest::of(b"another"),
                ..good.clone()
            },
        ),
        (
            "signature",
            Enroll {
                key: other.public(),
                ..good.clone()
            },
        ),
        (
            "clock",
            Enroll {
                signed_at: bench.now().plus_ms(-60_001),
                ..good.clone()
            },
        ),
        (
            "clock",
            Enroll {
                signed_at: bench.now().plus_ms(60_001),
                ..good.clone()
            },
        ),
    ];
    for (code, enroll) in &bad {
        let said = send(&bench, &token, &key, enroll).await;
        assert_eq!(
            (said.status, said.code().as_str()),
            (StatusCode::FORBIDDEN, *code)
        );
    }
    let old = Enroll {
        signed_at: bench.now().plus_ms(-60_000),
        ..good
    };
    assert_eq!(
        send(&bench, &token, &key, &old).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn a_token_that_is_refused_is_told_to_the_house() {
    let bench = Bench::new().await;
    let said = bench
        .enroll(&SecretKey::generate().unwrap(), "guessed")
        .await;
    assert_eq!(said.code(), "token_unknown");
    let filter = EventFilter {
        kind: Some(EventKind::AUTHORITY_REFUSED),
        ..EventFilter::default()
    };
    let (store, page) = (&bench.app.store, Page::first(10));
    let told = store
        .events(&Scope::System, &Chain::House, filter, page)
        .await
        .unwrap();
    assert_eq!(told.items.len(), 1);
}

#[tokio::test]
async fn who_enrols_too_often_is_429_and_told_when_to_come_back() {
    let bench = Bench::with(|c| {
        (c.limits.enroll_burst, c.limits.enroll_per_minute) = (2, 1);
        (c.limits.session_burst, c.limits.session_per_minute) = (3, 1);
    })
    .await;
    let token = bench.token(10, false).await;
    let key = SecretKey::generate().unwrap();
    assert_eq!(bench.enroll(&key, &token).await.status, StatusCode::OK);
    assert_eq!(bench.enroll(&key, &token).await.status, StatusCode::OK);
    let said = bench.enroll(&key, &token).await;
    assert_eq!(said.status, StatusCode::TOO_MANY_REQUESTS);
    let seconds: u64 = said.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    // Sessions have a limit of their own.
    let session = || bench.send(crate::agent::testing::post(PATH_SESSION, Vec::new()));
    for _ in 0..3 {
        assert_eq!(session().await.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(session().await.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_retired_instance_has_no_session_and_cannot_enrol_its_key_again() {
    let bench = Bench::new().await;
    let token = bench.token(2, false).await;
    let sim = bench.join(&token).await;
    let (scope, write) = (Scope::System, Write::system(bench.now()));
    let retired =
        bench
            .app
            .store
            .retire_instance(&scope, write, sim.instance.clone(), "gone".into());
    let retired = retired.await.unwrap().done().unwrap();
    assert!(matches!(retired.state, InstanceState::Retired { .. }));
    crate::control::refresh(&bench.app).await.unwrap();
    assert_eq!(sim.poll(0, "", 0).await.status, StatusCode::UNAUTHORIZED);
    let session = sim.session(&sim.challenge().await, &nonce());
    let said = sim.open(&session).await;
    assert_eq!(
        (said.status, said.code().as_str()),
        (StatusCode::FORBIDDEN, "retired")
    );
    let again = bench.enroll(&sim.key, &token).await;
    assert_eq!(
        (again.status, again.code().as_str()),
        (StatusCode::FORBIDDEN, "retired")
    );
}

#[tokio::test]
async fn the_customer_is_the_tokens_and_the_answer_brings_every_root() {
    let bench = Bench::new().await;
    let token = bench.token_of("globex", 1, false).await;
    let answer: EnrollAnswer = bench
        .enroll(&SecretKey::generate().unwrap(), &token)
        .await
        .bson();
    assert_eq!(answer.customer.as_str(), "globex");
    assert!(answer.confirmed);
    let root = bench.root.to_payload().unwrap();
    let first = boathook_hooks::envelope::Envelope::from_bson(&answer.roots[0].0, 300_000).unwrap();
    assert_eq!(first.payload.0, root);
}
