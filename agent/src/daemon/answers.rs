//! Answers: what the server is told of a hook instead of a packet, once for each reason.
use boathook_hooks::{
    ids::{ClaimId, Digest},
    protocol::{self, AnswerKind, AnswerRequest},
    strict,
    time::Time,
};
use reqwest::Method;

use super::Shared;
use crate::{
    ledger::{Answered, LedgerError, Mark, Record, RunId},
    session::SessionError,
};

#[derive(Debug, thiserror::Error)]
pub(super) enum AnswerError {
    #[error(transparent)]
    Api(#[from] SessionError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("making the answer: {0}")]
    Encode(#[from] strict::StrictError),
}

pub(super) struct Answer<'a> {
    pub digest: Digest,
    pub token: &'a str,
    pub kind: AnswerKind,
    /// Not redacted yet.
    pub reason: &'a str,
    pub run: Option<(RunId, ClaimId)>,
    pub mark: Mark,
}

/// Sends `answer` and writes it down. One that the server was told already, in the same words, is only written down.
pub(super) async fn answer(shared: &Shared, answer: Answer<'_>) -> Result<(), AnswerError> {
    let reason = shared.rules().door.reason(answer.reason);
    let told = shared
        .ledger
        .borrow()
        .answer_to(&answer.digest)
        .is_some_and(|last| {
            answer.run.is_none() && last.kind == answer.kind && last.reason == reason
        });
    let (run, claim) = answer
        .run
        .map_or((None, None), |(run, claim)| (Some(run), Some(claim)));
    if !told {
        tracing::info!(hook = %answer.digest.short(), kind = ?answer.kind, reason, "an answer instead of a packet");
        let body = strict::encode(&AnswerRequest {
            token: answer.token.to_owned(),
            kind: answer.kind,
            reason: reason.clone(),
            claim,
        })?;
        let path = protocol::path_answers(&answer.digest);
        let sent = shared
            .api
            .send(|c| {
                Ok(c.request("answering a hook", Method::POST, &path)?
                    .bson(body.clone()))
            })
            .await;
        match sent {
            Ok(_) => {}
            // The hook ended meanwhile, or has this instance's last word already.
            Err(e) if matches!(e.status(), Some(404 | 409 | 410)) => {
                tracing::debug!(error = %e, "nobody waits for it")
            }
            Err(e) => return Err(e.into()),
        }
    }
    shared
        .ledger
        .borrow_mut()
        .append(Record::Answered(Answered {
            at: Time::wall_clock(),
            digest: answer.digest,
            kind: answer.kind,
            reason,
            run,
            mark: answer.mark,
        }))?;
    Ok(())
}
