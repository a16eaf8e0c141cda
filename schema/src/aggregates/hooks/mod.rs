//! Hooks from draft to publishing: one aggregate each, with one row for the hook and one for each revision's text.
mod drafts;
mod moves;
mod publishing;
mod reading;

use std::collections::BTreeSet;

use boathook_hooks::{
    ids::{CustomerId, HookId, PersonId},
    states::HookState,
};
use bson::doc;

use crate::{
    EventKind, HookRecord, HookRevision, NewEvent, Refs, Refused, Scope, StoreError, TicketRef,
    engine::{HEAD, Home, List, Look as _, Stop, Stored, Table, Tx, ensure, not_found},
};

pub(super) fn home(id: &HookId) -> Home {
    Home::new(Table::Hooks, id)
}

fn row(revision: u32) -> String {
    format!("r/{revision:010}")
}

/// A hook that is changed, with the revision that is worked on.
struct Open {
    hook: Stored<HookRecord>,
    revision: Stored<HookRevision>,
}

fn record(tx: &mut Tx<'_>) -> Result<Option<Stored<HookRecord>>, Stop> {
    let head = tx.here(HEAD);
    tx.stored("hook", &head)
}

fn text(tx: &mut Tx<'_>, revision: u32) -> Result<Option<Stored<HookRevision>>, Stop> {
    let at = tx.here(&row(revision));
    tx.stored("revision", &at)
}

/// The hook that this write is of, for people.
fn find(tx: &mut Tx<'_>, scope: &Scope) -> Result<Stored<HookRecord>, Stop> {
    let hook = record(tx)?.ok_or_else(|| not_found("hook"))?;
    // Who may see it but not change it is told so; to others it is not there.
    if !scope.holds_any(&hook.value.customers) || scope.is_agent() {
        return Err(not_found("hook"));
    }
    ensure(scope.holds_all(&hook.value.customers), Refused::OutOfScope)?;
    Ok(hook)
}

fn open(
    tx: &mut Tx<'_>,
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
    let revision = text(tx, revision)?.ok_or_else(|| not_found("revision"))?;
    Ok(Open { hook, revision })
}

fn ticket_part(ticket: &TicketRef) -> String {
    format!("ticket/{}\u{1}{}", ticket.system, ticket.key)
}

/// All of an author's, or those of them in one state.
fn author_part(author: &PersonId, state: Option<&str>) -> String {
    match state {
        None => format!("author/{author}"),
        Some(state) => format!("author/{author}\u{1}{state}"),
    }
}

/// All of a customer's, or those of them in one state.
fn customer_part(customer: &CustomerId, state: Option<&str>) -> String {
    match state {
        None => format!("customer/{customer}"),
        Some(state) => format!("customer/{customer}\u{1}{state}"),
    }
}

/// Parts of the list that a hook stands in.
fn parts(hook: &HookRecord) -> BTreeSet<String> {
    let word = hook.latest().map(|r| r.state.word());
    let state = word.map(|word| format!("state/{word}"));
    let own = word.map(|word| author_part(&hook.author, Some(word)));
    let customers = hook.customers.iter().flat_map(|customer| {
        let in_state = word.map(|word| customer_part(customer, Some(word)));
        [Some(customer_part(customer, None)), in_state]
    });
    ["*".to_owned(), author_part(&hook.author, None)]
        .into_iter()
        .chain(state)
        .chain(own)
        .chain(hook.ticket.as_ref().map(ticket_part))
        .chain(customers.flatten())
        .collect()
}

/// Writes the record, listed where it belongs now and nowhere else. Its first version begins at 1.
fn save_hook(tx: &mut Tx<'_>, hook: &mut Stored<HookRecord>) -> Result<(), Stop> {
    hook.value.version += 1;
    hook.value.changed_at = tx.now();
    // As it was before this write, whose one change of the record this is.
    let before = record(tx)?.map(|h| parts(&h.value)).unwrap_or_default();
    let body = hook.bytes()?;
    tx.put_bytes(HEAD, body.clone());
    list(tx, &hook.value, &before, &body);
    Ok(())
}

fn list(tx: &mut Tx<'_>, hook: &HookRecord, before: &BTreeSet<String>, body: &[u8]) {
    let (now, sort) = (parts(hook), hook.id.to_string());
    for part in before.difference(&now) {
        tx.unlist(List::Hooks, part, &sort);
    }
    for part in &now {
        tx.list_bytes(List::Hooks, part, &sort, body.to_vec());
    }
}

/// All that this hook should be listed under.
pub(super) fn relist(tx: &mut Tx<'_>) -> Result<(), Stop> {
    let Some(hook) = record(tx)? else {
        return Ok(());
    };
    let body = hook.bytes()?;
    list(tx, &hook.value, &BTreeSet::new(), &body);
    drafts::index(tx, &hook.value, None)
}

/// Writes both rows, the hook's telling the revision's state and digest.
fn save(tx: &mut Tx<'_>, open: &mut Open) -> Result<(), Stop> {
    let revision = &mut open.revision.value;
    revision.changed_at = tx.now();
    mirror(&mut open.hook.value, revision.revision, &revision.state);
    if let Some(row) = open.hook.value.revisions.last_mut() {
        row.digest = revision.digest;
        let signers = revision.signatures.iter().map(|s| s.person.clone());
        row.signed_by = signers.collect::<BTreeSet<_>>().into_iter().collect();
    }
    tx.save(&row(open.revision.value.revision), &open.revision)?;
    save_hook(tx, &mut open.hook)
}

fn mirror(hook: &mut HookRecord, revision: u32, state: &HookState) {
    for row in hook.revisions.iter_mut().filter(|r| r.revision == revision) {
        row.state = state.clone();
    }
}

/// Whether a published revision that was told to be `known` can have become `state` since. What happened is told in any
/// order: what came before is no news.
fn is_news(known: &HookState, state: &HookState) -> bool {
    match known {
        HookState::Full | HookState::Superseded { .. } => {
            matches!(state, HookState::Stopped { .. })
        }
        known => known.can_be_running() && known != state,
    }
}

/// What a published revision's state became, told to its hook: a projection of the revision.
pub(crate) fn follow(tx: &mut Tx<'_>, revision: u32, state: &HookState) -> Result<(), Stop> {
    let mut hook = match record(tx) {
        Ok(Some(hook)) => hook,
        Ok(None) => return Ok(()),
        // It only mirrors: a revision is stopped though its hook cannot be read.
        Err(Stop::Error(error @ StoreError::Record { .. })) => {
            tracing::error!(%error, "a hook cannot be read and does not follow its revision");
            return Ok(());
        }
        Err(stop) => return Err(stop),
    };
    let known = hook.value.revision(revision).map(|r| &r.state);
    if !known.is_some_and(|known| is_news(known, state)) {
        return Ok(());
    }
    if let Some(mut found) = text(tx, revision)? {
        found.value.state = state.clone();
        found.value.changed_at = tx.now();
        tx.save(&row(revision), &found)?;
    }
    mirror(&mut hook.value, revision, state);
    save_hook(tx, &mut hook)
}

fn event(kind: EventKind, hook: &HookRecord, revision: &HookRevision) -> NewEvent {
    let mut event = NewEvent::new(kind);
    event.refs = Refs {
        hook: Some(revision.hook.clone()),
        revision: revision.digest,
        ticket: hook.ticket.clone(),
        ..Refs::default()
    };
    event.details = doc! { "revision": revision.revision, "state": revision.state.word() };
    event
}

#[cfg(test)]
mod tests {
    use boathook_hooks::states::StoppedBy;

    use super::*;

    #[test]
    fn what_is_told_late_takes_nothing_back() {
        let stopped = || HookState::Stopped {
            by: StoppedBy::Errors,
            why: String::new(),
        };
        let superseded = || HookState::Superseded { revision: 2 };
        for state in [stopped(), superseded(), HookState::Full, HookState::Expired] {
            assert!(is_news(&HookState::Published, &state));
            assert!(!is_news(&state, &HookState::Published));
            for over in [stopped(), HookState::Expired] {
                assert!(!is_news(&over, &state));
            }
            for ended in [superseded(), HookState::Full] {
                assert_eq!(is_news(&ended, &state), state == stopped());
            }
        }
    }
}
