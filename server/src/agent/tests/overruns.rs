//! More bytes than were declared: cut, lost, suspended, told; the second such instance stops the hook.
use axum::http::StatusCode;
use boathook_hooks::{
    ids::{ClaimId, Digest},
    protocol::*,
    states::HookState,
};
use boathook_schema::{EventKind, InstanceState, SuspendReason};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::agent::testing::{Bench, Said, Sim, nonce};

/// Declares ten bytes and sends eleven.
async fn overrun(sim: &Sim<'_>, digest: &Digest) -> (ClaimId, Said) {
    let claim = sim.claimed(digest).await;
    assert_eq!(sim.create(&claim, 10).await.status, StatusCode::CREATED);
    let said = sim.patch(&claim, 0, vec![0; 11]).await;
    (claim, said)
}

#[tokio::test]
async fn who_sends_more_than_it_declared_loses_its_claim_and_is_suspended() {
    let bench = Bench::new().await;
    let sim = bench.instance().await;
    let digest = bench.publish(&bench.hook(10)).await;
    let (claim, said) = overrun(&sim, &digest).await;
    assert_eq!(said.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(said.header("connection"), "close");
    let state = bench.on_record(&sim.instance).await.state;
    let by_overrun = matches!(
        &state,
        InstanceState::Suspended {
            reason: SuspendReason::Overrun,
            ..
        }
    );
    assert!(by_overrun, "{state:?}");
    // Its bearer counts no more, and it gets no other.
    assert_eq!(
        sim.get(&path_claim(&claim)).await.status,
        StatusCode::UNAUTHORIZED
    );
    let session = sim.session(&sim.challenge().await, &nonce());
    assert_eq!(sim.open(&session).await.code(), "suspended");
    let revision = bench.revision(&digest).await;
    assert_eq!((revision.usage.reserved, revision.usage.accepted), (0, 0));
    assert_eq!(
        revision.state,
        HookState::Published,
        "one instance alone stops nothing"
    );
    assert_eq!(bench.events(EventKind::CLAIM_OVERRUN).await, 1);
    assert_eq!(bench.events(EventKind::INSTANCE_SUSPENDED).await, 1);
}

#[tokio::test]
async fn it_is_suspended_before_its_claim_is_lost_lest_a_crash_in_between_leaves_it_trusted() {
    let bench = Bench::new().await;
    let sim = bench.instance().await;
    let digest = bench.publish(&bench.hook(10)).await;
    overrun(&sim, &digest).await;
    let kinds = bench.kinds().await;
    let at = |kind| kinds.iter().position(|k| *k == kind).unwrap();
    assert!(
        at(EventKind::INSTANCE_SUSPENDED) < at(EventKind::CLAIM_OVERRUN),
        "{kinds:?}"
    );
}

#[tokio::test]
async fn after_a_crash_in_between_it_can_neither_send_nor_poll() {
    let bench = Bench::new().await;
    let sim = bench.instance().await;
    let digest = bench.publish(&bench.hook(10)).await;
    let claim = sim.claimed(&digest).await;
    sim.create(&claim, 10).await;
    // As far as it came.
    bench.suspend(&sim.instance).await;
    assert_eq!(
        sim.patch(&claim, 0, vec![0; 11]).await.status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(sim.poll(0, "", 0).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_second_such_instance_stops_the_hook() {
    let bench = Bench::new().await;
    let (one, two, three) = (
        bench.instance().await,
        bench.instance().await,
        bench.instance().await,
    );
    let digest = bench.publish(&bench.hook(10)).await;
    let waiting = three.claimed(&digest).await;
    overrun(&one, &digest).await;
    overrun(&two, &digest).await;
    assert_eq!(bench.revision(&digest).await.state.word(), "stopped");
    let list = three.list().await;
    assert_eq!((list.hooks.len(), list.stopped), (0, vec![digest]));
    assert_eq!(three.create(&waiting, 10).await.status, StatusCode::GONE);
}

#[tokio::test]
async fn the_bytes_of_all_requests_together_are_counted() {
    let bench = Bench::new().await;
    let sim = bench.instance().await;
    let digest = bench.publish(&bench.hook(10)).await;
    let claim = sim.claimed(&digest).await;
    sim.create(&claim, 10).await;
    assert_eq!(
        sim.patch(&claim, 0, vec![0; 6]).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        sim.patch(&claim, 6, vec![0; 5]).await.status,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    assert_eq!(
        bench.on_record(&sim.instance).await.state.word(),
        "suspended"
    );
}

#[tokio::test]
async fn a_connection_that_sends_too_much_is_cut_long_before_its_end() {
    const SAID: usize = 1 << 30;
    let bench = Bench::new().await;
    let sim = bench.instance().await;
    let digest = bench.publish(&bench.hook(10)).await;
    let claim = sim.claimed(&digest).await;
    sim.create(&claim, 1_000).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = bench.router.clone();
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let head = format!(
        "PATCH {} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ntus-resumable: 1.0.0\r\nupload-offset: 0\r\n\
         content-type: application/offset+octet-stream\r\ncontent-length: {SAID}\r\n\r\n",
        path_upload(&claim),
        sim.bearer
    );
    let (mut reading, mut writing) = TcpStream::connect(address).await.unwrap().into_split();
    writing.write_all(head.as_bytes()).await.unwrap();
    let flood = tokio::spawn(async move {
        let (piece, mut sent) = (vec![0; 64 << 10], 0);
        while sent < SAID && writing.write_all(&piece).await.is_ok() {
            sent += piece.len();
        }
        sent
    });
    let mut said = Vec::new();
    // A reset after the answer is a cut as well.
    let _ = reading.read_to_end(&mut said).await;
    let said = String::from_utf8_lossy(&said);
    assert!(
        said.is_empty() || said.starts_with("HTTP/1.1 413"),
        "{said}"
    );
    let sent = flood.await.unwrap();
    assert!(sent < SAID / 8, "{sent} bytes were taken in");
    assert_eq!(
        bench.on_record(&sim.instance).await.state.word(),
        "suspended"
    );
    server.abort();
}

#[tokio::test]
async fn an_instance_that_is_suspended_while_it_sends_is_cut_off() {
    let bench = Bench::new().await;
    let sim = bench.instance().await;
    let digest = bench.publish(&bench.hook(10)).await;
    let claim = sim.claimed(&digest).await;
    let packet = sim.packet(&claim, b"x");
    sim.create(&claim, packet.len()).await;
    let (sender, body) = Sim::flowing();
    let suspend = async {
        sender.send(packet[..10].to_vec()).await.unwrap();
        // Taken in: the channel holds one piece.
        sender.send(packet[10..20].to_vec()).await.unwrap();
        bench.suspend(&sim.instance).await;
        sender.send(packet[20..].to_vec()).await.ok();
        drop(sender);
    };
    let (said, ()) = tokio::join!(sim.patch(&claim, 0, body), suspend);
    assert_eq!(said.status, StatusCode::UNAUTHORIZED, "{}", said.text());
    assert_eq!(bench.revision(&digest).await.usage.accepted, 0);
}

#[tokio::test]
async fn a_hook_that_is_stopped_takes_no_more_of_what_was_begun() {
    let bench = Bench::new().await;
    let sim = bench.instance().await;
    let digest = bench.publish(&bench.hook(10)).await;
    let claim = sim.claimed(&digest).await;
    let packet = sim.packet(&claim, b"x");
    sim.create(&claim, packet.len()).await;
    sim.patch(&claim, 0, packet[..10].to_vec()).await;
    bench.stop(&digest).await;
    let said = sim.patch(&claim, 10, packet[10..].to_vec()).await;
    assert_eq!(said.status, StatusCode::GONE);
    assert_eq!(sim.status(&claim).await.state, ClaimPhase::Failed);
}
