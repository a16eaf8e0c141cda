//! An instance that sends more than it declared.
use boathook_schema::{Claim, Scope, SuspendReason, Write};

use crate::{
    agent::Instance,
    app::App,
    errors::{IntoAnswer as _, Problem},
    metrics::OutcomeLabels,
};

/// More bytes came than were declared: the claim is lost and the instance suspended; the hook stops at its second such
/// instance.
pub async fn overrun(app: &App, instance: &Instance, claim: &Claim, sent: u64) -> Problem {
    app.metrics
        .packets
        .get_or_create(&OutcomeLabels { outcome: "overrun" })
        .inc();
    tracing::warn!(instance = %instance.instance, claim = %claim.id, declared = claim.bytes, sent, "overrun");
    // Suspended first: after a crash in between it comes again as one that is suspended, not as one to be trusted.
    let suspended = app
        .store
        .suspend_instance(
            &Scope::System,
            Write::system(app.now()),
            instance.instance.clone(),
            SuspendReason::Overrun,
        )
        .await;
    let lost = app
        .store
        .overrun(&Scope::System, instance.write(app), claim.id.clone(), sent)
        .await;
    let failed = [
        suspended.answer().map(drop).err(),
        lost.answer().map(drop).err(),
    ];
    for problem in failed.into_iter().flatten() {
        tracing::error!(detail = problem.detail, "an overrun was not recorded whole");
    }
    // From the next request on its bearer counts no more.
    if let Err(problem) = crate::control::refresh(app).await {
        tracing::warn!(detail = problem.detail, "the control log cannot be read");
    }
    Problem::too_large(format!(
        "more bytes came than the {} that were declared: the claim is lost and this instance is suspended",
        claim.bytes
    ))
}
