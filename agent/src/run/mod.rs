//! One run: the child collects, the daemon redacts and packs into the spool.
mod notes;
mod packer;
mod rescue;
#[cfg(test)]
mod tests;

use std::future::Future;

use boathook_hooks::{
    collectors,
    documents::hook::Hook,
    ids::{Blob, ClaimId},
    keys::SecretKey,
    packet::{Consent, HookRef, Mode, RunFacts},
    strict,
    time::Time,
    verify::{Me, TrustStore, Verified},
};

pub use packer::{PackError, Packer};
pub use rescue::rescue;

use crate::{
    child::{
        Run as ChildRun, RunEnd, run_child,
        wire::{Job, RunKind},
    },
    door::Door,
    ledger::{End, RunId},
    policy::{self, Credentials, Policy, Ready},
    spool::{Entry, Spool, SpoolError},
};

#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Spool(#[from] SpoolError),
    #[error(transparent)]
    Pack(#[from] PackError),
    #[error("what a crash left of the run")]
    Notes(#[source] std::io::Error),
    #[error("the run's order: {0}")]
    Encode(#[from] strict::StrictError),
}

/// All that one run stands on.
pub struct Order<'a> {
    pub run: RunId,
    pub hook: &'a Verified<Hook>,
    pub claim: ClaimId,
    pub ready: Ready,
    /// The lower of claim, policy and spool.
    pub packet_bytes: u64,
    pub consent: Consent,
    pub me: &'a Me,
    pub key: &'a SecretKey,
    pub trust: &'a TrustStore,
    pub policy: &'a Policy,
    pub credentials: &'a Credentials,
    pub door: &'a Door,
    pub now: Time,
}

/// Why a run is told to stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The hook was stopped or revoked: nothing of it is sent.
    Hook(String),
    /// The daemon ends: what was finished is sent, marked interrupted.
    Daemon,
}

/// What came of a run; `Packed` has its packet in the spool.
#[derive(Debug)]
pub enum Came {
    Packed { entry: Entry, interrupted: bool },
    Nothing(End),
}

/// Collects, redacts and packs. `stop` resolves when the run is to end early; it is asked afterwards for the reason.
pub async fn execute(
    order: Order<'_>,
    spool: &Spool,
    stop: impl Future<Output = ()>,
    why: impl FnOnce() -> Option<Stop>,
) -> Result<Came, RunError> {
    let file = spool.begin(&order.run)?;
    let profile = order.hook.redaction.clone();
    let door = order.door.clone();
    let mut packer = Packer::new(file, facts(&order), order.packet_bytes, move || {
        door.redactor(Some(&profile))
    })
    .with_notes(
        spool.notes(&order.run),
        notes::Begun::expect(&order.hook.collectors),
    );
    let child = ChildRun::new(job(&order)?, order.hook.collectors.clone());
    let ended = run_child(child, stop, |frame| packer.take(frame)).await;
    let nothing = |reason: String| Ok(Came::Nothing(End::Failed { reason }));
    let interrupted = match ended {
        Ok(RunEnd::Refused(refused)) => {
            spool.discard(&order.run)?;
            return nothing(format!(
                "the collecting process verified again and refused: {refused}"
            ));
        }
        Ok(RunEnd::Stopped) => match why() {
            Some(Stop::Hook(reason)) => {
                spool.discard(&order.run)?;
                return Ok(Came::Nothing(End::Stopped { reason }));
            }
            _ if packer.good() == 0 => {
                spool.discard(&order.run)?;
                return Ok(Came::Nothing(End::Interrupted));
            }
            _ => true,
        },
        Ok(RunEnd::Crashed(reason)) if !packer.begun() => {
            spool.discard(&order.run)?;
            return nothing(reason);
        }
        Ok(RunEnd::Finished | RunEnd::TimedOut | RunEnd::Crashed(_)) => false,
        Err(error) => {
            spool.discard(&order.run)?;
            return Err(error.into());
        }
    };
    let at = Time::wall_clock();
    let finished = packer
        .finish(at, interrupted, order.key)
        .map(|(_, finished)| finished);
    let finished = match finished {
        Ok(finished) => finished,
        Err(error) => {
            spool.discard(&order.run)?;
            return Err(error.into());
        }
    };
    let entry = spool.finish(
        &order.run,
        order.claim,
        order.hook.digest(),
        finished.name,
        at,
        interrupted,
    )?;
    Ok(Came::Packed { entry, interrupted })
}

fn job(order: &Order<'_>) -> Result<Job, RunError> {
    let named: Vec<String> = order
        .hook
        .collectors
        .iter()
        .filter_map(|e| {
            collectors::parse(&e.collector, &e.params)
                .ok()?
                .credential()
                .map(str::to_owned)
        })
        .collect();
    Ok(Job {
        kind: RunKind::Verified,
        work: Blob(order.hook.envelope_bytes().to_vec()),
        trust: Blob(strict::encode(&order.trust.bundle())?),
        me: Some(order.me.into()),
        now: order.now,
        grants: order.policy.grants.clone(),
        credentials: order.credentials.named(named.iter().map(String::as_str)),
        run_ms: order.ready.run_ms,
        total_bytes: order.ready.total_bytes,
        skip: Vec::new(),
    })
}

fn facts(order: &Order<'_>) -> RunFacts {
    let hook = order.hook;
    RunFacts {
        mode: Mode::Verified,
        hook: Some(HookRef {
            digest: hook.digest(),
            id: hook.id.clone(),
            revision: hook.revision,
        }),
        subject: Some(hook.subject.clone()),
        claim: Some(order.claim.clone()),
        instance: Some(order.me.instance.clone()),
        customer: Some(order.me.customer.clone()),
        policy: order.policy.digest,
        consent: order.consent,
        signed_by: hook.signers().to_vec(),
        privileges: Vec::new(),
        agent_version: crate::VERSION.to_owned(),
        started_at: order.now,
    }
}

/// The consent that a packet states.
pub const fn consent_of(mode: policy::Mode) -> Consent {
    match mode {
        policy::Mode::Auto => Consent::Auto,
        policy::Mode::AskRun => Consent::AskRun,
    }
}
