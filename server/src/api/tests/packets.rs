//! How a packet leaves: hostile data under headers that let it do nothing, by the part, and never from elsewhere.
#![allow(clippy::unwrap_used)]
use axum::{body::Body, http::Request};
use boathook_hooks::ids::Digest;
use boathook_schema::EventKind;

use super::house::{House, Said};

const TEXT: &[u8] = b"0123456789 <script>alert(1)</script>";

async fn with_headers(house: &House, path: &str, headers: &[(&str, &str)]) -> Said {
    let token = house.token("ada").await;
    let mut request = Request::get(path).header("authorization", format!("Bearer {token}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    house.bench.send(request.body(Body::empty()).unwrap()).await
}

fn is_harmless(said: &Said) {
    assert!(
        said.header("content-disposition")
            .starts_with("attachment; filename=\""),
        "{:?}",
        said.headers
    );
    assert_eq!(said.header("x-content-type-options"), "nosniff");
    assert_eq!(
        said.header("content-security-policy"),
        "sandbox; default-src 'none'"
    );
    assert_eq!(said.header("cache-control"), "private, no-store");
    assert_eq!(said.header("accept-ranges"), "bytes");
}

#[tokio::test]
async fn a_file_leaves_as_an_attachment_whole_or_by_the_part() {
    let house = House::new().await;
    let hook = house.published().await;
    let claim = house.packet(&hook, TEXT).await;
    let base = format!("/api/v1/packets/{claim}");
    let list = house.get("ada", &format!("{base}/files")).await.ok();
    let entry = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|f| f["path"] == "host/facts.txt")
        .unwrap();
    assert_eq!(
        (entry["section"].as_str(), entry["bytes"].as_u64()),
        (Some("host"), Some(TEXT.len() as u64))
    );

    let path = format!("{base}/files/host/facts.txt");
    let whole = with_headers(&house, &path, &[]).await;
    assert_eq!((whole.status.as_u16(), &whole.body[..]), (200, TEXT));
    assert_eq!(whole.header("content-type"), "application/octet-stream");
    assert_eq!(entry["sha256"], Digest::of(&whole.body).to_string());
    is_harmless(&whole);
    let etag = whole.header("etag").to_owned();

    let part = with_headers(&house, &path, &[("range", "bytes=3-5")]).await;
    assert_eq!((part.status.as_u16(), &part.body[..]), (206, &TEXT[3..6]));
    assert_eq!(
        part.header("content-range"),
        format!("bytes 3-5/{}", TEXT.len())
    );
    is_harmless(&part);
    let tail = with_headers(&house, &path, &[("range", "bytes=-4"), ("if-range", &etag)]).await;
    assert_eq!(
        (tail.status.as_u16(), &tail.body[..]),
        (206, &TEXT[TEXT.len() - 4..])
    );
    let changed = with_headers(
        &house,
        &path,
        &[("range", "bytes=-4"), ("if-range", "\"x\"")],
    )
    .await;
    assert_eq!((changed.status.as_u16(), &changed.body[..]), (200, TEXT));
    let beyond = with_headers(&house, &path, &[("range", "bytes=5000-")]).await;
    assert_eq!(beyond.refusal(), (416, "range".into()));
    assert_eq!(
        beyond.header("content-range"),
        format!("bytes */{}", TEXT.len())
    );
}

#[tokio::test]
async fn the_zip_resumes_and_is_what_the_receipt_and_the_packet_say() {
    let house = House::new().await;
    let hook = house.published().await;
    let claim = house.packet(&hook, TEXT).await;
    let base = format!("/api/v1/packets/{claim}");
    let packet = house.get("ada", &base).await.ok();
    assert_eq!(packet["statement"]["claim"], claim.to_string());
    assert_eq!(
        (&packet["ticket"]["key"], &packet["hook"]),
        (&"SUP-1".into(), &hook["id"])
    );
    let whole = with_headers(&house, &format!("{base}/zip"), &[]).await;
    assert_eq!(Digest::of(&whole.body).to_string(), packet["sha256"]);
    assert_eq!(whole.header("content-type"), "application/zip");
    assert!(
        whole.header("content-disposition").contains("acme"),
        "{}",
        whole.header("content-disposition")
    );
    is_harmless(&whole);
    let rest = with_headers(&house, &format!("{base}/zip"), &[("range", "bytes=100-")]).await;
    assert_eq!(
        (rest.status.as_u16(), &rest.body[..]),
        (206, &whole.body[100..])
    );
    let receipt = house.get("ada", &format!("{base}/receipt")).await;
    let envelope = boathook_hooks::envelope::Envelope::from_bson(&receipt.body, 300_000).unwrap();
    assert!(envelope.is_signed_by(&house.bench.app.keys.online_public()));
    let ticket = house.get("ada", "/api/v1/tickets/jira/SUP-1").await.ok();
    assert_eq!(ticket["packets"][0]["claim_id"], claim.to_string());
}

#[tokio::test]
async fn no_path_leads_out_of_a_packet() {
    let house = House::new().await;
    let hook = house.published().await;
    let claim = house.packet(&hook, TEXT).await;
    for path in [
        "../packet.json",
        "host/../packet.json",
        "host/../../../../etc/passwd",
        "..%2f..%2fpacket.json",
        "%2e%2e/packet.json",
        "/etc/passwd",
        "host//facts.txt",
        "host/facts.txt%00",
        "host\\facts.txt",
        "HOST/FACTS.TXT",
        "host",
        "host/",
        "nowhere",
    ] {
        let said = house
            .get("ada", &format!("/api/v1/packets/{claim}/files/{path}"))
            .await;
        assert_eq!(said.refusal().0, 404, "{path}: {}", said.text());
    }
}

#[tokio::test]
async fn every_read_of_a_packet_is_an_event_and_a_refused_one_is_not_a_read() {
    let house = House::new().await;
    let hook = house.published().await;
    let claim = house.packet(&hook, TEXT).await;
    let base = format!("/api/v1/packets/{claim}");
    for (n, part) in ["", "/files", "/files/host/facts.txt", "/zip"]
        .into_iter()
        .enumerate()
    {
        assert!(
            house
                .get("ada", &format!("{base}{part}"))
                .await
                .status
                .is_success()
        );
        assert_eq!(
            house.bench.events(EventKind::PACKET_READ).await,
            n + 1,
            "{part}"
        );
    }
    assert_eq!(house.get("gil", &format!("{base}/zip")).await.status, 404);
    assert_eq!(house.bench.events(EventKind::PACKET_READ).await, 4);
    let seen = house
        .get(
            "ada",
            "/api/v1/audit/events?chain=customer:acme&kind=packet_read",
        )
        .await
        .ok();
    assert_eq!(seen["items"][0]["actor"], "person:ada", "{seen}");
    let bytes: Vec<u64> = seen["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["bytes"].as_u64().unwrap())
        .collect();
    assert!(bytes.contains(&(TEXT.len() as u64)), "{bytes:?}");
}
