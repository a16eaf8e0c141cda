//! Everybody claims one of ten places at once.
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use boathook_hooks::{documents::root::Bounds, time::Time};
use boathook_schema::{ClaimAsk, ClaimReply, Outcome, Scope, Store, Write};
use futures_util::future::join_all;
use reqwest::StatusCode;

use super::{
    Size, crowd, seconds,
    site::{LIMITS, Site},
};
use crate::{
    bench::spread::Spread,
    sim::{Said, SimInstance},
    world::{World, hooks::Published, server::Settings, text::HookText},
};

const PLACES: usize = 10;

pub async fn run(site: &Site, size: &Size) -> Result<()> {
    let begin = Instant::now();
    let both = [&site.world.server, &site.b];
    let sims = crowd::enrol(&site.world, &both, size.claimants).await?;
    println!(
        "  {} instances, half at each server, after {}",
        sims.len(),
        seconds(begin.elapsed())
    );
    let result = at_once(&site.world, &sims).await?;
    report("two servers, the cluster", &result);
    let (time, told, granted) = one_by_one(site, &sims).await?;
    println!(
        "  the cluster without grouping, a transaction a claim from two stores: {}, {granted} granted, {told}",
        seconds(time)
    );
    drop(sims);

    let settings = Settings {
        config: LIMITS,
        ..Settings::default()
    };
    let world = World::with(&settings, Bounds::default()).await?;
    let sims = crowd::enrol(&world, &[&world.server], size.claimants).await?;
    let embedded = at_once(&world, &sims).await?;
    report("one server, the embedded store", &embedded);
    result.verdict(size.claimants as usize)?;
    embedded.verdict(size.claimants as usize)?;
    ensure!(granted == PLACES, "without grouping {granted} were granted");
    Ok(())
}

async fn hook(world: &World, title: &str) -> Result<Published> {
    let text = HookText::new(title)
        .places(u32::try_from(PLACES)?)
        .packet("64 KiB")
        .collect("host", "host", "");
    world.publish(&text.to_string()).await
}

struct AtOnce {
    time: Duration,
    each: Spread,
    granted: usize,
    /// Told to come back, or that all is taken.
    refused: usize,
    /// Anything else: a time-out, a store that did not know.
    lost: Vec<String>,
    quota: (u64, u64),
}

impl AtOnce {
    fn verdict(&self, claimants: usize) -> Result<()> {
        ensure!(self.lost.is_empty(), "lost: {:?}", self.lost);
        ensure!(self.granted == PLACES, "{} were granted", self.granted);
        ensure!(self.granted + self.refused == claimants, "some are missing");
        ensure!(
            self.quota == (PLACES as u64, 0),
            "reserved and accepted are {:?}",
            self.quota
        );
        Ok(())
    }
}

fn report(what: &str, r: &AtOnce) {
    println!(
        "  {what}: {}, {} granted ({} reserved in the store), {} refused, {} lost; a claim {}",
        seconds(r.time),
        r.granted,
        r.quota.0,
        r.refused,
        r.lost.len(),
        r.each.line()
    );
}

async fn at_once(world: &World, sims: &[SimInstance]) -> Result<AtOnce> {
    let hook = hook(world, "All at once").await?;
    let tokens = crowd::tokens(sims, &hook.digest).await?;
    let begin = Instant::now();
    let asks = sims.iter().zip(&tokens).map(|(sim, token)| {
        let digest = hook.digest;
        async move {
            let begin = Instant::now();
            (sim.claim(&digest, token, 16 << 10).await, begin.elapsed())
        }
    });
    let said = join_all(asks).await;
    let time = begin.elapsed();
    let mut result = AtOnce {
        time,
        each: said.iter().map(|(_, time)| *time).collect(),
        granted: 0,
        refused: 0,
        lost: Vec::new(),
        quota: quota(world, &hook).await?,
    };
    for (said, _) in said {
        match said {
            Ok(said) if said.status == StatusCode::CREATED => result.granted += 1,
            Ok(said) if is_refusal(&said) => result.refused += 1,
            Ok(said) => result.lost.push(format!("{} {}", said.status, said.text())),
            Err(error) => result.lost.push(format!("{error:#}")),
        }
    }
    Ok(result)
}

/// 410, or 503 because of places; the store's own 503 is no answer to the claim.
fn is_refusal(said: &Said) -> bool {
    said.status == StatusCode::GONE
        || (said.status == StatusCode::SERVICE_UNAVAILABLE && said.text().contains("reserved"))
}

async fn quota(world: &World, hook: &Published) -> Result<(u64, u64)> {
    let shown = world.ada.get(&format!("hooks/{}", hook.id)).await?;
    let number = |key: &str| shown["quota"][key].as_u64().unwrap_or(u64::MAX);
    Ok((number("reserved"), number("accepted")))
}

/// The same on the store itself, with one transaction for each claim.
async fn one_by_one(site: &Site, sims: &[SimInstance]) -> Result<(Duration, String, usize)> {
    let hook = hook(&site.world, "One by one").await?;
    // A store without packets still wants a place for them.
    let none = site.path().join("no-packets");
    std::fs::create_dir_all(&none)?;
    let url = format!("{}&objects_dir={}", site.store, none.display());
    let stores = [Store::open(&url).await?, Store::open(&url).await?];
    let begin = Instant::now();
    let asks = sims.iter().enumerate().map(|(n, sim)| {
        let (store, digest) = (&stores[n % stores.len()], hook.digest);
        let ask = ClaimAsk {
            instance: sim.instance.clone(),
            customer: sim.customer.clone(),
            attempt: 1,
            bytes: 16 << 10,
        };
        async move {
            let now = Time::wall_clock();
            let write = Write {
                deadline: now.plus_ms(120_000),
                ..Write::system(now)
            };
            let until = now.plus_ms(120_000);
            store
                .claim(&Scope::System, write, digest, until, vec![ask])
                .await
        }
    });
    let said = join_all(asks).await;
    let time = begin.elapsed();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for said in said {
        let what = match said {
            Ok(Outcome::Done(replies)) => match replies.first() {
                Some(ClaimReply::Granted(_)) => "granted",
                Some(ClaimReply::Busy { .. }) => "busy",
                Some(ClaimReply::Full) => "full",
                _ => "something else",
            },
            Ok(Outcome::Refused(_)) => "refused by the store",
            Err(_) => "lost",
        };
        *counts.entry(what).or_default() += 1;
    }
    let granted = counts.remove("granted").unwrap_or(0);
    let told: Vec<String> = counts
        .iter()
        .map(|(what, n)| format!("{n} {what}"))
        .collect();
    Ok((time, told.join(", "), granted))
}
