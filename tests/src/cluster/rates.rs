//! What one server does a second on each store, in one run; and how large records are.
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use boathook_hooks::{documents::root::Bounds, ids::ClaimId};
use boathook_schema::{Store, Sum};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use reqwest::StatusCode;

use super::{
    Size, crowd, seconds,
    send::{self, Failing, reference},
    site::{LIMITS, Site},
};
use crate::{
    bench::{machine, spread::Spread},
    sim::SimInstance,
    sim_packet::packet,
    world::{
        World,
        hooks::Published,
        server::{Server, Settings},
        text::HookText,
    },
};

/// Requests at a time, each instance's on a connection of its own.
const AT_ONCE: u32 = 64;
const POLLING: Duration = Duration::from_secs(5);
const BYTES: usize = 2 << 10;

pub async fn run(site: &Site, size: &Size) -> Result<()> {
    let settings = Settings {
        config: LIMITS,
        ..Settings::default()
    };
    let world = World::with(&settings, Bounds::default()).await?;
    let embedded = measure(&world, &world.server, size).await?;
    let cluster = measure(&site.world, &site.world.server, size).await?;
    embedded.print("the embedded store");
    cluster.print("the cluster");
    println!(
        "  the cluster beside the embedded store: polls {:.2}, claims {:.2}, uploads {:.2} times as many",
        cluster.polls.each_second() / embedded.polls.each_second(),
        cluster.claims.each_second() / embedded.claims.each_second(),
        cluster.uploads.each_second() / embedded.uploads.each_second()
    );
    let none = site.path().join("no-packets");
    std::fs::create_dir_all(&none)?;
    let store = Store::open(&format!("{}&objects_dir={}", site.store, none.display())).await?;
    sizes(&store.sums().await?);
    Ok(())
}

struct Rate {
    count: usize,
    time: Duration,
    cpu: Duration,
    each: Spread,
}

impl Rate {
    fn each_second(&self) -> f64 {
        self.count as f64 / self.time.as_secs_f64()
    }

    fn line(&self) -> String {
        format!(
            "{:8.0} a second ({} in {}; the server's CPU {:.2} ms each; each {})",
            self.each_second(),
            self.count,
            seconds(self.time),
            self.cpu.as_secs_f64() * 1000.0 / self.count.max(1) as f64,
            self.each.line()
        )
    }
}

struct Rates {
    polls: Rate,
    claims: Rate,
    uploads: Rate,
}

impl Rates {
    fn print(&self, what: &str) {
        println!("  one server on {what}, {AT_ONCE} at a time:");
        println!("    polls   {}", self.polls.line());
        println!("    claims  {}", self.claims.line());
        println!("    uploads {}", self.uploads.line());
    }
}

/// Runs all of it and takes the time.
async fn timed<T>(
    server: &Server,
    work: impl stream::Stream<Item = Result<(T, Duration)>>,
) -> Result<(Rate, Vec<T>)> {
    let id = server.process().context("no server")?.id();
    let (before, begin) = (machine::cpu(id)?, Instant::now());
    let done: Vec<(T, Duration)> = work.try_collect().await?;
    let (time, cpu) = (begin.elapsed(), machine::cpu(id)?.saturating_sub(before));
    let each = done.iter().map(|(_, time)| *time).collect();
    let items: Vec<T> = done.into_iter().map(|(item, _)| item).collect();
    let count = items.len();
    Ok((
        Rate {
            count,
            time,
            cpu,
            each,
        },
        items,
    ))
}

async fn measure(world: &World, server: &Server, size: &Size) -> Result<Rates> {
    let sims = crowd::enrol(world, &[server], AT_ONCE).await?;
    let polls = polls(server, &sims).await?;
    let mut hooks = Vec::new();
    for n in 0..size.rounds {
        let text = HookText::new(&format!("Rates {n}"))
            .places(AT_ONCE)
            .packet("128 KiB")
            .collect("host", "host", "");
        hooks.push(world.publish(&text.to_string()).await?);
    }
    let mut asks = Vec::new();
    for hook in &hooks {
        for (sim, token) in sims.iter().zip(crowd::tokens(&sims, &hook.digest).await?) {
            asks.push((sim, hook, token));
        }
    }
    let text = send::noise(BYTES)?;
    let work = stream::iter(asks)
        .map(|(sim, hook, token)| claim(sim, hook, token, &text))
        .buffer_unordered(AT_ONCE as usize);
    let (claims, claimed) = timed(server, work).await?;
    let work = stream::iter(claimed.into_iter().map(|(sim, claim, zip)| async move {
        let begin = Instant::now();
        let mut failing = Failing::default();
        send::upload(sim, &claim, zip, &mut failing).await?;
        Ok(((), begin.elapsed()))
    }))
    .buffer_unordered(AT_ONCE as usize);
    let (uploads, _) = timed(server, work).await?;
    Ok(Rates {
        polls,
        claims,
        uploads,
    })
}

type Claimed<'s> = (&'s SimInstance, ClaimId, Vec<u8>);

/// The claim alone is timed, not the packing.
async fn claim<'s>(
    sim: &'s SimInstance,
    hook: &Published,
    token: String,
    text: &[u8],
) -> Result<(Claimed<'s>, Duration)> {
    let begin = Instant::now();
    let mut failing = Failing::default();
    let claim = send::claim(sim, hook, &token, text, &mut failing).await?;
    ensure!(failing.failed == 0, "a claim failed: {}", failing.last);
    let time = begin.elapsed();
    let zip = packet(sim, reference(hook), &claim, text)?;
    Ok(((sim, claim, zip), time))
}

/// Polls that are told that nothing is new.
async fn polls(server: &Server, sims: &[SimInstance]) -> Result<Rate> {
    let until = Instant::now() + POLLING;
    let work = stream::iter(sims)
        .map(|sim| async move {
            let said = sim.poll(0, None).await?;
            let mut etag = said.header("etag").context("no etag")?.to_owned();
            let mut done = Vec::new();
            while Instant::now() < until {
                let begin = Instant::now();
                let said = sim.poll(0, Some(&etag)).await?;
                // A list is issued anew now and then.
                if said.status == StatusCode::OK {
                    said.header("etag")
                        .context("no etag")?
                        .clone_into(&mut etag);
                    continue;
                }
                ensure!(said.status == StatusCode::NOT_MODIFIED, "{}", said.status);
                done.push(Ok(((), begin.elapsed())));
            }
            Ok(stream::iter(done))
        })
        .buffer_unordered(sims.len())
        .try_flatten();
    Ok(timed(server, work).await?.0)
}

/// Records and entries as they are stored.
fn sizes(sums: &[(String, Sum)]) {
    println!("  records and list entries of this run as they are stored:");
    for (name, sum) in sums.iter().filter(|(_, sum)| sum.count > 0) {
        println!(
            "    {name:24} {:8} of {:8} bytes each, {:12} in all; the largest {:9}",
            sum.count,
            sum.bytes / sum.count,
            sum.bytes,
            sum.largest
        );
    }
}
