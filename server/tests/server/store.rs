//! `migrate` and `gc`.
use boathook_hooks::{
    ids::{ClaimId, Digest},
    time::Time,
};
use boathook_schema::{Folder, Store};
use serde_json::json;

use crate::{
    home::Home,
    wire::{self, Agent},
};

#[test]
fn the_schema_moves_up_down_to_and_by_force_and_a_server_wants_its_own() {
    let home = Home::new();
    let now = home.json(&["migrate"]);
    let newest = now["to"].as_u64().unwrap();
    assert_eq!(
        now["from"], newest,
        "init has migrated, and again is no change"
    );
    let down = home.json(&["migrate", "--down"]);
    assert_eq!(down, json!({"from": newest, "to": newest - 1}));
    for command in [&["serve"][..], &["user", "list"]] {
        let said = home.fails(command);
        assert!(said.contains("migrate"), "{said}");
    }
    assert_eq!(home.json(&["migrate", "--to", "0"])["to"], 0);
    assert_eq!(
        home.json(&["migrate", "--to", "1"]),
        json!({"from": 0, "to": 1})
    );
    let said = home.ok(&["migrate"]);
    assert_eq!(
        said.trim(),
        format!("the store was at version 1 and is at {newest}")
    );
    let unknown = (newest + 1).to_string();
    for how in ["--to", "--force"] {
        let said = home.fails(&["migrate", how, &unknown]);
        assert!(said.contains(&unknown), "{said}");
    }
    assert!(
        home.run(&["migrate", "--down", "--to", "1"], "").code == 2,
        "one way at a time"
    );
    let one = home.json(&["migrate", "--force", "1"]);
    assert_eq!(one, json!({"from": newest, "to": 1}));
    home.ok(&["migrate", "--force", &newest.to_string()]);
    home.person("ada", &["viewer"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn gc_deletes_what_can_never_become_a_packet_and_a_dry_run_only_tells() {
    let home = Home::with_trust("");
    let served = home.serve();
    let hook = wire::publish(&home, &served).await;
    let agent = Agent::join(&home, &served).await;
    let open = agent.claim(&wire::digest(&hook), 1 << 20).await;
    let packet = agent.packet(&hook, &open, 1_000);
    agent.create(&open, packet.len()).await;
    agent
        .patch(&open, 0, packet[..100].to_vec())
        .send()
        .await
        .unwrap();
    served.stop();
    // Of an earlier reservation of the same claim, and of nothing that the store knows.
    let store = Store::open(&format!("sqlite://{}", home.path("data/store").display()))
        .await
        .unwrap();
    let earlier = ClaimId {
        reservation: open.reservation - 1,
        ..open.clone()
    };
    let unknown = ClaimId {
        revision: Digest::of(b"no such hook"),
        ..open.clone()
    };
    let folder = |claim| Folder::new(&"acme".parse().unwrap(), Time::wall_clock(), claim);
    let chunks = async |claim| {
        store
            .objects()
            .run(&folder(claim))
            .await
            .unwrap()
            .chunks
            .len()
    };
    for claim in [&earlier, &unknown] {
        store
            .objects()
            .put(&folder(claim), 0, b"abandoned".to_vec().into())
            .await
            .unwrap();
    }
    let dry = home.json(&["gc", "--dry-run"]);
    assert_eq!(dry, json!({"claims": 1, "chunks": 1, "dry_run": true}));
    assert_eq!(chunks(&earlier).await, 1);
    assert_eq!(home.ok(&["gc"]).trim(), "1 chunks of 1 claims deleted");
    assert_eq!(
        (
            chunks(&earlier).await,
            chunks(&unknown).await,
            chunks(&open).await
        ),
        (0, 1, 1)
    );
    assert_eq!(home.json(&["gc"])["claims"], 0);
}
