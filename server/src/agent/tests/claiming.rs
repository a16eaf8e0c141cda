//! Claims and answers: exact places, leases that come back, the right refusals.
use axum::http::StatusCode;
use boathook_hooks::{ids::Digest, protocol::*};

use crate::agent::testing::{Bench, Sim};

async fn many(bench: &Bench, count: usize) -> Vec<Sim<'_>> {
    let token = bench.token(u32::try_from(count).unwrap(), false).await;
    let mut sims = Vec::new();
    for _ in 0..count {
        sims.push(bench.join(&token).await);
    }
    sims
}

async fn claim_all(sims: &[Sim<'_>], digest: &Digest) -> Vec<StatusCode> {
    let claims = sims
        .iter()
        .map(|sim| async { sim.claim(digest, 1 << 20).await.status });
    futures_util::future::join_all(claims).await
}

fn count(found: &[StatusCode], status: StatusCode) -> usize {
    found.iter().filter(|s| **s == status).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_claims_at_once_on_ten_places_get_exactly_ten() {
    let bench = Bench::new().await;
    let digest = bench.publish(&bench.hook(10)).await;
    let sims = many(&bench, 1_000).await;
    let found = claim_all(&sims, &digest).await;
    assert_eq!(count(&found, StatusCode::CREATED), 10);
    assert_eq!(count(&found, StatusCode::SERVICE_UNAVAILABLE), 990);
    assert_eq!(bench.revision(&digest).await.usage.reserved, 10);
    // Their leases run out, and ten others get the places.
    bench.app.clock.advance(120_001);
    crate::periodic::each_second(&bench.app).await.unwrap();
    assert_eq!(bench.revision(&digest).await.usage.reserved, 0);
    let losers: Vec<_> = sims
        .into_iter()
        .zip(found)
        .filter(|(_, s)| *s != StatusCode::CREATED)
        .map(|(s, _)| s)
        .collect();
    let found = claim_all(&losers, &digest).await;
    assert_eq!(count(&found, StatusCode::CREATED), 10);
}

#[tokio::test]
async fn reserved_places_are_503_and_full_of_packets_is_410() {
    let bench = Bench::new().await;
    let digest = bench.publish(&bench.hook(1)).await;
    let (one, two) = (bench.instance().await, bench.instance().await);
    let token = two.token(&digest).await;
    let claim = one.claimed(&digest).await;
    let busy = two.claim_with(&digest, &token, 1).await;
    assert_eq!(busy.status, StatusCode::SERVICE_UNAVAILABLE);
    let seconds: u64 = busy.header("retry-after").parse().unwrap();
    assert!((1..=120).contains(&seconds), "{seconds}");
    let packet = one.packet(&claim, b"x");
    assert_eq!(
        one.upload(&claim, packet).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        two.claim_with(&digest, &token, 1).await.status,
        StatusCode::GONE
    );
    crate::control::refresh(&bench.app).await.unwrap();
    assert!(
        two.list().await.hooks.is_empty(),
        "full hooks are not listed"
    );
}

#[tokio::test]
async fn a_repeated_claim_is_the_same_claim() {
    let bench = Bench::new().await;
    let digest = bench.publish(&bench.hook(10)).await;
    let sim = bench.instance().await;
    let (first, again) = (sim.claimed(&digest).await, sim.claimed(&digest).await);
    assert_eq!(first, again);
    assert_eq!(bench.revision(&digest).await.usage.reserved, 1);
}

#[tokio::test]
async fn a_claim_of_more_bytes_than_a_packet_may_have_is_413_and_names_the_limit() {
    let bench = Bench::new().await;
    let digest = bench.publish(&bench.hook(10)).await;
    let sim = bench.instance().await;
    let said = sim.claim(&digest, (1 << 20) + 1).await;
    assert_eq!(said.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(said.text().contains("1048576"), "{}", said.text());
    assert_eq!(sim.claim(&digest, 0).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_stopped_hooks_claims_are_410_and_an_unknown_ones_are_refused() {
    let bench = Bench::new().await;
    let digest = bench.publish(&bench.hook(10)).await;
    let sim = bench.instance().await;
    let token = sim.token(&digest).await;
    let unknown = sim.claim_with(&Digest::of(b"no hook"), &token, 1).await;
    assert_eq!(
        unknown.status,
        StatusCode::FORBIDDEN,
        "a token is of one hook"
    );
    let scope = boathook_schema::Scope::System;
    let write = boathook_schema::Write::system(bench.now());
    let by = boathook_hooks::states::StoppedBy::Errors;
    let stop = bench
        .app
        .store
        .stop(&scope, write, digest, by, "errors".into());
    stop.await.unwrap().done().unwrap();
    assert_eq!(
        sim.claim_with(&digest, &token, 1).await.status,
        StatusCode::GONE
    );
}

#[tokio::test]
async fn an_answer_gives_a_claims_place_back_and_is_recorded() {
    let bench = Bench::new().await;
    let digest = bench.publish(&bench.hook(1)).await;
    let (one, two) = (bench.instance().await, bench.instance().await);
    let claim = one.claimed(&digest).await;
    let answer = |claim| AnswerRequest {
        token: String::new(),
        kind: AnswerKind::Waiting,
        reason: "the administrator is asked".into(),
        claim,
    };
    let token = one.token(&digest).await;
    let said = one
        .post(
            &path_answers(&digest),
            &AnswerRequest {
                token,
                ..answer(Some(claim.clone()))
            },
        )
        .await;
    assert_eq!(said.status, StatusCode::NO_CONTENT, "{}", said.text());
    assert_eq!(bench.revision(&digest).await.usage.reserved, 0);
    assert_eq!(one.status(&claim).await.state, ClaimPhase::Failed);

    let token = two.token(&digest).await;
    let declined = AnswerRequest {
        token: token.clone(),
        kind: AnswerKind::Declined,
        ..answer(None)
    };
    assert_eq!(
        two.post(&path_answers(&digest), &declined).await.status,
        StatusCode::NO_CONTENT
    );
    let rows = bench
        .app
        .store
        .answers(
            &boathook_schema::Scope::System,
            &digest,
            boathook_schema::Page::first(10),
        )
        .await
        .unwrap();
    assert_eq!(rows.items.len(), 2);

    let wordy = AnswerRequest {
        token,
        reason: "x".repeat(1_001),
        ..answer(None)
    };
    let said = two.post(&path_answers(&digest), &wordy).await;
    assert_eq!(said.status, StatusCode::PAYLOAD_TOO_LARGE);
    let bare = two.post(&path_answers(&digest), &answer(None)).await;
    assert_eq!(bare.status, StatusCode::FORBIDDEN, "without the token");
}

#[tokio::test]
async fn a_lease_is_renewed_on_request() {
    let bench = Bench::new().await;
    let digest = bench.publish(&bench.hook(1)).await;
    let sim = bench.instance().await;
    let first: ClaimAnswer = sim.claim(&digest, 100).await.bson();
    bench.app.clock.advance(60_000);
    let path = format!("{}/renew", path_claim(&first.claim));
    let renewed: ClaimAnswer = sim.post(&path, &bson::doc! {}).await.bson();
    assert_eq!(renewed.claim, first.claim);
    assert_eq!(renewed.lease_until, bench.now().plus_ms(120_000));
}

#[tokio::test]
async fn a_claim_is_given_back_with_its_own_hooks_token_alone() {
    let bench = Bench::new().await;
    let sim = bench.instance().await;
    let digest = bench.publish(&bench.hook(1)).await;
    let mut other = bench.hook(1);
    other.id = "01890a5d-ac96-774b-bcce-b302099a8058".parse().unwrap();
    let other = bench.publish(&other).await;
    let claim = sim.claimed(&digest).await;
    let answer = AnswerRequest {
        token: sim.token(&other).await,
        kind: AnswerKind::Declined,
        reason: String::new(),
        claim: Some(claim),
    };
    let said = sim.post(&path_answers(&other), &answer).await;
    assert_eq!(said.status, StatusCode::NOT_FOUND);
    assert_eq!(bench.revision(&digest).await.usage.reserved, 1);
}
