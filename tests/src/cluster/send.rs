//! What an honest agent does to be rid of its packet: claims, uploads, asks what became of it, and tries again whatever
//! goes wrong; with how long each request failed.
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use boathook_hooks::{
    ids::{ClaimId, Digest},
    packet::HookRef,
    protocol::{ClaimAnswer, ClaimPhase},
};
use reqwest::StatusCode;

use crate::{
    sim::{Said, SimInstance},
    sim_packet::packet,
    world::hooks::Published,
};

/// A server that is asked again at once has no rest; an agent waits longer.
const AGAIN: Duration = Duration::from_millis(100);
const MOST: Duration = Duration::from_secs(120);

/// How long requests failed before they had an answer.
#[derive(Clone, Debug, Default)]
pub struct Failing {
    pub longest: Duration,
    /// Of a single request, whatever its answer.
    pub slowest: Duration,
    pub failed: usize,
    /// Answers 503 that said when to come again.
    pub told_to_wait: usize,
    pub last: String,
}

impl Failing {
    pub fn add(&mut self, other: &Self) {
        if other.longest > self.longest {
            self.longest = other.longest;
            self.last.clone_from(&other.last);
        }
        self.slowest = self.slowest.max(other.slowest);
        self.failed += other.failed;
        self.told_to_wait += other.told_to_wait;
    }

    /// The same request until it has an answer that is no failure of the server's.
    pub async fn until<F>(&mut self, what: &str, mut ask: impl FnMut() -> F) -> Result<Said>
    where
        F: Future<Output = Result<Said>>,
    {
        let begin = Instant::now();
        let mut tries = 0;
        loop {
            let asked = Instant::now();
            let said = ask().await;
            self.slowest = self.slowest.max(asked.elapsed());
            let why = match said {
                Ok(said) if !said.status.is_server_error() => {
                    if tries > 0 && begin.elapsed() > self.longest {
                        self.longest = begin.elapsed();
                    }
                    return Ok(said);
                }
                Ok(said) => {
                    if said.status == StatusCode::SERVICE_UNAVAILABLE
                        && said.header("retry-after").is_some()
                    {
                        self.told_to_wait += 1;
                    }
                    format!("{what}: {} {}", said.status, said.text())
                }
                Err(error) => format!("{what}: {error:#}"),
            };
            tries += 1;
            self.failed += 1;
            self.last = why;
            if begin.elapsed() > MOST {
                bail!("failed for {:.0} s: {}", MOST.as_secs_f64(), self.last);
            }
            tokio::time::sleep(AGAIN).await;
        }
    }
}

/// A packet that the server acknowledged.
#[derive(Clone, Debug)]
pub struct Sent {
    pub claim: ClaimId,
    pub bytes: u64,
    pub sha256: Digest,
}

/// Text that does not get smaller in a zip.
pub fn noise(bytes: usize) -> Result<Vec<u8>> {
    let mut text = vec![0; bytes];
    getrandom::fill(&mut text)?;
    for (n, byte) in text.iter_mut().enumerate() {
        // Of 64 letters, in short words: nothing in it looks like a secret.
        let letter = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ."
            [usize::from(*byte % 64)];
        *byte = match n % 96 {
            95 => b'\n',
            n if n % 8 == 7 => b' ',
            _ => letter,
        };
    }
    Ok(text)
}

pub fn reference(hook: &Published) -> HookRef {
    HookRef {
        digest: hook.digest,
        id: hook.id.clone(),
        revision: hook.revision,
    }
}

/// All of it, from the claim to the receipt.
pub async fn deliver(
    sim: &SimInstance,
    hook: &Published,
    token: &str,
    text: &[u8],
    failing: &mut Failing,
) -> Result<Sent> {
    let claim = claim(sim, hook, token, text, failing).await?;
    let zip = packet(sim, reference(hook), &claim, text)?;
    upload(sim, &claim, zip, failing).await
}

pub async fn claim(
    sim: &SimInstance,
    hook: &Published,
    token: &str,
    text: &[u8],
    failing: &mut Failing,
) -> Result<ClaimId> {
    let bytes = text.len() as u64 + (64 << 10);
    let said = failing
        .until("claim", || sim.claim(&hook.digest, token, bytes))
        .await?;
    ensure!(
        said.status == StatusCode::CREATED,
        "claim: {} {}",
        said.status,
        said.text()
    );
    Ok(said.bson::<ClaimAnswer>()?.claim)
}

/// Creates the upload, sends what is missing until all is there, and asks for the receipt.
pub async fn upload(
    sim: &SimInstance,
    claim: &ClaimId,
    zip: Vec<u8>,
    failing: &mut Failing,
) -> Result<Sent> {
    let zip = bytes::Bytes::from(zip);
    let length = zip.len() as u64;
    let created = failing
        .until("create", || sim.create_upload(claim, length))
        .await?;
    ensure!(
        created.status == StatusCode::CREATED,
        "create: {} {}",
        created.status,
        created.text()
    );
    let url = created
        .header("location")
        .context("no location")?
        .to_owned();
    // What came before the server was gone is not sent again: it is asked first, as an agent does.
    let sent = failing
        .until("upload", || async {
            let phase = sim.status_said(claim).await?;
            if phase.status != StatusCode::OK {
                return Ok(phase);
            }
            let status: boathook_hooks::protocol::ClaimStatus = phase.bson()?;
            if status.state == ClaimPhase::Accepted || status.offset == length {
                return Ok(phase);
            }
            let rest = zip.slice(usize::try_from(status.offset)?..);
            sim.patch(&url, status.offset, rest).await
        })
        .await?;
    ensure!(
        sent.status.is_success(),
        "upload: {} {}",
        sent.status,
        sent.text()
    );
    accepted(sim, claim, failing).await?;
    Ok(Sent {
        claim: claim.clone(),
        bytes: length,
        sha256: Digest::of(&zip),
    })
}

/// Until the server says so, with the receipt.
pub async fn accepted(sim: &SimInstance, claim: &ClaimId, failing: &mut Failing) -> Result<()> {
    let until = Instant::now() + MOST;
    while Instant::now() < until {
        let said = failing.until("status", || sim.status_said(claim)).await?;
        let status: boathook_hooks::protocol::ClaimStatus = said.bson()?;
        match status.state {
            ClaimPhase::Accepted => {
                ensure!(status.receipt.is_some(), "accepted without a receipt");
                return Ok(());
            }
            ClaimPhase::Checking | ClaimPhase::Receiving | ClaimPhase::Open => {}
            other => bail!(
                "the packet ended as {other:?}: {}",
                status.reason.unwrap_or_default()
            ),
        }
        tokio::time::sleep(AGAIN).await;
    }
    bail!("not accepted after {} s", MOST.as_secs())
}
