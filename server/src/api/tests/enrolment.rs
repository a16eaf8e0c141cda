//! Join tokens: for how many, until when; and letting instances in.
#![allow(clippy::unwrap_used)]
use boathook_hooks::keys::SecretKey;
use serde_json::json;

use super::house::House;

#[tokio::test]
async fn a_join_token_is_for_a_count_and_a_time() {
    let house = House::new().await;
    let path = "/api/v1/customers/acme/join-tokens";
    for (body, field) in [
        (json!({"count": 0}), "count"),
        (json!({"count": 100_001}), "count"),
        (json!({"expires_in": "367d"}), "expires_in"),
        (json!({"expires_in": 0}), "expires_in"),
        (json!({"expires_in": "soon"}), "expires_in"),
    ] {
        let said = house.post("adam", path, body.clone()).await;
        assert_eq!(
            (said.refusal().0, said.field().as_str()),
            (422, field),
            "{body}"
        );
    }
    let token = async |body: serde_json::Value| {
        let made = house.post("adam", path, body).await;
        assert_eq!(made.header("cache-control"), "no-store");
        let text = made.ok()["join_string"].as_str().unwrap().to_owned();
        text.parse::<boathook_hooks::protocol::JoinString>()
            .unwrap()
            .token
    };
    let key = |n: u8| SecretKey::from_seed(&[n; 32]);
    let twice = token(json!({"count": 2})).await;
    for (n, status) in [(101, 200), (102, 200), (101, 200), (103, 403)] {
        let said = house.bench.enroll(&key(n), &twice).await;
        assert_eq!(said.status.as_u16(), status, "key {n}: {}", said.text());
    }
    assert_eq!(
        house.bench.enroll(&key(103), &twice).await.code(),
        "token_spent"
    );
    let short = token(json!({"expires_in": "1h"})).await;
    house.bench.app.clock.advance(3_600_000);
    let said = house.bench.enroll(&key(104), &short).await;
    assert_eq!(said.refusal(), (403, "token_ended".into()));
}

#[tokio::test]
async fn an_instance_is_let_in_by_its_fingerprint_and_out_for_good() {
    let house = House::new().await;
    let token = house.bench.token(1, true).await;
    let key = SecretKey::from_seed(&[105; 32]);
    assert_eq!(house.bench.enroll(&key, &token).await.status, 200);
    let list = house
        .get("ada", "/api/v1/instances?state=unconfirmed")
        .await
        .ok();
    let path = format!(
        "/api/v1/instances/{}",
        list["items"][0]["id"].as_str().unwrap()
    );
    let post = |what: &str, body| {
        let path = format!("{path}/{what}");
        let house = &house;
        async move { house.post("adam", &path, body).await }
    };
    let other = SecretKey::from_seed(&[106; 32]).public().id();
    let said = post("confirm", json!({"fingerprint": other})).await;
    assert_eq!(said.refusal(), (409, "other_key".into()), "{}", said.text());
    let said = post("confirm", json!({"fingerprint": key.public().id()}))
        .await
        .ok();
    assert_eq!(said["state"], "confirmed");
    for what in ["suspend", "resume", "retire"] {
        let empty = post(what, json!({"why": ""})).await;
        assert_eq!(
            (empty.refusal().0, empty.field().as_str()),
            (422, "why"),
            "{what}"
        );
    }
    let said = post("suspend", json!({"why": "odd traffic"})).await.ok();
    assert_eq!(
        (&said["state"], &said["why"]),
        (&json!("suspended"), &json!("odd traffic"))
    );
    assert_eq!(
        post("resume", json!({"why": "explained"})).await.ok()["state"],
        "confirmed"
    );
    assert_eq!(
        post("retire", json!({"why": "gone"})).await.ok()["state"],
        "retired"
    );
    let back = post("resume", json!({"why": "again"})).await;
    assert_eq!(back.refusal().0, 409, "{}", back.text());
    let back = post("confirm", json!({"fingerprint": key.public().id()})).await;
    assert_eq!(back.refusal().0, 409, "{}", back.text());
}
