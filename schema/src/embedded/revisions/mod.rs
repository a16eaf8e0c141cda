//! Published revisions in SQLite: rows, and the steps that people and boathook itself take.
mod ending;
mod publishing;
mod reading;

use boathook_hooks::{
    ids::Digest,
    states::{HookState, Move, StoppedBy},
};
use bson::doc;
use rusqlite::params;

use crate::{
    Change, EventKind, NewEvent, Refs, Refused, Revision, Scope, Told,
    embedded::{
        claims, hooks, quota,
        rows::{Stored, changed_one, int, stored},
        tx::{Stop, Tx, ensure, not_found},
    },
};

const REVISION: &str = "SELECT body FROM revisions WHERE digest = ?1";

pub(super) fn load(tx: &Tx<'_>, digest: &Digest) -> Result<Stored<Revision>, Stop> {
    stored(tx.conn, "revision", REVISION, params![digest.0])?.ok_or_else(|| not_found("hook"))
}

/// For people: to be changed by who holds all its customers.
fn find(tx: &Tx<'_>, scope: &Scope, digest: &Digest) -> Result<Stored<Revision>, Stop> {
    let revision = load(tx, digest)?;
    if !scope.holds_any(&revision.value.customers) || scope.is_agent() {
        return Err(not_found("hook"));
    }
    ensure(
        scope.holds_all(&revision.value.customers),
        Refused::OutOfScope,
    )?;
    Ok(revision)
}

pub(super) fn save(tx: &Tx<'_>, revision: &mut Stored<Revision>) -> Result<(), Stop> {
    let before = revision.value.version;
    revision.value.version += 1;
    let value = &revision.value;
    changed_one(
        tx.conn
            .prepare_cached(
                "UPDATE revisions SET state = ?2, expires_at = ?3, version = ?4, body = ?5
                 WHERE digest = ?1 AND version = ?6",
            )?
            .execute(params![
                value.digest.0,
                value.state.word(),
                value.expires_at().ms(),
                int(value.version),
                revision.bytes()?,
                int(before)
            ])?,
    )
}

pub(super) fn event(kind: EventKind, revision: &Revision) -> NewEvent {
    let mut event = NewEvent::new(kind);
    event.refs = Refs {
        hook: Some(revision.hook.clone()),
        revision: Some(revision.digest),
        ticket: revision.ticket.clone(),
        ..Refs::default()
    };
    event.details = doc! { "revision": revision.revision };
    event
}

/// One legal step of a published revision, told to the control log, to its hook and to its customers. The caller saves.
pub(super) fn step(
    tx: &mut Tx<'_>,
    revision: &mut Revision,
    step: Move,
    change: Change,
    mut event: NewEvent,
) -> Result<u64, Stop> {
    revision.state = revision.state.after(step)?;
    if revision.state.is_final() {
        revision.ended_at = Some(tx.now());
    }
    revision.control = tx.control(change)?;
    hooks::follow(tx, &revision.hook, revision.revision, &revision.state)?;
    event.details.insert("accepted", revision.usage.accepted);
    tx.event_for(&revision.customers, &event)?;
    Ok(revision.control)
}

/// Stops it, for people and for boathook itself. Reservations lose their places. The caller saves.
pub(super) fn stop(
    tx: &mut Tx<'_>,
    revision: &mut Revision,
    by: StoppedBy,
    why: String,
) -> Result<u64, Stop> {
    let mut e = event(EventKind::HOOK_STOPPED, revision);
    match &by {
        StoppedBy::Person(person) => {
            e.details.insert("by", "person");
            e.personal = doc! { "person": person.as_str(), "words": &why };
        }
        StoppedBy::Overruns => drop(e.details.insert("by", "overruns")),
        StoppedBy::Errors => drop(e.details.insert("by", "errors")),
    }
    let digest = revision.digest;
    let number = step(
        tx,
        revision,
        Move::Stop { by, why },
        Change::Stop { digest },
        e,
    )?;
    claims::end_reserved(tx, revision, "the hook was stopped")?;
    Ok(number)
}

/// Full, if it is. The caller saves.
pub(super) fn fill(tx: &mut Tx<'_>, revision: &mut Revision) -> Result<(), Stop> {
    if revision.state == HookState::Published && quota::is_full(revision) {
        let (digest, e) = (revision.digest, event(EventKind::HOOK_FULL, revision));
        step(tx, revision, Move::Fill, Change::Full { digest }, e)?;
    }
    Ok(())
}

fn told(revision: &Revision) -> Told {
    Told {
        state: revision.state.clone(),
        control: revision.control,
    }
}

/// Agents see what is meant for their customer; hooks for all who opted in are the house's to people.
pub(super) fn sees(scope: &Scope, revision: &Revision) -> bool {
    scope.holds_any(&revision.customers) || (scope.is_agent() && revision.opted_in)
}
