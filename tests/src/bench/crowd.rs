//! A thousand instances that wait with long polls, each on a TLS connection of its own, and answer one hook with small
//! packets. They live in this process and share the machine's cores with the server.
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use boathook_hooks::{
    documents::{identity::Facts, root::Bounds},
    packet::HookRef,
    protocol::ClaimPhase,
};
use futures_util::{StreamExt as _, stream};
use reqwest::StatusCode;
use tokio::{sync::Semaphore, task::JoinSet};

use super::{baseline::Baseline, machine, ms, spread::Spread, verdict};
use crate::{
    api,
    sim::{SimInstance, read_list},
    sim_packet::packet,
    world::{World, hooks::Published, server::Settings},
};

/// Instances that enrol at the same time; only the preparation.
const ENROLLING: usize = 32;
/// No address in production sends a thousand enrolments a minute; here all come from one.
const LIMITS: &str = "[limits]\nenroll_per_minute = 1000000\nenroll_burst = 1000000\nsession_per_minute = 1000000\nsession_burst = 1000000\n";

pub async fn run(instances: u32) -> Result<()> {
    println!("\n{instances} instances answer one hook with small packets");
    let settings = Settings {
        config: LIMITS,
        ..Settings::default()
    };
    let world = World::with(&settings, Bounds::default()).await?;
    let begin = Instant::now();
    let sims = enrol(&world, instances).await?;
    println!(
        "  enrolled and with a session after {:.1} s",
        begin.elapsed().as_secs_f64()
    );
    let server = world.server.process().context("no server")?.id();
    let me = std::process::id();
    let used = || -> Result<[Duration; 2]> { Ok([machine::cpu(server)?, machine::cpu(me)?]) };

    let empty = empty_requests(&sims, used).await?;
    let hook = world.submit(&text(instances)).await?;
    world.sign(&world.ada, &world.house.ada.file, &hook).await?;
    // Everybody has the empty list and waits for the next one.
    let ready = Arc::new(Semaphore::new(0));
    let mut crowd = JoinSet::new();
    for sim in sims {
        let (ready, hook) = (ready.clone(), hook.clone());
        crowd.spawn(async move { answer(&sim, &hook, &ready).await });
    }
    all_wait(&world, &ready, instances).await?;

    let before = used()?;
    let rss = machine::memory(server, "VmRSS")?;
    let begin = Instant::now();
    world.sign(&world.ben, &world.house.ben.file, &hook).await?;
    let signed = begin.elapsed();
    let (mut told, mut accepted) = (Spread::default(), Spread::default());
    while let Some(done) = crowd.join_next().await {
        let done = done??;
        told.push(done.told.saturating_duration_since(begin));
        accepted.push(done.accepted.saturating_duration_since(begin));
    }
    let receipts = begin.elapsed();
    let after = used()?;
    let all = accepted.percentile(100);
    println!("  the signature is answered after    {:.1} ms", ms(signed));
    println!("  an instance has the list after     {}", told.line());
    println!("  its packet is accepted after       {}", accepted.line());
    println!(
        "  the last receipt is fetched after  {:.1} ms",
        ms(receipts)
    );
    let cpu = [0, 1].map(|n| after[n].saturating_sub(before[n]).as_secs_f64());
    println!(
        "  CPU: server {:.2} s, the instances {:.2} s",
        cpu[0], cpu[1]
    );
    println!(
        "  server's memory: {:.1} MiB with all long polls, most {:.1} MiB",
        machine::mib(rss),
        machine::mib(machine::memory(server, "VmHWM")?)
    );
    println!(
        "  baseline: {} empty HTTPS requests on these connections: {:.2} s, CPU: server {:.2} s, the instances {:.2} s",
        empty.requests, empty.time, empty.cpu[0], empty.cpu[1]
    );
    let baseline = Baseline::measure(&world).await?;
    baseline.print();
    println!(
        "  ratios: time {:.1} and server's CPU {:.1} times the empty requests'; {:.0} synced writes in that time",
        all / 1000.0 / empty.time,
        cpu[0] / empty.cpu[0],
        all / baseline.sync.percentile(50)
    );
    println!(
        "  aims: time 3 s {}, server's CPU 3 s {}",
        verdict(all, 3_000.0),
        verdict(cpu[0], 3.0)
    );
    Ok(())
}

fn text(places: u32) -> String {
    format!(
        r#"title = "Facts of everybody"
reason = "How many can answer at once."
customers = ["acme"]
expires = "1d"
[ticket]
system = "jira"
key = "SUP-1"
[audience]
everyone = true
[limits]
places = {places}
packet = "64 KiB"
[[collect]]
section = "host"
collector = "host"
"#
    )
}

async fn enrol(world: &World, instances: u32) -> Result<Vec<SimInstance>> {
    let join = world.join("acme", instances).await?;
    let sims: Vec<Result<SimInstance>> = stream::iter(0..instances)
        .map(|n| {
            let join = &join;
            async move {
                let facts = Facts {
                    name: format!("sim-{n:04}"),
                    agent_version: "0.1.0".into(),
                    ..Facts::default()
                };
                // A client of its own is a connection of its own.
                SimInstance::join(&api::http(&world.server.ca)?, join, facts).await
            }
        })
        .buffer_unordered(ENROLLING)
        .collect()
        .await;
    sims.into_iter().collect()
}

struct Empty {
    requests: usize,
    time: f64,
    cpu: [f64; 2],
}

/// As many requests as an honest answer takes, but ones that do nothing, by all instances at the same time.
async fn empty_requests(
    sims: &[SimInstance],
    used: impl Fn() -> Result<[Duration; 2]>,
) -> Result<Empty> {
    const EACH: usize = 6;
    let (before, begin) = (used()?, Instant::now());
    let mut all = JoinSet::new();
    for sim in sims {
        let (http, url) = (sim.http.clone(), format!("{}/nothing-here", sim.origin));
        all.spawn(async move {
            for _ in 0..EACH {
                http.get(&url).send().await?.bytes().await?;
            }
            Ok::<_, reqwest::Error>(())
        });
    }
    while let Some(done) = all.join_next().await {
        done??;
    }
    let after = used()?;
    Ok(Empty {
        requests: sims.len() * EACH,
        time: begin.elapsed().as_secs_f64(),
        cpu: [0, 1].map(|n| after[n].saturating_sub(before[n]).as_secs_f64()),
    })
}

/// Until the server holds a long poll of everybody.
async fn all_wait(world: &World, ready: &Semaphore, instances: u32) -> Result<()> {
    let _all = ready.acquire_many(instances).await?;
    let wanted = format!("long_polls {instances}");
    for _ in 0..3_000 {
        if world.server.metrics().await?.contains(&wanted) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    bail!("not everybody waits: {}", world.server.metrics().await?)
}

struct Done {
    /// It had the list that names the hook.
    told: Instant,
    accepted: Instant,
}

/// What a real agent asks for, in its order: list, hook, claim, upload, receipt.
async fn answer(sim: &SimInstance, hook: &Published, ready: &Semaphore) -> Result<Done> {
    let first = sim.poll(0, None).await?;
    let mut etag = first.header("etag").context("no etag")?.to_owned();
    ready.add_permits(1);
    let listed = loop {
        let said = sim.poll(300, Some(&etag)).await?;
        if said.status == StatusCode::NOT_MODIFIED {
            continue;
        }
        let found = read_list(&said)?
            .hooks
            .into_iter()
            .find(|h| h.digest == hook.digest);
        match found {
            Some(listed) => break listed,
            // Half of the empty list's life was over, so it was issued anew: some of a thousand always are.
            None => etag = said.header("etag").context("no etag")?.to_owned(),
        }
    };
    let told = Instant::now();
    let envelope = sim.hook(&hook.digest).await?;
    ensure!(envelope.status == StatusCode::OK, "{}", envelope.text());
    let claim = sim
        .claimed(&hook.digest, &listed.token, 64 << 10)
        .await?
        .claim;
    let reference = HookRef {
        digest: hook.digest,
        id: hook.id.clone(),
        revision: hook.revision,
    };
    let zip = packet(sim, reference, &claim, b"a small packet\n")?;
    let sent = sim.upload(&claim, zip).await?;
    ensure!(sent.status.is_success(), "{} {}", sent.status, sent.text());
    let accepted = Instant::now();
    let status = sim.status(&claim).await?;
    ensure!(status.state == ClaimPhase::Accepted, "{:?}", status.state);
    ensure!(status.receipt.is_some(), "no receipt");
    Ok(Done { told, accepted })
}
