//! Leases: renewed by progress and on request, given back when they run out, and late uploads.
use axum::http::StatusCode;
use boathook_hooks::protocol::*;

use crate::agent::testing::Bench;

const LEASE_MS: i64 = 120_000;

#[tokio::test]
async fn a_lease_that_ran_out_gives_its_place_to_the_next_claim() {
    let bench = Bench::new().await;
    let (one, two) = (bench.instance().await, bench.instance().await);
    let digest = bench.publish(&bench.hook(1)).await;
    let claim = one.claimed(&digest).await;
    let token = two.token(&digest).await;
    bench.app.clock.advance(LEASE_MS - 1);
    let busy = two.claim_with(&digest, &token, 10).await;
    assert_eq!(busy.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(busy.header("retry-after"), "1");
    bench.app.clock.advance(1);
    // No periodic work needed: the claim itself takes what ran out.
    assert_eq!(
        two.claim_with(&digest, &token, 10).await.status,
        StatusCode::CREATED
    );
    assert_eq!(one.status(&claim).await.state, ClaimPhase::Expired);
    let usage = bench.revision(&digest).await.usage;
    assert_eq!((usage.reserved, usage.reserved_bytes), (1, 10));
    // And the late one finds no place.
    assert_eq!(one.create(&claim, 10).await.status, StatusCode::GONE);
}

#[tokio::test]
async fn a_late_upload_takes_a_place_that_is_free() {
    let bench = Bench::new().await;
    let sim = bench.instance().await;
    let digest = bench.publish(&bench.hook(1)).await;
    let claim = sim.claimed(&digest).await;
    let packet = sim.packet(&claim, b"x");
    sim.create(&claim, packet.len()).await;
    sim.patch(&claim, 0, packet[..10].to_vec()).await;
    bench.app.clock.advance(10 * LEASE_MS);
    crate::periodic::each_second(&bench.app).await.unwrap();
    assert_eq!(bench.revision(&digest).await.usage.reserved, 0);
    assert_eq!(sim.status(&claim).await.state, ClaimPhase::Expired);
    let said = sim.patch(&claim, 10, packet[10..].to_vec()).await;
    assert_eq!(said.status, StatusCode::NO_CONTENT, "{}", said.text());
    assert_eq!(sim.status(&claim).await.state, ClaimPhase::Accepted);
    let usage = bench.revision(&digest).await.usage;
    assert_eq!((usage.accepted, usage.reserved), (1, 0));
}

#[tokio::test]
async fn a_late_upload_whose_place_is_gone_is_410_and_exceeds_nothing() {
    let bench = Bench::new().await;
    let (one, two) = (bench.instance().await, bench.instance().await);
    let digest = bench.publish(&bench.hook(1)).await;
    let claim = one.claimed(&digest).await;
    let packet = one.packet(&claim, b"x");
    one.create(&claim, packet.len()).await;
    bench.app.clock.advance(LEASE_MS);
    let other = two.claimed(&digest).await;
    let theirs = two.packet(&other, b"y");
    assert_eq!(
        two.upload(&other, theirs).await.status,
        StatusCode::NO_CONTENT
    );
    let late = one.patch(&claim, 0, packet).await;
    assert_eq!(
        (late.status, late.code().as_str()),
        (StatusCode::GONE, "no_place")
    );
    let revision = bench.revision(&digest).await;
    assert_eq!(
        (revision.usage.accepted, revision.state.word()),
        (1, "full")
    );
}

#[tokio::test]
async fn bytes_that_come_renew_the_lease_at_most_each_half_of_it() {
    let bench = Bench::new().await;
    let sim = bench.instance().await;
    let digest = bench.publish(&bench.hook(1)).await;
    let claim = sim.claimed(&digest).await;
    sim.create(&claim, 100).await;
    let begun = sim.status(&claim).await.lease_until.unwrap();
    bench.app.clock.advance(LEASE_MS / 4);
    sim.patch(&claim, 0, vec![0; 10]).await;
    assert_eq!(
        sim.status(&claim).await.lease_until,
        Some(begun),
        "too early to be written"
    );
    bench.app.clock.advance(LEASE_MS / 2);
    sim.patch(&claim, 10, vec![0; 10]).await;
    let renewed = bench.now().plus_ms(LEASE_MS);
    assert_eq!(sim.status(&claim).await.lease_until, Some(renewed));
}

#[tokio::test]
async fn a_claim_that_is_renewed_in_time_keeps_its_place() {
    let bench = Bench::new().await;
    let (one, two) = (bench.instance().await, bench.instance().await);
    let digest = bench.publish(&bench.hook(1)).await;
    let claim = one.claimed(&digest).await;
    let token = two.token(&digest).await;
    for _ in 0..5 {
        bench.app.clock.advance(LEASE_MS / 2);
        let renewed: ClaimAnswer = one.post(&path_renew(&claim), &bson::doc! {}).await.bson();
        assert_eq!(renewed.lease_until, bench.now().plus_ms(LEASE_MS));
        let busy = two.claim_with(&digest, &token, 10).await;
        assert_eq!(busy.status, StatusCode::SERVICE_UNAVAILABLE);
    }
    bench.stop(&digest).await;
    let said = one.post(&path_renew(&claim), &bson::doc! {}).await;
    assert_eq!(
        said.status,
        StatusCode::GONE,
        "a stopped hook renews nothing"
    );
}
