//! Who gets a place, and why not.
use std::collections::BTreeMap;

use boathook_hooks::{
    ids::{ClaimId, CustomerId, Digest, InstanceId},
    states::HookState,
    time::Time,
};

use super::{
    SETTLED_AT_ONCE, counted, due, for_agents, home, insert, lease, lease_of, load, next_due,
    record_group, row_of, runs, save, settle,
};
use crate::{
    Answer, Claim, ClaimAsk, ClaimReply, ClaimState, EventKind, Revision, Scope, StoreError, Write,
    aggregates::{
        erasing,
        quota::{self, Room},
        revisions,
    },
    engine::{Engine, Look as _, Need, Stop, Tx, look::Found},
};

/// What a busy claimant is told to wait when no lease says better.
const BUSY_MS: i64 = 60_000;

/// What the asks of one group share.
struct Group<'a> {
    scope: &'a Scope,
    /// For those that are granted.
    until: Time,
    /// When the next reservation may come back.
    next_free: Option<Time>,
}

impl Group<'_> {
    fn granted(&mut self) {
        let next = self.next_free.unwrap_or(self.until);
        self.next_free = Some(next.min(self.until));
    }
}

/// The first lease that runs out. Read once a group, before it changes any: to who asks later in it this is a hint.
fn next_free(tx: &mut Tx<'_>) -> Result<Option<Time>, Stop> {
    let need = next_due(&tx.home, tx.now());
    Ok(match tx.find(need)? {
        Found::Rows(rows) => rows.first().and_then(|(row, _)| Some(lease_of(row)?.0)),
        _ => None,
    })
}

/// One ask. Says what to reply and whether the revision changed.
fn ask(
    tx: &mut Tx<'_>,
    group: &mut Group<'_>,
    revision: &mut Revision,
    ask: &ClaimAsk,
) -> Result<(ClaimReply, bool), Stop> {
    let unchanged = |reply| Ok((reply, false));
    let (scope, until) = (group.scope, group.until);
    if !scope.holds_instance(&ask.customer, &ask.instance) || !revision.is_for(&ask.customer) {
        return unchanged(ClaimReply::NotFound);
    }
    match erasing::erased(tx, &erasing::at_instance(&ask.instance)) {
        Ok(None) => {}
        Ok(Some(erasure)) => return unchanged(ClaimReply::Erased { at: erasure.begun }),
        // One record that cannot be read holds up no others of its group.
        Err(Stop::Error(error @ StoreError::Record { .. })) => {
            tracing::error!(%error, instance = %ask.instance, "an instance cannot be read, and its claim is not granted");
            return unchanged(ClaimReply::NotFound);
        }
        Err(stop) => return Err(stop),
    }
    if let Some(mut claim) = load(tx, &ask.instance)? {
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
        if let Some(reply) = no_room(tx, group, revision, ask, true) {
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
        group.granted();
        save(tx, &claim)?;
        return Ok((ClaimReply::Granted(lease(&claim.value)), true));
    }
    if ask.attempt > revision.quota.attempts {
        return unchanged(ClaimReply::Answered);
    }
    let row = quota::rows_left(revision);
    if let Some(reply) = no_room(tx, group, revision, ask, row) {
        return unchanged(reply);
    }
    let mut claim = fresh(revision, ask, 1, ask.attempt, tx.now());
    quota::reserve(revision, &mut claim, until);
    revision.usage.rows += 1;
    group.granted();
    insert(tx, &claim)?;
    runs::list(tx, revision, &ask.instance);
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
    group: &Group<'_>,
    revision: &Revision,
    ask: &ClaimAsk,
    row: bool,
) -> Option<ClaimReply> {
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
                until: group.next_free.unwrap_or(tx.now().plus_ms(BUSY_MS)),
            },
            Room::Free if !row => ClaimReply::Full,
            Room::Free => return None,
        },
        ended => ClaimReply::Ended {
            state: ended.word().to_owned(),
        },
    };
    Some(reply)
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

/// What a group of asks reads, at once.
fn look_ahead(tx: &mut Tx<'_>, asks: &[ClaimAsk]) -> Result<(), Stop> {
    let (home, now) = (tx.home.clone(), tx.now());
    let mut needs = vec![
        Need::Row(home.head()),
        due(&home, now, SETTLED_AT_ONCE),
        next_due(&home, now),
    ];
    let rows = asks.iter().map(|ask| home.at(row_of(&ask.instance)));
    needs.extend(rows.map(Need::Row));
    let instances = asks.iter().map(|ask| erasing::at_instance(&ask.instance));
    needs.extend(instances.map(Need::Row));
    tx.ahead(needs)
}

impl Engine {
    pub(crate) async fn claim(
        &self,
        scope: &Scope,
        write: Write,
        digest: Digest,
        lease_until: Time,
        asks: Vec<ClaimAsk>,
    ) -> Answer<Vec<ClaimReply>> {
        let scope = scope.clone();
        self.write("claim", write, home(&digest), move |tx| {
            for_agents(&scope)?;
            look_ahead(tx, &asks)?;
            let mut found = revisions::load(tx)?;
            let revision = &mut found.value;
            let mut changed = settle(tx, revision)? > 0;
            let mut group = Group {
                scope: &scope,
                until: lease_until,
                next_free: next_free(tx)?,
            };
            let mut granted: BTreeMap<CustomerId, Vec<InstanceId>> = BTreeMap::new();
            let mut replies = Vec::with_capacity(asks.len());
            for one in &asks {
                let (reply, wrote) = ask(tx, &mut group, revision, one)?;
                changed |= wrote;
                if let ClaimReply::Granted(_) = reply {
                    let names = granted.entry(one.customer.clone()).or_default();
                    names.push(one.instance.clone());
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
