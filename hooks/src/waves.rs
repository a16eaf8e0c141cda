//! Waves: the share of its audience that a hook is offered to yet, and when that share grows. A million instances must not
//! ask for ten places, and a hook that fails must do so on few: the first wave is the canary.
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    ids::{Digest, InstanceId},
    time::Time,
};

/// Instances whose position in the revision's order is at most this number are offered it. 63 bits, since BSON has no
/// unsigned numbers. What says no wave is offered to all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Wave(u64);

/// How waves begin and grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Instances of the first wave: so many a place…
    pub first_times: u32,
    /// …and never fewer than these.
    pub first_least: u64,
    /// A wave is so many times the one before.
    pub widen_times: u32,
    /// Milliseconds that a wave has before the next one.
    pub pause_ms: i64,
}

/// How a published revision stands when its next wave is thought of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    pub wave: Wave,
    /// Since when this wave can claim.
    pub since: Time,
    pub places: u32,
    pub accepted: u32,
    pub reserved: u32,
    /// No packet of the size that the hook allows fits into its bytes any more, or no claim into its rows.
    pub no_room: bool,
    /// Instances whose runs failed.
    pub failed: u32,
    /// The hook's own share of failed runs.
    pub stop_error_percent: Option<u32>,
}

/// Why a wave is not followed by another now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// There is nobody else.
    All,
    /// No place is free.
    Taken,
    /// Too many of its runs failed, or all of the few that there were and their time is not over.
    Failing,
    /// Its time is not over.
    Pause,
}

impl Hold {
    pub const fn word(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Taken => "taken",
            Self::Failing => "failing",
            Self::Pause => "pause",
        }
    }
}

/// Of a hook that says none itself: most of its runs failed.
const FAILED_PERCENT: u32 = 50;
/// So many finished runs say whether a hook fails. Fewer may be one odd machine, and a wave whose others decline or are
/// away brings no more of them: were it held for one, it would be so for ever.
const TELLING: u64 = 4;
/// While the few that finished failed a wave has so many times its pause, for others to finish.
const PATIENCE: i64 = 4;

/// Where an instance stands in the order in which that revision is offered: each revision has another order.
pub fn position(revision: &Digest, instance: &InstanceId) -> u64 {
    let mut hash = Sha256::new();
    hash.update(revision.0);
    hash.update(instance.as_str());
    let hash: [u8; 32] = hash.finalize().into();
    let mut first = [0; 8];
    first.copy_from_slice(&hash[..8]);
    u64::from_be_bytes(first) >> 1
}

impl Default for Wave {
    fn default() -> Self {
        Self::ALL
    }
}

impl Wave {
    /// Everybody.
    pub const ALL: Self = Self(u64::MAX >> 1);

    /// That share of all, from 0 to 1.
    pub fn of_share(share: f64) -> Self {
        // A cast from a float stops at the bounds, and takes what is no number for 0.
        Self((share * (u64::MAX >> 1) as f64) as u64).min(Self::ALL)
    }

    /// The first wave of a hook with so many places, for so many instances; where that is estimated, for the most that
    /// there may be (see [`at_most`]): with too few the wave would be too wide.
    pub fn first(places: u32, matching: u64, rules: &Rules) -> Self {
        let wanted = (u64::from(places) * u64::from(rules.first_times)).max(rules.first_least);
        if matching <= wanted {
            return Self::ALL;
        }
        Self::of_share(wanted as f64 / matching as f64)
    }

    /// The next wave.
    #[must_use]
    pub fn wider(self, times: u32) -> Self {
        Self(self.0.saturating_mul(times.into()).max(self.0 + 1)).min(Self::ALL)
    }

    pub fn is_all(self) -> bool {
        self == Self::ALL
    }

    /// Whether that instance is offered that revision.
    pub fn reaches(self, revision: &Digest, instance: &InstanceId) -> bool {
        self.is_all() || position(revision, instance) <= self.0
    }

    /// The share of the audience that is offered the hook, from 0 to 1.
    pub fn share(self) -> f64 {
        self.0 as f64 / Self::ALL.0 as f64
    }
}

impl Standing {
    /// The wave that follows at `now`, or why none does.
    pub fn next(&self, rules: &Rules, now: Time) -> Result<Wave, Hold> {
        if self.wave.is_all() {
            return Err(Hold::All);
        }
        if self.no_room || self.accepted.saturating_add(self.reserved) >= self.places {
            return Err(Hold::Taken);
        }
        let waited = now.since(self.since);
        let finished = u64::from(self.failed) + u64::from(self.accepted);
        if self.fails() && (finished >= TELLING || waited < rules.pause_ms.saturating_mul(PATIENCE))
        {
            return Err(Hold::Failing);
        }
        if waited < rules.pause_ms {
            return Err(Hold::Pause);
        }
        Ok(self.wave.wider(rules.widen_times))
    }

    /// Whether more runs failed than the hook allows, or all that there were: also of fewer than stop it.
    fn fails(&self) -> bool {
        let (failed, accepted) = (u64::from(self.failed), u64::from(self.accepted));
        let percent = u64::from(self.stop_error_percent.unwrap_or(FAILED_PERCENT));
        failed > 0 && (accepted == 0 || failed * 100 > percent * (failed + accepted))
    }
}

/// How many there are at most, of whom a sample that has one in `each` found so many: more in one case of twenty. None
/// found may be some all the same.
pub fn at_most(found: u64, each: u64) -> u64 {
    if each <= 1 {
        return found;
    }
    // Never below the upper 95 % bound of a count by chance, and above it by two at most.
    let above = 3 + (1.65 * (found as f64).sqrt()).ceil() as u64;
    found.saturating_add(above).saturating_mul(each)
}

#[cfg(test)]
mod tests;
