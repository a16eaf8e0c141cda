//! Hooks from draft to signatures in SQLite: one row for the hook, one for each revision's text.
mod drafts;
mod moves;
mod reading;

use boathook_hooks::{ids::HookId, states::HookState};
use bson::doc;
use rusqlite::params;

use crate::{
    EventKind, HookRecord, HookRevision, NewEvent, Refs, Refused, Scope,
    embedded::{
        rows::{Stored, changed_one, int, stored},
        tx::{Stop, Tx, ensure, not_found},
    },
};

const HOOK: &str = "SELECT body FROM hooks WHERE id = ?1";
const REVISION: &str = "SELECT body FROM hook_revisions WHERE hook = ?1 AND revision = ?2";

/// A hook that is changed, with the revision that is worked on.
struct Open {
    hook: Stored<HookRecord>,
    revision: Stored<HookRevision>,
}

fn find(tx: &Tx<'_>, scope: &Scope, id: &HookId) -> Result<Stored<HookRecord>, Stop> {
    let hook = stored::<HookRecord>(tx.conn, "hook", HOOK, params![id.as_str()])?
        .ok_or_else(|| not_found("hook"))?;
    // Who may see it but not change it is told so; to others it is not there.
    if !scope.holds_any(&hook.value.customers) || scope.is_agent() {
        return Err(not_found("hook"));
    }
    ensure(scope.holds_all(&hook.value.customers), Refused::OutOfScope)?;
    Ok(hook)
}

fn open(
    tx: &Tx<'_>,
    hook: Stored<HookRecord>,
    revision: u32,
    expect: Option<u64>,
) -> Result<Open, Stop> {
    let found = hook.value.version;
    ensure(
        expect.is_none_or(|e| e == found),
        Refused::Version { found },
    )?;
    ensure(
        hook.value.latest().is_some_and(|r| r.revision == revision),
        Refused::NotFound("open revision".into()),
    )?;
    let id = hook.value.id.as_str();
    let revision = stored::<HookRevision>(tx.conn, "revision", REVISION, params![id, revision])?
        .ok_or_else(|| not_found("revision"))?;
    Ok(Open { hook, revision })
}

fn save_hook(tx: &Tx<'_>, hook: &mut Stored<HookRecord>) -> Result<(), Stop> {
    let before = hook.value.version;
    hook.value.version += 1;
    hook.value.changed_at = tx.now();
    let state = hook.value.latest().map_or("", |r| r.state.word());
    let ticket = hook.value.ticket.as_ref();
    changed_one(
        tx.conn
            .prepare_cached(
                "UPDATE hooks SET version = ?2, state = ?3, ticket_system = ?4, ticket_key = ?5, body = ?6
                 WHERE id = ?1 AND version = ?7",
            )?
            .execute(params![
                hook.value.id.as_str(),
                int(hook.value.version),
                state,
                ticket.map(|t| &t.system),
                ticket.map(|t| &t.key),
                hook.bytes()?,
                int(before)
            ])?,
    )
}

/// Writes both rows, the hook's telling the revision's state and digest.
fn save(tx: &Tx<'_>, open: &mut Open) -> Result<(), Stop> {
    let revision = &mut open.revision.value;
    revision.changed_at = tx.now();
    mirror(&mut open.hook.value, revision.revision, &revision.state);
    if let Some(row) = open.hook.value.revisions.last_mut() {
        row.digest = revision.digest;
    }
    let (hook, number) = (revision.hook.clone(), revision.revision);
    changed_one(
        tx.conn
            .prepare_cached(
                "UPDATE hook_revisions SET body = ?3 WHERE hook = ?1 AND revision = ?2",
            )?
            .execute(params![hook.as_str(), number, open.revision.bytes()?])?,
    )?;
    save_hook(tx, &mut open.hook)
}

fn mirror(hook: &mut HookRecord, revision: u32, state: &HookState) {
    for row in hook.revisions.iter_mut().filter(|r| r.revision == revision) {
        row.state = state.clone();
    }
}

/// What a published revision's state became, told to its hook: a projection of the revision.
pub(super) fn follow(
    tx: &Tx<'_>,
    hook: &HookId,
    revision: u32,
    state: &HookState,
) -> Result<(), Stop> {
    let id = hook.as_str();
    let Some(mut hook) = stored::<HookRecord>(tx.conn, "hook", HOOK, params![id])? else {
        return Ok(());
    };
    if let Some(mut row) =
        stored::<HookRevision>(tx.conn, "revision", REVISION, params![id, revision])?
    {
        row.value.state = state.clone();
        row.value.changed_at = tx.now();
        tx.conn
            .prepare_cached(
                "UPDATE hook_revisions SET body = ?3 WHERE hook = ?1 AND revision = ?2",
            )?
            .execute(params![id, revision, row.bytes()?])?;
    }
    mirror(&mut hook.value, revision, state);
    save_hook(tx, &mut hook)
}

/// The hook's revision as `publish` must find it.
pub(super) fn to_publish(
    tx: &Tx<'_>,
    scope: &Scope,
    hook: &HookId,
    revision: u32,
) -> Result<(HookRecord, HookRevision), Stop> {
    let hook = find(tx, scope, hook)?;
    let open = open(tx, hook, revision, None)?;
    Ok((open.hook.value, open.revision.value))
}

fn event(kind: EventKind, revision: &HookRevision) -> NewEvent {
    let mut event = NewEvent::new(kind);
    event.refs = Refs {
        hook: Some(revision.hook.clone()),
        revision: revision.digest,
        ..Refs::default()
    };
    event.details = doc! { "revision": revision.revision, "state": revision.state.word() };
    event
}
