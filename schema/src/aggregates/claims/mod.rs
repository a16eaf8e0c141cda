//! Claims: rows of their revision's aggregate, and what all their verbs share. `c/INSTANCE` is an instance's newest
//! claim; `l/LEASE/INSTANCE` stands for each that is reserved, so that leases are found without reading claims.
mod answers;
mod asking;
mod endings;
mod leases;
mod reading;
mod runs;

use std::collections::BTreeMap;

use boathook_hooks::{
    ids::{ClaimId, CustomerId, Digest, InstanceId},
    protocol::AnswerKind,
    states::{HookState, StoppedBy},
    time::Time,
};

use super::{erasing, quota, revisions};
use crate::{
    Chain, Claim, ClaimState, EventKind, Lease, NewEvent, Refused, Revision, Scope,
    engine::{
        HEAD, Home, List, Look as _, Need, Stop, Stored, Table, Tx, ensure, keys::number_key,
        look::beyond, not_found,
    },
};

pub(super) const CLAIMS: &str = "c/";
const LEASES: &str = "l/";

/// Leases that one write gives back at most when they run out: bounds what it writes. What is left is due still.
const SETTLED_AT_ONCE: usize = 1_024;

pub(super) fn home(revision: &Digest) -> Home {
    Home::new(Table::Revisions, revision)
}

pub(super) fn row_of(instance: &InstanceId) -> String {
    format!("{CLAIMS}{instance}")
}

/// Where leases until `at` begin.
fn leases_at(at: Time) -> String {
    format!(
        "{LEASES}{}",
        number_key(u64::try_from(at.ms()).unwrap_or(0))
    )
}

/// The row that stands for a claim's lease.
fn lease_row(claim: &Claim) -> Option<String> {
    (claim.state == ClaimState::Reserved)
        .then(|| format!("{}/{}", leases_at(claim.lease_until), claim.id.instance))
}

/// Leases that have run out at `now`.
fn due(home: &Home, now: Time, limit: usize) -> Need {
    Need::Rows {
        home: home.clone(),
        from: LEASES.to_owned(),
        to: leases_at(now.plus_ms(1)),
        limit,
    }
}

/// The lease that runs out next after `now`.
fn next_due(home: &Home, now: Time) -> Need {
    Need::Rows {
        home: home.clone(),
        from: leases_at(now.plus_ms(1)),
        to: beyond(LEASES),
        limit: 1,
    }
}

/// Until when, and whose: out of the row that stands for a lease.
fn lease_of(row: &str) -> Option<(Time, &str)> {
    let (until, instance) = row.strip_prefix(LEASES)?.split_once('/')?;
    Some((Time::from_ms(until.parse().ok()?), instance))
}

fn load(tx: &mut Tx<'_>, instance: &InstanceId) -> Result<Option<Stored<Claim>>, Stop> {
    let at = tx.here(&row_of(instance));
    tx.stored("claim", &at)
}

/// The row for the lease goes with the claim.
fn move_lease(tx: &mut Tx<'_>, claim: &Claim) -> Result<(), Stop> {
    let at = tx.here(&row_of(&claim.id.instance));
    let before: Option<Claim> = tx.read("claim", &at)?;
    let (before, now) = (before.as_ref().and_then(lease_row), lease_row(claim));
    if before == now {
        return Ok(());
    }
    if let Some(row) = before {
        tx.delete(&row);
    }
    if let Some(row) = now {
        tx.put_bytes(&row, Vec::new());
    }
    Ok(())
}

fn save(tx: &mut Tx<'_>, claim: &Stored<Claim>) -> Result<(), Stop> {
    move_lease(tx, &claim.value)?;
    tx.save(&row_of(&claim.value.id.instance), claim)
}

fn insert(tx: &mut Tx<'_>, claim: &Claim) -> Result<(), Stop> {
    move_lease(tx, claim)?;
    tx.put("claim", &row_of(&claim.id.instance), claim)
}

/// Lists the revision while it holds reservations, for `due_leases`. Called once a write, where the revision is saved.
pub(super) fn list_reserving(tx: &mut Tx<'_>, before: Option<&Revision>, revision: &Revision) {
    let was = before.is_some_and(|r| r.usage.reserved > 0);
    let is = revision.usage.reserved > 0;
    let sort = revision.digest.to_string();
    if is && !was {
        tx.list_bytes(List::Reserving, "", &sort, Vec::new());
    } else if was && !is {
        tx.unlist(List::Reserving, "", &sort);
    }
}

pub(super) use runs::relist as relist_runs;

/// A revision and one of its claims, to be changed together.
pub(super) struct Open {
    pub(super) revision: Stored<Revision>,
    pub(super) claim: Stored<Claim>,
    usage: crate::Usage,
}

/// The claim by its id, for who may act for its instance, which was not erased. A newer reservation closed it.
pub(super) fn open(tx: &mut Tx<'_>, scope: &Scope, id: &ClaimId) -> Result<Open, Stop> {
    let mut needs = vec![Need::Row(erasing::at_instance(&id.instance))];
    needs.extend([HEAD.to_owned(), row_of(&id.instance)].map(|row| Need::Row(tx.here(&row))));
    tx.ahead(needs)?;
    let claim = load(tx, &id.instance)?.ok_or_else(|| not_found("claim"))?;
    if !scope.holds_instance(&claim.value.customer, &id.instance) {
        return Err(not_found("claim"));
    }
    erasing::instance_stands(tx, &id.instance)?;
    ensure(claim.value.id == *id, Refused::ClaimClosed(id.clone()))?;
    let revision = revisions::load(tx)?;
    Ok(Open {
        usage: revision.value.usage,
        revision,
        claim,
    })
}

impl Open {
    /// The revision only if what is counted there changed: a lease that is renewed writes its claim alone.
    pub(super) fn save(&mut self, tx: &mut Tx<'_>) -> Result<(), Stop> {
        save(tx, &self.claim)?;
        if self.revision.value.usage != self.usage {
            revisions::save(tx, &mut self.revision)?;
        }
        Ok(())
    }

    fn event(&self, kind: EventKind) -> NewEvent {
        claim_event(kind, &self.revision.value, &self.claim.value)
    }

    /// A run of this instance failed: counted once an instance (`ask` takes it back when it runs again), so that one
    /// alone cannot stop a hook for all. The claim must be saved: stopping ends those that are stored as reserved.
    fn failed(&mut self, tx: &mut Tx<'_>) -> Result<(), Stop> {
        self.revision.value.usage.failed += 1;
        if self.revision.value.state == HookState::Published
            && quota::too_many_errors(&self.revision.value)
        {
            let why = "more of its runs failed than it allows".to_owned();
            revisions::stop(tx, &mut self.revision.value, StoppedBy::Errors, why)?;
        }
        Ok(())
    }
}

pub(super) fn claim_event(kind: EventKind, revision: &Revision, claim: &Claim) -> NewEvent {
    let mut event = revisions::event(kind, revision);
    event.refs.claim = Some(claim.id.clone());
    event.refs.instance = Some(claim.id.instance.clone());
    event
}

pub(super) fn record(tx: &mut Tx<'_>, claim: &Claim, event: NewEvent) -> Result<(), Stop> {
    tx.event(&Chain::Customer(claim.customer.clone()), event)
}

fn lease(claim: &Claim) -> Lease {
    Lease {
        claim: claim.id.clone(),
        until: claim.lease_until,
        bytes: claim.bytes,
    }
}

/// One event a customer over a group of claims.
fn record_group(
    tx: &mut Tx<'_>,
    revision: &Revision,
    kind: &EventKind,
    group: &BTreeMap<CustomerId, Vec<InstanceId>>,
) -> Result<(), Stop> {
    for (customer, instances) in group {
        let mut event = revisions::event(kind.clone(), revision);
        if let [one] = instances.as_slice() {
            event.refs.instance = Some(one.clone());
        }
        event.count = u32::try_from(instances.len()).unwrap_or(u32::MAX);
        let names: Vec<&str> = instances.iter().map(InstanceId::as_str).collect();
        event.details.insert("instances", names);
        tx.event(&Chain::Customer(customer.clone()), event)?;
    }
    Ok(())
}

/// Reservations whose lease ran out give their places back. The caller saves the revision.
pub(super) fn settle(tx: &mut Tx<'_>, revision: &mut Revision) -> Result<u32, Stop> {
    let to = leases_at(tx.now().plus_ms(1));
    end_all(
        tx,
        revision,
        ClaimState::Expired,
        None,
        &to,
        SETTLED_AT_ONCE,
    )
}

/// The hook was stopped: whoever holds a place holds it no more. The caller saves the revision.
pub(super) fn end_reserved(
    tx: &mut Tx<'_>,
    revision: &mut Revision,
    why: &str,
) -> Result<u32, Stop> {
    let to = beyond(LEASES);
    end_all(tx, revision, ClaimState::Failed, Some(why), &to, usize::MAX)
}

/// Ends the claims whose leases stand below `to`.
fn end_all(
    tx: &mut Tx<'_>,
    revision: &mut Revision,
    state: ClaimState,
    why: Option<&str>,
    to: &str,
    limit: usize,
) -> Result<u32, Stop> {
    let home = tx.home.clone();
    let leases = tx.rows(&home, LEASES, to, limit)?;
    let rows: Vec<(&str, String)> = leases
        .iter()
        .filter_map(|(row, _)| Some((row.as_str(), format!("{CLAIMS}{}", lease_of(row)?.1))))
        .collect();
    let claims = rows.iter().map(|(_, claim)| Need::Row(home.at(claim)));
    tx.ahead(claims.collect())?;
    let mut group: BTreeMap<CustomerId, Vec<InstanceId>> = BTreeMap::new();
    let mut count = 0;
    for (row, claim) in rows {
        let Some(mut claim) = tx.stored::<Claim>("claim", &home.at(claim))? else {
            continue;
        };
        if lease_row(&claim.value).as_deref() != Some(row) {
            continue;
        }
        quota::give_back(revision, &mut claim.value, state, tx.now());
        claim.value.reason = why.map(ToOwned::to_owned);
        save(tx, &claim)?;
        count += 1;
        let Claim { customer, id, .. } = claim.value;
        group.entry(customer).or_default().push(id.instance);
    }
    for instances in group.values_mut() {
        instances.sort();
    }
    record_group(tx, revision, &EventKind::LEASES_RETURNED, &group)?;
    Ok(count)
}

/// Whether a claim that failed was counted among the failed runs.
fn counted(claim: &Claim) -> bool {
    matches!(
        claim.answer,
        Some(AnswerKind::Failed | AnswerKind::Interrupted)
    )
}

/// Claims are an agent's or the system's doing, never a person's.
pub(super) fn for_agents(scope: &Scope) -> Result<(), Stop> {
    ensure(
        scope.is_agent() || *scope == Scope::System,
        Refused::OutOfScope,
    )
}

/// Other leases that ran out give their places back before a claim that lost its own asks for a free one.
pub(super) fn settle_but(tx: &mut Tx<'_>, open: &mut Open) -> Result<(), Stop> {
    if open.claim.value.state == ClaimState::Expired {
        settle(tx, &mut open.revision.value)?;
    }
    Ok(())
}
