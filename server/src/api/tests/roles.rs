//! Every operation of the OpenAPI document by everyone: nobody, each role, and whoever just lost it.
#![allow(clippy::unwrap_used)]
use std::collections::{BTreeMap, BTreeSet};

use boathook_schema::{EventFilter, EventKind, Page, Role, Scope};
use serde_json::json;

use super::{
    house::House,
    operations::{Things, WHO, body, operations},
};

const PEOPLE: [&str; 5] = ["vera", "ada", "ben", "adam", "hana"];

#[tokio::test]
async fn the_document_has_exactly_the_operations_that_this_test_knows() {
    let house = House::new().await;
    let known = WHO
        .iter()
        .map(|(m, p, _)| ((*m).to_owned(), (*p).to_owned()))
        .collect();
    assert_eq!(operations(&house).await, known);
}

#[tokio::test]
async fn every_route_of_the_router_is_in_the_document_and_the_reverse() {
    let house = House::new().await;
    let operations = operations(&house).await;
    // axum tells its routes nowhere but in its Debug form.
    let shown = format!("{:?}", house.bench.router);
    let routed: BTreeSet<String> = shown
        .split('"')
        .filter(|part| part.starts_with("/api/"))
        .map(|part| part.replace("{*", "{"))
        .collect();
    let told: BTreeSet<String> = operations.iter().map(|(_, path)| path.clone()).collect();
    assert!(routed.len() > 40, "{shown}");
    assert_eq!(routed, told);

    let things = Things {
        hook: "h".into(),
        claim: "c".into(),
        instance: "i".into(),
    };
    for path in &told {
        for method in ["get", "post", "put", "delete", "patch", "options"] {
            let said = house
                .send(None, &method.to_uppercase(), &things.fill(path), None)
                .await;
            let is_told = operations.contains(&(method.to_owned(), path.clone()));
            assert_eq!(
                said.status != 405,
                is_told,
                "{method} {path}: {}",
                said.status
            );
        }
    }
}

#[tokio::test]
async fn nobody_gets_in_without_a_token_that_counts() {
    let house = House::new().await;
    let things = Things::make(&house).await;
    let unknown = format!("bh_{}", "A".repeat(43));
    for (method, path, who) in WHO {
        let (method_up, filled, body) =
            (method.to_uppercase(), things.fill(path), body(method, path));
        for token in [None, Some(unknown.as_str()), Some("x"), Some("")] {
            let said = house.send(token, &method_up, &filled, body.as_ref()).await;
            if *who == "-" {
                assert!(said.status == 200 || path.ends_with("/sign-in"), "{path}");
                continue;
            }
            assert_eq!(
                said.refusal(),
                (401, "unauthorized".into()),
                "{method} {path}"
            );
            assert_eq!(said.header("www-authenticate"), "Bearer");
        }
    }
}

#[tokio::test]
async fn each_role_may_what_it_may_and_nothing_else() {
    let house = House::new().await;
    let things = Things::make(&house).await;
    let mut refused: BTreeMap<&str, usize> = BTreeMap::new();
    for (method, path, who) in WHO.iter().filter(|(.., who)| *who != "-") {
        for person in PEOPLE {
            let said = house
                .ask(
                    person,
                    &method.to_uppercase(),
                    &things.fill(path),
                    body(method, path),
                )
                .await;
            let what = format!("{person}: {method} {path}: {} {}", said.status, said.text());
            if *who == "*" || who.split(' ').any(|w| w == person) {
                let status = said.status.as_u16();
                assert!(
                    ![401, 403, 404, 405, 500, 503].contains(&status) || path.ends_with("{keyid}"),
                    "{what}"
                );
            } else {
                assert_eq!(said.refusal(), (403, "forbidden".into()), "{what}");
                assert!(said.text().contains("this needs the role"), "{what}");
                *refused.entry(person).or_default() += 1;
            }
        }
    }
    let filter = EventFilter {
        kind: Some(EventKind::AUTHORITY_REFUSED),
        ..EventFilter::default()
    };
    let chain = boathook_schema::Chain::House;
    let events = house
        .bench
        .app
        .store
        .events(&Scope::System, &chain, filter, Page::first(1_000))
        .await
        .unwrap();
    assert_eq!(
        events.items.len(),
        refused.values().sum::<usize>(),
        "every refusal is an event"
    );
    assert!(PEOPLE.iter().all(|p| refused[p] > 5), "{refused:?}");
}

#[tokio::test]
async fn a_role_that_was_taken_away_counts_no_more_at_the_next_request() {
    let house = House::new().await;
    let token = house.token("ada").await;
    let body = json!({"customer": "acme", "title": "Slow"});
    let put = || {
        house.send(
            Some(&token),
            "PUT",
            "/api/v1/tickets/jira/SUP-1",
            Some(&body),
        )
    };
    put().await.ok();
    let roles = json!([{"role": "viewer", "customers": ["acme"]}]);
    let changed = json!({"name": "Ada", "roles": roles});
    house
        .ask("hana", "PUT", "/api/v1/users/ada", Some(changed))
        .await
        .ok();
    assert_eq!(put().await.refusal().0, 403);
    house.person("ada", &[Role::Engineer], Some("globex")).await;
    assert_eq!(put().await.refusal(), (404, "not_found".into()));
    house.person("ada", &[], None).await;
    assert_eq!(
        house
            .send(Some(&token), "GET", "/api/v1/tickets", None)
            .await
            .refusal()
            .0,
        403
    );
    house
        .send(Some(&token), "GET", "/api/v1/me", None)
        .await
        .ok();
}

#[tokio::test]
async fn signing_out_ends_the_token_at_once_and_an_admin_ends_all_of_a_person() {
    let house = House::new().await;
    let (first, second, third) = (
        house.token("vera").await,
        house.token("vera").await,
        house.token("ada").await,
    );
    let me = async |token: &str| {
        house
            .send(Some(token), "GET", "/api/v1/me", None)
            .await
            .status
            .as_u16()
    };
    assert_eq!(me(&first).await, 200);
    assert_eq!(
        house
            .send(Some(&first), "DELETE", "/api/v1/sign-in", None)
            .await
            .status,
        204
    );
    assert_eq!((me(&first).await, me(&second).await), (401, 200));
    assert_eq!(
        house
            .ask("hana", "POST", "/api/v1/users/vera/sign-out", None)
            .await
            .status,
        204
    );
    assert_eq!((me(&second).await, me(&third).await), (401, 200));
    // And none lives for ever.
    house.bench.app.clock.advance(3_600_001);
    assert_eq!(me(&third).await, 401);
}
