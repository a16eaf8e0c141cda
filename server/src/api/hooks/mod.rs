//! Hooks from draft to the last packet: each step a function apart from its axum handler.
pub mod authoring;
pub mod edit;
pub mod end;
pub mod instances;
pub mod publish;
mod read;
mod sign;
pub mod view;

pub use authoring::{explain, lint};
pub use edit::{post, put, send_back, submit};
pub use end::{lower, stop};
pub use instances::instances;
pub use publish::{hold, publish};
pub use read::{envelope, get, list, payload, revision};
pub use sign::{counts_as, signatures};
pub use view::{HookRow, HookView};

pub(crate) use authoring::{__path_explain, __path_lint};
pub(crate) use edit::{__path_post, __path_put, __path_send_back, __path_submit};
pub(crate) use end::{__path_lower, __path_stop};
pub(crate) use instances::__path_instances;
pub(crate) use publish::{__path_hold, __path_publish};
pub(crate) use read::{__path_envelope, __path_get, __path_list, __path_payload, __path_revision};
pub(crate) use sign::__path_signatures;

use boathook_hooks::ids::HookId;
use boathook_schema::{HookRecord, HookRevision, RevisionRow, Scope};

use crate::{
    app::App,
    errors::{Answer, Problem},
};

/// The hook, or the 404 that also another customer's hook gets.
pub async fn find(app: &App, scope: &Scope, id: &HookId) -> Answer<HookRecord> {
    let found = app.store.hook(scope, id).await?;
    found.ok_or_else(|| Problem::not_found("hook"))
}

/// As [`find`], to be changed: whoever sees a hook for one of its customers changes it only with a role for all.
pub async fn find_to_change(app: &App, scope: &Scope, id: &HookId) -> Answer<HookRecord> {
    let record = find(app, scope, id).await?;
    if scope.holds_all(&record.customers) {
        return Ok(record);
    }
    Err(Problem::forbidden(
        "the hook is for other customers too: changing it needs the role for all of them",
    ))
}

pub async fn find_revision(
    app: &App,
    scope: &Scope,
    id: &HookId,
    number: u32,
) -> Answer<HookRevision> {
    let found = app.store.hook_revision(scope, id, number).await?;
    found.ok_or_else(|| Problem::not_found("revision"))
}

/// The revision that is worked on.
pub fn latest(record: &HookRecord) -> Answer<&RevisionRow> {
    record
        .latest()
        .ok_or_else(|| Problem::internal("reading a hook", "it has no revision"))
}
