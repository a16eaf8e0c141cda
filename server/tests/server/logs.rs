//! The log: a request's id in each of its lines, and never a secret, however much is logged.
use boathook_hooks::{keys::SecretKey, protocol::JoinString};
use serde_json::{Value, json};

use crate::{
    home::{Home, PASSWORD},
    wire::{self, Agent},
};

#[tokio::test(flavor = "multi_thread")]
async fn no_password_token_or_bearer_is_ever_logged() {
    let home = Home::with_trust("filter = \"trace\"");
    let served = home.serve();
    let client = home.client();
    home.person("eve", &["admin"]);
    let mut secrets = vec![PASSWORD.to_owned(), "not the password".to_owned()];
    for password in [PASSWORD, "not the password"] {
        let body = json!({"person": "eve", "password": password});
        let said = client
            .post(served.url("/api/v1/sign-in"))
            .json(&body)
            .send()
            .await
            .unwrap();
        let said: Value = said.json().await.unwrap();
        secrets.extend(said["token"].as_str().map(str::to_owned));
    }
    let token = secrets.last().unwrap().clone();
    assert!(token.starts_with("bh_"), "{token}");
    let made = client
        .post(served.url("/api/v1/customers/acme/join-tokens"))
        .bearer_auth(&token);
    let made: Value = made
        .json(&json!({"count": 2, "confirm": false}))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let join_string = made["join_string"].as_str().unwrap();
    let join: JoinString = join_string.parse().unwrap();
    let key = SecretKey::generate().unwrap();
    let answer = wire::enroll(&client, &served, &join, &key).await;
    let agent = Agent::open(&client, &served, answer.instance, key).await;
    let hook = wire::publish(&home, &served).await;
    let listed = agent.list().await.hooks.remove(0);
    agent.claim(&wire::digest(&hook), 1 << 20).await;
    // A bearer, a password and a token where they do not belong, too.
    client
        .get(served.url(&format!("/api/v1/me?token={token}")))
        .bearer_auth("bh_not_one")
        .send()
        .await
        .unwrap();
    let broken = format!("{{\"person\": \"eve\", \"password\": \"{PASSWORD}\"");
    client
        .post(served.url("/api/v1/sign-in"))
        .header("content-type", "application/json")
        .body(broken)
        .send()
        .await
        .unwrap();
    secrets.extend([
        join_string.to_owned(),
        join.token,
        agent.bearer,
        listed.token,
        "bh_not_one".into(),
    ]);
    let log = served.text();
    assert!(
        served.lines().len() > 30 && log.contains("\"TRACE\""),
        "{log}"
    );
    for secret in &secrets {
        assert!(secret.len() > 8, "{secret}");
        let at = log.find(secret.as_str());
        assert!(
            at.is_none(),
            "{secret}: {:?}",
            at.map(|at| &log[at.saturating_sub(200)..at + secret.len()])
        );
    }
    served.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_id_on_an_answer_is_that_of_its_lines_in_the_log() {
    let home = Home::new();
    let served = home.serve();
    let said = home
        .client()
        .get(served.url("/api/v1/me?x=secret"))
        .send()
        .await
        .unwrap();
    let id = said.headers()["x-request-id"].to_str().unwrap().to_owned();
    let line = served.lines().into_iter().find(|l| l["span"]["id"] == id);
    let line = line.unwrap_or_else(|| panic!("{}", served.text()));
    assert_eq!(
        (&line["message"], &line["status"]),
        (&json!("answered"), &json!(401))
    );
    assert_eq!(
        (&line["span"]["route"], &line["span"]["method"]),
        (&json!("/api/v1/me"), &json!("GET"))
    );
    assert!(!served.text().contains("secret"), "queries are not logged");
    served.stop();
}
