//! Refusals of authority are audited, in the chain of the customer whose instance asked.
use boathook_hooks::ids::InstanceId;
use boathook_schema::{Chain, EventKind, NewEvent, Outcome, Refs, Scope, Write};

use crate::app::App;

/// Records that `what` was refused. A refusal stands whether it could be recorded or not.
pub async fn record(app: &App, chain: Chain, refs: Refs, write: Write, what: &str) {
    let mut event = NewEvent::new(EventKind::AUTHORITY_REFUSED);
    event.refs = refs;
    event.details.insert("what", what);
    match app
        .store
        .record_event(&Scope::System, write, chain, event)
        .await
    {
        Ok(Outcome::Done(_)) => {}
        Ok(Outcome::Refused(reason)) => {
            tracing::error!(%reason, what, "a refusal was not recorded")
        }
        Err(error) => tracing::error!(%error, what, "a refusal was not recorded"),
    }
}

/// What an instance was refused.
pub fn of(instance: &InstanceId) -> Refs {
    Refs {
        instance: Some(instance.clone()),
        ..Refs::default()
    }
}
