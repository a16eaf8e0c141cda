//! Bodies that are too large, rates, time, answers of layers: each a problem.
#![allow(clippy::unwrap_used)]
use std::time::Duration;

use axum::{
    body::{Body, Bytes},
    http::{Request, StatusCode, header},
};
use futures_util::StreamExt as _;
use serde_json::json;

use super::house::House;

#[tokio::test]
async fn a_body_above_the_limit_is_refused_whether_it_is_declared_or_not() {
    let house = House::with(|c| c.limits.body_bytes = 2_000).await;
    let token = house.token("hana").await;
    let large = Bytes::from(json!({"toml": "x".repeat(2_000)}).to_string());
    for path in ["/api/v1/lint", "/api/v1/trust/documents"] {
        let pieces = futures_util::stream::iter([Ok::<_, std::io::Error>(large.clone())]);
        for body in [Body::from(large.clone()), Body::from_stream(pieces)] {
            let request = Request::post(path)
                .header(header::AUTHORIZATION, format!("Bearer {token}"))
                .header(header::CONTENT_TYPE, "application/json")
                .body(body)
                .unwrap();
            assert_eq!(
                house.bench.send(request).await.refusal(),
                (413, "too_large".into()),
                "{path}"
            );
        }
    }
    house
        .post("ada", "/api/v1/lint", json!({"toml": "x".repeat(1_900)}))
        .await
        .ok();
}

#[tokio::test]
async fn a_declared_length_above_the_limit_is_refused_before_a_byte_is_read() {
    let house = House::with(|c| c.limits.body_bytes = 2_000).await;
    let token = house.token("ada").await;
    let never = Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>());
    let request = Request::post("/api/v1/lint")
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CONTENT_LENGTH, 1_u64 << 40)
        .body(never)
        .unwrap();
    assert_eq!(
        house.bench.send(request).await.refusal(),
        (413, "too_large".into())
    );
}

#[tokio::test]
async fn signing_in_is_limited_by_address_and_says_when_to_come_back() {
    let house =
        House::with(|c| (c.limits.sign_in_burst, c.limits.sign_in_per_minute) = (3, 1)).await;
    let body = json!({"person": "ada", "password": "wrong password"});
    for _ in 0..3 {
        let said = house
            .send(None, "POST", "/api/v1/sign-in", Some(&body))
            .await;
        assert_eq!(said.refusal(), (401, "unauthorized".into()));
    }
    let said = house
        .send(None, "POST", "/api/v1/sign-in", Some(&body))
        .await;
    assert_eq!(said.refusal(), (429, "too_many".into()));
    assert!(said.header("retry-after").parse::<u64>().unwrap() >= 1);
    // Signing out, and everything else, is not behind that limit.
    assert_eq!(
        house
            .ask("ada", "DELETE", "/api/v1/sign-in", None)
            .await
            .status,
        StatusCode::NO_CONTENT
    );
}

#[tokio::test]
async fn enrolment_and_sessions_are_limited_apart() {
    let house = House::with(|c| {
        (c.limits.enroll_burst, c.limits.enroll_per_minute) = (2, 1);
        (c.limits.session_burst, c.limits.session_per_minute) = (2, 1);
    })
    .await;
    for path in ["/agent/v1/enroll", "/agent/v1/session"] {
        let send = async || {
            house
                .bench
                .send(crate::agent::testing::post(path, Vec::new()))
                .await
        };
        for _ in 0..2 {
            assert_ne!(send().await.status, StatusCode::TOO_MANY_REQUESTS);
        }
        assert_eq!(send().await.refusal(), (429, "too_many".into()), "{path}");
    }
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_given_up() {
    let house = House::with(|c| c.limits.request_seconds = 1).await;
    let token = house.token("ada").await;
    let begin =
        futures_util::stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"{\"toml\""))]);
    let request = Request::post("/api/v1/lint")
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from_stream(
            begin.chain(futures_util::stream::pending()),
        ))
        .unwrap();
    let said = tokio::time::timeout(Duration::from_secs(10), house.bench.send(request))
        .await
        .unwrap();
    assert_eq!(said.refusal(), (503, "busy".into()));
}

#[tokio::test]
async fn what_is_not_served_is_a_problem_too() {
    let house = House::new().await;
    let nowhere = house.get("ada", "/api/v1/nowhere").await;
    assert_eq!(nowhere.refusal(), (404, "not_found".into()));
    let method = house.ask("ada", "DELETE", "/api/v1/me", None).await;
    assert_eq!(method.refusal(), (405, "method".into()));
    assert!(method.header("allow").contains("GET"));
    let token = house.token("ada").await;
    let plain = Request::post("/api/v1/lint")
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .body(Body::from("{}"))
        .unwrap();
    assert_eq!(
        house.bench.send(plain).await.refusal(),
        (415, "media_type".into())
    );
    for path in [
        "/api/v1/hooks?limit=x",
        "/api/v1/audit/events",
        "/api/v1/hooks?ticket=x",
    ] {
        let said = house.get("ada", path).await;
        assert_eq!(
            (said.refusal().0, said.field().is_empty()),
            (422, false),
            "{path}: {}",
            said.text()
        );
    }
    let cursor = house.get("ada", "/api/v1/hooks?after=nonsense").await;
    assert_eq!(
        (cursor.refusal().0, cursor.field().as_str()),
        (422, "after"),
        "{}",
        cursor.text()
    );
}

#[tokio::test]
async fn no_answer_to_people_is_sniffed_or_kept_by_a_cache() {
    let house = House::new().await;
    for path in [
        "/api/v1/me",
        "/api/v1/hooks",
        "/api/v1/hooks/x",
        "/api/v1/openapi.json",
    ] {
        let said = house.get("vera", path).await;
        assert_eq!(said.header("x-content-type-options"), "nosniff", "{path}");
        assert!(said.header("cache-control").contains("no-store"), "{path}");
    }
}

#[tokio::test]
async fn a_request_id_is_the_servers_own_and_stands_on_every_answer() {
    let house = House::new().await;
    let mut ids = std::collections::BTreeSet::new();
    for path in [
        "/api/v1/me",
        "/api/v1/openapi.json",
        "/nowhere",
        "/agent/v1/hooks",
    ] {
        let request = Request::get(path)
            .header("x-request-id", "mine")
            .body(Body::empty())
            .unwrap();
        let said = house.bench.send(request).await;
        let id = said.header("x-request-id").to_owned();
        assert!(id.len() == 32 && id != "mine", "{path}: {id:?}");
        ids.insert(id);
    }
    assert_eq!(ids.len(), 4);
}
