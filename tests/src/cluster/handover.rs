//! What begins at one server goes on at another: an upload, and a stop.
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use futures_util::{StreamExt as _, stream};
use reqwest::StatusCode;
use serde_json::json;

use super::{
    Size, crowd, seconds,
    send::{self, Failing},
    site::Site,
};
use crate::{
    bench::spread::Spread,
    sim::{SimInstance, read_list},
    sim_packet::packet,
    world::text::HookText,
};

pub async fn run(site: &mut Site, size: &Size) -> Result<()> {
    upload(site, size.large).await?;
    stops(site, size.stops).await
}

/// Half of the bytes at A, which is killed while they come.
async fn upload(site: &mut Site, bytes: usize) -> Result<()> {
    let mut sims = crowd::enrol(&site.world, &[&site.world.server], 1).await?;
    let mut sim = sims.pop().context("no instance")?;
    let text = HookText::new("A large packet")
        .packet("64 MiB")
        .collect("host", "host", "");
    let hook = site.world.publish(&text.to_string()).await?;
    let token = sim.token_of(&hook.digest).await?;
    let mut failing = Failing::default();
    let noise = send::noise(bytes)?;
    let claim = send::claim(&sim, &hook, &token, &noise, &mut failing).await?;
    let zip = bytes::Bytes::from(packet(&sim, send::reference(&hook), &claim, &noise)?);

    let created = sim.create_upload(&claim, zip.len() as u64).await?;
    ensure!(created.status == StatusCode::CREATED, "{}", created.text());
    let url = created
        .header("location")
        .context("no location")?
        .to_owned();
    let half = zip.len() / 2;
    // A quarter is acknowledged, the next is on its way when the server is gone.
    let quarter = sim.patch(&url, 0, zip.slice(..half / 2)).await?;
    ensure!(
        quarter.status == StatusCode::NO_CONTENT,
        "{}",
        quarter.text()
    );
    let coming = zip.slice(half / 2..half);
    let never_ends =
        stream::once(async move { Ok::<_, std::io::Error>(coming) }).chain(stream::pending());
    let under_way = sim.patch(
        &url,
        (half / 2) as u64,
        reqwest::Body::wrap_stream(never_ends),
    );
    tokio::select! {
        said = under_way => bail!("the upload ended by itself: {said:?}"),
        () = tokio::time::sleep(Duration::from_secs(2)) => {}
    }
    site.world.server.kill()?;

    let begin = Instant::now();
    sim.http = site.b.http()?;
    let offset = usize::try_from(sim.offset(&url).await?)?;
    ensure!(
        (half / 2..=half).contains(&offset),
        "B goes on at {offset} of {}",
        zip.len()
    );
    let sent = send::upload(&sim, &claim, zip.to_vec(), &mut failing).await?;
    println!(
        "  {:.1} MiB begun at A, {:.1} MiB sent when A was killed; B went on at {:.1} MiB and acknowledged all {} later",
        mib(zip.len()),
        mib(half),
        mib(offset),
        seconds(begin.elapsed())
    );
    let at_b = site.world.ada.by(site.b.http()?);
    super::node::all_there(&at_b, &[sent]).await?;
    site.world.server.start().await?;
    Ok(())
}

fn mib(bytes: usize) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

async fn stops(site: &Site, count: usize) -> Result<()> {
    let sims = crowd::enrol(&site.world, &[&site.b], 1).await?;
    let sim = sims.first().context("no instance")?;
    let (mut told, mut answered, mut between) =
        (Spread::default(), Spread::default(), Spread::default());
    for n in 0..count {
        let (at_b, at_a) = stop(site, sim, n).await?;
        told.push(at_b);
        answered.push(at_a);
        between.push(at_b.saturating_sub(at_a));
    }
    println!(
        "  {count} hooks stopped at A; from the request on, B's answer to the instance names it after {}",
        told.line()
    );
    println!("  A's answer to the person came after {}", answered.line());
    println!("  from A's answer to B's, or 0 {}", between.line());
    let p99 = between.percentile(99);
    ensure!(
        p99 < 1_000.0,
        "p99 is {p99:.0} ms: more than a second after the stop was acknowledged"
    );
    Ok(())
}

/// A person stops a hook at A while an instance waits at B; when each had its answer.
async fn stop(site: &Site, sim: &SimInstance, n: usize) -> Result<(Duration, Duration)> {
    let text = HookText::new(&format!("To be stopped {n}")).collect("host", "host", "");
    let hook = site.world.publish(&text.to_string()).await?;
    sim.token_of(&hook.digest).await?;
    let now = sim.poll(0, None).await?;
    let mut etag = now.header("etag").context("no etag")?.to_owned();
    let wait = async {
        loop {
            let said = sim.poll(30, Some(&etag)).await?;
            if said.status == StatusCode::NOT_MODIFIED {
                bail!("30 s without a word of the stop");
            }
            if read_list(&said)?.stopped.contains(&hook.digest) {
                return Ok(Instant::now());
            }
            etag = said.header("etag").context("no etag")?.to_owned();
        }
    };
    let stop = async {
        // The poll is held by now.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let begin = Instant::now();
        let path = format!("hooks/{}/stop", hook.id);
        site.world.ada.post(&path, json!({"why": "a test"})).await?;
        Ok::<_, anyhow::Error>((begin, begin.elapsed()))
    };
    let (told, stopped) = tokio::try_join!(wait, stop)?;
    Ok((told.saturating_duration_since(stopped.0), stopped.1))
}
