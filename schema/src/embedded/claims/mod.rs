//! Claims in SQLite: rows, and what all verbs of claims share. Every one of them reads and writes its revision in the
//! same transaction.
mod answers;
mod asking;
mod endings;
mod leases;
mod reading;

use std::collections::BTreeMap;

use boathook_hooks::{
    ids::{ClaimId, CustomerId, Digest, InstanceId},
    protocol::AnswerKind,
    states::{HookState, StoppedBy},
};
use rusqlite::params;

use crate::{
    Chain, Claim, ClaimState, EventKind, Lease, NewEvent, Refused, Revision, Scope, codec,
    embedded::{
        quota, revisions,
        rows::{Stored, bodies, changed_one, stored},
        tx::{Stop, Tx, ensure, not_found},
    },
};

const CLAIM: &str = "SELECT body FROM claims WHERE digest = ?1 AND instance = ?2";

fn load(
    tx: &Tx<'_>,
    revision: &Digest,
    instance: &InstanceId,
) -> Result<Option<Stored<Claim>>, Stop> {
    stored(
        tx.conn,
        "claim",
        CLAIM,
        params![revision.0, instance.as_str()],
    )
}

fn save(tx: &Tx<'_>, claim: &Stored<Claim>) -> Result<(), Stop> {
    let value = &claim.value;
    changed_one(
        tx.conn
            .prepare_cached(
                "UPDATE claims SET state = ?3, lease_until = ?4, body = ?5 WHERE digest = ?1 AND instance = ?2",
            )?
            .execute(params![
                value.id.revision.0,
                value.id.instance.as_str(),
                value.state.word(),
                value.lease_until.ms(),
                claim.bytes()?
            ])?,
    )
}

fn insert(tx: &Tx<'_>, claim: &Claim) -> Result<(), Stop> {
    tx.conn
        .prepare_cached(
            "INSERT INTO claims (digest, instance, state, lease_until, body) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            claim.id.revision.0,
            claim.id.instance.as_str(),
            claim.state.word(),
            claim.lease_until.ms(),
            codec::encode("claim", claim)?
        ])?;
    Ok(())
}

/// A revision and one of its claims, to be changed together.
pub(super) struct Open {
    pub(super) revision: Stored<Revision>,
    pub(super) claim: Stored<Claim>,
}

/// The claim by its id, for who may act for its instance. A newer reservation closed it.
pub(super) fn open(tx: &Tx<'_>, scope: &Scope, id: &ClaimId) -> Result<Open, Stop> {
    let claim = load(tx, &id.revision, &id.instance)?.ok_or_else(|| not_found("claim"))?;
    if !scope.holds_instance(&claim.value.customer, &id.instance) {
        return Err(not_found("claim"));
    }
    ensure(claim.value.id == *id, Refused::ClaimClosed(id.clone()))?;
    Ok(Open {
        revision: revisions::load(tx, &id.revision)?,
        claim,
    })
}

impl Open {
    pub(super) fn save(&mut self, tx: &Tx<'_>) -> Result<(), Stop> {
        save(tx, &self.claim)?;
        revisions::save(tx, &mut self.revision)
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

pub(super) fn record(tx: &Tx<'_>, claim: &Claim, event: NewEvent) -> Result<(), Stop> {
    tx.event(&Chain::Customer(claim.customer.clone()), event)?;
    Ok(())
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
    tx: &Tx<'_>,
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
pub(super) fn settle(tx: &Tx<'_>, revision: &mut Revision) -> Result<u32, Stop> {
    let sql =
        "SELECT body FROM claims WHERE digest = ?1 AND state = 'reserved' AND lease_until <= ?2";
    let (digest, now) = (revision.digest, tx.now().ms());
    let due = params![digest.0, now];
    end_all(tx, revision, ClaimState::Expired, None, sql, due)
}

/// The hook was stopped: whoever holds a place holds it no more. The caller saves the revision.
pub(super) fn end_reserved(tx: &Tx<'_>, revision: &mut Revision, why: &str) -> Result<u32, Stop> {
    let sql = "SELECT body FROM claims WHERE digest = ?1 AND state = 'reserved'";
    let digest = revision.digest;
    let all = params![digest.0];
    end_all(tx, revision, ClaimState::Failed, Some(why), sql, all)
}

fn end_all(
    tx: &Tx<'_>,
    revision: &mut Revision,
    to: ClaimState,
    why: Option<&str>,
    sql: &str,
    params: impl rusqlite::Params,
) -> Result<u32, Stop> {
    let mut group: BTreeMap<CustomerId, Vec<InstanceId>> = BTreeMap::new();
    let found: Vec<Claim> = bodies(tx.conn, "claim", sql, params)?;
    let count = u32::try_from(found.len()).unwrap_or(u32::MAX);
    for Claim { id, .. } in found {
        let Some(mut claim) = load(tx, &id.revision, &id.instance)? else {
            continue;
        };
        quota::give_back(revision, &mut claim.value, to, tx.now());
        claim.value.reason = why.map(ToOwned::to_owned);
        save(tx, &claim)?;
        group
            .entry(claim.value.customer)
            .or_default()
            .push(id.instance);
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
pub(super) fn settle_but(tx: &Tx<'_>, open: &mut Open) -> Result<(), Stop> {
    if open.claim.value.state == ClaimState::Expired {
        settle(tx, &mut open.revision.value)?;
    }
    Ok(())
}
