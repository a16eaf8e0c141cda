//! What is another customer's does not exist: the same answer as for an id of nothing.
#![allow(clippy::unwrap_used)]
use boathook_hooks::ids::HookId;
use serde_json::json;

use super::{
    house::House,
    operations::{Things, body, operations},
};

#[tokio::test]
async fn another_customers_thing_is_answered_as_one_that_is_not_there() {
    let house = House::new().await;
    let real = Things::make(&house).await;
    let mut claim: boathook_hooks::ids::ClaimId = real.claim.parse().unwrap();
    claim.reservation += 7;
    let none = Things {
        hook: HookId::fresh().to_string(),
        claim: claim.to_string(),
        instance: "none".into(),
    };
    let mut tried = 0;
    for (method, path) in operations(&house).await {
        let about = [
            "/hooks/{",
            "/instances/{",
            "/packets/{",
            "/customers/{",
            "/tickets/{",
        ];
        if !about.iter().any(|part| path.contains(part))
            || path == "/api/v1/customers/{id}" && method == "put"
        {
            continue;
        }
        let nowhere = none
            .fill(&path)
            .replace("acme", "nobody")
            .replace("SUP-1", "SUP-2");
        let mut of_nobody = body(&method, &path);
        if let Some(customer) = of_nobody.as_mut().and_then(|b| b.get_mut("customer")) {
            *customer = "nobody".into();
        }
        let hidden = house
            .ask(
                "gil",
                &method.to_uppercase(),
                &real.fill(&path),
                body(&method, &path),
            )
            .await;
        let missing = house
            .ask("gil", &method.to_uppercase(), &nowhere, of_nobody)
            .await;
        assert_eq!(
            hidden.refusal().0,
            404,
            "{method} {path}: {}",
            hidden.text()
        );
        assert_eq!(hidden.text(), missing.text(), "{method} {path}");
        tried += 1;
    }
    assert!(tried > 25, "{tried}");
}

#[tokio::test]
async fn lists_show_nothing_of_another_customer() {
    let house = House::new().await;
    let real = Things::make(&house).await;
    for path in [
        "/api/v1/hooks".to_owned(),
        "/api/v1/hooks?customer=acme".to_owned(),
        "/api/v1/hooks?ticket=jira/SUP-1".to_owned(),
        "/api/v1/tickets".to_owned(),
        "/api/v1/tickets?customer=acme".to_owned(),
        "/api/v1/instances".to_owned(),
        "/api/v1/instances?customer=acme".to_owned(),
        "/api/v1/packets?ticket=jira/SUP-1".to_owned(),
        format!("/api/v1/packets?hook={}", real.hook),
        format!("/api/v1/packets?instance={}", real.instance),
        "/api/v1/packets?day=2026-05-28".to_owned(),
        "/api/v1/audit/now".to_owned(),
        "/api/v1/audit/days?from=2026-01-01&to=2026-12-31&customer=acme".to_owned(),
    ] {
        let seen = house.get("gil", &path).await;
        if seen.status != 404 {
            assert_eq!(seen.ok()["items"], json!([]), "{path}");
        }
        if path.contains("/packets?") || path.ends_with("/hooks") {
            let own = house.get("ada", &path).await.ok();
            assert_eq!(own["items"].as_array().unwrap().len(), 1, "{path}: {own}");
        }
    }
    let customers = house.get("gil", "/api/v1/customers").await.ok();
    assert_eq!(customers["items"].as_array().unwrap().len(), 1);
    let heads = house.get("gil", "/api/v1/audit/heads").await;
    assert!(
        !heads.text().contains("acme") && !heads.text().contains("house"),
        "{}",
        heads.text()
    );
    for path in ["/api/v1/audit/events?chain=", "/api/v1/audit/export?chain="] {
        let none = house.get("gil", &format!("{path}customer:nobody")).await;
        for chain in ["house", "customer:acme"] {
            let said = house.get("gil", &format!("{path}{chain}")).await;
            assert_eq!(
                (said.refusal().0, said.text()),
                (404, none.text()),
                "{path}{chain}"
            );
        }
    }
}

#[tokio::test]
async fn a_ticket_keeps_its_customer_and_no_hook_is_for_customers_of_others() {
    let house = House::new().await;
    house.ticket().await;
    let body = json!({"customer": "globex", "title": "Mine"});
    let taken = house
        .ask("gil", "PUT", "/api/v1/tickets/jira/SUP-1", Some(body))
        .await;
    assert!(taken.status.is_client_error(), "{}", taken.text());
    assert!(
        !taken.text().contains("acme") && !taken.text().contains("Slow"),
        "{}",
        taken.text()
    );
    let body = json!({"customer": "globex", "title": "Mine"});
    house
        .ask("gil", "PUT", "/api/v1/tickets/jira/SUP-9", Some(body))
        .await
        .ok();
    let ticket = json!({"system": "jira", "key": "SUP-9"});
    for (customers, status) in [
        ("globex", 201),
        ("acme", 404),
        ("globex\", \"acme", 404),
        ("nobody", 404),
    ] {
        let toml = format!("customers = [\"{customers}\"]\n{}", super::house::TOML);
        let said = house
            .post(
                "gil",
                "/api/v1/hooks",
                json!({"toml": toml, "ticket": ticket}),
            )
            .await;
        assert_eq!(said.status, status, "{customers}: {}", said.text());
    }
    let toml = super::house::TOML;
    let ticket = json!({"system": "jira", "key": "SUP-1"});
    let said = house
        .post(
            "gil",
            "/api/v1/hooks",
            json!({"toml": toml, "ticket": ticket}),
        )
        .await;
    assert_eq!(said.refusal().0, 404, "{}", said.text());
}
