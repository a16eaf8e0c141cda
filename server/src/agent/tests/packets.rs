//! The last byte: what a packet must be of, and that its acceptance is said once and for ever.
use axum::http::StatusCode;
use boathook_hooks::{
    documents::{Document as _, receipt::Receipt},
    envelope::Envelope,
    ids::{ClaimId, Digest},
    keys::SecretKey,
    packet::RunFacts,
    protocol::*,
    strict,
};
use boathook_schema::{ClaimState, EventKind, Scope};

use crate::agent::testing::{Bench, Sim, acme};

async fn claimed<'a>(bench: &'a Bench) -> (Sim<'a>, Digest, ClaimId) {
    let sim = bench.instance().await;
    let digest = bench.publish(&bench.hook(10)).await;
    let claim = sim.claimed(&digest).await;
    (sim, digest, claim)
}

/// Uploads a packet whose facts were changed; says why it was rejected.
async fn rejected(change: impl FnOnce(&mut RunFacts)) -> String {
    let bench = Bench::new().await;
    let (sim, digest, claim) = claimed(&bench).await;
    let mut facts = sim.facts_of_run(&claim);
    change(&mut facts);
    let said = sim.upload(&claim, sim.packet_as(facts, b"x")).await;
    assert_eq!(
        (said.status, said.code().as_str()),
        (StatusCode::UNPROCESSABLE_ENTITY, "rejected")
    );
    let status = sim.status(&claim).await;
    assert_eq!(status.state, ClaimPhase::Rejected);
    assert!(status.receipt.is_none());
    assert_eq!(bench.revision(&digest).await.usage.accepted, 0);
    assert_eq!(bench.events(EventKind::CLAIM_REJECTED).await, 1);
    // Final: neither the same claim nor another one.
    assert_eq!(sim.create(&claim, 10).await.status, StatusCode::GONE);
    assert_eq!(sim.claim(&digest, 10).await.status, StatusCode::CONFLICT);
    status.reason.unwrap()
}

#[tokio::test]
async fn a_packet_of_another_hook_claim_instance_or_customer_is_rejected() {
    let why = rejected(|f| f.hook.as_mut().unwrap().digest = Digest::of(b"another")).await;
    assert!(why.contains("another hook"), "{why}");
    let why = rejected(|f| f.hook = None).await;
    assert!(why.contains("another hook"), "{why}");
    let why = rejected(|f| f.claim.as_mut().unwrap().reservation += 1).await;
    assert!(why.contains("another claim"), "{why}");
    let why = rejected(|f| f.claim = None).await;
    assert!(why.contains("another claim"), "{why}");
    let why = rejected(|f| f.instance = Some("somebody-else".parse().unwrap())).await;
    assert!(why.contains("another instance"), "{why}");
    let why = rejected(|f| f.customer = Some("globex".parse().unwrap())).await;
    assert!(why.contains("another customer"), "{why}");
}

#[tokio::test]
async fn a_packet_that_another_key_signed_is_rejected() {
    let bench = Bench::new().await;
    let (mut sim, _, claim) = claimed(&bench).await;
    let key = std::mem::replace(&mut sim.key, SecretKey::generate().unwrap());
    let packet = sim.packet(&claim, b"x");
    sim.key = key;
    let said = sim.upload(&claim, packet).await;
    assert_eq!(said.code(), "rejected");
    assert!(
        said.text().contains("is not signed by the instance's key"),
        "{}",
        said.text()
    );
}

#[tokio::test]
async fn a_packet_with_one_changed_byte_is_rejected_wherever_it_is() {
    let bench = Bench::new().await;
    let digest = bench.publish(&bench.hook(100)).await;
    for part in 1..6 {
        let sim = bench.instance().await;
        let claim = sim.claimed(&digest).await;
        let mut packet = sim.packet(&claim, b"some text that is signed for");
        let at = packet.len() * part / 6;
        packet[at] ^= 0x20;
        let said = sim.upload(&claim, packet).await;
        assert_eq!(
            said.code(),
            "rejected",
            "byte {at}: {} {}",
            said.status,
            said.text()
        );
    }
    assert_eq!(bench.revision(&digest).await.usage.accepted, 0);
}

#[tokio::test]
async fn logs_that_shrink_a_thousandfold_are_no_zip_bomb() {
    let bench = Bench::new().await;
    let (sim, _, claim) = claimed(&bench).await;
    let text = b"the same line again\n".repeat(1 << 20);
    let packet = sim.packet(&claim, &text);
    assert!(packet.len() * 100 < text.len(), "{}", packet.len());
    let said = sim.upload(&claim, packet).await;
    assert_eq!(said.status, StatusCode::NO_CONTENT, "{}", said.text());
}

#[tokio::test]
async fn a_packet_that_unpacks_to_more_than_its_hook_allows_is_rejected() {
    let bench = Bench::new().await;
    let sim = bench.instance().await;
    let mut hook = bench.hook(2);
    (hook.packet_bytes, hook.total_bytes) = (128 << 10, 256 << 10);
    let digest = bench.publish(&hook).await;
    let claim = sim
        .claim(&digest, 128 << 10)
        .await
        .bson::<ClaimAnswer>()
        .claim;
    let packet = sim.packet(&claim, &b"the same line again\n".repeat(1 << 20));
    assert!(packet.len() < 128 << 10, "{}", packet.len());
    let said = sim.upload(&claim, packet).await;
    assert_eq!(said.code(), "rejected");
    assert!(said.text().contains("unpack"), "{}", said.text());
}

#[tokio::test]
async fn accepting_is_said_once_and_the_receipt_is_always_the_same() {
    let bench = Bench::new().await;
    let (sim, digest, claim) = claimed(&bench).await;
    let packet = sim.packet(&claim, b"x");
    assert_eq!(
        sim.upload(&claim, packet.clone()).await.status,
        StatusCode::NO_CONTENT
    );
    let first = sim.status(&claim).await.receipt.unwrap();
    // The answer got lost, and the agent asks again in every way it can.
    let head = sim.head(&claim).await;
    assert_eq!(head.header("upload-offset"), packet.len().to_string());
    let empty = sim.patch(&claim, packet.len(), Vec::new()).await;
    assert_eq!(empty.status, StatusCode::NO_CONTENT);
    let again = sim.patch(&claim, 0, packet.clone()).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert_eq!(
        sim.create(&claim, packet.len()).await.status,
        StatusCode::CREATED
    );
    bench.app.clock.advance(30_000);
    assert_eq!(sim.status(&claim).await.receipt.unwrap(), first);
    let usage = bench.revision(&digest).await.usage;
    assert_eq!((usage.accepted, usage.reserved), (1, 0));
    assert_eq!(bench.events(EventKind::PACKET_ACCEPTED).await, 1);
    // An answer cannot take an accepted packet back.
    let answer = AnswerRequest {
        token: sim.token(&digest).await,
        kind: AnswerKind::Failed,
        reason: String::new(),
        claim: Some(claim.clone()),
    };
    assert_eq!(
        sim.post(&path_answers(&digest), &answer).await.status,
        StatusCode::GONE
    );
    assert_eq!(sim.status(&claim).await.state, ClaimPhase::Accepted);
}

#[tokio::test]
async fn a_receipt_names_heads_that_hold_the_packets_own_event() {
    let bench = Bench::new().await;
    let (sim, _, claim) = claimed(&bench).await;
    let before = sim.list().await.heads;
    let packet = sim.packet(&claim, b"x");
    assert_eq!(
        sim.upload(&claim, packet.clone()).await.status,
        StatusCode::NO_CONTENT
    );
    let bytes = sim.status(&claim).await.receipt.unwrap().0;
    let envelope = Envelope::from_bson(&bytes, strict::MAX_DOCUMENT).unwrap();
    let receipt: Receipt = strict::decode(&envelope.payload.0, strict::MAX_DOCUMENT).unwrap();
    assert!(envelope.is_signed_by(&bench.app.keys.online_public()));
    assert_eq!(envelope.payload_type, Receipt::PAYLOAD_TYPE);
    assert_eq!(
        (receipt.packet, receipt.bytes),
        (Digest::of(&packet), packet.len() as u64)
    );
    assert_eq!(receipt.claim, Some(claim));
    assert!(receipt.heads.customer.number > before.customer.number);
    let heads = bench
        .app
        .store
        .heads_of(&Scope::System, &acme())
        .await
        .unwrap();
    assert_eq!(receipt.heads, heads);
}

#[tokio::test]
async fn what_a_crash_left_undecided_is_decided_when_the_agent_asks() {
    let bench = Bench::new().await;
    let (sim, _, claim) = claimed(&bench).await;
    let packet = sim.packet(&claim, b"x");
    sim.create(&claim, packet.len()).await;
    // All bytes are durable, and the server went down before it committed.
    let record = bench
        .app
        .store
        .claim_by_id(&Scope::System, &claim)
        .await
        .unwrap()
        .unwrap();
    let objects = bench.app.store.objects();
    let bytes = packet.clone().into();
    objects.put(&record.folder(), 0, bytes).await.unwrap();
    assert_eq!(sim.status(&claim).await.state, ClaimPhase::Checking);
    let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        let status = sim.status(&claim).await;
        if status.state == ClaimPhase::Accepted {
            assert!(status.receipt.is_some());
            break;
        }
        assert_eq!(status.state, ClaimPhase::Checking);
        assert!(std::time::Instant::now() < until, "it was never decided");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let record = bench
        .app
        .store
        .claim_by_id(&Scope::System, &claim)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(record.state, ClaimState::Accepted);
}
