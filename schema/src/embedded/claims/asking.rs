//! Who gets a place, and why not.
use std::collections::BTreeMap;

use boathook_hooks::{
    ids::{ClaimId, CustomerId, Digest, InstanceId},
    states::HookState,
    time::Time,
};
use rusqlite::params;

use super::{counted, for_agents, insert, lease, load, record_group, save, settle};
use crate::{
    Answer, Claim, ClaimAsk, ClaimReply, ClaimState, EventKind, Revision, Scope, Write,
    embedded::{
        Embedded,
        quota::{self, Room},
        revisions,
        tx::{Stop, Tx},
    },
};

/// What a busy claimant is told to wait when no lease says better.
const BUSY_MS: i64 = 60_000;

/// When the next reservation may come back.
fn next_free(tx: &Tx<'_>, revision: &Digest) -> Result<Time, Stop> {
    let next: Option<i64> = tx
        .conn
        .prepare_cached(
            "SELECT min(lease_until) FROM claims WHERE digest = ?1 AND state = 'reserved'",
        )?
        .query_row(params![revision.0], |row| row.get(0))?;
    Ok(next.map_or(tx.now().plus_ms(BUSY_MS), Time::from_ms))
}

/// One ask. Says what to reply and whether revision or claim changed.
fn ask(
    tx: &Tx<'_>,
    scope: &Scope,
    revision: &mut Revision,
    ask: &ClaimAsk,
    until: Time,
) -> Result<(ClaimReply, bool), Stop> {
    let unchanged = |reply| Ok((reply, false));
    if !scope.holds_instance(&ask.customer, &ask.instance) || !revision.is_for(&ask.customer) {
        return unchanged(ClaimReply::NotFound);
    }
    let known = load(tx, &revision.digest, &ask.instance)?;
    if let Some(mut claim) = known {
        if claim.value.customer != ask.customer {
            return unchanged(ClaimReply::NotFound);
        }
        let attempt = attempt_of(&claim.value, ask);
        if claim.value.is_final || attempt > revision.quota.attempts {
            return unchanged(ClaimReply::Answered);
        }
        if claim.value.state == ClaimState::Reserved {
            claim.value.lease_until = claim.value.lease_until.max(until);
            claim.value.attempt = attempt;
            save(tx, &claim)?;
            return unchanged(ClaimReply::Same(lease(&claim.value)));
        }
        if let Some(reply) = no_room(tx, revision, ask, true)? {
            return unchanged(reply);
        }
        let Some(reservation) = claim.value.id.reservation.checked_add(1) else {
            return unchanged(ClaimReply::Answered);
        };
        // A run that failed and is done again is not a failed one any more.
        if claim.value.state == ClaimState::Failed && counted(&claim.value) {
            revision.usage.failed = revision.usage.failed.saturating_sub(1);
        }
        claim.value = fresh(revision, ask, reservation, attempt, tx.now());
        quota::reserve(revision, &mut claim.value, until);
        save(tx, &claim)?;
        return Ok((ClaimReply::Granted(lease(&claim.value)), true));
    }
    if ask.attempt > revision.quota.attempts {
        return unchanged(ClaimReply::Answered);
    }
    if let Some(reply) = no_room(tx, revision, ask, quota::rows_left(revision))? {
        return unchanged(reply);
    }
    let mut claim = fresh(revision, ask, 1, ask.attempt, tx.now());
    quota::reserve(revision, &mut claim, until);
    revision.usage.rows += 1;
    insert(tx, &claim)?;
    Ok((ClaimReply::Granted(lease(&claim)), true))
}

/// The run that an ask is for. After a run that failed it is the next one, whatever the agent says: one that lost its
/// ledger does not run for ever.
fn attempt_of(claim: &Claim, ask: &ClaimAsk) -> u32 {
    let ran = claim.state == ClaimState::Failed && counted(claim);
    ask.attempt.max(claim.attempt + u32::from(ran))
}

/// Why there is no reservation to be had now.
fn no_room(
    tx: &Tx<'_>,
    revision: &Revision,
    ask: &ClaimAsk,
    row: bool,
) -> Result<Option<ClaimReply>, Stop> {
    let limit = revision.quota.packet_bytes;
    let reply = match &revision.state {
        HookState::Full => ClaimReply::Full,
        HookState::Published if tx.now() >= revision.expires_at() => ClaimReply::Ended {
            state: "expired".to_owned(),
        },
        HookState::Published if tx.now() < revision.quota.not_before => ClaimReply::Busy {
            until: revision.quota.not_before,
        },
        HookState::Published if ask.bytes > limit => ClaimReply::TooLarge { limit },
        HookState::Published => match quota::room(revision, ask.bytes) {
            Room::Full => ClaimReply::Full,
            Room::Busy => ClaimReply::Busy {
                until: next_free(tx, &revision.digest)?,
            },
            Room::Free if !row => ClaimReply::Full,
            Room::Free => return Ok(None),
        },
        ended => ClaimReply::Ended {
            state: ended.word().to_owned(),
        },
    };
    Ok(Some(reply))
}

fn fresh(revision: &Revision, ask: &ClaimAsk, reservation: u16, attempt: u32, now: Time) -> Claim {
    Claim {
        id: ClaimId {
            revision: revision.digest,
            instance: ask.instance.clone(),
            reservation,
        },
        customer: ask.customer.clone(),
        state: ClaimState::Reserved,
        attempt,
        bytes: ask.bytes,
        sized: false,
        reserved_at: now,
        lease_until: now,
        ended_at: None,
        reason: None,
        answer: None,
        is_final: false,
        packet: None,
    }
}

impl Embedded {
    pub(crate) async fn claim(
        &self,
        scope: &Scope,
        write: Write,
        digest: Digest,
        lease_until: Time,
        asks: Vec<ClaimAsk>,
    ) -> Answer<Vec<ClaimReply>> {
        let scope = scope.clone();
        self.write("claim", write, move |tx| {
            for_agents(&scope)?;
            let mut found = revisions::load(tx, &digest)?;
            let revision = &mut found.value;
            let mut changed = settle(tx, revision)? > 0;
            let mut granted: BTreeMap<CustomerId, Vec<InstanceId>> = BTreeMap::new();
            let mut replies = Vec::with_capacity(asks.len());
            for one in asks {
                let (reply, wrote) = ask(tx, &scope, revision, &one, lease_until)?;
                changed |= wrote;
                if let ClaimReply::Granted(_) = reply {
                    granted.entry(one.customer).or_default().push(one.instance);
                }
                replies.push(reply);
            }
            record_group(tx, revision, &EventKind::CLAIMS_GRANTED, &granted)?;
            if changed {
                revisions::save(tx, &mut found)?;
            }
            Ok(replies)
        })
        .await
    }
}
