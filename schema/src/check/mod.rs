//! Whether what a store holds fits together: lists with the aggregates that they tell of, claims with their counts,
//! packets with their bytes, chains with themselves. Servers may work meanwhile: what does not fit is looked at once more
//! before it is said.
mod aggregates;
mod chains;
mod counts;
mod entries;
mod envelopes;
mod objects;

use std::time::Duration;

use boathook_hooks::time::Time;
use serde::Serialize;

use crate::{Store, StoreError};

/// Faults that are named; those beyond are counted.
const NAMED: usize = 10_000;
/// Records that are looked at at a time.
const AT_ONCE: usize = 16;
/// Records or entries between two words.
const TELL_EACH: u64 = 500;
/// What is on its way has arrived by then.
const SECOND_LOOK: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// A list lacks an entry, or it says something else than its record.
    ListBehind,
    /// A list has an entry that its record does not know.
    ListStray,
    /// A revision's counts are not those of its claims.
    Counts,
    /// A claim was accepted and its packet is not there.
    ClaimWithoutPacket,
    PacketWithoutBytes,
    /// A packet's statement, or a part of it, is not there.
    PacketWithoutStatement,
    /// The signed bytes of a hook that was published are not there, or are others.
    HookWithoutEnvelope,
    /// Bytes that can never become a packet any more.
    BytesWithoutPacket,
    BrokenChain,
    /// A chain that the list of heads does not name.
    ChainNotListed,
    /// A write that a server left, and that could not be finished.
    LeftWrite,
    /// A record that this program cannot read.
    Unreadable,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    pub kind: FaultKind,
    /// What does not fit, such as `packets/…` or a list's entry.
    pub at: String,
    pub why: String,
    pub repaired: bool,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct CheckOptions {
    /// Mends what can be: lists, writes that were left, bytes that nobody can want.
    pub repair: bool,
    /// Reads every packet's bytes; else only how many there are.
    pub read_bytes: bool,
}

/// What was looked at, and what did not fit.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Checked {
    /// What is looked at now.
    pub what: &'static str,
    pub aggregates: u64,
    pub entries: u64,
    pub packets: u64,
    pub bytes: u64,
    pub chains: u64,
    pub events: u64,
    /// Writes of servers that died, finished by this check.
    pub finished: u32,
    /// The first 10,000.
    pub faults: Vec<Fault>,
    /// All of them.
    pub found: u64,
    pub repaired: u64,
}

impl Checked {
    fn fault(&mut self, kind: FaultKind, at: String, why: String, repaired: bool) {
        self.found += 1;
        self.repaired += u64::from(repaired);
        if self.faults.len() < NAMED {
            self.faults.push(Fault {
                kind,
                at,
                why,
                repaired,
            });
        }
    }

    /// Nothing is wrong, or nothing is any more.
    pub fn is_clean(&self) -> bool {
        self.found == self.repaired
    }
}

/// What is looked with, many at a time.
#[derive(Clone, Copy)]
struct Eye<'a> {
    store: &'a Store,
    options: CheckOptions,
    now: Time,
}

/// One check under way.
struct Check<'a> {
    eye: Eye<'a>,
    looked_at: u64,
    done: Checked,
    tell: &'a mut (dyn FnMut(&Checked) + Send),
}

impl Check<'_> {
    fn tell(&mut self) {
        (self.tell)(&self.done);
    }

    /// After each thing that was looked at.
    fn tell_now_and_then(&mut self) {
        self.looked_at += 1;
        if self.looked_at.is_multiple_of(TELL_EACH) {
            self.tell();
        }
    }
}

impl Store {
    /// Looks at everything. `tell` is called now and then. `now` decides what has ended.
    pub async fn check(
        &self,
        options: CheckOptions,
        now: Time,
        mut tell: impl FnMut(&Checked) + Send,
    ) -> Result<Checked, StoreError> {
        let left = self.finish_left(false).await?;
        let mut check = Check {
            eye: Eye {
                store: self,
                options,
                now,
            },
            looked_at: 0,
            done: Checked::default(),
            tell: &mut tell,
        };
        check.done.finished = left.finished;
        if left.failed > 0 {
            let why = format!("{} writes", left.failed);
            let at = "hints".to_owned();
            check.done.fault(FaultKind::LeftWrite, at, why, false);
        }
        check.aggregates().await?;
        check.entries().await?;
        check.objects().await?;
        check.chains().await?;
        Ok(check.done)
    }
}
