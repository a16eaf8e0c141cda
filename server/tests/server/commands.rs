//! `init`, `customer`, `join-token`, `trust`, `instance`: each on a store of its own, beside a server and without.
use std::os::unix::fs::PermissionsExt as _;

use boathook_hooks::{keys::SecretKey, protocol::JoinString};
use serde_json::json;

use crate::{
    home::{Home, ORIGIN},
    wire,
};

#[test]
fn init_makes_config_keys_store_and_ca_once_and_overwrites_nothing() {
    let home = Home::empty();
    let data = home.path("data").display().to_string();
    let args = [
        "init",
        "--origin",
        ORIGIN,
        "--data-dir",
        &data,
        "--self-signed",
    ];
    let missing = home.fails(&["init"]);
    assert!(missing.contains("--origin"), "{missing}");
    let made = home.json(&args);
    assert!(made["online_key"].as_str().unwrap().starts_with("ed25519:"));
    assert_eq!(home.online().to_string(), made["online_key"]);
    let before = snapshot(&home);
    let names: Vec<&str> = before.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names.len(),
        7,
        "config, four keys, CA and its key: {names:?}"
    );
    for args in [&args[..], &["init"]] {
        let said = home.fails(args);
        assert!(said.contains("already"), "{said}");
    }
    // A second config for the same data directory is not written either.
    let other = home.path("other.toml");
    let mut with_other = args.to_vec();
    let other_text = other.display().to_string();
    with_other.extend(["--config", &other_text]);
    let said = home.fails(&with_other);
    assert!(
        said.contains("never overwritten") && !other.exists(),
        "{said}"
    );
    assert_eq!(snapshot(&home), before);
}

#[test]
fn what_init_makes_is_readable_by_its_owner_alone() {
    let home = Home::new();
    let mode = |name: &str| {
        std::fs::metadata(home.path(name))
            .unwrap()
            .permissions()
            .mode()
            & 0o777
    };
    for name in ["data", "data/keys", "data/tls"] {
        assert_eq!(mode(name), 0o700, "{name}");
    }
    for name in ["online.pem", "token.key", "challenge.key", "bearer.key"] {
        assert_eq!(mode(&format!("data/keys/{name}")), 0o600, "{name}");
    }
    assert_eq!(mode("data/tls/ca.key"), 0o600);
}

/// Every file with its bytes but the store's, which a reader may touch.
fn snapshot(home: &Home) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    let mut folders = vec![home.dir.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.display().to_string();
            match path.is_dir() {
                true if name.ends_with("/store") => {}
                true => folders.push(path),
                false => all.push((name, std::fs::read(path).unwrap())),
            }
        }
    }
    all.sort();
    all
}

#[test]
fn customers_are_added_renamed_and_listed() {
    let home = Home::new();
    assert!(
        home.ok(&["customer", "add", "acme", "Acme"])
            .contains("customer acme is Acme")
    );
    home.ok(&["customer", "add", "bolt", "Bolt"]);
    home.ok(&["customer", "add", "acme", "Acme Ltd"]);
    let list = home.json(&["customer", "list"]);
    assert_eq!(
        (&list[0]["id"], &list[0]["name"]),
        (&json!("acme"), &json!("Acme Ltd"))
    );
    assert_eq!(list.as_array().unwrap().len(), 2);
    assert!(home.ok(&["customer", "list"]).contains("bolt"));
    for (args, word) in [
        (["customer", "add", "Not A Slug", "x"], "Not A Slug"),
        (["customer", "add", "house", "x"], "house"),
        (["customer", "add", "crux", " "], "name"),
    ] {
        let said = home.fails(&args);
        assert!(said.contains(word), "{said}");
    }
}

#[test]
fn a_join_token_needs_a_root_and_a_customer_and_carries_all_that_an_agent_pins() {
    let home = Home::new();
    home.ok(&["customer", "add", "acme", "Acme"]);
    assert!(home.fails(&["join-token", "acme"]).contains("trust import"));
    let home = Home::with_trust("");
    assert!(
        home.fails(&["join-token", "nobody"])
            .contains("there is no such customer")
    );
    assert!(
        home.fails(&["join-token", "acme", "--count", "0"])
            .contains("count")
    );
    assert!(
        home.fails(&["join-token", "acme", "--expires", "400d"])
            .contains("expires_in")
    );
    let join: JoinString = home.ok(&["join-token", "acme"]).trim().parse().unwrap();
    let fingerprint = home.json(&["trust", "show"])["root"]["fingerprint"].clone();
    assert_eq!(
        (join.origin.as_str(), join.customer.as_str()),
        (ORIGIN, "acme")
    );
    assert_eq!(json!(join.root), fingerprint);
    assert_eq!(
        join.ca,
        std::fs::read_to_string(home.path("data/tls/ca.pem")).ok()
    );
    let other: JoinString = home.ok(&["join-token", "acme"]).trim().parse().unwrap();
    assert_ne!(join.token, other.token);
}

#[test]
fn trust_is_imported_in_order_verified_and_shown() {
    let home = Home::new();
    let sample = &home.sample;
    assert!(home.ok(&["trust", "show"]).contains("root         none"));
    let keys = [&sample.rita, &sample.rolf];
    let foreign = home.file("foreign.bson", &sample.root_bytes());
    assert!(
        home.fails(&["trust", "import", &foreign])
            .contains("online key")
    );
    let alone = home.file("alone.bson", &sample.signed(&home.root(), &keys[..1]));
    assert!(
        home.fails(&["trust", "import", &alone])
            .contains("alone.bson")
    );
    let roster = home.file("roster.bson", &sample.roster_bytes(&sample.roster()));
    assert!(
        home.fails(&["trust", "import", &roster])
            .contains("no root yet")
    );
    let good = sample.signed(&home.root(), &keys);
    let envelope = boathook_hooks::envelope::Envelope::from_bson(&good, 300_000).unwrap();
    let root = home.file("root.json", envelope.to_json().as_bytes());
    assert_eq!(
        home.ok(&["trust", "import", &root, &roster]).trim(),
        "root 1: imported\nroster 1: imported"
    );
    assert_eq!(
        home.ok(&["trust", "import", &root]).trim(),
        "root 1: known already"
    );
    let noise = home.file("noise", b"noise");
    home.fails(&["trust", "import", &noise]);
    assert!(
        home.fails(&["trust", "import", "/nowhere"])
            .contains("cannot read /nowhere")
    );
    let shown = home.ok(&["trust", "show"]);
    assert!(
        shown.contains("root         version 1") && shown.contains("ada, ben, cleo"),
        "{shown}"
    );
    assert_eq!(home.json(&["trust", "show"])["online_key_named"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_is_confirmed_by_its_fingerprint_and_retired_beside_a_running_server() {
    let home = Home::with_trust("");
    let served = home.serve();
    let client = home.client();
    let join: JoinString = home.ok(&["join-token", "acme"]).trim().parse().unwrap();
    let key = SecretKey::generate().unwrap();
    let answer = wire::enroll(&client, &served, &join, &key).await;
    assert!(!answer.confirmed);
    let id = answer.instance.as_str();
    let list = home.json(&[
        "instance",
        "list",
        "--customer",
        "acme",
        "--state",
        "unconfirmed",
    ]);
    assert_eq!(list[0]["id"], id);
    let other = SecretKey::generate().unwrap().public().id().to_string();
    assert!(
        home.fails(&["instance", "confirm", id, &other])
            .contains("fingerprint")
    );
    let fingerprint = key.public().id().to_string();
    let said = home.ok(&["instance", "confirm", id, &fingerprint]);
    assert!(said.contains("confirmed"), "{said}");
    assert!(
        home.fails(&["instance", "confirm", "nobody", &fingerprint])
            .contains("no such instance")
    );
    // The running server knows it within a moment: the bearer that it gives is of a confirmed instance.
    let agent = wire::Agent::open(&client, &served, answer.instance.clone(), key).await;
    agent.list().await;
    home.ok(&["instance", "retire", id, "--why", "sold"]);
    let until = std::time::Instant::now() + std::time::Duration::from_secs(40);
    while agent.poll().await.status().is_success() {
        assert!(
            std::time::Instant::now() < until,
            "a retired instance still polls"
        );
    }
    let list = home.ok(&["instance", "list"]);
    assert!(list.contains("retired"), "{list}");
    served.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn trust_that_a_command_imports_is_taken_in_by_the_running_server() {
    let home = Home::with_trust("");
    home.person("hana", &["admin"]);
    let (served, client, token) = (home.serve(), home.client(), home.token("hana"));
    let mut roster = home.sample.roster();
    roster.version = 2;
    let file = home.file("roster2.bson", &home.sample.roster_bytes(&roster));
    home.ok(&["trust", "import", &file]);
    let until = std::time::Instant::now() + std::time::Duration::from_secs(40);
    loop {
        let said = client
            .get(served.url("/api/v1/trust"))
            .bearer_auth(&token)
            .send()
            .await
            .unwrap();
        let said: serde_json::Value = said.json().await.unwrap();
        if said["roster"]["version"] == 2 {
            break;
        }
        assert!(std::time::Instant::now() < until, "{said}");
    }
    served.stop();
}

#[test]
fn every_command_has_help_and_bad_arguments_are_refused() {
    let home = Home::empty();
    for command in [
        "serve",
        "init",
        "migrate",
        "user",
        "customer",
        "join-token",
        "instance",
        "trust",
        "audit",
        "erase",
        "gc",
    ] {
        let help = home.ok(&[command, "--help"]);
        assert!(help.contains("Usage: boathook-server"), "{help}");
        assert_eq!(home.run(&[command, "--nonsense"], "").code, 2, "{command}");
    }
    assert!(home.ok(&["--version"]).contains(env!("CARGO_PKG_VERSION")));
    for command in [
        &["serve"][..],
        &["user", "list"],
        &["gc"],
        &["audit", "verify"],
    ] {
        let said = home.fails(command);
        assert!(
            said.contains("cannot read the config file") && said.contains("init"),
            "{said}"
        );
    }
}
