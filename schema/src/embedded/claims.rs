//! Claims, leases and answers in SQLite. Every one of them reads and writes its revision in the same transaction.
use std::collections::BTreeMap;

use boathook_hooks::{
    ids::{ClaimId, CustomerId, Digest, InstanceId},
    protocol::AnswerKind,
    states::{HookState, StoppedBy},
    time::Time,
};
use rusqlite::params;

use super::{
    Embedded,
    quota::{self, Room},
    revisions,
    rows::{Stored, bodies, body, changed_one, digest, stored, walk},
    tx::{Stop, Tx, ensure, not_found},
};
use crate::{
    Answer, AnswerRow, Chain, Claim, ClaimAsk, ClaimReply, ClaimState, EventKind, Lease, NewAnswer,
    NewEvent, Overrun, Page, Paged, Refused, Revision, Scope, Write, codec, page::MAX_PAGE,
    verbs::Read,
};

const CLAIM: &str = "SELECT body FROM claims WHERE digest = ?1 AND instance = ?2";
/// What a busy claimant is told to wait when no lease says better.
const BUSY_MS: i64 = 60_000;

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

/// Whether a claim that failed was counted among the failed runs.
fn counted(claim: &Claim) -> bool {
    matches!(
        claim.answer,
        Some(AnswerKind::Failed | AnswerKind::Interrupted)
    )
}

/// Answers after which the instance has nothing more to say here.
fn is_final(kind: AnswerKind, spent: bool) -> bool {
    match kind {
        AnswerKind::Refused
        | AnswerKind::Declined
        | AnswerKind::Unsupported
        | AnswerKind::AnsweredBefore => true,
        AnswerKind::Interrupted => spent,
        AnswerKind::Waiting | AnswerKind::Failed => false,
    }
}

fn put_answer(tx: &Tx<'_>, answer: &AnswerRow) -> Result<(), Stop> {
    tx.conn
        .prepare_cached(
            "INSERT OR REPLACE INTO answers (digest, instance, customer, body) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![
            answer.revision.0,
            answer.instance.as_str(),
            answer.customer.as_str(),
            codec::encode("answer", answer)?
        ])?;
    Ok(())
}

/// Claims are an agent's or the system's doing, never a person's.
pub(super) fn for_agents(scope: &Scope) -> Result<(), Stop> {
    ensure(
        scope.is_agent() || *scope == Scope::System,
        Refused::OutOfScope,
    )
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

    pub(crate) async fn claim_by_id(&self, scope: &Scope, id: &ClaimId) -> Read<Option<Claim>> {
        let id = id.clone();
        let newest = self.claim_of(scope, &id.revision, &id.instance).await?;
        Ok(newest.filter(|claim| claim.id == id))
    }

    pub(crate) async fn claim_of(
        &self,
        scope: &Scope,
        digest: &Digest,
        instance: &InstanceId,
    ) -> Read<Option<Claim>> {
        let (scope, digest, instance) = (scope.clone(), *digest, instance.clone());
        self.read("claim_of", move |conn| {
            let params = params![digest.0, instance.as_str()];
            let found = body::<Claim>(conn, "claim", CLAIM, params)?;
            Ok(found.filter(|c| scope.holds_instance(&c.customer, &instance)))
        })
        .await
    }

    pub(crate) async fn claims(
        &self,
        scope: &Scope,
        digest: &Digest,
        page: Page,
    ) -> Read<Paged<Claim>> {
        let (scope, digest) = (scope.clone(), *digest);
        self.read("claims", move |conn| {
            let (after, size) = (page.key::<String>()?.unwrap_or_default(), page.size());
            let sql = "SELECT instance, body FROM claims WHERE digest = ?1 AND instance > ?2 ORDER BY instance";
            let rows = walk(conn, sql, params![digest.0, after], size, |row| {
                let claim: Claim = codec::decode("claim", &row.get::<_, Vec<u8>>(1)?)?;
                let seen = scope.holds_instance(&claim.customer, &claim.id.instance);
                Ok(seen.then_some((row.get::<_, String>(0)?, claim)))
            })?;
            Ok(Paged::of(rows, size))
        })
        .await
    }

    pub(crate) async fn size_claim(
        &self,
        scope: &Scope,
        write: Write,
        claim: ClaimId,
        bytes: u64,
        lease_until: Time,
    ) -> Answer<Lease> {
        let scope = scope.clone();
        self.write("size_claim", write, move |tx| {
            for_agents(&scope)?;
            let mut open = open(tx, &scope, &claim)?;
            settle_but(tx, &mut open)?;
            let limit = open.claim.value.bytes;
            ensure(bytes <= limit, Refused::TooLarge { limit })?;
            let (revision, claim) = (&mut open.revision.value, &mut open.claim.value);
            if claim.state == ClaimState::Reserved {
                revision.usage.reserved_bytes =
                    revision.usage.reserved_bytes.saturating_sub(limit - bytes);
            }
            let first = !claim.sized;
            claim.bytes = bytes;
            claim.sized = true;
            quota::revive(revision, claim, lease_until)?;
            claim.lease_until = claim.lease_until.max(lease_until);
            open.save(tx)?;
            if first {
                let mut e = open.event(EventKind::CLAIM_SIZED);
                e.bytes = bytes;
                record(tx, &open.claim.value, e)?;
            }
            Ok(lease(&open.claim.value))
        })
        .await
    }

    pub(crate) async fn renew(
        &self,
        scope: &Scope,
        write: Write,
        claim: ClaimId,
        lease_until: Time,
    ) -> Answer<Lease> {
        let scope = scope.clone();
        self.write("renew", write, move |tx| {
            for_agents(&scope)?;
            let mut open = open(tx, &scope, &claim)?;
            settle_but(tx, &mut open)?;
            let claim = &mut open.claim.value;
            quota::revive(&mut open.revision.value, claim, lease_until)?;
            claim.lease_until = claim.lease_until.max(lease_until);
            open.save(tx)?;
            Ok(lease(&open.claim.value))
        })
        .await
    }

    pub(crate) async fn release(
        &self,
        scope: &Scope,
        write: Write,
        claim: ClaimId,
        kind: AnswerKind,
        reason: String,
    ) -> Answer<Claim> {
        let scope = scope.clone();
        self.write("release", write, move |tx| {
            for_agents(&scope)?;
            let mut open = open(tx, &scope, &claim)?;
            match open.claim.value.state {
                ClaimState::Reserved | ClaimState::Expired => {}
                ClaimState::Failed if open.claim.value.answer == Some(kind) => {
                    return Ok(open.claim.value);
                }
                _ => return Err(Refused::ClaimClosed(claim).into()),
            }
            let (now, revision) = (tx.now(), &mut open.revision.value);
            let value = &mut open.claim.value;
            quota::give_back(revision, value, ClaimState::Failed, now);
            value.answer = Some(kind);
            value.reason = Some(reason.clone());
            value.is_final = is_final(kind, value.attempt >= revision.quota.attempts);
            save(tx, &open.claim)?;
            if counted(&open.claim.value) {
                open.failed(tx)?;
            }
            revisions::save(tx, &mut open.revision)?;
            put_answer(
                tx,
                &AnswerRow {
                    revision: claim.revision,
                    instance: claim.instance,
                    customer: open.claim.value.customer.clone(),
                    kind,
                    reason,
                    at: now,
                },
            )?;
            let mut e = open.event(EventKind::CLAIM_RELEASED);
            e.details.insert("answer", kind_word(kind)?);
            record(tx, &open.claim.value, e)?;
            Ok(open.claim.value)
        })
        .await
    }

    pub(crate) async fn reject(
        &self,
        scope: &Scope,
        write: Write,
        claim: ClaimId,
        reason: String,
    ) -> Answer<Claim> {
        let scope = scope.clone();
        self.write("reject", write, move |tx| {
            for_agents(&scope)?;
            let mut open = open(tx, &scope, &claim)?;
            match open.claim.value.state {
                ClaimState::Rejected => return Ok(open.claim.value),
                ClaimState::Reserved | ClaimState::Expired => {}
                _ => return Err(Refused::ClaimClosed(claim).into()),
            }
            lose(&mut open, &reason, tx.now());
            save(tx, &open.claim)?;
            open.failed(tx)?;
            revisions::save(tx, &mut open.revision)?;
            let mut e = open.event(EventKind::CLAIM_REJECTED);
            e.details.insert("reason", reason);
            record(tx, &open.claim.value, e)?;
            Ok(open.claim.value)
        })
        .await
    }

    pub(crate) async fn overrun(
        &self,
        scope: &Scope,
        write: Write,
        claim: ClaimId,
        sent: u64,
    ) -> Answer<Overrun> {
        let scope = scope.clone();
        self.write("overrun", write, move |tx| {
            for_agents(&scope)?;
            let mut open = open(tx, &scope, &claim)?;
            ensure(
                open.claim.value.state != ClaimState::Accepted,
                Refused::ClaimClosed(claim.clone()),
            )?;
            let counted =
                |revision: &Revision| u32::try_from(revision.overruns.len()).unwrap_or(u32::MAX);
            if open.revision.value.overruns.contains(&claim.instance) {
                return Ok(Overrun {
                    instances: counted(&open.revision.value),
                    stopped: None,
                });
            }
            let declared = open.claim.value.bytes;
            lose(&mut open, "it sent more than it declared", tx.now());
            let revision = &mut open.revision.value;
            revision.overruns.push(claim.instance.clone());
            let instances = counted(revision);
            let enough = instances >= revision.quota.stop_after_overruns.max(1);
            save(tx, &open.claim)?;
            let stopped = if enough && revision.state == HookState::Published {
                let why = format!("{instances} instances sent more than they declared");
                Some(revisions::stop(tx, revision, StoppedBy::Overruns, why)?)
            } else {
                None
            };
            revisions::save(tx, &mut open.revision)?;
            let mut e = open.event(EventKind::CLAIM_OVERRUN);
            e.bytes = sent;
            e.details.insert("declared", super::rows::int(declared));
            record(tx, &open.claim.value, e)?;
            Ok(Overrun { instances, stopped })
        })
        .await
    }

    pub(crate) async fn return_leases(
        &self,
        scope: &Scope,
        write: Write,
        digest: Digest,
    ) -> Answer<u32> {
        let allowed = *scope == Scope::System;
        self.write("return_leases", write, move |tx| {
            ensure(allowed, Refused::OutOfScope)?;
            let mut found = revisions::load(tx, &digest)?;
            let returned = settle(tx, &mut found.value)?;
            if returned > 0 {
                revisions::save(tx, &mut found)?;
            }
            Ok(returned)
        })
        .await
    }

    pub(crate) async fn due_leases(
        &self,
        scope: &Scope,
        now: Time,
        limit: u32,
    ) -> Read<Vec<Digest>> {
        let allowed = *scope == Scope::System;
        self.read("due_leases", move |conn| {
            if !allowed {
                return Ok(Vec::new());
            }
            let mut statement = conn.prepare_cached(
                "SELECT DISTINCT digest FROM claims WHERE state = 'reserved' AND lease_until <= ?1 LIMIT ?2",
            )?;
            let rows = statement.query_map(params![now.ms(), limit.clamp(1, MAX_PAGE)], |row| {
                row.get::<_, Vec<u8>>(0)
            })?;
            rows.map(|bytes| digest(&bytes?)).collect()
        })
        .await
    }

    pub(crate) async fn answer(&self, scope: &Scope, write: Write, new: NewAnswer) -> Answer<()> {
        let scope = scope.clone();
        self.write("answer", write, move |tx| {
            for_agents(&scope)?;
            ensure(
                scope.holds_instance(&new.customer, &new.instance),
                Refused::OutOfScope,
            )?;
            let revision = revisions::load(tx, &new.revision)?.value;
            ensure(
                revision.is_for(&new.customer),
                Refused::NotFound("hook".into()),
            )?;
            let before = body::<AnswerRow>(
                tx.conn,
                "answer",
                "SELECT body FROM answers WHERE digest = ?1 AND instance = ?2",
                params![new.revision.0, new.instance.as_str()],
            )?;
            if before.is_some_and(|b| b.kind == new.kind && b.reason == new.reason) {
                return Ok(());
            }
            let mut e = revisions::event(EventKind::ANSWER_GIVEN, &revision);
            e.refs.instance = Some(new.instance.clone());
            e.details.insert("answer", kind_word(new.kind)?);
            let chain = Chain::Customer(new.customer.clone());
            put_answer(
                tx,
                &AnswerRow {
                    revision: new.revision,
                    instance: new.instance,
                    customer: new.customer,
                    kind: new.kind,
                    reason: new.reason,
                    at: tx.now(),
                },
            )?;
            tx.event(&chain, e)?;
            Ok(())
        })
        .await
    }

    pub(crate) async fn answers(
        &self,
        scope: &Scope,
        digest: &Digest,
        page: Page,
    ) -> Read<Paged<AnswerRow>> {
        let (scope, digest) = (scope.clone(), *digest);
        self.read("answers", move |conn| {
            let (after, size) = (page.key::<String>()?.unwrap_or_default(), page.size());
            let sql = "SELECT instance, body FROM answers WHERE digest = ?1 AND instance > ?2 ORDER BY instance";
            let rows = walk(conn, sql, params![digest.0, after], size, |row| {
                let answer: AnswerRow = codec::decode("answer", &row.get::<_, Vec<u8>>(1)?)?;
                let seen = scope.holds_instance(&answer.customer, &answer.instance);
                Ok(seen.then_some((row.get::<_, String>(0)?, answer)))
            })?;
            Ok(Paged::of(rows, size))
        })
        .await
    }
}

/// The claim is lost for good.
fn lose(open: &mut Open, reason: &str, now: Time) {
    let (revision, claim) = (&mut open.revision.value, &mut open.claim.value);
    quota::give_back(revision, claim, ClaimState::Rejected, now);
    claim.is_final = true;
    claim.reason = Some(reason.to_owned());
}

/// Other leases that ran out give their places back before a claim that lost its own asks for a free one.
pub(super) fn settle_but(tx: &Tx<'_>, open: &mut Open) -> Result<(), Stop> {
    if open.claim.value.state == ClaimState::Expired {
        settle(tx, &mut open.revision.value)?;
    }
    Ok(())
}

fn kind_word(kind: AnswerKind) -> Result<bson::Bson, Stop> {
    bson::serialize_to_bson(&kind).map_err(|e| {
        Stop::Error(crate::StoreError::Encode {
            what: "answer",
            why: e.to_string(),
        })
    })
}
