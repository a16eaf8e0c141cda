//! The object store is away for a while: packets wait with their agents.
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures_util::future::join_all;
use reqwest::StatusCode;

use super::{
    Size, crowd, seconds,
    send::{self, Failing},
    site::Site,
};
use crate::{sim_packet::packet, world::text::HookText};

const INSTANCES: u32 = 10;
const BYTES: usize = 40 << 10;

pub async fn run(site: &mut Site, size: &Size) -> Result<()> {
    let both = [&site.world.server, &site.b];
    let sims = crowd::enrol(&site.world, &both, INSTANCES).await?;
    let text = HookText::new("While the object store is away")
        .places(INSTANCES)
        .packet("256 KiB")
        .collect("host", "host", "");
    let hook = site.world.publish(&text.to_string()).await?;
    let tokens = crowd::tokens(&sims, &hook.digest).await?;
    site.s3.kill()?;
    let begin = Instant::now();
    let degraded = until_ready_says(site, "degraded").await?;

    // Places are still given, and people and polls are answered.
    let mut claims = Vec::new();
    for (sim, token) in sims.iter().zip(&tokens) {
        let noise = send::noise(BYTES)?;
        let claim = send::claim(sim, &hook, token, &noise, &mut Failing::default()).await?;
        let zip = packet(sim, send::reference(&hook), &claim, &noise)?;
        claims.push((sim, claim, zip));
    }
    site.world.ada.get(&format!("hooks/{}", hook.id)).await?;
    let (sim, claim, zip) = claims.first().context("no claim")?;
    let said = match sim.create_upload(claim, zip.len() as u64).await? {
        said if said.status == StatusCode::CREATED => {
            let url = said.header("location").context("no location")?;
            sim.patch(url, 0, zip.clone()).await?
        }
        said => said,
    };
    let retry = said.header("retry-after").map(str::to_owned);
    ensure!(
        said.status == StatusCode::SERVICE_UNAVAILABLE && retry.is_some(),
        "an upload got {} and Retry-After {retry:?}",
        said.status
    );

    let uploads = join_all(claims.iter().map(|(sim, claim, zip)| async move {
        let mut failing = Failing::default();
        let sent = send::upload(sim, claim, zip.clone(), &mut failing).await;
        (sent, failing, Instant::now())
    }));
    let again = async {
        tokio::time::sleep(size.away.saturating_sub(begin.elapsed())).await;
        let said = site.ready().await;
        let gone = begin.elapsed();
        let returned = tokio::task::block_in_place(|| site.s3.again());
        (said, gone, Instant::now(), returned)
    };
    let (results, (said, gone, returned_at, returned)) = tokio::join!(uploads, again);
    returned?;
    let (code, said) = said?;
    ensure!(
        code == 200 && said.contains("degraded"),
        "/readyz says {code} {said} while the object store is away"
    );
    let (mut failing, mut sent, mut last) = (Failing::default(), Vec::new(), Duration::ZERO);
    for (result, one, at) in results {
        failing.add(&one);
        sent.push(result?);
        ensure!(
            at > returned_at,
            "a packet was acknowledged while the object store was away"
        );
        last = last.max(at.saturating_duration_since(returned_at));
    }
    println!(
        "  the object store was away for {}; /readyz said degraded after {}; an upload got 503 with Retry-After {}",
        seconds(gone),
        seconds(degraded),
        retry.unwrap_or_default()
    );
    println!(
        "  {} packets were refused {} times ({} with Retry-After), and all delivered {} after its return",
        sent.len(),
        failing.failed,
        failing.told_to_wait,
        seconds(last)
    );
    super::node::all_there(&site.world.ada, &sent).await?;
    let ready = until_ready_says(site, "ready").await?;
    println!("  /readyz said ready {} later", seconds(ready));
    ensure!(
        failing.failed == failing.told_to_wait,
        "some were not told when to come again: {}",
        failing.last
    );
    Ok(())
}

async fn until_ready_says(site: &Site, word: &str) -> Result<Duration> {
    let begin = Instant::now();
    loop {
        let (code, said) = site.ready().await?;
        ensure!(code == 200, "/readyz: {code} {said}");
        if said.starts_with(word) {
            return Ok(begin.elapsed());
        }
        ensure!(
            begin.elapsed() < Duration::from_secs(30),
            "/readyz still says {said}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
