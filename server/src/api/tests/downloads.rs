//! Clients that ask for files and do not read them: they hold up nobody but themselves.
#![allow(clippy::unwrap_used)]
use std::time::Duration;

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
    response::Response,
};
use boathook_schema::Role;
use tower::ServiceExt as _;

use super::house::House;

/// More than waits between a thread and a client.
const LENGTH: usize = 700_000;

struct Unread<'a> {
    house: &'a House,
    base: String,
}

impl Unread<'_> {
    /// The answer's head; its body is not read.
    async fn ask(&self, token: &str, what: &str) -> Response {
        let request = Request::get(format!("{}{what}", self.base))
            .header(header::AUTHORIZATION, format!("Bearer {token}"));
        let router = self.house.bench.router.clone();
        let asked = router.oneshot(request.body(Body::empty()).unwrap());
        tokio::time::timeout(Duration::from_secs(30), asked)
            .await
            .expect("the server stands still")
            .unwrap()
    }

    async fn file(&self, token: &str) -> Response {
        self.ask(token, "/files/host/facts.txt").await
    }
}

async fn with_a_packet(house: &House) -> Unread<'_> {
    let hook = house.published().await;
    let claim = house.packet(&hook, &[b'x'; LENGTH]).await;
    Unread {
        house,
        base: format!("/api/v1/packets/{claim}"),
    }
}

#[tokio::test]
async fn downloads_that_nobody_reads_leave_room_for_others() {
    let house = House::new().await;
    let packet = with_a_packet(&house).await;
    let mut unread = Vec::new();
    for person in ["ada", "ben", "adam", "hana"] {
        let token = house.token(person).await;
        for _ in 0..4 {
            let said = packet.file(&token).await;
            assert_eq!(said.status(), StatusCode::OK);
            unread.push(said);
        }
        let fifth = packet.file(&token).await;
        assert_eq!(fifth.status(), StatusCode::SERVICE_UNAVAILABLE, "{person}");
        assert_eq!(fifth.headers()["retry-after"], "10");
    }
    house.person("eve", &[Role::Engineer], Some("acme")).await;
    let eve = house.token("eve").await;
    let seventeenth = packet.file(&eve).await;
    assert_eq!(seventeenth.status(), StatusCode::SERVICE_UNAVAILABLE);
    // What was refused is no read.
    let read = boathook_schema::EventKind::PACKET_READ;
    assert_eq!(house.bench.events(read).await, 16);

    drop(unread.pop());
    let again = async {
        while packet.file(&eve).await.status() != StatusCode::OK {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), again)
        .await
        .expect("the place of a client that went away is free again");
    let first = axum::body::to_bytes(unread.remove(0).into_body(), usize::MAX);
    assert_eq!(first.await.unwrap().len(), LENGTH, "who reads late");
}

#[test]
fn many_requests_that_nobody_reads_do_not_stop_the_server() {
    const THREADS: usize = 12;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(THREADS)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let house = House::new().await;
        let packet = with_a_packet(&house).await;
        let token = house.token("ada").await;
        let mut unread = Vec::new();
        for what in ["/files/host/facts.txt", "/zip"] {
            for _ in 0..3 * THREADS {
                unread.push(packet.ask(&token, what).await);
            }
        }
        let said = packet.ask(&token, "/files").await;
        assert_eq!(said.status(), StatusCode::OK);
    });
    runtime.shutdown_background();
}
