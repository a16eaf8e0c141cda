//! A node of the cluster is killed and comes back during uploads.
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use boathook_hooks::ids::Digest;
use futures_util::{StreamExt as _, stream};

use super::{
    Size, crowd, seconds,
    send::{self, Failing, Sent},
    site::Site,
};
use crate::{
    api::Api,
    sim::SimInstance,
    world::{hooks::Published, text::HookText},
};

const UPLOADING: usize = 4;
const BYTES: usize = 40 << 10;
const MOST: Duration = Duration::from_secs(10);

pub async fn run(site: &Site, size: &Size) -> Result<()> {
    let both = [&site.world.server, &site.b];
    let sims = crowd::enrol(&site.world, &both, u32::try_from(size.uploads)?).await?;
    let text = HookText::new("Uploads")
        .places(u32::try_from(size.uploads)?)
        .packet("256 KiB")
        .collect("host", "host", "");
    let hook = site.world.publish(&text.to_string()).await?;
    let tokens = crowd::tokens(&sims, &hook.digest).await?;

    let done = AtomicUsize::new(0);
    let begin = Instant::now();
    let uploads = uploads(&sims, &tokens, &hook, &done);
    let kill = kill(site, &done, size.uploads);
    let ((results, time), killed) = tokio::join!(
        async {
            let results = uploads.await;
            (results, begin.elapsed())
        },
        kill
    );
    let mut failing = Failing::default();
    let (mut sent, mut lost) = (Vec::new(), Vec::new());
    for (result, one) in results {
        failing.add(&one);
        match result {
            Ok(packet) => sent.push(packet),
            Err(error) => lost.push(format!("{error:#}")),
        }
    }
    println!(
        "  {} uploads in {}: {} acknowledged; {} requests failed, one for {} at the longest; the slowest request took {}",
        sims.len(),
        seconds(time),
        sent.len(),
        failing.failed,
        seconds(failing.longest),
        seconds(failing.slowest)
    );
    if failing.failed > 0 {
        println!("    the longest or last failure: {}", failing.last);
    }
    match killed? {
        Some(k) => println!(
            "  node 3 was killed after {} acknowledged and started again after {}; it answered {} later",
            k.killed_at,
            k.started_at,
            seconds(k.returned)
        ),
        None => println!("  no node was killed: there is one"),
    }
    // By the other server than the one whose people these are, too.
    for api in [&site.world.ada, &site.ada()?] {
        all_there(api, &sent).await?;
    }
    println!(
        "  all {} acknowledged packets are there, byte for byte, and on the ticket's list",
        sent.len()
    );
    let check = site.b.command(&["store", "check", "--read-bytes"], "")?;
    println!("  store check: {}", check.trim_end());
    ensure!(
        lost.is_empty(),
        "{} uploads did not come through: {:?}",
        lost.len(),
        lost.first()
    );
    ensure!(
        failing.longest < MOST && failing.slowest < MOST,
        "a request failed or waited for longer than {} s",
        MOST.as_secs()
    );
    Ok(())
}

async fn uploads(
    sims: &[SimInstance],
    tokens: &[String],
    hook: &Published,
    done: &AtomicUsize,
) -> Vec<(Result<Sent>, Failing)> {
    stream::iter(sims.iter().zip(tokens))
        .map(|(sim, token)| async move {
            let mut failing = Failing::default();
            let result = match send::noise(BYTES) {
                Ok(text) => send::deliver(sim, hook, token, &text, &mut failing).await,
                Err(error) => Err(error),
            };
            done.fetch_add(1, Ordering::Relaxed);
            (result, failing)
        })
        .buffer_unordered(UPLOADING)
        .collect()
        .await
}

struct Killed {
    killed_at: usize,
    started_at: usize,
    returned: Duration,
}

/// After a quarter of the uploads; started again after half of them.
async fn kill(site: &Site, done: &AtomicUsize, uploads: usize) -> Result<Option<Killed>> {
    if site.cassandra.nodes() < 3 {
        return Ok(None);
    }
    let after = async |count: usize| {
        while done.load(Ordering::Relaxed) < count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        done.load(Ordering::Relaxed)
    };
    let killed_at = after(uploads / 4).await;
    let cassandra = Arc::clone(&site.cassandra);
    // Uploads go on meanwhile: nothing may block here.
    tokio::task::spawn_blocking(move || cassandra.kill(3)).await??;
    let started_at = after(uploads / 2).await;
    let begin = Instant::now();
    let cassandra = Arc::clone(&site.cassandra);
    // Uploads go on meanwhile: nothing may block here.
    tokio::task::spawn_blocking(move || cassandra.start(3)).await??;
    Ok(Some(Killed {
        killed_at,
        started_at,
        returned: begin.elapsed(),
    }))
}

/// The statement, the bytes of all chunks, and the ticket's list.
pub async fn all_there(api: &Api, sent: &[Sent]) -> Result<()> {
    let listed = on_ticket(api).await?;
    for packet in sent {
        let claim = &packet.claim;
        let shown = api.get(&format!("packets/{claim}")).await?;
        ensure!(shown["statement"].is_object(), "{claim} has no statement");
        let zip = api.bytes(&format!("packets/{claim}/zip")).await?;
        ensure!(
            zip.len() as u64 == packet.bytes && Digest::of(&zip) == packet.sha256,
            "{claim} has other bytes than were sent"
        );
        ensure!(
            listed.contains(&claim.to_string()),
            "{claim} is not on the ticket's list"
        );
    }
    Ok(())
}

async fn on_ticket(api: &Api) -> Result<BTreeSet<String>> {
    let mut all = BTreeSet::new();
    let mut after = String::new();
    loop {
        let list = api
            .get(&format!("packets?ticket=jira/SUP-1&limit=100{after}"))
            .await?;
        for row in list["items"].as_array().context("no items")? {
            all.insert(row["claim_id"].as_str().context("no claim_id")?.to_owned());
        }
        match list["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return Ok(all),
        }
    }
}
