//! What is refused for what it says: tickets, drafts for the wrong customers, hooks that ended before they began.
#![allow(clippy::unwrap_used)]
use boathook_hooks::{keys::SecretKey, time::DAY};
use boathook_schema::Role;
use serde_json::{Value, json};

use super::house::{House, TOML};

#[tokio::test]
async fn a_tickets_words_are_printable_and_its_link_is_one() {
    let house = House::new().await;
    let good = json!({"customer": "acme", "title": "Slow", "url": "https://jira.example/SUP-1", "state": "open"});
    for (field, value) in [
        ("title", json!("")),
        ("title", json!("x".repeat(301))),
        ("title", json!("a\u{1b}[31mb")),
        ("url", json!("javascript:alert(1)")),
        ("url", json!("ftp://x")),
        ("state", json!(" open")),
        ("title", json!(5)),
        ("colour", json!("red")),
    ] {
        let mut body = good.clone();
        body[field] = value.clone();
        let said = house
            .ask("ada", "PUT", "/api/v1/tickets/jira/SUP-1", Some(body))
            .await;
        assert_eq!(
            (said.refusal().0, said.field().as_str()),
            (422, field),
            "{value}: {}",
            said.text()
        );
    }
    let long = format!("/api/v1/tickets/jira/{}", "k".repeat(101));
    let said = house.ask("ada", "PUT", &long, Some(good.clone())).await;
    assert_eq!((said.refusal().0, said.field().as_str()), (422, "key"));
    // The same content again changes nothing.
    let first = house
        .ask(
            "ada",
            "PUT",
            "/api/v1/tickets/jira/SUP-1",
            Some(good.clone()),
        )
        .await
        .ok();
    let again = house
        .ask("ada", "PUT", "/api/v1/tickets/jira/SUP-1", Some(good))
        .await
        .ok();
    assert_eq!(first, again);
}

#[tokio::test]
async fn a_hook_names_its_tickets_customer_and_only_the_house_asks_all_who_opted_in() {
    let house = House::new().await;
    house.person("max", &[Role::Engineer], None).await;
    house.ticket().await;
    let ticket = json!({"system": "jira", "key": "SUP-1"});
    let post = async |person: &str, customers: &str| {
        let toml = format!("customers = {customers}\n{TOML}");
        house
            .post(
                person,
                "/api/v1/hooks",
                json!({"toml": toml, "ticket": ticket}),
            )
            .await
    };
    let said = post("max", "[\"globex\"]").await;
    assert_eq!(
        (said.refusal().0, said.field().as_str()),
        (422, "customers"),
        "{}",
        said.text()
    );
    post("max", "[\"acme\", \"globex\"]").await.ok();
    // For a problem, of whoever opted in.
    let toml = TOML.replace("[audience]", "[problem]\nsignature = \"x\"\n[audience]");
    let body = json!({"toml": format!("customers = \"opted-in\"\n{toml}")});
    let said = house.post("ada", "/api/v1/hooks", body.clone()).await;
    assert_eq!(
        (said.refusal().0, said.field().as_str()),
        (422, "customers"),
        "{}",
        said.text()
    );
    let hook = house.post("max", "/api/v1/hooks", body).await.ok();
    assert_eq!(
        (&hook["opted_in"], &hook["ticket"]),
        (&json!(true), &json!(null))
    );
}

#[tokio::test]
async fn a_text_for_another_ticket_or_of_endless_length_is_refused() {
    let house = House::with(|c| c.limits.body_bytes = 1 << 20).await;
    house.ticket().await;
    let other = json!({"system": "jira", "key": "SUP-2"});
    let toml = format!("{TOML}\n[ticket]\nsystem = \"jira\"\nkey = \"SUP-1\"\n");
    let said = house
        .post(
            "ada",
            "/api/v1/hooks",
            json!({"toml": toml, "ticket": other}),
        )
        .await;
    assert_eq!(
        (said.refusal().0, said.field().as_str()),
        (422, "ticket"),
        "{}",
        said.text()
    );
    let said = house
        .post(
            "ada",
            "/api/v1/hooks",
            json!({"toml": TOML, "ticket": other}),
        )
        .await;
    assert_eq!(
        said.refusal().0,
        404,
        "there is no such ticket: {}",
        said.text()
    );
    let endless = format!("{TOML}\n#{}", "x".repeat(256 * 1024));
    let said = house
        .post("ada", "/api/v1/hooks", json!({ "toml": endless }))
        .await;
    assert_eq!(said.refusal(), (413, "too_large".into()));
}

#[tokio::test]
async fn a_hook_that_has_expired_is_neither_published_by_its_last_signature_nor_later() {
    let house = House::new().await;
    let sample = &house.bench.sample;
    let first = house.in_review(TOML).await;
    house.sign("ada", &first, &sample.ada_browser).await.ok();
    let held = house.in_review(TOML).await;
    house.sign("ada", &held, &sample.ada_browser).await.ok();
    let mut last = house.signature(&held, &sample.ben_browser).await;
    last["hold"] = true.into();
    house.hook_post("ben", &held, "signatures", last).await.ok();
    house.bench.app.clock.advance(4 * DAY);
    let said = house.sign("ben", &first, &sample.ben_browser).await;
    assert_eq!(said.refusal(), (422, "expired".into()), "{}", said.text());
    let said = house.hook_post("ada", &held, "publish", json!({})).await;
    assert!(said.status.is_client_error(), "{}", said.text());
    assert_eq!(
        house.get("vera", "/api/v1/audit/now").await.ok()["items"],
        json!([])
    );
}

#[tokio::test]
async fn words_and_days_that_cannot_be_are_refused_by_their_field() {
    let house = House::new().await;
    let key = SecretKey::from_seed(&[50; 32]).public();
    let ask = |comment: String| json!({"key": key, "place": "browser", "comment": comment});
    let long = house
        .post("ada", "/api/v1/trust/admissions", ask("x".repeat(501)))
        .await;
    assert_eq!((long.refusal().0, long.field().as_str()), (422, "comment"));
    for (query, field) in [
        ("from=2026-13-01&to=2026-12-31", "from"),
        ("from=2026-01-01&to=tomorrow", "to"),
    ] {
        let said = house
            .get("vera", &format!("/api/v1/audit/days?{query}"))
            .await;
        assert_eq!(
            (said.refusal().0, said.field().as_str()),
            (422, field),
            "{query}"
        );
    }
    for query in ["", "?hook=x&day=2026-01-01", "?ticket=jira"] {
        let said = house.get("ada", &format!("/api/v1/packets{query}")).await;
        assert_eq!(said.refusal().0, 422, "{query}: {}", said.text());
    }
    let nobody = json!([{"role": "viewer", "customers": []}]);
    let said = house
        .post(
            "hana",
            "/api/v1/users",
            json!({"person": "vic", "name": "V", "roles": nobody}),
        )
        .await;
    assert_eq!((said.refusal().0, said.field().as_str()), (422, "roles"));
    let known = json!({"person": "ada", "name": "Ada", "roles": []});
    assert_eq!(
        house.post("hana", "/api/v1/users", known).await.refusal(),
        (409, "conflict".into())
    );
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_person_sound_the_same() {
    let house = House::new().await;
    let user = json!({"person": "pat", "name": "Pat", "roles": [], "password": "correct horse"});
    house.post("hana", "/api/v1/users", user).await.ok();
    let sign_in = async |person: &str, password: &str| {
        let body = json!({"person": person, "password": password});
        house
            .send(None, "POST", "/api/v1/sign-in", Some(&body))
            .await
    };
    let right = sign_in("pat", "correct horse").await;
    assert_eq!(
        (right.status.as_u16(), right.header("cache-control")),
        (201, "no-store")
    );
    let wrong = sign_in("pat", "correct horsf").await;
    assert_eq!(wrong.refusal(), (401, "unauthorized".into()));
    // Vera has no password; the others are nobody, or no person's name at all.
    for person in ["vera", "nobody", "../pat", ""] {
        assert_eq!(
            sign_in(person, "correct horse").await.text(),
            wrong.text(),
            "{person:?}"
        );
    }
    let users: Value = house.get("hana", "/api/v1/users").await.ok();
    assert!(!users.to_string().contains("argon2"), "no hash leaves");
}
