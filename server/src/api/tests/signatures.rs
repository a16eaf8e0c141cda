//! Signatures: the last that was missing publishes unless it holds; and all that are refused.
#![allow(clippy::unwrap_used)]
use boathook_hooks::{documents::revocation::Revoked, keys::SecretKey, time::DAY};
use boathook_schema::Role;
use serde_json::{Value, json};

use super::house::{House, TOML, id};

const WIDE: &str =
    "\n[[collect]]\nsection = \"uptime\"\ncollector = \"command\"\npath = \"/usr/bin/uptime\"\n";

#[tokio::test]
async fn the_last_signature_that_was_missing_publishes() {
    let house = House::new().await;
    let hook = house.in_review(TOML).await;
    assert_eq!(hook["state"]["state"], "in_review");
    assert_eq!(hook["people"]["have"], 0);
    let hook = house
        .sign("ada", &hook, &house.bench.sample.ada_browser)
        .await
        .ok();
    assert_eq!(
        (&hook["state"]["state"], &hook["people"]["have"]),
        (&json!("in_review"), &json!(1))
    );
    assert_eq!(
        hook["people"]["missing"].as_array().unwrap().len(),
        1,
        "{hook}"
    );
    let hook = house
        .sign("ben", &hook, &house.bench.sample.ben_browser)
        .await
        .ok();
    assert_eq!(
        (&hook["state"]["state"], &hook["people"]["have"]),
        (&json!("published"), &json!(2))
    );
    let now = house.get("vera", "/api/v1/audit/now").await.ok();
    assert_eq!(now["items"][0]["digest"], hook["digest"]);
    let text = hook["explanation"]["text"].as_str().unwrap();
    assert!(text.contains("Slow since the upgrade."), "{text}");
}

#[tokio::test]
async fn held_by_its_last_signature_it_waits_for_publish() {
    let house = House::new().await;
    let hook = house.in_review(TOML).await;
    let unsigned = house.hook_post("ada", &hook, "hold", json!({})).await;
    assert_eq!(unsigned.refusal(), (409, "conflict".into()));
    let mut first = house
        .signature(&hook, &house.bench.sample.ada_browser)
        .await;
    first["hold"] = true.into();
    let refused = house
        .hook_post("ada", &hook, "signatures", first.clone())
        .await;
    assert_eq!(
        refused.refusal(),
        (409, "conflict".into()),
        "only the last can hold"
    );
    first["hold"] = false.into();
    house
        .hook_post("ada", &hook, "signatures", first)
        .await
        .ok();
    let early = house.hook_post("ada", &hook, "publish", json!({})).await;
    assert_eq!(early.refusal().0, 409, "{}", early.text());
    let mut last = house
        .signature(&hook, &house.bench.sample.ben_browser)
        .await;
    last["hold"] = true.into();
    let hook = house.hook_post("ben", &hook, "signatures", last).await.ok();
    assert_eq!(hook["state"]["state"], "held");
    assert_eq!(
        house.get("vera", "/api/v1/audit/now").await.ok()["items"],
        json!([])
    );
    let hook = house
        .hook_post("ada", &hook, "publish", json!({}))
        .await
        .ok();
    assert_eq!(hook["state"]["state"], "published");
}

#[tokio::test]
async fn a_signature_over_other_bytes_or_by_an_unknown_key_is_refused_by_its_field() {
    let house = House::new().await;
    let hook = house.in_review(TOML).await;
    let good = house
        .signature(&hook, &house.bench.sample.ada_browser)
        .await;
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body
    };
    let stranger = SecretKey::from_seed(&[99; 32]);
    let of_stranger = house.signature(&hook, &stranger).await;
    let of_ben = house
        .signature(&hook, &house.bench.sample.ben_browser)
        .await;
    for (body, field) in [
        (with("digest", "00".repeat(32).into()), "digest"),
        (of_stranger, "keyid"),
        (with("keyid", of_ben["keyid"].clone()), "sig"),
        (
            with("sig", stranger.sign(b"other").to_string().into()),
            "sig",
        ),
        (with("sig", "short".into()), "sig"),
        (with("keyid", "x".into()), "keyid"),
    ] {
        let said = house.hook_post("ada", &hook, "signatures", body).await;
        assert_eq!(
            (said.refusal().0, said.field().as_str()),
            (422, field),
            "{}",
            said.text()
        );
    }
    let other = house
        .hook_post("ada", &hook, "signatures", with("revision", 2.into()))
        .await;
    assert_eq!(other.refusal().0, 404);
    let hook = house
        .get("ada", &format!("/api/v1/hooks/{}", id(&hook)))
        .await
        .ok();
    assert_eq!(hook["signatures"], json!([]));
}

#[tokio::test]
async fn only_people_of_the_roster_for_this_customer_and_role_sign() {
    let house = House::new().await;
    house.person("cleo", &[Role::Reviewer], Some("acme")).await;
    let hook = house.in_review(TOML).await;
    // Cleo reviews here for acme, but the roster names her for globex only.
    let said = house
        .sign("cleo", &hook, &house.bench.sample.cleo_file)
        .await;
    assert_eq!(
        said.refusal(),
        (422, "not_a_signer".into()),
        "{}",
        said.text()
    );

    // Ben drafts one; the roster names him no author.
    house.person("ben", &[Role::Engineer], Some("acme")).await;
    let body = json!({"toml": TOML, "ticket": {"system": "jira", "key": "SUP-1"}});
    let bens = house.post("ben", "/api/v1/hooks", body).await.ok();
    let bens = house
        .hook_post("ben", &bens, "submit", json!({}))
        .await
        .ok();
    let said = house
        .sign("ben", &bens, &house.bench.sample.ben_browser)
        .await;
    assert_eq!(
        said.refusal(),
        (422, "not_a_signer".into()),
        "{}",
        said.text()
    );
}

#[tokio::test]
async fn the_author_is_not_a_second_reviewer_with_a_second_key() {
    let house = House::new().await;
    let sample = &house.bench.sample;
    let hook = house.in_review(TOML).await;
    house.sign("ada", &hook, &sample.ada_browser).await.ok();
    let hook = house.sign("ada", &hook, &sample.ada_file).await.ok();
    assert_eq!(
        (&hook["state"]["state"], &hook["people"]["have"]),
        (&json!("in_review"), &json!(1))
    );
    // The same again changes nothing.
    let hook = house.sign("ada", &hook, &sample.ada_file).await.ok();
    assert_eq!(hook["signatures"].as_array().unwrap().len(), 2);
    let early = house.hook_post("ada", &hook, "publish", json!({})).await;
    assert_eq!(early.refusal().0, 409);
}

#[tokio::test]
async fn a_wide_hook_is_not_published_by_browser_keys_alone() {
    let house = House::new().await;
    let sample = &house.bench.sample;
    let hook = house.in_review(&format!("{TOML}{WIDE}")).await;
    assert_eq!(hook["reach"]["reach"], "wide", "{hook}");
    house.sign("ada", &hook, &sample.ada_browser).await.ok();
    let hook = house.sign("ben", &hook, &sample.ben_browser).await.ok();
    assert_eq!(hook["state"]["state"], "in_review");
    assert!(!hook["people"]["missing"].as_array().unwrap().is_empty());
    let hook = house.sign("ben", &hook, &sample.ben_file).await.ok();
    assert_eq!(hook["state"]["state"], "published");
}

#[tokio::test]
async fn a_revoked_persons_signature_and_an_expired_rosters_are_refused() {
    let house = House::new().await;
    let hook = house.in_review(TOML).await;
    let ben = Revoked::Person("ben".parse().unwrap());
    house
        .import(house.bench.sample.revocation(1, ben))
        .await
        .ok();
    let said = house
        .sign("ben", &hook, &house.bench.sample.ben_browser)
        .await;
    assert_eq!(
        said.refusal(),
        (422, "signer_revoked".into()),
        "{}",
        said.text()
    );
    house.bench.app.clock.advance(21 * DAY);
    let body = house
        .signature(&hook, &house.bench.sample.ada_browser)
        .await;
    let said = house.hook_post("ada", &hook, "signatures", body).await;
    assert_eq!(said.refusal().0, 422, "{}", said.text());
    assert!(said.code().contains("roster"), "{}", said.text());
}
