//! What follows from the ledger for a hook: run (again), answer, wait, or nothing more. Pure.
use boathook_hooks::{
    documents::hook::{Hook, Reask},
    ids::{ClaimId, Digest, HookId},
    protocol::AnswerKind,
    time::{SECOND, Time},
};

use super::{End, Fate, Run, RunId};

/// A failed run is tried again only after this, in milliseconds.
const REST: i64 = 5 * SECOND;

/// What of a hook decides whether it runs.
#[derive(Clone, Debug)]
pub struct Asked {
    pub digest: Digest,
    pub hook: HookId,
    pub revision: u32,
    pub attempts: u32,
    pub reask: Reask,
}

impl Asked {
    pub fn of(digest: Digest, hook: &Hook) -> Self {
        Self {
            digest,
            hook: hook.id.clone(),
            revision: hook.revision,
            attempts: hook.attempts,
            reask: hook.reask,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    Run {
        attempt: u32,
    },
    /// Collecting or on its way to the server.
    Busy,
    /// Nothing before this time.
    Rest(Time),
    /// To be answered, for `run` where there is one, giving back its claim.
    Answer {
        kind: AnswerKind,
        reason: String,
        run: Option<(RunId, ClaimId)>,
    },
    Done,
}

/// `runs` are those of all revisions of the hook, in the order they began.
pub fn next(asked: &Asked, runs: &[&Run], now: Time) -> Next {
    if let Some(last) = runs
        .iter()
        .rev()
        .find(|r| r.begun.revision == asked.revision)
    {
        return of_run(last, now);
    }
    let Some(earlier) = runs
        .iter()
        .rev()
        .find(|r| r.begun.revision < asked.revision)
    else {
        // Of a newer revision alone: the server would have to go back.
        return if runs.is_empty() {
            Next::Run { attempt: 1 }
        } else {
            before(runs[runs.len() - 1])
        };
    };
    match asked.reask {
        Reask::All => Next::Run { attempt: 1 },
        Reask::None => before(earlier),
        Reask::Failed => match (&earlier.end, &earlier.fate) {
            (_, Some(Fate::Accepted { .. })) => before(earlier),
            (None, None) | (Some((_, End::Packed { .. })), None) => Next::Busy,
            _ => Next::Run { attempt: 1 },
        },
    }
}

fn before(run: &Run) -> Next {
    Next::Answer {
        kind: AnswerKind::AnsweredBefore,
        reason: format!(
            "revision {} of this hook ran here at {}",
            run.begun.revision, run.begun.at
        ),
        run: None,
    }
}

/// What follows from the last run of a revision.
pub(super) fn of_run(run: &Run, now: Time) -> Next {
    let answer = |kind, reason: &str| Next::Answer {
        kind,
        reason: reason.to_owned(),
        run: Some((run.begun.run.clone(), run.begun.claim.clone())),
    };
    let again = |from: Time| {
        if run.begun.attempt >= run.begun.attempts {
            Next::Done
        } else if now < from {
            Next::Rest(from)
        } else {
            Next::Run {
                attempt: run.begun.attempt + 1,
            }
        }
    };
    match (&run.end, &run.fate) {
        (_, Some(Fate::Accepted { .. } | Fate::Rejected { .. })) => Next::Done,
        (None, None) => Next::Busy,
        (Some((_, End::Packed { .. })), None) => Next::Busy,
        (Some((_, End::Packed { .. })) | None, Some(Fate::Gone { reason })) if !run.answered => {
            if run.begun.attempt >= run.begun.attempts {
                answer(
                    AnswerKind::Failed,
                    &format!("the packet came too late: {reason}"),
                )
            } else {
                again(now)
            }
        }
        (Some((_, End::Failed { reason })), _) if !run.answered => {
            answer(AnswerKind::Failed, reason)
        }
        (Some((_, End::Interrupted)), _) if !run.answered => answer(
            AnswerKind::Interrupted,
            "the agent was cut off before any section was finished",
        ),
        (Some((_, End::Stopped { reason })), _) if !run.answered => {
            answer(AnswerKind::Failed, reason)
        }
        (Some((_, End::Stopped { .. })), _) => Next::Done,
        (Some((at, End::Failed { .. })), _) => again(at.plus_ms(REST)),
        (Some((at, End::Interrupted | End::Packed { .. })), _) => again(*at),
        (None, Some(Fate::Gone { .. })) => Next::Done,
    }
}
