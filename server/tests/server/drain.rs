//! SIGTERM: requests under way finish, what cannot finish in time resumes, and the program ends by itself.
use std::time::{Duration, Instant};

use boathook_hooks::protocol::ClaimPhase;
use futures_util::stream::unfold;
use rustix::process::Signal;
use serde_json::Value;

use crate::{
    home::{Home, Served},
    wire::{self, Agent},
};

async fn ready() -> (Home, Served, Value, Agent) {
    ready_with("").await
}

async fn ready_with(settings: &str) -> (Home, Served, Value, Agent) {
    let home = Home::with_trust(settings);
    let served = home.serve();
    let hook = wire::publish(&home, &served).await;
    let agent = Agent::join(&home, &served).await;
    (home, served, hook, agent)
}

/// Sends `bytes` in pieces, `pause` apart.
fn slowly(bytes: Vec<u8>, piece: usize, pause: Duration) -> reqwest::Body {
    let pieces: Vec<Vec<u8>> = bytes.chunks(piece).map(<[u8]>::to_vec).collect();
    reqwest::Body::wrap_stream(unfold(pieces.into_iter(), move |mut rest| async move {
        let next = rest.next()?;
        tokio::time::sleep(pause).await;
        Some((Ok::<_, std::io::Error>(next), rest))
    }))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_under_way_finishes_before_the_server_ends() {
    let (_home, mut served, hook, agent) = ready().await;
    let claim = agent.claim(&wire::digest(&hook), 4 << 20).await;
    let packet = agent.packet(&hook, &claim, 1 << 20);
    agent.create(&claim, packet.len()).await;
    let piece = packet.len() / 20;
    let sending = agent.patch(&claim, 0, slowly(packet, piece, Duration::from_millis(100)));
    let sending = tokio::spawn(sending.send());
    tokio::time::sleep(Duration::from_millis(500)).await;
    served.signal(Signal::TERM);
    let answer = sending.await.unwrap().unwrap();
    assert_eq!(answer.status(), 204, "{}", served.text());
    assert_eq!(served.ended(Duration::from_secs(20)), 0);
    assert!(served.text().contains("draining"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_outlasts_the_drain_resumes_where_it_was() {
    let (home, mut served, hook, mut agent) = ready_with("drain_seconds = 1").await;
    let claim = agent.claim(&wire::digest(&hook), 8 << 20).await;
    let packet = agent.packet(&hook, &claim, 1 << 20);
    let half = packet.len() / 2;
    agent.create(&claim, packet.len()).await;
    let first = agent
        .patch(&claim, 0, packet[..half].to_vec())
        .send()
        .await
        .unwrap();
    assert_eq!(first.status(), 204);
    let stuck = agent.patch(
        &claim,
        half,
        slowly(packet[half..].to_vec(), 1_000, Duration::from_secs(5)),
    );
    let stuck = tokio::spawn(stuck.send());
    tokio::time::sleep(Duration::from_millis(300)).await;
    let begin = Instant::now();
    served.signal(Signal::TERM);
    assert_eq!(
        served.ended(Duration::from_secs(20)),
        0,
        "{}",
        served.text()
    );
    assert!(
        begin.elapsed() < Duration::from_secs(10),
        "{:?}",
        begin.elapsed()
    );
    assert!(stuck.await.unwrap().is_err());
    let served = home.serve();
    agent.at(&served);
    let offset = agent.offset(&claim).await;
    assert!(offset >= half, "{offset} of {half}");
    let rest = agent
        .patch(&claim, offset, packet[offset..].to_vec())
        .send()
        .await
        .unwrap();
    assert_eq!(rest.status(), 204);
    assert_eq!(agent.phase(&claim).await, ClaimPhase::Accepted);
    served.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn long_polls_are_answered_within_half_the_drain() {
    // Spread over that half, so that not all agents come to the neighbours at once.
    let (_home, mut served, _hook, agent) = ready_with("drain_seconds = 20").await;
    let etag = agent.poll().await.headers()["etag"]
        .to_str()
        .unwrap()
        .to_owned();
    let held = tokio::spawn(agent.long_poll(&etag, 300).send());
    tokio::time::sleep(Duration::from_millis(500)).await;
    let begin = Instant::now();
    served.signal(Signal::TERM);
    let answer = held.await.unwrap().unwrap();
    assert!(
        begin.elapsed() < Duration::from_secs(15),
        "{:?}",
        begin.elapsed()
    );
    assert!(answer.status().as_u16() < 500, "{answer:?}");
    assert_eq!(served.ended(Duration::from_secs(40)), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn readyz_says_that_it_drains_and_a_second_signal_ends_at_once() {
    let (_home, mut served, hook, agent) = ready().await;
    let claim = agent.claim(&wire::digest(&hook), 4 << 20).await;
    let packet = agent.packet(&hook, &claim, 1 << 20);
    agent.create(&claim, packet.len()).await;
    let stuck = agent.patch(&claim, 0, slowly(packet, 1_000, Duration::from_secs(5)));
    let _stuck = tokio::spawn(stuck.send());
    tokio::time::sleep(Duration::from_millis(500)).await;
    served.signal(Signal::TERM);
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let said = http.get(served.ops_url("/readyz")).send().await.unwrap();
        if said.status() == 503 {
            assert_eq!(said.text().await.unwrap(), "draining\n");
            break;
        }
        assert!(Instant::now() < until);
    }
    served.signal(Signal::TERM);
    assert_eq!(served.ended(Duration::from_secs(5)), 0);
}
