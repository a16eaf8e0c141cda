//! Places are exact, whatever races: a thousand instances over TLS against the real server, and leases that run out.
// What was measured, for whoever runs the tests with --nocapture.
#![allow(clippy::print_stdout)]
use std::{
    borrow::Borrow,
    time::{Duration, Instant},
};

use boathook_hooks::{
    documents::{identity::Facts, root::Bounds},
    packet::HookRef,
    protocol::{ClaimAnswer, ClaimPhase},
};
use boathook_tests::{
    api,
    sim::{Said, SimInstance},
    sim_packet::packet,
    world::{World, hooks::Published, server::Settings},
};
use futures_util::{StreamExt as _, TryStreamExt as _, future::join_all, stream};
use reqwest::StatusCode;

const INSTANCES: usize = 1_000;
const PLACES: usize = 10;

/// All instances of these tests come from one address, and ask at once.
const NO_RATES: &str = "[limits]\nenroll_per_minute = 600000\nenroll_burst = 10000\n\
                        session_per_minute = 600000\nsession_burst = 10000\n\
                        [waves]\nfirst_least = 1000000\n";

fn hook_of(places: usize) -> String {
    format!(
        "title = \"Facts of the machine\"\nreason = \"Ten of you are enough.\"\ncustomers = [\"acme\"]\n\
         expires = \"1d\"\n[ticket]\nsystem = \"jira\"\nkey = \"SUP-1\"\n[audience]\neveryone = true\n\
         [limits]\nplaces = {places}\npacket = \"1 MiB\"\n\
         [[collect]]\nsection = \"host\"\ncollector = \"host\"\n"
    )
}

/// Instances of acme, each with a connection of its own.
async fn crowd(world: &World, count: usize) -> Vec<SimInstance> {
    let join = world
        .join("acme", u32::try_from(count).unwrap())
        .await
        .unwrap();
    stream::iter(0..count)
        .map(|number| {
            let join = join.clone();
            async move {
                let facts = Facts {
                    name: format!("sim-{number}"),
                    agent_version: "0.1.0".into(),
                    ..Facts::default()
                };
                SimInstance::join(&api::http(&world.server.ca)?, &join, facts).await
            }
        })
        .buffer_unordered(32)
        .try_collect()
        .await
        .unwrap()
}

async fn tokens(sims: &[SimInstance], hook: &Published) -> Vec<String> {
    stream::iter(sims)
        .map(|sim| sim.token_of(&hook.digest))
        .buffered(32)
        .try_collect()
        .await
        .unwrap()
}

/// All at once.
async fn claim_all(
    sims: &[impl Borrow<SimInstance>],
    tokens: &[impl AsRef<str>],
    hook: &Published,
) -> Vec<Said> {
    let asks = sims.iter().zip(tokens).map(|(sim, token)| {
        let sim: &SimInstance = sim.borrow();
        sim.claim(&hook.digest, token.as_ref(), 64 * 1024)
    });
    join_all(asks)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect()
}

fn count(said: &[Said], status: StatusCode) -> usize {
    said.iter().filter(|s| s.status == status).count()
}

/// Who was granted a place, with the claim.
fn winners<'a>(
    sims: &'a [impl Borrow<SimInstance>],
    said: &[Said],
) -> Vec<(&'a SimInstance, ClaimAnswer)> {
    sims.iter()
        .zip(said)
        .filter(|(_, said)| said.status == StatusCode::CREATED)
        .map(|(sim, said)| (sim.borrow(), said.bson().unwrap()))
        .collect()
}

fn href(hook: &Published) -> HookRef {
    HookRef {
        digest: hook.digest,
        id: hook.id.clone(),
        revision: hook.revision,
    }
}

async fn send(sim: &SimInstance, claim: &ClaimAnswer, hook: &Published) -> Said {
    let zip = packet(sim, href(hook), &claim.claim, b"all is well\n").unwrap();
    sim.upload(&claim.claim, zip).await.unwrap()
}

async fn quota(world: &World, hook: &Published) -> (u64, u64) {
    let shown = world.ada.get(&format!("hooks/{}", hook.id)).await.unwrap();
    let number = |key: &str| shown["quota"][key].as_u64().unwrap();
    (number("reserved"), number("accepted"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_instances_claim_at_once_and_exactly_ten_get_a_place() {
    let settings = Settings {
        config: NO_RATES,
        ..Settings::default()
    };
    let world = World::with(&settings, Bounds::default()).await.unwrap();
    let began = Instant::now();
    let sims = crowd(&world, INSTANCES).await;
    let joined = began.elapsed();
    let hook = world.publish(&hook_of(PLACES)).await.unwrap();
    let tokens = tokens(&sims, &hook).await;

    let began = Instant::now();
    let said = claim_all(&sims, &tokens, &hook).await;
    let claimed = began.elapsed();
    assert_eq!(count(&said, StatusCode::CREATED), PLACES);
    assert_eq!(
        count(&said, StatusCode::SERVICE_UNAVAILABLE),
        INSTANCES - PLACES,
        "places that are only reserved may come back"
    );
    for busy in said
        .iter()
        .filter(|s| s.status == StatusCode::SERVICE_UNAVAILABLE)
    {
        let seconds: u64 = busy.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=120).contains(&seconds), "{seconds}");
    }
    assert_eq!(quota(&world, &hook).await, (PLACES as u64, 0));

    let winners = winners(&sims, &said);
    let (last, first) = winners.split_last().unwrap();
    for reply in join_all(first.iter().map(|(sim, claim)| send(sim, claim, &hook))).await {
        assert_eq!(reply.status, StatusCode::NO_CONTENT, "{}", reply.text());
    }
    let (loser, token) = sims
        .iter()
        .zip(&tokens)
        .zip(&said)
        .find(|(_, said)| said.status != StatusCode::CREATED)
        .unwrap()
        .0;
    let busy = loser.claim(&hook.digest, token, 1).await.unwrap();
    assert_eq!(
        busy.status,
        StatusCode::SERVICE_UNAVAILABLE,
        "nine packets and a reservation are not full"
    );
    let reply = send(last.0, &last.1, &hook).await;
    assert_eq!(reply.status, StatusCode::NO_CONTENT, "{}", reply.text());

    // Full: gone for everyone, all at once again, and the ten have answered.
    let after = claim_all(&sims, &tokens, &hook).await;
    assert_eq!(count(&after, StatusCode::GONE), INSTANCES - PLACES);
    assert_eq!(count(&after, StatusCode::CONFLICT), PLACES);
    assert_eq!(world.packets(&hook, PLACES).await.unwrap().len(), PLACES);
    assert_eq!(quota(&world, &hook).await, (0, PLACES as u64));
    println!(
        "{INSTANCES} instances joined in {joined:.1?}; {INSTANCES} claims at once in {claimed:.1?}: {} granted, {} told to come back; \
         then {} packets, {} refused for good",
        count(&said, StatusCode::CREATED),
        count(&said, StatusCode::SERVICE_UNAVAILABLE),
        quota(&world, &hook).await.1,
        count(&after, StatusCode::GONE),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leases_that_run_out_give_their_places_to_others_and_a_late_packet_is_gone() {
    let config = format!("{NO_RATES}[agents]\nlease_seconds = 3\n");
    let settings = Settings {
        config: &config,
        ..Settings::default()
    };
    let world = World::with(&settings, Bounds::default()).await.unwrap();
    let sims = crowd(&world, 40).await;
    let hook = world.publish(&hook_of(PLACES)).await.unwrap();
    let tokens = tokens(&sims, &hook).await;

    let began = Instant::now();
    let said = claim_all(&sims, &tokens, &hook).await;
    let late = winners(&sims, &said);
    assert_eq!(late.len(), PLACES);
    while quota(&world, &hook).await.0 > 0 {
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "the leases never ran out"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(
        began.elapsed() >= Duration::from_secs(3),
        "no lease ends early"
    );
    println!(
        "{} places with leases of 3 s were free again after {:.1?}",
        late.len(),
        began.elapsed()
    );
    let status = late[0].0.status(&late[0].1.claim).await.unwrap();
    assert_eq!(status.state, ClaimPhase::Expired);

    // Others get exactly the places that came back, and fill them.
    let is_late = |sim: &SimInstance| late.iter().any(|(l, _)| l.instance == sim.instance);
    let (mut others, mut their_tokens) = (Vec::new(), Vec::new());
    for (sim, token) in sims.iter().zip(&tokens).filter(|(sim, _)| !is_late(sim)) {
        others.push(sim);
        their_tokens.push(token.as_str());
    }
    let said = claim_all(&others, &their_tokens, &hook).await;
    assert_eq!(count(&said, StatusCode::SERVICE_UNAVAILABLE), 20);
    let others = winners(&others, &said);
    assert_eq!(others.len(), PLACES);
    for reply in join_all(others.iter().map(|(sim, claim)| send(sim, claim, &hook))).await {
        assert_eq!(reply.status, StatusCode::NO_CONTENT, "{}", reply.text());
    }
    for (sim, claim) in &late {
        let reply = sim.create_upload(&claim.claim, 1_000).await.unwrap();
        assert_eq!(
            reply.status,
            StatusCode::GONE,
            "a late one finds no place: {}",
            reply.text()
        );
    }
    assert_eq!(world.packets(&hook, PLACES).await.unwrap().len(), PLACES);
    assert_eq!(quota(&world, &hook).await, (0, PLACES as u64));
}

#[tokio::test]
async fn a_late_packet_takes_a_place_that_is_still_free() {
    let settings = Settings {
        config: "[agents]\nlease_seconds = 1\n",
        ..Settings::default()
    };
    let world = World::with(&settings, Bounds::default()).await.unwrap();
    let sim = world.sim("slow").await.unwrap();
    let hook = world.publish(&hook_of(1)).await.unwrap();
    let token = sim.token_of(&hook.digest).await.unwrap();
    let claim = sim.claimed(&hook.digest, &token, 64 * 1024).await.unwrap();
    while quota(&world, &hook).await.0 > 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let reply = send(&sim, &claim, &hook).await;
    assert_eq!(reply.status, StatusCode::NO_CONTENT, "{}", reply.text());
    assert_eq!(quota(&world, &hook).await, (0, 1));
}

/// A claim, asked for again if the connection turns out to be one of before a kill.
async fn claim_again(sim: &SimInstance, token: &str, hook: &Published) -> Said {
    for _ in 0..20 {
        if let Ok(said) = sim.claim(&hook.digest, token, 64 * 1024).await {
            return said;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the server does not answer {}", sim.instance)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_granted_before_a_kill_is_the_same_after_it_and_no_place_more() {
    let settings = Settings {
        config: NO_RATES,
        ..Settings::default()
    };
    let mut world = World::with(&settings, Bounds::default()).await.unwrap();
    let sims = crowd(&world, 60).await;
    let mut heard = Vec::new();
    for wait in [2, 10, 40, 150, 1_000] {
        // Connections of before the last kill are found to be broken only now.
        while world.ada.get("hooks").await.is_err() || world.ben.get("hooks").await.is_err() {}
        let hook = world.publish(&hook_of(PLACES)).await.unwrap();
        let tokens = tokens(&sims, &hook).await;
        let asks = sims
            .iter()
            .zip(&tokens)
            .map(|(sim, token)| sim.claim(&hook.digest, token, 64 * 1024));
        let (asked, ()) = tokio::join!(join_all(asks), async {
            tokio::time::sleep(Duration::from_millis(wait)).await;
            world.server.kill().unwrap();
        });
        world.server.start().await.unwrap();

        let again = sims
            .iter()
            .zip(&tokens)
            .map(|(sim, token)| claim_again(sim, token, &hook));
        let again = join_all(again).await;
        let granted = winners(&sims, &again);
        assert_eq!(granted.len(), PLACES, "killed after {wait} ms");
        assert_eq!(quota(&world, &hook).await, (PLACES as u64, 0));
        let before: Vec<ClaimAnswer> = asked
            .iter()
            .flatten()
            .filter(|said| said.status == StatusCode::CREATED)
            .map(|said| said.bson().unwrap())
            .collect();
        for claim in &before {
            assert!(
                granted.iter().any(|(_, now)| now.claim == claim.claim),
                "{} was granted, and is not after the kill",
                claim.claim
            );
        }
        heard.push(before.len());
    }
    assert!(heard.iter().any(|n| *n > 0), "{heard:?}");
    println!(
        "60 claims at once, the server killed within them: {heard:?} heard of their place before; after, always {PLACES} hold one"
    );
}
