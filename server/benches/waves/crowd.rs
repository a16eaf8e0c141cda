//! Instances with long polls, second by second: offered a hook, they claim, run and bring a packet, as agents do.
use std::{
    collections::{BTreeMap, HashSet},
    fmt,
};

use anyhow::Result;
use boathook_hooks::{
    documents::identity::Facts,
    ids::{Blob, ClaimId, Digest, InstanceId},
    protocol::AnswerKind,
    waves::{Wave, position},
};
use boathook_schema::{ClaimAsk, ClaimReply, CommitPacket, Scope};
use boathook_server::{control::Asker, periodic};

use crate::house::{House, acme, instance};

/// As the server groups them.
const GROUP: usize = 256;
/// Between an offer and the claim, at most.
const NOTICE_S: u64 = 10;
const RUN_S: u64 = 30;
const LEASE_MS: i64 = 120_000;
/// What is not over by then is cut off: two days.
const LONGEST_S: u64 = 2 * 86_400;
const BYTES: u64 = 1_000;

/// Shares of all instances, from 0 to 1.
#[derive(Clone, Copy, Debug)]
pub struct Ways {
    /// Are there and may run; the others wait for consent or are off.
    pub answers: f64,
    pub fails: f64,
}

enum Next {
    Claim,
    Run(ClaimId),
}

pub struct Crowd<'a> {
    house: &'a House,
    digest: Digest,
    ways: Ways,
    ids: Vec<InstanceId>,
    offered: HashSet<u32>,
    /// By second.
    plans: BTreeMap<u64, Vec<(u32, Next)>>,
    told: Told,
}

#[derive(Clone, Debug, Default)]
pub struct Told {
    offered: usize,
    claims: usize,
    runs: usize,
    packets: usize,
    seconds: u64,
    end: String,
    pub waves: Vec<InWave>,
}

/// What one wave brought.
#[derive(Clone, Debug)]
pub struct InWave {
    at: u64,
    share: f64,
    offered: usize,
    claims: usize,
    packets: usize,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            offered,
            claims,
            runs,
            packets,
            seconds,
            end,
            ..
        } = self;
        write!(
            f,
            "{offered:>8} {claims:>8} {runs:>6} {packets:>8} {seconds:>4} s  {end}"
        )
    }
}

impl fmt::Display for InWave {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "after {:>4} s {:>8.3} %: {:>6} more offered, {:>5} claims, {:>2} packets",
            self.at,
            self.share * 100.0,
            self.offered,
            self.claims,
            self.packets
        )
    }
}

impl<'a> Crowd<'a> {
    pub fn new(house: &'a House, digest: Digest, count: u32, ways: Ways) -> Self {
        Self {
            house,
            digest,
            ways,
            ids: (0..count).filter_map(|n| instance(n).ok()).collect(),
            offered: HashSet::new(),
            plans: BTreeMap::new(),
            told: Told::default(),
        }
    }

    /// Until nobody has anything to do and no wave follows. Says when the hook ended, or the last thing was done.
    pub async fn run(&mut self) -> Result<Told> {
        let app = &self.house.app;
        let look = u64::from(app.config.waves.look_seconds);
        let mut seen = 0;
        for second in 0..LONGEST_S {
            self.house.refresh().await?;
            let number = app.agent.control.number();
            if number != seen {
                seen = number;
                self.poll(second)?;
            }
            let due = self.plans.remove(&second).unwrap_or_default();
            self.act(second, due).await?;
            if self.wave().is_some() {
                self.told.seconds = second;
            }
            if self.plans.is_empty() && self.wave().is_none_or(Wave::is_all) {
                break;
            }
            app.clock.advance(1_000);
            if second % look == look - 1 {
                periodic::each_second(app).await?;
                periodic::widen(app).await?;
            }
        }
        let revision = app.store.revision(&Scope::System, &self.digest).await?;
        self.told.end = revision.map_or("gone", |r| r.state.word()).to_owned();
        self.told.offered = self.offered.len();
        Ok(self.told.clone())
    }

    fn wave(&self) -> Option<Wave> {
        let active = self.house.app.agent.control.active();
        active.get(&self.digest).map(|hook| hook.wave)
    }

    /// By chance, but always the same; from 0 to 1.
    fn chance(&self, what: &str, n: u32) -> f64 {
        let digest = Digest::of(what.as_bytes());
        let at = self.ids.get(n as usize).map(|id| position(&digest, id));
        at.unwrap_or(0) as f64 / (1_u64 << 63) as f64
    }

    /// Every long poll is woken by a change and looks whether its list is another.
    fn poll(&mut self, second: u64) -> Result<()> {
        let (customer, facts, now) = (acme()?, Facts::default(), self.house.app.now());
        let share = self.wave().map(Wave::share);
        let mut fresh = Vec::new();
        {
            let active = self.house.app.agent.control.active();
            for (n, id) in (0..).zip(&self.ids) {
                let asker = Asker {
                    instance: id,
                    customer: &customer,
                    facts: &facts,
                };
                let matching = active.matching(asker, now);
                let is_offered = matching.offered.iter().any(|h| h.digest == self.digest);
                if is_offered && !self.offered.contains(&n) {
                    fresh.push(n);
                }
            }
        }
        if let Some(share) = share.filter(|_| !fresh.is_empty()) {
            self.told.waves.push(InWave {
                at: second,
                share,
                offered: fresh.len(),
                claims: 0,
                packets: 0,
            });
        }
        for n in fresh {
            self.offered.insert(n);
            if self.chance("answers", n) < self.ways.answers {
                let later = (self.chance("notice", n) * NOTICE_S as f64) as u64;
                self.plan(second + 1 + later, n, Next::Claim);
            }
        }
        Ok(())
    }

    fn plan(&mut self, second: u64, n: u32, next: Next) {
        self.plans.entry(second).or_default().push((n, next));
    }

    async fn act(&mut self, second: u64, due: Vec<(u32, Next)>) -> Result<()> {
        let mut claims = Vec::new();
        for (n, next) in due {
            match next {
                // A hook that is not listed any more is forgotten.
                Next::Claim if self.wave().is_some() => claims.push(n),
                Next::Claim => {}
                Next::Run(claim) => self.end(n, claim).await?,
            }
        }
        for group in claims.chunks(GROUP) {
            self.claim(second, group).await?;
        }
        Ok(())
    }

    async fn claim(&mut self, second: u64, group: &[u32]) -> Result<()> {
        let (app, now) = (&self.house.app, self.house.app.now());
        let mut asks = Vec::with_capacity(group.len());
        for n in group {
            asks.push(ClaimAsk {
                instance: instance(*n)?,
                customer: acme()?,
                attempt: 1,
                bytes: BYTES,
            });
        }
        self.told.claims += asks.len();
        if let Some(wave) = self.told.waves.last_mut() {
            wave.claims += asks.len();
        }
        let until = now.plus_ms(LEASE_MS);
        let answer = app
            .store
            .claim(&Scope::System, self.house.write(), self.digest, until, asks);
        let replies = answer.await?.done()?;
        for (n, reply) in group.iter().zip(replies) {
            match reply {
                ClaimReply::Granted(lease) | ClaimReply::Same(lease) => {
                    self.told.runs += 1;
                    self.plan(second + RUN_S, *n, Next::Run(lease.claim));
                }
                ClaimReply::Busy { until } => {
                    // As told, ±20 %.
                    let wait = until.since(now) as f64 / 1_000.0;
                    let wait = (wait * (0.8 + 0.4 * self.chance("again", *n))) as u64;
                    self.plan(second + wait.max(1), *n, Next::Claim);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// A run is over: a packet, or nothing.
    async fn end(&mut self, n: u32, claim: ClaimId) -> Result<()> {
        let (store, scope) = (&self.house.app.store, &Scope::System);
        if self.chance("fails", n) < self.ways.fails {
            let why = "it failed".to_owned();
            let answer = store.release(scope, self.house.write(), claim, AnswerKind::Failed, why);
            drop(answer.await?);
            return Ok(());
        }
        let packet = CommitPacket {
            name: format!("{n}.zip"),
            bytes: BYTES,
            sha256: Digest::of(&n.to_be_bytes()),
            chunks: vec![boathook_schema::Chunk {
                offset: 0,
                bytes: BYTES,
            }],
            statement: Blob(b"{}".to_vec()),
            sections: Vec::new(),
            claim,
        };
        let committed = store.commit_packet(scope, self.house.write(), packet);
        if committed.await?.done().is_ok() {
            self.told.packets += 1;
            if let Some(wave) = self.told.waves.last_mut() {
                wave.packets += 1;
            }
        }
        Ok(())
    }
}
