//! Erasing over the API: who may, what is gone after, and what a crash left is finished.
#![allow(clippy::unwrap_used)]
use boathook_hooks::{
    ids::{ClaimId, Digest},
    protocol::ClaimPhase,
    time::MINUTE,
};
use boathook_schema::{Erasure, EventKind, Folder, Page, Scope, Write};
use serde_json::Value;

use super::house::{House, Said};
use crate::{agent::testing::Sim, periodic};

const WHY: &str = "?why=the%20customer%20asked";

/// A packet of an instance that is at hand still.
async fn sent<'h>(house: &'h House, token: &str) -> (Sim<'h>, ClaimId) {
    let hook = house.published().await;
    let digest: Digest = hook["digest"].as_str().unwrap().parse().unwrap();
    let sim = house.bench.join(token).await;
    let claim = sim.claimed(&digest).await;
    let said = sim.upload(&claim, sim.packet(&claim, b"kernel 6.12")).await;
    assert!(said.status.is_success(), "{}", said.text());
    (sim, claim)
}

async fn delete(house: &House, person: &str, path: &str) -> Said {
    house.ask(person, "DELETE", path, None).await
}

async fn chunks(house: &House, claim: &ClaimId) -> usize {
    let folder = Folder::new(&"acme".parse().unwrap(), house.bench.now(), claim);
    let run = house.bench.app.store.objects().run(&folder).await.unwrap();
    run.chunks.len()
}

async fn erasures(house: &House, person: &str) -> Vec<Value> {
    let list = house.get(person, "/api/v1/erasures").await.ok();
    list["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_packet_that_an_admin_erased_is_gone_for_all() {
    let house = House::new().await;
    let token = house.bench.token(1, false).await;
    let (sim, claim) = sent(&house, &token).await;
    let path = format!("/api/v1/packets/{claim}");
    let erase = format!("{path}{WHY}");
    for (person, status) in [("vera", 403), ("ada", 403), ("gil", 404)] {
        let said = delete(&house, person, &erase).await;
        assert_eq!(said.refusal().0, status, "{person}");
    }
    for query in ["", "?why=", "?why=%20"] {
        let said = delete(&house, "adam", &format!("{path}{query}")).await;
        assert_eq!((said.refusal().0, said.field().as_str()), (422, "why"));
    }
    assert_eq!(chunks(&house, &claim).await, 1);
    house.get("ada", &path).await.ok();

    let receipt = delete(&house, "adam", &erase).await.ok();
    assert_eq!(
        (&receipt["kind"], &receipt["chunks"]),
        (&"packet".into(), &1.into())
    );
    assert_eq!(chunks(&house, &claim).await, 0);
    for part in ["", "/zip", "/receipt", "/files", "/files/host/facts.txt"] {
        let said = house.get("ada", &format!("{path}{part}")).await;
        assert_eq!(said.refusal(), (410, "erased".into()), "{part}");
        assert!(said.text().contains("the packet was erased at"), "{part}");
        assert_eq!(house.get("gil", &format!("{path}{part}")).await.status, 404);
    }
    let ticket = house.get("ada", "/api/v1/tickets/jira/SUP-1").await.ok();
    assert_eq!(ticket["packets"], serde_json::json!([]));
    // Its agent may ask once more: accepted it was.
    let status = sim.status(&claim).await;
    assert_eq!((status.state, status.receipt), (ClaimPhase::Accepted, None));

    assert_eq!(delete(&house, "hana", &erase).await.ok(), receipt);
    assert_eq!(delete(&house, "gil", &erase).await.status, 404);
    assert_eq!(house.bench.events(EventKind::PACKET_ERASED).await, 1);
    let listed = erasures(&house, "vera").await;
    assert_eq!(listed.len(), 1);
    assert_eq!(
        (&listed[0]["id"], &listed[0]["why"]),
        (&claim.to_string().into(), &"the customer asked".into())
    );
    assert_eq!(listed[0]["finished"], receipt["finished"]);
    assert!(erasures(&house, "gil").await.is_empty());
    let events = "/api/v1/audit/events?chain=customer:acme&kind=packet_erased";
    let event = house.get("vera", events).await.ok()["items"][0].clone();
    assert_eq!(
        (&event["number"], &event["actor"]),
        (&receipt["event"], &"person:adam".into())
    );
}

#[tokio::test]
async fn an_instance_is_erased_with_its_packets_once_it_is_retired() {
    let house = House::new().await;
    let token = house.bench.token(2, false).await;
    let (sim, claim) = sent(&house, &token).await;
    let path = format!("/api/v1/instances/{}", sim.instance);
    let erase = format!("{path}{WHY}");
    assert_eq!(
        delete(&house, "adam", &erase).await.refusal(),
        (409, "not_retired".into())
    );
    let why = serde_json::json!({"why": "sold"});
    house
        .post("adam", &format!("{path}/retire"), why)
        .await
        .ok();
    for (person, status) in [("vera", 403), ("gil", 404)] {
        let said = delete(&house, person, &erase).await;
        assert_eq!(said.refusal().0, status, "{person}");
    }
    let receipt = delete(&house, "adam", &erase).await.ok();
    assert_eq!(receipt["kind"], "instance");
    assert_eq!(chunks(&house, &claim).await, 0);
    let said = house.get("ada", &path).await;
    assert_eq!(said.refusal(), (410, "erased".into()));
    assert!(said.text().contains("the instance was erased at"));
    assert_eq!(house.get("gil", &path).await.status, 404);
    let packet = house.get("ada", &format!("/api/v1/packets/{claim}")).await;
    assert_eq!(packet.refusal(), (410, "erased".into()));
    assert_eq!(delete(&house, "adam", &erase).await.ok(), receipt);
    assert_eq!(erasures(&house, "vera").await.len(), 2);
    // Its key and token do not bring it back.
    let again = house.bench.enroll(&sim.key, &token).await;
    assert_eq!(
        (again.status.as_u16(), again.code()),
        (410, "erased".into())
    );
}

#[tokio::test]
async fn an_erasure_that_was_cut_off_is_finished() {
    let house = House::new().await;
    let token = house.bench.token(1, false).await;
    let (_, claim) = sent(&house, &token).await;
    let app = &house.bench.app;
    let write = Write::system(app.now());
    let begun = app
        .store
        .erase_packet(&Scope::System, write, claim.clone(), "x".into())
        .await;
    let begun = begun.unwrap().done().unwrap();
    let open = async || {
        let open = app
            .store
            .unfinished_erasures(&Scope::System, Page::default())
            .await;
        open.unwrap().items.len()
    };
    // Whoever began it is at it still.
    periodic::finish_erasures(app).await.unwrap();
    assert_eq!((open().await, chunks(&house, &claim).await), (1, 1));
    app.clock.advance(MINUTE);
    periodic::finish_erasures(app).await.unwrap();
    let folder = begun.folder().unwrap();
    let left = app.store.objects().run(&folder).await.unwrap();
    assert_eq!((open().await, left.chunks.len()), (0, 0));
    assert_eq!(house.bench.events(EventKind::PACKET_ERASED).await, 1);
}

/// The instance's receipt says that nothing is left, so it waits for a packet whose erasing was cut off.
#[tokio::test]
async fn an_instances_erasing_ends_after_its_packets() {
    let house = House::new().await;
    let token = house.bench.token(1, false).await;
    let (sim, claim) = sent(&house, &token).await;
    let app = &house.bench.app;
    let (all, write) = (&Scope::System, || Write::system(app.now()));
    let retired = app
        .store
        .retire_instance(all, write(), sim.instance.clone(), "sold".into());
    retired.await.unwrap().done().unwrap();
    let begun = app
        .store
        .erase_packet(all, write(), claim.clone(), "x".into());
    begun.await.unwrap().done().unwrap();
    assert_eq!(chunks(&house, &claim).await, 1);
    let erase = format!("/api/v1/instances/{}{WHY}", sim.instance);
    delete(&house, "adam", &erase).await.ok();
    assert_eq!(chunks(&house, &claim).await, 0);
    assert_eq!(house.bench.events(EventKind::PACKET_ERASED).await, 1);
    let listed = erasures(&house, "vera").await;
    let finished = listed.iter().filter(|e| !e["finished"].is_null());
    assert_eq!(finished.count(), 2);
}

/// More than are read at once.
#[tokio::test]
async fn all_erasures_that_were_cut_off_are_gone_through() {
    let house = House::new().await;
    let token = house.bench.token(1, false).await;
    let (_, claim) = sent(&house, &token).await;
    let app = &house.bench.app;
    let (all, write) = (&Scope::System, || Write::system(app.now()));
    let begun = app
        .store
        .erase_packet(all, write(), claim.clone(), "x".into());
    let begun = begun.await.unwrap().done().unwrap();
    for n in 2..=120 {
        let other = ClaimId {
            reservation: n,
            ..claim.clone()
        };
        let other = Erasure {
            id: other.to_string(),
            ..begun.clone()
        };
        let put = app.store.put_erasure(all, write(), other).await;
        put.unwrap().done().unwrap();
    }
    app.clock.advance(MINUTE);
    periodic::finish_erasures(app).await.unwrap();
    let open = app.store.unfinished_erasures(all, Page::default()).await;
    assert_eq!(open.unwrap().items, []);
}
