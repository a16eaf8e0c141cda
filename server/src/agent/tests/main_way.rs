//! From enrolment to a receipt.
use axum::http::StatusCode;
use boathook_hooks::{
    documents::{Document as _, receipt::Receipt},
    envelope::Envelope,
    ids::Digest,
    protocol::*,
    strict,
    verify::{Me, TrustStore},
};
use boathook_schema::{EventKind, Scope};

use crate::agent::testing::{Bench, acme};

#[tokio::test]
async fn a_packet_goes_from_enrolment_to_its_receipt() {
    let bench = Bench::new().await;
    let sim = bench.instance().await;
    let digest = bench.publish(&bench.hook(10)).await;

    let list = sim.list().await;
    assert_eq!(list.hooks.len(), 1);
    assert_eq!(list.hooks[0].digest, digest);
    let hook = sim.get(&list.hooks[0].url).await;
    assert_eq!(
        hook.header("cache-control"),
        "private, max-age=31536000, immutable"
    );
    assert_eq!(hook.body.len() as u64, list.hooks[0].size);
    assert_eq!(
        Envelope::from_bson(&hook.body, 300_000).unwrap().digest(),
        digest
    );

    let claim = sim.claimed(&digest).await;
    assert_eq!(sim.status(&claim).await.state, ClaimPhase::Open);
    let packet = sim.packet(&claim, b"kernel 6.12");
    let sent = sim.upload(&claim, packet.clone()).await;
    assert_eq!(sent.status, StatusCode::NO_CONTENT, "{}", sent.text());
    assert_eq!(sent.header("upload-offset"), packet.len().to_string());

    let status = sim.status(&claim).await;
    assert_eq!(status.state, ClaimPhase::Accepted);
    let envelope = Envelope::from_bson(&status.receipt.unwrap().0, 300_000).unwrap();
    assert!(envelope.is_signed_by(&bench.app.keys.online_public()));
    assert_eq!(envelope.payload_type, Receipt::PAYLOAD_TYPE);
    let receipt: Receipt = strict::decode(&envelope.payload.0, 300_000).unwrap();
    assert_eq!(receipt.packet, Digest::of(&packet));
    assert_eq!(receipt.hook, Some(digest));
    assert_eq!(receipt.instance_key, sim.key.public());
    assert!(receipt.heads.customer.number > 0);

    let kept = bench
        .app
        .store
        .packet(&Scope::System, &claim)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(kept.bytes, packet.len() as u64);
    assert_eq!(kept.sections.len(), 1);
    assert_eq!(bench.events(EventKind::PACKET_ACCEPTED).await, 1);
    // A repeated question has the same answer.
    assert_eq!(
        sim.status(&claim).await.receipt.map(|r| r.0),
        Some(envelope.to_bson().unwrap())
    );
    // And who has answered cannot claim again.
    let again = sim.claim(&digest, 1 << 20).await;
    assert_eq!(
        (again.status, again.code().as_str()),
        (StatusCode::CONFLICT, "answered")
    );
}

#[tokio::test]
async fn the_agents_own_verifier_takes_the_list_and_the_hook() {
    let bench = Bench::new().await;
    let sim = bench.instance().await;
    bench.publish(&bench.hook(10)).await;
    let root = sim.get(&path_root(1)).await.body;
    let roster = sim.get(&path_roster(1)).await.body;
    let fingerprint = Digest::of(&bench.root.to_payload().unwrap());
    let mut trust = TrustStore::pin(&root, fingerprint).unwrap();
    trust.add_roster(&roster).unwrap();
    let me = Me {
        instance: sim.instance.clone(),
        customer: acme(),
        facts: sim.facts.clone(),
        agent_version: "0.1.0".into(),
    };
    trust
        .accept_list(&sim.poll(0, "", 0).await.body, &me, bench.now())
        .unwrap();
    assert!(trust.missing().is_empty());
    let listed = trust.list().unwrap().hooks[0].clone();
    let hook = trust
        .verify_hook(&sim.get(&listed.url).await.body, &me, bench.now())
        .unwrap();
    assert_eq!(hook.token(), listed.token);
}

#[tokio::test]
async fn every_answer_says_how_to_poll() {
    let bench = Bench::new().await;
    let mut sim = bench.instance().await;
    let list = sim.poll(0, "", 0).await;
    let same = sim.poll(0, list.header("etag"), 0).await;
    assert_eq!(same.status, StatusCode::NOT_MODIFIED);
    sim.bearer.clear();
    let refused = sim.poll(0, "", 0).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    let nowhere = sim.get("/agent/v1/claims/x").await;
    for said in [&list, &same, &refused, &nowhere] {
        assert_eq!(said.header(HEADER_POLL), "hold=300", "{}", said.status);
    }
}
