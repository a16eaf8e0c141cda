//! Who may ask: enrolment, sessions, bearers.
use axum::http::{Method, StatusCode};
use boathook_hooks::{documents::Document as _, keys::SecretKey, protocol::*};
use boathook_schema::{EventKind, Scope, SuspendReason, Write};

use crate::agent::testing::{Bench, nonce, post};

#[tokio::test]
async fn a_join_token_is_used_up_and_the_same_key_gets_the_same_answer() {
    let bench = Bench::new().await;
    let token = bench.token(1, true).await;
    let (one, two) = (
        SecretKey::generate().unwrap(),
        SecretKey::generate().unwrap(),
    );
    let first: EnrollAnswer = bench.enroll(&one, &token).await.bson();
    assert!(!first.confirmed);
    assert_eq!(first.roots.len(), 1);
    let again: EnrollAnswer = bench.enroll(&one, &token).await.bson();
    assert_eq!(again.instance, first.instance);
    let spent = bench.enroll(&two, &token).await;
    assert_eq!(
        (spent.status, spent.code().as_str()),
        (StatusCode::FORBIDDEN, "token_spent")
    );
    let unknown = bench.enroll(&two, "no such token").await;
    assert_eq!(
        (unknown.status, unknown.code().as_str()),
        (StatusCode::FORBIDDEN, "token_unknown")
    );
}

#[tokio::test]
async fn a_join_token_ends() {
    let bench = Bench::new().await;
    let token = bench.token(5, false).await;
    bench.app.clock.advance(3_600_001);
    let late = bench.enroll(&SecretKey::generate().unwrap(), &token).await;
    assert_eq!(
        (late.status, late.code().as_str()),
        (StatusCode::FORBIDDEN, "token_ended")
    );
}

#[tokio::test]
async fn a_body_that_is_not_bson_is_refused() {
    let bench = Bench::new().await;
    let said = bench.send(post(PATH_ENROLL, b"{}".to_vec())).await;
    assert_eq!(said.status, StatusCode::BAD_REQUEST);
    let mut request = post(PATH_ENROLL, Vec::new());
    request.headers_mut().remove("content-type");
    assert_eq!(
        bench.send(request).await.status,
        StatusCode::UNSUPPORTED_MEDIA_TYPE
    );
    let large = post(PATH_ENROLL, vec![0; 400 * 1024]);
    assert_eq!(
        bench.send(large).await.status,
        StatusCode::PAYLOAD_TOO_LARGE
    );
}

#[tokio::test]
async fn an_unconfirmed_instance_gets_an_empty_list_and_no_claim_until_it_is_confirmed() {
    let bench = Bench::new().await;
    let token = bench.token(1, true).await;
    let mut sim = bench.join(&token).await;
    let digest = bench.publish(&bench.hook(10)).await;
    assert!(sim.list().await.hooks.is_empty());
    assert_eq!(
        sim.get(&path_hook(&digest)).await.status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        sim.claim_with(&digest, "x", 1).await.status,
        StatusCode::FORBIDDEN
    );

    let write = Write::person("rita".parse().unwrap(), bench.now());
    let id = sim.instance.clone();
    let confirmed = bench
        .app
        .store
        .confirm_instance(&Scope::All, write, id, sim.key.public().id());
    confirmed.await.unwrap().done().unwrap();
    crate::control::refresh(&bench.app).await.unwrap();
    assert_eq!(
        sim.poll(0, "", 0).await.status,
        StatusCode::UNAUTHORIZED,
        "renew to be let in"
    );
    sim.renew().await;
    assert_eq!(sim.list().await.hooks.len(), 1);
}

#[tokio::test]
async fn a_session_needs_a_live_challenge_this_origin_and_the_instances_key() {
    let bench = Bench::new().await;
    let mut sim = bench.instance().await;
    let challenge = sim.challenge().await;
    let good = sim.session(&challenge, &nonce());

    let forged = sim.session("forged", &nonce());
    assert_eq!(sim.open(&forged).await.status, StatusCode::UNAUTHORIZED);
    let mut elsewhere = good.clone();
    elsewhere.origin = "https://other.test".into();
    assert_eq!(sim.open(&elsewhere).await.code(), "origin");
    let mut nameless = good.clone();
    nameless.nonce = "short".into();
    assert_eq!(sim.open(&nameless).await.status, StatusCode::BAD_REQUEST);
    let mut heavy = good.clone();
    heavy.facts.name = "x".repeat(5_000);
    assert_eq!(sim.open(&heavy).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    let mut stranger = good.clone();
    stranger.instance = "nobody".parse().unwrap();
    assert_eq!(sim.open(&stranger).await.code(), "not_enrolled");

    let key = std::mem::replace(&mut sim.key, SecretKey::generate().unwrap());
    assert_eq!(sim.open(&good).await.code(), "not_enrolled");
    sim.key = key;
    let envelope = good.envelope(&[&sim.key]).unwrap();
    let retyped = boathook_hooks::envelope::Envelope::sign(
        boathook_hooks::documents::identity::Enroll::PAYLOAD_TYPE,
        envelope.payload.0,
        &[&sim.key],
    );
    let said = bench
        .send(post(PATH_SESSION, retyped.to_bson().unwrap()))
        .await;
    assert_eq!(said.status, StatusCode::BAD_REQUEST);

    bench.app.clock.advance(60_001);
    assert_eq!(
        sim.open(&good).await.status,
        StatusCode::UNAUTHORIZED,
        "the challenge ended"
    );
}

#[tokio::test]
async fn a_spent_value_is_a_retry_with_the_same_nonce_and_a_clone_with_another() {
    let bench = Bench::new().await;
    let mut sim = bench.instance().await;
    let spent = sim.value.clone();
    let challenge = sim.challenge().await;
    let session = sim.session(&challenge, &nonce());
    let first: SessionAnswer = sim.open(&session).await.bson();
    let retry: SessionAnswer = sim.open(&session).await.bson();
    assert_eq!(first.value, retry.value);
    assert_ne!(first.value, spent);

    let clone = sim.open(&sim.session(&challenge, &nonce())).await;
    assert_eq!(
        (clone.status, clone.code().as_str()),
        (StatusCode::FORBIDDEN, "cloned")
    );
    sim.value = first.value;
    let after = sim.open(&sim.session(&challenge, &nonce())).await;
    assert_eq!(
        (after.status, after.code().as_str()),
        (StatusCode::FORBIDDEN, "suspended")
    );
    assert!(bench.events(EventKind::AUTHORITY_REFUSED).await > 0);
}

#[tokio::test]
async fn a_bearer_ends_and_another_servers_is_not_ours() {
    let bench = Bench::new().await;
    let mut sim = bench.instance().await;
    assert_eq!(sim.poll(0, "", 0).await.status, StatusCode::OK);
    bench.app.clock.advance(3_600_000);
    let ended = sim.poll(0, "", 0).await;
    assert_eq!(ended.status, StatusCode::UNAUTHORIZED);
    assert!(ended.text().contains("challenge"));
    let other = Bench::new().await;
    sim.bearer = other.instance().await.bearer;
    assert_eq!(sim.poll(0, "", 0).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_suspended_instances_bearer_counts_no_more() {
    let bench = Bench::new().await;
    let sim = bench.instance().await;
    let (scope, write) = (Scope::System, Write::system(bench.now()));
    let words = SuspendReason::Words("stolen".into());
    let suspended = bench
        .app
        .store
        .suspend_instance(&scope, write, sim.instance.clone(), words);
    suspended.await.unwrap().done().unwrap();
    crate::control::refresh(&bench.app).await.unwrap();
    assert_eq!(sim.poll(0, "", 0).await.status, StatusCode::UNAUTHORIZED);
    let challenge = sim.challenge().await;
    let session = sim.session(&challenge, &nonce());
    assert_eq!(sim.open(&session).await.code(), "suspended");
    // A server that begins later knows it too.
    let fresh = crate::agent::AgentState::new(&bench.app.config);
    assert!(
        fresh.control.counts(&sim.instance, true, 0),
        "before the log was read"
    );
}

#[tokio::test]
async fn another_instances_claim_hook_and_token_are_refused() {
    let bench = Bench::new().await;
    let (one, two) = (bench.instance().await, bench.instance().await);
    let digest = bench.publish(&bench.hook(10)).await;
    let claim = one.claimed(&digest).await;
    // A bearer of another instance.
    for method in [Method::POST, Method::HEAD, Method::PATCH] {
        let request = two
            .tus(method.clone(), &claim)
            .header("upload-length", 5)
            .header("upload-offset", 0)
            .header("content-type", "application/offset+octet-stream");
        let said = bench
            .send(request.body(axum::body::Body::empty()).unwrap())
            .await;
        assert_eq!(said.status, StatusCode::NOT_FOUND, "{method}");
    }
    assert_eq!(
        two.get(&path_claim(&claim)).await.status,
        StatusCode::NOT_FOUND
    );
    let renew = two
        .post(&format!("{}/renew", path_claim(&claim)), &bson::doc! {})
        .await;
    assert_eq!(renew.status, StatusCode::NOT_FOUND);
    // A claim on another's token.
    let token = one.token(&digest).await;
    let stolen = two.claim_with(&digest, &token, 100).await;
    assert_eq!(
        (stolen.status, stolen.code().as_str()),
        (StatusCode::FORBIDDEN, "token")
    );
    let answer = AnswerRequest {
        token: two.token(&digest).await,
        kind: AnswerKind::Declined,
        reason: String::new(),
        claim: Some(claim),
    };
    let said = two.post(&path_answers(&digest), &answer).await;
    assert_eq!(
        said.status,
        StatusCode::NOT_FOUND,
        "another's claim cannot be given back"
    );
    assert_eq!(bench.events(EventKind::AUTHORITY_REFUSED).await, 1);
}

#[tokio::test]
async fn a_hook_is_served_only_to_whom_it_is_listed_for() {
    let bench = Bench::new().await;
    let (one, two) = (bench.instance().await, bench.instance().await);
    let mut hook = bench.hook(10);
    hook.audience.everyone = false;
    hook.audience.instances = vec![one.instance.clone()];
    let digest = bench.publish(&hook).await;
    assert_eq!(one.get(&path_hook(&digest)).await.status, StatusCode::OK);
    assert_eq!(
        two.get(&path_hook(&digest)).await.status,
        StatusCode::NOT_FOUND
    );
    assert!(two.list().await.hooks.is_empty());
}
