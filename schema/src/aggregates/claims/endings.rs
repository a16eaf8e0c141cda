//! How a claim ends without a packet: answered, rejected, overrun.
use std::collections::BTreeMap;

use boathook_hooks::{
    ids::{ClaimId, Digest, InstanceId},
    protocol::AnswerKind,
    states::{HookState, StoppedBy},
    time::Time,
};

use super::{
    Open,
    answers::{kind_word, list_answer},
    counted, for_agents, home, load, open, record, record_group, save,
};
use crate::{
    Answer, AnswerRow, Claim, ClaimState, EventKind, Overrun, Refused, Revision, Scope, Write,
    aggregates::{quota, revisions},
    engine::{Applied, Engine, Tx, ensure},
};

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

/// The claim is lost for good.
fn lose(open: &mut Open, reason: &str, now: Time) {
    let (revision, claim) = (&mut open.revision.value, &mut open.claim.value);
    quota::give_back(revision, claim, ClaimState::Rejected, now);
    claim.is_final = true;
    claim.reason = Some(reason.to_owned());
}

/// The number by which the hook stopped, once there is one.
fn tell_number(overrun: &mut Overrun, applied: &Applied) {
    if overrun.stopped.is_some() {
        overrun.stopped = applied.control;
    }
}

impl Engine {
    pub(crate) async fn release(
        &self,
        scope: &Scope,
        write: Write,
        claim: ClaimId,
        kind: AnswerKind,
        reason: String,
    ) -> Answer<Claim> {
        let scope = scope.clone();
        self.write("release", write, home(&claim.revision), move |tx| {
            for_agents(&scope)?;
            let mut open = open(tx, &scope, &claim)?;
            match open.claim.value.state {
                ClaimState::Reserved | ClaimState::Expired => {}
                ClaimState::Failed if open.claim.value.answer == Some(kind) => {
                    return Ok(open.claim.value);
                }
                // The hook was stopped under it; what its agent says of that is heard.
                ClaimState::Failed if open.claim.value.answer.is_none() => {}
                _ => return Err(Refused::ClaimClosed(claim.clone()).into()),
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
            let answer = AnswerRow {
                revision: claim.revision,
                instance: claim.instance.clone(),
                customer: open.claim.value.customer.clone(),
                kind,
                reason: reason.clone(),
                at: now,
            };
            list_answer(tx, &answer)?;
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
        self.write("reject", write, home(&claim.revision), move |tx| {
            for_agents(&scope)?;
            let mut open = open(tx, &scope, &claim)?;
            match open.claim.value.state {
                ClaimState::Rejected => return Ok(open.claim.value),
                ClaimState::Reserved | ClaimState::Expired => {}
                _ => return Err(Refused::ClaimClosed(claim.clone()).into()),
            }
            lose(&mut open, &reason, tx.now());
            save(tx, &open.claim)?;
            open.failed(tx)?;
            revisions::save(tx, &mut open.revision)?;
            let mut e = open.event(EventKind::CLAIM_REJECTED);
            e.details.insert("reason", reason.as_str());
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
        let (scope, home) = (scope.clone(), home(&claim.revision));
        let body = move |tx: &mut Tx<'_>| {
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
            let mut e = open.event(EventKind::CLAIM_OVERRUN);
            e.bytes = sent;
            let declared = i64::try_from(declared).unwrap_or(i64::MAX);
            e.details.insert("declared", declared);
            record(tx, &open.claim.value, e)?;
            let revision = &mut open.revision.value;
            let stops = enough && revision.state == HookState::Published;
            if stops {
                let why = format!("{instances} instances sent more than they declared");
                revisions::stop(tx, revision, StoppedBy::Overruns, why)?;
            }
            revisions::save(tx, &mut open.revision)?;
            Ok(Overrun {
                instances,
                stopped: stops.then_some(0),
            })
        };
        self.write_told("overrun", write, home, body, tell_number)
            .await
    }

    /// The instance is being erased: what it holds here ends for good and what it said goes. Whatever was decided before on
    /// its claim decides again, as the revision is another one then. Says the claim if it was accepted: that stands.
    pub(crate) async fn end_claim(
        &self,
        write: Write,
        digest: Digest,
        instance: InstanceId,
    ) -> Answer<Option<ClaimId>> {
        self.write("end_claim", write, home(&digest), move |tx| {
            let Some(mut claim) = load(tx, &instance)? else {
                return Ok(None);
            };
            let (before, now) = (claim.value.clone(), tx.now());
            let value = &mut claim.value;
            if value.state == ClaimState::Accepted {
                return Ok(Some(value.id.clone()));
            }
            let mut found = revisions::load(tx)?;
            if matches!(value.state, ClaimState::Reserved | ClaimState::Expired) {
                quota::give_back(&mut found.value, value, ClaimState::Failed, now);
            }
            value.is_final = true;
            value.reason = None;
            if *value == before {
                return Ok(None);
            }
            save(tx, &claim)?;
            if before.state == ClaimState::Reserved {
                let kind = EventKind::LEASES_RETURNED;
                let group = BTreeMap::from([(before.customer, vec![instance.clone()])]);
                record_group(tx, &found.value, &kind, &group)?;
                revisions::save(tx, &mut found)?;
            }
            Ok(None)
        })
        .await
    }
}
