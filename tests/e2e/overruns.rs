//! More bytes than were declared: cut off, the claim lost, the instance suspended, and the second one stops the hook.
// What was measured, for whoever runs the tests with --nocapture.
#![allow(clippy::print_stdout)]
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use boathook_hooks::{
    ids::ClaimId,
    packet::HookRef,
    protocol::{self, ClaimAnswer},
};
use boathook_tests::{
    sim::{SimInstance, raw},
    sim_packet::packet,
    world::{World, hooks::Published},
};
use bytes::Bytes;
use futures_util::stream;
use reqwest::StatusCode;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// What every claim here declares.
const DECLARED: u64 = 4_096;

async fn hook(world: &World, limits: &str) -> Published {
    let text = format!(
        "title = \"Facts of the machine\"\nreason = \"To see who keeps to what it says.\"\ncustomers = [\"acme\"]\n\
         expires = \"1d\"\n[ticket]\nsystem = \"jira\"\nkey = \"SUP-1\"\n[audience]\neveryone = true\n\
         [limits]\nplaces = 10\npacket = \"64 KiB\"\n{limits}\n\
         [[collect]]\nsection = \"host\"\ncollector = \"host\"\n"
    );
    world.publish(&text).await.unwrap()
}

/// An instance with a claim on `hook`.
async fn claimed(world: &World, name: &str, hook: &Published) -> (SimInstance, ClaimAnswer) {
    let sim = world.sim(name).await.unwrap();
    let token = sim.token_of(&hook.digest).await.unwrap();
    let claim = sim.claimed(&hook.digest, &token, 64 * 1024).await.unwrap();
    (sim, claim)
}

async fn create(sim: &SimInstance, claim: &ClaimId) {
    let created = sim.create_upload(claim, DECLARED).await.unwrap();
    assert_eq!(created.status, StatusCode::CREATED, "{}", created.text());
}

/// How the server ended an upload: its status, if it said one, and how many body bytes it let in before the
/// connection was of no more use.
struct Cut {
    status: Option<u16>,
    written: usize,
    closed: bool,
}

/// Sends a PATCH with `head` as its framing and `piece` again and again, until the server cuts the connection.
async fn flood(
    world: &World,
    sim: &SimInstance,
    claim: &ClaimId,
    framing: &str,
    piece: &[u8],
) -> Result<Cut> {
    let mut raw = raw::connect(world.origin(), &world.server.ca).await?;
    let head = format!(
        "PATCH {} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\ntus-resumable: 1.0.0\r\n\
         content-type: application/offset+octet-stream\r\nupload-offset: 0\r\n{framing}\r\n\r\n",
        protocol::path_upload(claim),
        sim.bearer
    );
    raw.write_all(head.as_bytes()).await?;
    let (mut reader, mut writer) = tokio::io::split(raw);
    let answer = tokio::spawn(async move {
        let mut answer = Vec::new();
        // A reset is a cut, too: what came before it counts.
        let closed = tokio::time::timeout(Duration::from_secs(20), reader.read_to_end(&mut answer))
            .await
            .is_ok();
        (answer, closed)
    });
    let mut written = 0;
    let until = Instant::now() + Duration::from_secs(20);
    while written < 64 << 20 && Instant::now() < until && !answer.is_finished() {
        if writer.write_all(piece).await.is_err() || writer.flush().await.is_err() {
            break;
        }
        written += piece.len();
        tokio::task::yield_now().await;
    }
    let (answer, closed) = answer.await?;
    let status = std::str::from_utf8(&answer)
        .ok()
        .and_then(|text| text.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok());
    Ok(Cut {
        status,
        written,
        closed,
    })
}

async fn row(world: &World, hook: &Published, sim: &SimInstance) -> Result<Value> {
    let list = world
        .ada
        .get(&format!("hooks/{}/instances", hook.id))
        .await?;
    list["items"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|row| row["instance"] == sim.instance.as_str())
        .cloned()
        .context("no row of this instance")
}

async fn state(world: &World, hook: &Published) -> Value {
    world.ada.get(&format!("hooks/{}", hook.id)).await.unwrap()["state"].clone()
}

async fn instance(world: &World, sim: &SimInstance) -> Value {
    world
        .admin
        .get(&format!("instances/{}", sim.instance))
        .await
        .unwrap()
}

/// All, where `kind` is empty.
async fn events(world: &World, kind: &str) -> Vec<Value> {
    let filter = if kind.is_empty() {
        String::new()
    } else {
        format!("&kind={kind}")
    };
    let path = format!("audit/events?chain=customer:acme{filter}");
    let list = world.ada.get(&path).await.unwrap();
    list["items"].as_array().cloned().unwrap_or_default()
}

/// The claim is lost, the instance suspended, both in the audit, and nothing of it is a packet.
async fn assert_thrown_out(world: &World, hook: &Published, sim: &SimInstance) {
    let lost = row(world, hook, sim).await.unwrap();
    assert_eq!(lost["claim"], "rejected", "{lost}");
    let shown = instance(world, sim).await;
    assert_eq!(shown["state"], "suspended", "{shown}");
    assert!(
        shown["why"].as_str().unwrap().contains("more bytes"),
        "{shown}"
    );
    for kind in ["claim_overrun", "instance_suspended"] {
        let found = events(world, kind).await;
        let own: Vec<_> = found
            .iter()
            .filter(|e| e["refs"]["instance"] == sim.instance.as_str())
            .collect();
        assert_eq!(own.len(), 1, "{kind}: {found:?}");
        if kind == "claim_overrun" {
            assert_eq!(own[0]["details"]["declared"], DECLARED, "{own:?}");
            assert!(own[0]["bytes"].as_u64().unwrap() > DECLARED, "{own:?}");
        }
    }
    let poll = sim.poll(0, None).await.unwrap();
    assert_eq!(
        poll.status,
        StatusCode::UNAUTHORIZED,
        "its bearer counts no more"
    );
}

#[tokio::test]
async fn more_bytes_than_declared_are_cut_off_and_the_second_such_instance_stops_the_hook() {
    let world = World::start().await.unwrap();
    let hook = hook(&world, "").await;
    let (honest, honest_claim) = claimed(&world, "honest", &hook).await;

    // Chunks without end: the server takes what was declared and not much more.
    let (one, claim) = claimed(&world, "one", &hook).await;
    create(&one, &claim.claim).await;
    let piece = [b"4000\r\n".as_slice(), &[7; 0x4000], b"\r\n"].concat();
    let cut = flood(
        &world,
        &one,
        &claim.claim,
        "transfer-encoding: chunked",
        &piece,
    )
    .await
    .unwrap();
    assert!(cut.closed, "the connection must be cut");
    assert!(
        cut.status.is_none_or(|s| s == 413),
        "{:?}: a cut connection may swallow the answer, but no other one comes",
        cut.status
    );
    assert!(cut.written < 16 << 20, "{} bytes were let in", cut.written);
    println!(
        "{DECLARED} bytes declared, chunks without end: cut after {} bytes were written, status {:?}",
        cut.written, cut.status
    );
    assert_thrown_out(&world, &hook, &one).await;
    assert_eq!(state(&world, &hook).await["state"], "published");

    // A second one, by an ordinary client and a Content-Length that says it all.
    let (two, claim) = claimed(&world, "two", &hook).await;
    create(&two, &claim.claim).await;
    let url = protocol::path_upload(&claim.claim);
    let sent = two.patch(&url, 0, vec![7; 2 * DECLARED as usize]).await;
    if let Ok(said) = sent {
        assert_eq!(
            said.status,
            StatusCode::PAYLOAD_TOO_LARGE,
            "{}",
            said.text()
        );
    }
    assert_thrown_out(&world, &hook, &two).await;
    let stopped = state(&world, &hook).await;
    assert_eq!(stopped["state"], "stopped", "{stopped}");
    assert!(stopped.to_string().contains("overruns"), "{stopped}");
    let told = events(&world, "hook_stopped").await;
    assert_eq!(told.len(), 1, "{told:?}");
    println!("the second such instance stopped the hook: {stopped}");

    // Stopped for all: who held a place holds it no more.
    let zip = honest_packet(&honest, &hook, &honest_claim.claim);
    let late = honest
        .create_upload(&honest_claim.claim, zip.len() as u64)
        .await
        .unwrap();
    assert_eq!(late.status, StatusCode::GONE, "{}", late.text());
    let list = honest.list().await.unwrap();
    assert!(
        list.hooks.is_empty(),
        "a stopped hook is not offered any more"
    );
    assert_eq!(instance(&world, &honest).await["state"], "confirmed");
}

#[tokio::test]
async fn a_hook_may_stop_at_the_first_overrun() {
    let world = World::start().await.unwrap();
    let hook = hook(&world, "stop_after_overruns = 1").await;
    let (one, claim) = claimed(&world, "one", &hook).await;
    create(&one, &claim.claim).await;
    // Over HTTP/2, as a stream of unsaid length: the first half is stored, the second one is too much.
    let url = protocol::path_upload(&claim.claim);
    let half = usize::try_from(DECLARED / 2).unwrap();
    let sent = one.patch(&url, 0, vec![1; half]).await.unwrap();
    assert_eq!(sent.status, StatusCode::NO_CONTENT);
    let rest = (0..4).map(move |_| Ok::<_, std::io::Error>(Bytes::from(vec![2; half])));
    let sent = one
        .patch(
            &url,
            DECLARED / 2,
            reqwest::Body::wrap_stream(stream::iter(rest)),
        )
        .await;
    if let Ok(said) = sent {
        assert_eq!(
            said.status,
            StatusCode::PAYLOAD_TOO_LARGE,
            "{}",
            said.text()
        );
    }
    assert_thrown_out(&world, &hook, &one).await;
    assert_eq!(state(&world, &hook).await["state"], "stopped");
}

#[tokio::test]
async fn a_content_length_that_lies_brings_nothing_more_in() {
    let world = World::start().await.unwrap();
    let hook = hook(&world, "").await;

    // It says less than follows: the rest is no part of the body, and no request either.
    let (short, claim) = claimed(&world, "short", &hook).await;
    create(&short, &claim.claim).await;
    let cut = flood(
        &world,
        &short,
        &claim.claim,
        "content-length: 100",
        &[7; 0x4000],
    )
    .await
    .unwrap();
    assert!(cut.closed && cut.written < 16 << 20, "{}", cut.written);
    let url = protocol::path_upload(&claim.claim);
    assert_eq!(short.offset(&url).await.unwrap(), 100);
    assert_eq!(instance(&world, &short).await["state"], "confirmed");

    // It says more than was declared, and that comes.
    let (long, claim) = claimed(&world, "long", &hook).await;
    create(&long, &claim.claim).await;
    let framing = format!("content-length: {}", 64 << 20);
    let cut = flood(&world, &long, &claim.claim, &framing, &[7; 0x4000])
        .await
        .unwrap();
    assert!(cut.closed && cut.written < 16 << 20, "{}", cut.written);
    assert!(cut.status.is_none_or(|s| s == 413), "{:?}", cut.status);
    assert_thrown_out(&world, &hook, &long).await;
}

#[tokio::test]
async fn more_declared_than_the_limit_is_413_and_nothing_else_happens() {
    let world = World::start().await.unwrap();
    let hook = hook(&world, "stop_after_overruns = 1").await;
    let (sim, claim) = claimed(&world, "sim", &hook).await;
    let other = world.sim("other").await.unwrap();
    let token = other.token_of(&hook.digest).await.unwrap();

    let before = events(&world, "").await.len();
    assert!(before < 100, "the page shows them all");
    let limit = 64 * 1024;
    let refused = [
        sim.create_upload(&claim.claim, limit + 1).await.unwrap(),
        other.claim(&hook.digest, &token, limit + 1).await.unwrap(),
    ];
    for said in refused {
        assert_eq!(
            said.status,
            StatusCode::PAYLOAD_TOO_LARGE,
            "{}",
            said.text()
        );
        assert!(said.text().contains("65536"), "{}", said.text());
    }
    assert_eq!(
        events(&world, "").await.len(),
        before,
        "no event: nothing happened"
    );
    assert_eq!(state(&world, &hook).await["state"], "published");
    assert_eq!(row(&world, &hook, &sim).await.unwrap()["claim"], "reserved");
    for sim in [&sim, &other] {
        assert_eq!(instance(&world, sim).await["state"], "confirmed");
    }
    assert!(events(&world, "claim_overrun").await.is_empty());

    // The same claim still brings an honest packet.
    let zip = honest_packet(&sim, &hook, &claim.claim);
    let sent = sim.upload(&claim.claim, zip).await.unwrap();
    assert_eq!(sent.status, StatusCode::NO_CONTENT, "{}", sent.text());
    assert_eq!(world.packets(&hook, 1).await.unwrap().len(), 1);
}

fn honest_packet(sim: &SimInstance, hook: &Published, claim: &ClaimId) -> Vec<u8> {
    let reference = HookRef {
        digest: hook.digest,
        id: hook.id.clone(),
        revision: hook.revision,
    };
    packet(sim, reference, claim, b"all is well\n").unwrap()
}
