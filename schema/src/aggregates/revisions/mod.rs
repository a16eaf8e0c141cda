//! Published revisions: one aggregate each, with the claims of it as further rows, and the steps that people and
//! boathook itself take.
mod ending;
mod opening;
mod reading;
mod waves;

use boathook_hooks::{
    ids::Digest,
    states::{HookState, Move, StoppedBy},
};
use bson::doc;

use super::{claims, quota};
use crate::{
    Change, EventKind, NewEvent, Refs, Refused, Revision, Scope, Told,
    engine::{
        Applied, HEAD, Home, List, Look as _, Step, Stop, Stored, Table, Tx, ensure, not_found,
    },
};

pub(crate) use opening::{note, open_revision, supersede};

pub(super) fn home(digest: &Digest) -> Home {
    Home::new(Table::Revisions, digest)
}

/// The revision that this write is of.
pub(super) fn load(tx: &mut Tx<'_>) -> Result<Stored<Revision>, Stop> {
    let head = tx.here(HEAD);
    tx.stored("revision", &head)?
        .ok_or_else(|| not_found("hook"))
}

/// For people: to be changed by who holds all its customers.
fn find(tx: &mut Tx<'_>, scope: &Scope) -> Result<Stored<Revision>, Stop> {
    let revision = load(tx)?;
    if !scope.holds_any(&revision.value.customers) || scope.is_agent() {
        return Err(not_found("hook"));
    }
    ensure(
        scope.holds_all(&revision.value.customers),
        Refused::OutOfScope,
    )?;
    Ok(revision)
}

/// Writes the record, listed as long as servers hold it and while it holds reservations.
pub(super) fn save(tx: &mut Tx<'_>, revision: &mut Stored<Revision>) -> Result<(), Stop> {
    revision.value.version += 1;
    let head = tx.here(HEAD);
    let before: Option<Revision> = tx.read("revision", &head)?;
    let body = revision.bytes()?;
    tx.put_bytes(HEAD, body.clone());
    list(tx, before.as_ref(), &revision.value, body);
    claims::list_reserving(tx, before.as_ref(), &revision.value);
    Ok(())
}

/// What is published stands in the list until it has ended, what was stopped until it would have.
fn list(tx: &mut Tx<'_>, before: Option<&Revision>, revision: &Revision, body: Vec<u8>) {
    let listed = |r: &Revision| matches!(r.state, HookState::Published | HookState::Stopped { .. });
    let over = revision.state != HookState::Published && tx.now() >= revision.expires_at();
    let sort = revision.digest.to_string();
    if listed(revision) && !over {
        tx.list_bytes(List::ActiveHooks, "", &sort, body);
    } else if before.is_some_and(listed) {
        tx.unlist(List::ActiveHooks, "", &sort);
    }
}

/// All that this revision should be listed under now.
pub(super) fn relist(tx: &mut Tx<'_>) -> Result<(), Stop> {
    let head = tx.here(HEAD);
    let Some(revision) = tx.stored::<Revision>("revision", &head)? else {
        return Ok(());
    };
    let body = revision.bytes()?;
    list(tx, None, &revision.value, body);
    claims::list_reserving(tx, None, &revision.value);
    claims::relist_runs(tx, &revision.value)
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

/// The control log hears of it, and the revision notes the number.
fn control(tx: &mut Tx<'_>, revision: &Revision, change: Change) {
    tx.control_noted(change, revision.digest);
}

/// Its hook hears what its state is.
fn tell_hook(tx: &mut Tx<'_>, revision: &Revision) {
    tx.then(Step::Follow {
        hook: revision.hook.clone(),
        revision: revision.revision,
        state: revision.state.clone(),
    });
}

/// One legal step of a published revision, told to the control log, to its hook and to its customers. The caller saves.
pub(super) fn step(
    tx: &mut Tx<'_>,
    revision: &mut Revision,
    step: Move,
    change: Change,
    mut event: NewEvent,
) -> Result<(), Stop> {
    revision.state = revision.state.after(step)?;
    if revision.state.is_final() {
        revision.ended_at = Some(tx.now());
    }
    control(tx, revision, change);
    tell_hook(tx, revision);
    event.details.insert("accepted", revision.usage.accepted);
    tx.event_for(&revision.customers, &event)
}

/// Stops it, for people and for boathook itself. Reservations lose their places. The caller saves.
pub(super) fn stop(
    tx: &mut Tx<'_>,
    revision: &mut Revision,
    by: StoppedBy,
    why: String,
) -> Result<(), Stop> {
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
    step(
        tx,
        revision,
        Move::Stop { by, why },
        Change::Stop { digest },
        e,
    )?;
    claims::end_reserved(tx, revision, "the hook was stopped")?;
    Ok(())
}

/// Full, if it is. The caller saves.
pub(super) fn fill(tx: &mut Tx<'_>, revision: &mut Revision) -> Result<(), Stop> {
    if revision.state == HookState::Published && quota::is_full(revision) {
        let (digest, e) = (revision.digest, event(EventKind::HOOK_FULL, revision));
        step(tx, revision, Move::Fill, Change::Full { digest }, e)?;
    }
    Ok(())
}

/// What stands on record; [`tell`] puts the number of a change in.
pub(super) fn told(revision: &Revision) -> Told {
    Told {
        state: revision.state.clone(),
        control: revision.control,
    }
}

pub(super) fn tell(told: &mut Told, applied: &Applied) {
    if let Some(number) = applied.control {
        told.control = number;
    }
}

/// Agents see what is meant for their customer; hooks for all who opted in are the house's to people.
pub(super) fn sees(scope: &Scope, revision: &Revision) -> bool {
    scope.holds_any(&revision.customers) || (scope.is_agent() && revision.opted_in)
}
