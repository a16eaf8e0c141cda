//! Answers: what an instance says to a hook when it sends no packet.
use axum::{
    extract::{Path, State},
    http::StatusCode,
};
use boathook_hooks::{
    ids::Digest,
    protocol::{AnswerKind, AnswerRequest},
};
use boathook_schema::NewAnswer;

use crate::{
    agent::{Working, body::Bson, claims::checked_token},
    app::Shared,
    errors::{Answer, IntoAnswer as _, Problem},
    metrics::OutcomeLabels,
};

/// Longest reason, in characters.
const LONGEST_REASON: usize = 1_000;

/// 204 once it is durable.
pub async fn post(
    State(app): State<Shared>,
    instance: Working,
    Path(digest): Path<String>,
    Bson(request): Bson<AnswerRequest>,
) -> Answer<StatusCode> {
    let digest: Digest = digest.parse().map_err(|_| Problem::not_found("hook"))?;
    checked_token(&app, &instance, digest, &request.token).await?;
    if request.reason.chars().count() > LONGEST_REASON {
        let words = format!("reason must have at most {LONGEST_REASON} characters");
        return Err(Problem::too_large(words));
    }
    let (scope, write) = (instance.scope(), instance.write(&app));
    match request.claim {
        Some(claim) => {
            let is_own = claim.instance == instance.instance && claim.revision == digest;
            if !is_own {
                return Err(Problem::not_found("claim"));
            }
            let released = app
                .store
                .release(&scope, write, claim, request.kind, request.reason);
            let _ = released.await.answer()?;
        }
        None => {
            let answer = NewAnswer {
                revision: digest,
                instance: instance.instance.clone(),
                customer: instance.customer.clone(),
                kind: request.kind,
                reason: request.reason,
            };
            app.store.answer(&scope, write, answer).await.answer()?;
        }
    }
    app.metrics
        .answers
        .get_or_create(&OutcomeLabels {
            outcome: word(request.kind),
        })
        .inc();
    Ok(StatusCode::NO_CONTENT)
}

const fn word(kind: AnswerKind) -> &'static str {
    match kind {
        AnswerKind::Refused => "refused",
        AnswerKind::Declined => "declined",
        AnswerKind::Waiting => "waiting",
        AnswerKind::Failed => "failed",
        AnswerKind::Interrupted => "interrupted",
        AnswerKind::Unsupported => "unsupported",
        AnswerKind::AnsweredBefore => "answered_before",
    }
}
