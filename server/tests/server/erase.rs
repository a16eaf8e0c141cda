//! `erase`: for good, and again after a restore.
use std::process::Command;

use boathook_hooks::ids::ClaimId;
use boathook_schema::{Scope, Store};
use serde_json::json;

use crate::{
    home::Home,
    wire::{self, Agent},
};

/// A home with one packet of one instance; no server runs. In `before` lies the data as it was when the packet was announced.
async fn with_a_packet() -> (Home, Agent, ClaimId) {
    let home = Home::with_trust("");
    let served = home.serve();
    let hook = wire::publish(&home, &served).await;
    let agent = Agent::join(&home, &served).await;
    let claim = agent.claim(&wire::digest(&hook), 1 << 20).await;
    let packet = agent.packet(&hook, &claim, 1_000);
    agent.create(&claim, packet.len()).await;
    copy(&home, "data", "before");
    let sent = agent.patch(&claim, 0, packet).send().await.unwrap();
    assert_eq!(sent.status(), 204);
    served.stop();
    (home, agent, claim)
}

fn copy(home: &Home, from: &str, to: &str) {
    let (from, to) = (home.path(from), home.path(to));
    let _ = std::fs::remove_dir_all(&to);
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(copied.unwrap().success());
}

async fn store(home: &Home) -> Store {
    let url = format!("sqlite://{}", home.path("data/store").display());
    Store::open(&url).await.unwrap()
}

/// Claims that have chunk objects.
async fn claims_with_chunks(home: &Home) -> usize {
    use futures_util::StreamExt as _;
    store(home).await.objects().folders(None).count().await
}

/// Whether the database's bytes hold a word, given free or not.
fn holds(home: &Home, word: &str) -> bool {
    let bytes = std::fs::read(home.path("data/store/boathook.db")).unwrap();
    bytes.windows(word.len()).any(|w| w == word.as_bytes())
}

/// The log is written back by the last to close the database, which may be this test's own hand.
async fn comes_to_hold(home: &Home, word: &str, wanted: bool) -> bool {
    for _ in 0..50 {
        home.ok(&["erase", "list"]);
        if holds(home, word) == wanted {
            return true;
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    false
}

#[tokio::test(flavor = "multi_thread")]
async fn a_packet_is_erased_for_good_and_again_after_a_restore() {
    let (home, _, claim) = with_a_packet().await;
    let id = claim.to_string();
    copy(&home, "data", "backup");
    assert_eq!(home.ok(&["erase", "list"]).lines().count(), 1, "the head");
    assert!(
        home.fails(&["erase", "packet", &id, "--why", " "])
            .contains("why")
    );
    let unknown = ClaimId {
        reservation: claim.reservation + 1,
        ..claim.clone()
    };
    let said = home.fails(&["erase", "packet", &unknown.to_string(), "--why", "x"]);
    assert!(said.contains("no such packet"), "{said}");

    let packet = store(&home).await.packet(&Scope::System, &claim).await;
    let name = packet.unwrap().unwrap().name;
    assert!(comes_to_hold(&home, &name, true).await, "{name}");
    let said = home.ok(&["erase", "packet", &id, "--why", "the customer asked"]);
    assert!(
        said.contains(&format!("packet {id} is erased: event ")),
        "{said}"
    );
    assert_eq!(claims_with_chunks(&home).await, 0);
    assert!(comes_to_hold(&home, &name, false).await, "{name}");
    let first = home.json(&["erase", "packet", &id, "--why", "once more"]);
    assert_eq!(first, home.json(&["erase", "packet", &id, "--why", "x"]));
    assert_eq!(
        (&first["kind"], &first["customer"]),
        (&json!("packet"), &json!("acme"))
    );
    let listed = home.ok(&["erase", "list"]);
    assert!(
        listed.contains(&id) && listed.contains("the customer asked"),
        "{listed}"
    );
    let file = home.path("erased.jsonl").display().to_string();
    assert_eq!(
        home.json(&["erase", "export", &file]),
        json!({"erasures": 1})
    );

    // Here nothing came back.
    let known = json!({"erased_again": 0, "known": 1, "not_there": 0});
    assert_eq!(home.json(&["erase", "replay", &file]), known);
    copy(&home, "backup", "data");
    assert_eq!(claims_with_chunks(&home).await, 1, "it came back");
    let said = home.ok(&["erase", "replay", &file]);
    assert_eq!(
        said.trim(),
        "1 erased again, 0 known as erased, 0 not there"
    );
    assert_eq!(claims_with_chunks(&home).await, 0);
    assert_eq!(home.json(&["erase", "replay", &file]), known);
    let listed = home.json(&["erase", "list"]);
    assert_eq!(listed[0]["why"], "the customer asked");
    home.ok(&["audit", "verify"]);

    // In a store that never had it.
    let other = Home::with_trust("");
    let absent = json!({"erased_again": 0, "known": 0, "not_there": 1});
    assert_eq!(other.json(&["erase", "replay", &file]), absent);
    let noise = home.file("noise.jsonl", b"{}\n");
    let said = home.fails(&["erase", "replay", &noise]);
    assert!(said.contains("line 1 of"), "{said}");
    let nowhere = home.fails(&["erase", "export", "/nowhere/erased.jsonl"]);
    assert!(nowhere.contains("cannot write /nowhere"), "{nowhere}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_is_erased_with_its_packets_and_again_after_a_restore() {
    let (home, agent, claim) = with_a_packet().await;
    let id = agent.instance.as_str();
    // It is not retired in the copy yet.
    copy(&home, "data", "backup");
    let said = home.fails(&["erase", "instance", id, "--why", "sold"]);
    assert!(
        said.contains("only one that is retired is erased"),
        "{said}"
    );
    home.ok(&["instance", "retire", id, "--why", "sold"]);
    let said = home.ok(&["erase", "instance", id, "--why", "sold"]);
    assert!(said.contains(&format!("instance {id} is erased")), "{said}");
    assert_eq!(claims_with_chunks(&home).await, 0);
    let file = home.path("erased.jsonl").display().to_string();
    assert_eq!(
        home.json(&["erase", "export", &file]),
        json!({"erasures": 2})
    );
    copy(&home, "backup", "data");
    let again = home.json(&["erase", "replay", &file]);
    assert_eq!(
        again,
        json!({"erased_again": 2, "known": 0, "not_there": 0})
    );
    assert_eq!(claims_with_chunks(&home).await, 0);
    assert_eq!(home.json(&["instance", "list"]), json!([]));
    let listed = home.ok(&["erase", "list"]);
    assert!(listed.contains(&claim.to_string()), "{listed}");
    home.ok(&["audit", "verify"]);
}

/// The database is saved before the objects are: a packet that came in between is in the objects alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_packet_that_the_restored_database_does_not_know_is_erased_again() {
    let (home, _, claim) = with_a_packet().await;
    let id = claim.to_string();
    copy(&home, "data", "backup");
    home.ok(&["erase", "packet", &id, "--why", "the customer asked"]);
    let file = home.path("erased.jsonl").display().to_string();
    home.ok(&["erase", "export", &file]);
    copy(&home, "backup", "data");
    for end in ["", "-wal", "-shm"] {
        let name = format!("store/boathook.db{end}");
        let (from, to) = (
            home.path("before").join(&name),
            home.path("data").join(&name),
        );
        let _ = std::fs::remove_file(&to);
        if from.exists() {
            std::fs::copy(from, to).unwrap();
        }
    }
    assert_eq!(claims_with_chunks(&home).await, 1);
    let system = &Scope::System;
    let open = store(&home).await.claim_by_id(system, &claim).await;
    assert!(open.unwrap().is_some(), "its agent may go on");

    // Other bytes than were erased are another packet's.
    let line = std::fs::read_to_string(&file).unwrap();
    let mut other: serde_json::Value = serde_json::from_str(&line).unwrap();
    other["packet"]["sha256"] = json!("00".repeat(32));
    let other = home.file("other.jsonl", format!("{other}\n").as_bytes());
    let absent = json!({"erased_again": 0, "known": 0, "not_there": 1});
    assert_eq!(home.json(&["erase", "replay", &other]), absent);
    assert_eq!(claims_with_chunks(&home).await, 1);

    let again = json!({"erased_again": 1, "known": 0, "not_there": 0});
    assert_eq!(home.json(&["erase", "replay", &file]), again);
    assert_eq!(claims_with_chunks(&home).await, 0);
    let known = json!({"erased_again": 0, "known": 1, "not_there": 0});
    assert_eq!(home.json(&["erase", "replay", &file]), known);
    let listed = home.json(&["erase", "list"]);
    assert_eq!(
        (&listed[0]["id"], &listed[0]["why"]),
        (&json!(id), &json!("the customer asked"))
    );
    home.ok(&["audit", "verify"]);
}
