//! The arithmetic of places and bytes, pure: `accepted + reserved` never exceeds the quota.
use boathook_hooks::{
    states::HookState,
    time::{DAY, Time},
};

use crate::{Claim, ClaimState, Refused, Revision};

/// Whether there is room for one more reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    Free,
    /// Only reserved: it may come back.
    Busy,
    /// Accepted: it never comes back.
    Full,
}

pub(super) fn room(revision: &Revision, bytes: u64) -> Room {
    let (used, quota) = (&revision.usage, &revision.quota);
    let places = revision.places();
    let accepted_bytes = used.accepted_bytes.saturating_add(bytes);
    if used.accepted >= places || accepted_bytes > quota.total_bytes {
        Room::Full
    } else if used.accepted.saturating_add(used.reserved) >= places
        || accepted_bytes.saturating_add(used.reserved_bytes) > quota.total_bytes
    {
        Room::Busy
    } else {
        Room::Free
    }
}

/// Whether one more row may be made: rows ≤ 4 × places, so that failing instances cannot grow a hook without end.
pub(super) fn rows_left(revision: &Revision) -> bool {
    revision.usage.rows < revision.quota.places.saturating_mul(4)
}

pub(super) fn reserve(revision: &mut Revision, claim: &mut Claim, until: Time) {
    revision.usage.reserved += 1;
    revision.usage.reserved_bytes += claim.bytes;
    claim.state = ClaimState::Reserved;
    claim.lease_until = until;
    claim.ended_at = None;
}

/// Gives a reservation's place and bytes back; a claim that holds none gives none.
pub(super) fn give_back(revision: &mut Revision, claim: &mut Claim, to: ClaimState, now: Time) {
    if claim.state == ClaimState::Reserved {
        revision.usage.reserved = revision.usage.reserved.saturating_sub(1);
        revision.usage.reserved_bytes = revision.usage.reserved_bytes.saturating_sub(claim.bytes);
    }
    claim.state = to;
    claim.ended_at = Some(now);
}

/// A reservation becomes a packet of `bytes`, which are no more than it reserved.
pub(super) fn accept(revision: &mut Revision, claim: &mut Claim, bytes: u64, now: Time) {
    give_back(revision, claim, ClaimState::Accepted, now);
    revision.usage.accepted += 1;
    revision.usage.accepted_bytes += bytes;
    claim.bytes = bytes;
    claim.is_final = true;
}

pub(super) fn is_full(revision: &Revision) -> bool {
    revision.usage.accepted >= revision.places()
        || revision.usage.accepted_bytes >= revision.quota.total_bytes
}

/// Instances that must have run before a share of errors means anything: the first wave is the canary.
const ENOUGH_RUNS: u32 = 4;

/// Whether more runs failed than the hook allows.
pub(super) fn too_many_errors(revision: &Revision) -> bool {
    let Some(percent) = revision.quota.stop_error_percent else {
        return false;
    };
    let (failed, runs) = (
        u64::from(revision.usage.failed),
        u64::from(revision.usage.failed) + u64::from(revision.usage.accepted),
    );
    runs >= u64::from(ENOUGH_RUNS) && failed * 100 > u64::from(percent) * runs
}

/// After a revision's end an agent may come back with a packet for this long.
const KEPT_MS: i64 = 7 * DAY;

/// When the last packet may come in. Never later than it once was: a revision may be ended long after it expired.
pub(super) fn open_until(revision: &Revision) -> Time {
    let expires = revision.expires_at();
    let end = match revision.state {
        HookState::Published => expires,
        _ => revision.ended_at.map_or(expires, |at| at.min(expires)),
    };
    end.plus_ms(KEPT_MS)
}

/// A claim that lost its lease may take a place again, unless the revision was stopped: full, expired and superseded
/// do not cut a run off until [`open_until`].
pub(super) fn revive(
    revision: &mut Revision,
    claim: &mut Claim,
    now: Time,
    until: Time,
) -> Result<(), Refused> {
    let stopped = matches!(revision.state, HookState::Stopped { .. });
    // Its chunks may be deleted soon.
    if stopped || now > open_until(revision) {
        return Err(Refused::Ended {
            state: revision.state.word().to_owned(),
        });
    }
    match (claim.state, room(revision, claim.bytes)) {
        (ClaimState::Reserved, _) => Ok(()),
        (ClaimState::Expired, Room::Free) => {
            reserve(revision, claim, until);
            Ok(())
        }
        (ClaimState::Expired, Room::Busy | Room::Full) => Err(Refused::NoPlace),
        (ClaimState::Accepted | ClaimState::Rejected | ClaimState::Failed, _) => {
            Err(Refused::ClaimClosed(claim.id.clone()))
        }
    }
}
