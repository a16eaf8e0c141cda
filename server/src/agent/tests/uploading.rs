//! tus: exact lengths, offsets, checksums, cuts and turns.
use std::time::Duration;

use axum::{
    body::Body,
    http::{Method, StatusCode},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use boathook_hooks::{
    ids::{ClaimId, Digest},
    packet::Content,
    protocol::*,
};
use tokio::time::timeout;

use crate::agent::testing::{Bench, Said, Sim};

async fn began<'a>(bench: &'a Bench, text: &[u8]) -> (Sim<'a>, ClaimId, Vec<u8>) {
    let sim = bench.instance().await;
    let digest = bench.publish(&bench.hook(10)).await;
    let claim = sim.claimed(&digest).await;
    let packet = sim.packet(&claim, text);
    let created = sim.create(&claim, packet.len()).await;
    assert_eq!(created.status, StatusCode::CREATED, "{}", created.text());
    (sim, claim, packet)
}

fn offset(said: &Said) -> usize {
    said.header("upload-offset").parse().unwrap()
}

#[tokio::test]
async fn an_upload_needs_its_exact_length_once() {
    let bench = Bench::new().await;
    let sim = bench.instance().await;
    let digest = bench.publish(&bench.hook(10)).await;
    let claim = sim.claimed(&digest).await;
    // Nothing can be sent or asked before it is created.
    assert_eq!(
        sim.patch(&claim, 0, "x").await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(sim.head(&claim).await.status, StatusCode::NOT_FOUND);
    for length in [None, Some("0"), Some("-1"), Some("many")] {
        let mut request = sim.tus(Method::POST, &claim);
        if let Some(length) = length {
            request = request.header("upload-length", length);
        } else {
            request = request.header("upload-defer-length", "1");
        }
        let said = bench.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(said.status, StatusCode::BAD_REQUEST, "{length:?}");
        assert_eq!(said.header("tus-resumable"), "1.0.0");
    }
    let created = sim.create(&claim, 1_000).await;
    assert_eq!(created.header("location"), path_upload(&claim));
    assert!(created.header("upload-expires").ends_with("GMT"));
    // The same again is the same; another length is not.
    assert_eq!(sim.create(&claim, 1_000).await.status, StatusCode::CREATED);
    assert_eq!(sim.create(&claim, 999).await.status, StatusCode::CONFLICT);
    // The reservation has shrunk to what will come.
    assert_eq!(bench.revision(&digest).await.usage.reserved_bytes, 1_000);
}

#[tokio::test]
async fn more_declared_than_the_claim_has_is_413_and_names_the_limit() {
    let bench = Bench::new().await;
    let sim = bench.instance().await;
    let digest = bench.publish(&bench.hook(10)).await;
    let claim = sim.claimed(&digest).await;
    let said = sim.create(&claim, (1 << 20) + 1).await;
    assert_eq!(said.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(said.text().contains("1048576"), "{}", said.text());
    // Declaring too much is just refused: it may still send a smaller one.
    assert_eq!(
        sim.create(&claim, 1 << 20).await.status,
        StatusCode::CREATED
    );
}

#[tokio::test]
async fn another_version_or_media_type_of_tus_is_refused() {
    let bench = Bench::new().await;
    let (sim, claim, packet) = began(&bench, b"x").await;
    for method in [Method::POST, Method::HEAD, Method::PATCH] {
        let request = sim
            .request(method.clone(), &path_upload(&claim))
            .header("tus-resumable", "0.2.2")
            .header("upload-length", packet.len())
            .header("upload-offset", 0)
            .header("content-type", "application/offset+octet-stream");
        let said = bench
            .send(request.body(packet.clone().into()).unwrap())
            .await;
        assert_eq!(said.status, StatusCode::PRECONDITION_FAILED, "{method}");
        assert_eq!(said.header("tus-version"), "1.0.0");
    }
    let typeless = sim.tus(Method::PATCH, &claim).header("upload-offset", 0);
    let said = bench
        .send(typeless.body(packet.clone().into()).unwrap())
        .await;
    assert_eq!(said.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let offsetless = sim
        .tus(Method::PATCH, &claim)
        .header("content-type", "application/offset+octet-stream");
    let said = bench.send(offsetless.body(packet.into()).unwrap()).await;
    assert_eq!(said.status, StatusCode::BAD_REQUEST);
    assert_eq!(offset(&sim.head(&claim).await), 0);
    let options = sim.request(Method::OPTIONS, &path_upload(&claim));
    let said = bench.send(options.body(Body::empty()).unwrap()).await;
    assert_eq!(said.header("tus-extension"), "creation,checksum,expiration");
    assert_eq!(said.header("tus-checksum-algorithm"), "sha1,sha256");
}

#[tokio::test]
async fn an_upload_goes_on_where_it_was_cut() {
    let bench = Bench::new().await;
    let (sim, claim, packet) = began(&bench, b"kernel 6.12").await;
    let middle = packet.len() / 2;
    let (sender, body) = Sim::flowing();
    let cut = async {
        sender.send(packet[..middle].to_vec()).await.unwrap();
        sender.send(Vec::new()).await.unwrap();
    };
    let (said, ()) = tokio::join!(sim.patch(&claim, 0, body), cut);
    assert_eq!(said.status, StatusCode::REQUEST_TIMEOUT);
    // What came is kept.
    let head = sim.head(&claim).await;
    assert_eq!((head.status, offset(&head)), (StatusCode::OK, middle));
    assert_eq!(head.header("upload-length"), packet.len().to_string());
    assert_eq!(head.header("cache-control"), "no-store");
    let status = sim.status(&claim).await;
    assert_eq!(
        (status.state, status.offset),
        (ClaimPhase::Receiving, middle as u64)
    );
    // Any other offset is refused, and says the right one.
    for wrong in [0, middle - 1, middle + 1, packet.len()] {
        let said = sim.patch(&claim, wrong, packet[middle..].to_vec()).await;
        assert_eq!(said.status, StatusCode::CONFLICT, "at {wrong}");
        assert!(
            said.text().contains(&format!("\"offset\":{middle}")),
            "{}",
            said.text()
        );
    }
    let said = sim.patch(&claim, middle, packet[middle..].to_vec()).await;
    assert_eq!(said.status, StatusCode::NO_CONTENT, "{}", said.text());
    assert_eq!(offset(&said), packet.len());
    assert_eq!(sim.status(&claim).await.state, ClaimPhase::Accepted);
}

#[tokio::test]
async fn bytes_with_another_checksum_are_not_kept() {
    let bench = Bench::new().await;
    let (sim, claim, packet) = began(&bench, b"x").await;
    let half = packet[..packet.len() / 2].to_vec();
    let send = |value: String| {
        let request = sim
            .patch_request(&claim, 0)
            .header("upload-checksum", value);
        bench.send(request.body(half.clone().into()).unwrap())
    };
    let wrong = send(format!("sha256 {}", STANDARD.encode([0; 32]))).await;
    assert_eq!(wrong.status.as_u16(), 460);
    assert_eq!(
        send("md5 AAAA".into()).await.status,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(offset(&sim.head(&claim).await), 0);
    let right = send(format!("sha256 {}", STANDARD.encode(Digest::of(&half).0))).await;
    assert_eq!(right.status, StatusCode::NO_CONTENT, "{}", right.text());
    assert_eq!(offset(&sim.head(&claim).await), half.len());
    // Half of what a checksum is for cannot be checked, so a cut keeps none of it.
    let (sender, body) = Sim::flowing();
    let rest = &packet[half.len()..];
    let sum = format!("sha256 {}", STANDARD.encode(Digest::of(rest).0));
    let request = sim
        .patch_request(&claim, half.len())
        .header("upload-checksum", sum)
        .body(body)
        .unwrap();
    let cut = async {
        sender.send(rest[..3].to_vec()).await.unwrap();
        sender.send(Vec::new()).await.unwrap();
    };
    let (said, ()) = tokio::join!(bench.send(request), cut);
    assert_eq!(said.status, StatusCode::REQUEST_TIMEOUT);
    assert_eq!(offset(&sim.head(&claim).await), half.len());
}

#[tokio::test]
async fn of_two_requests_at_once_the_newer_goes_on_and_no_byte_is_doubled() {
    let bench = Bench::new().await;
    let (sim, claim, packet) = began(&bench, b"x").await;
    let (sender, body) = Sim::flowing();
    let older = sim.patch(&claim, 0, body);
    let newer = async {
        sender.send(packet[..10].to_vec()).await.unwrap();
        // Sent when the piece before was taken in: the older one has its turn.
        sender.send(packet[10..20].to_vec()).await.unwrap();
        // The older one waits for bytes that never come: its connection is dead, as far as the agent knows.
        let at = offset(&sim.head(&claim).await);
        (at, sim.patch(&claim, at, packet[at..].to_vec()).await)
    };
    let (older, (at, newer)) = tokio::join!(older, newer);
    assert_eq!(older.status, StatusCode::CONFLICT);
    assert_eq!(newer.status, StatusCode::NO_CONTENT, "{}", newer.text());
    assert!(at == 10 || at == 20, "{at}");
    let kept = bench
        .app
        .store
        .packet(&boathook_schema::Scope::System, &claim)
        .await;
    assert_eq!(kept.unwrap().unwrap().sha256, Digest::of(&packet));
}

#[tokio::test]
async fn a_second_request_takes_the_turn_from_one_that_hangs() {
    let bench = Bench::new().await;
    let (sim, claim, packet) = began(&bench, b"x").await;
    let (sender, body) = Sim::flowing();
    let newer = async {
        sender.send(packet[..10].to_vec()).await.unwrap();
        sender.send(packet[10..20].to_vec()).await.unwrap();
        // It asked no offset first, so what the older one has put away is in its way.
        sim.patch(&claim, 0, packet.clone()).await
    };
    let (older, newer) = tokio::join!(sim.patch(&claim, 0, body), newer);
    assert_eq!(older.status, StatusCode::CONFLICT);
    // Nothing of it was kept, and it is told where to go on.
    assert_eq!(newer.status, StatusCode::CONFLICT);
    let left = offset(&sim.head(&claim).await);
    assert!(left == 10 || left == 20, "{left}");
    assert!(newer.text().contains(&format!("\"offset\":{left}")));
}

#[tokio::test]
async fn a_large_upload_is_cut_into_chunks_and_comes_back_whole() {
    let bench = Bench::new().await;
    let sim = bench.instance().await;
    let mut hook = bench.hook(2);
    (hook.packet_bytes, hook.total_bytes) = (12 << 20, 24 << 20);
    let digest = bench.publish(&hook).await;
    let said = sim.claim(&digest, 12 << 20).await;
    let claim = said.bson::<ClaimAnswer>().claim;
    let mut noise = vec![0; 7 << 20];
    getrandom::fill(&mut noise).unwrap();
    let packet = sim.packet_with(sim.facts_of_run(&claim), Content::Raw, &noise);
    assert!(packet.len() > 4 << 20, "{}", packet.len());
    assert_eq!(
        sim.create(&claim, packet.len()).await.status,
        StatusCode::CREATED
    );
    let pieces: Vec<_> = packet
        .chunks(777_777)
        .map(|p| Ok::<_, std::io::Error>(p.to_vec()))
        .collect();
    let said = sim
        .patch(
            &claim,
            0,
            Body::from_stream(futures_util::stream::iter(pieces)),
        )
        .await;
    assert_eq!(said.status, StatusCode::NO_CONTENT, "{}", said.text());
    let kept = bench
        .app
        .store
        .packet(&boathook_schema::Scope::System, &claim)
        .await;
    let kept = kept.unwrap().unwrap();
    assert_eq!((kept.sha256, kept.chunks.len()), (Digest::of(&packet), 2));
}

#[tokio::test]
async fn who_sends_nothing_holds_no_memory() {
    let bench = Bench::with(|c| c.limits.upload_memory_bytes = 0).await;
    let mut hook = bench.hook(4);
    (hook.packet_bytes, hook.total_bytes) = (12 << 20, 48 << 20);
    let digest = bench.publish(&hook).await;
    let slow = bench.instance().await;
    let (sent, length) = (4 << 20, 10 << 20);
    let claim = slow
        .claim(&digest, length)
        .await
        .bson::<ClaimAnswer>()
        .claim;
    slow.create(&claim, length as usize).await;
    let upload = async |text: &[u8]| {
        let quick = bench.instance().await;
        let claim = quick.claimed(&digest).await;
        quick.upload(&claim, quick.packet(&claim, text)).await
    };
    // Asking the server would end the request that sends.
    let stored = async || {
        let store = &bench.app.store;
        let known = store.claim_by_id(&boathook_schema::Scope::System, &claim);
        let folder = known.await.unwrap().unwrap().folder();
        store.objects().run(&folder).await.unwrap().bytes
    };
    let (sender, body) = Sim::flowing();
    let others = async {
        // Nothing came yet.
        let before = upload(b"before").await;
        sender.send(vec![0; sent]).await.unwrap();
        let whole = async {
            while stored().await < sent as u64 {
                tokio::task::yield_now().await;
            }
        };
        timeout(Duration::from_secs(30), whole).await.unwrap();
        // A chunk came, and is stored.
        let between = upload(b"between").await;
        // Other bytes came: these have the memory.
        sender.send(vec![0; 10]).await.unwrap();
        sender.send(vec![0; 10]).await.unwrap();
        sender.send(Vec::new()).await.unwrap();
        [before.status, between.status]
    };
    let (_, others) = tokio::join!(slow.patch(&claim, 0, body), others);
    assert_eq!(others, [StatusCode::NO_CONTENT; 2]);
    assert_eq!(offset(&slow.head(&claim).await), sent + 20);
}

#[tokio::test]
async fn who_waits_for_memory_keeps_what_came_and_lets_a_newer_request_go_on() {
    let bench = Bench::with(|c| c.limits.upload_memory_bytes = 0).await;
    let mut hook = bench.hook(4);
    (hook.packet_bytes, hook.total_bytes) = (12 << 20, 48 << 20);
    let digest = bench.publish(&hook).await;
    let (large, waits) = (bench.instance().await, bench.instance().await);
    let begun = async |sim: &Sim<'_>| {
        let claim = sim.claimed(&digest).await;
        sim.create(&claim, 1 << 20).await;
        claim
    };
    let first = large
        .claim(&digest, 8 << 20)
        .await
        .bson::<ClaimAnswer>()
        .claim;
    large.create(&first, 8 << 20).await;
    let second = begun(&waits).await;
    let ((one, body_one), (two, body_two)) = (Sim::flowing(), Sim::flowing());
    let half = 512 << 10;
    let newer = async {
        // All but half a MiB; what is sent last need not be taken in.
        one.send(vec![0; 7 * half - 20]).await.unwrap();
        one.send(vec![0; 10]).await.unwrap();
        one.send(vec![0; 10]).await.unwrap();
        two.send(vec![0; half]).await.unwrap();
        two.send(vec![0; 10]).await.unwrap();
        two.send(vec![0; 10]).await.unwrap();
        let at = timeout(Duration::from_secs(10), waits.head(&second)).await;
        one.send(Vec::new()).await.unwrap();
        at.map(|said| offset(&said))
    };
    let (_, ended, at) = tokio::join!(
        large.patch(&first, 0, body_one),
        waits.patch(&second, 0, body_two),
        newer
    );
    assert_eq!(ended.status, StatusCode::CONFLICT);
    assert_eq!(at.unwrap(), half);
}
