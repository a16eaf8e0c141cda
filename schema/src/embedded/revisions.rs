//! Published revisions in SQLite: publish, stop, lower, expire.
use boathook_hooks::{
    ids::{Blob, Digest},
    states::{HookState, Move, StoppedBy},
    time::Time,
};
use bson::doc;
use rusqlite::{OptionalExtension as _, params};

use super::{
    Embedded, claims, hooks, quota,
    rows::{Stored, body, changed_one, digest, int, stored},
    tx::{Stop, Tx, ensure, not_found},
};
use crate::{
    Answer, Change, EventKind, Lowered, MAX_PLACES, NewEvent, Publish, Refs, Refused, Revision,
    Scope, Told, Usage, Write, codec, page::MAX_PAGE, verbs::Read,
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

impl Embedded {
    pub(crate) async fn publish(
        &self,
        scope: &Scope,
        write: Write,
        publish: Publish,
    ) -> Answer<Told> {
        let scope = scope.clone();
        self.write("publish", write, move |tx| {
            ensure(
                scope.holds_all(&publish.customers) && !scope.is_agent(),
                Refused::OutOfScope,
            )?;
            let known = body::<Revision>(tx.conn, "revision", REVISION, params![publish.digest.0])?;
            if let Some(known) = known {
                // Another server was first with the same signed bytes, or this is a repeat.
                return match known.state {
                    HookState::Published => Ok(told(&known)),
                    ended => Err(Refused::Ended {
                        state: ended.word().to_owned(),
                    }
                    .into()),
                };
            }
            let (hook, row) = hooks::to_publish(tx, &scope, &publish.hook, publish.revision)?;
            ensure(row.digest == Some(publish.digest), Refused::OtherBytes)?;
            let state = row.state.after(Move::Publish)?;
            let limits = &publish.quota;
            ensure(
                tx.now() < limits.expires_at,
                Refused::Ended {
                    state: "expired".into(),
                },
            )?;
            ensure(
                (1..=MAX_PLACES).contains(&limits.places),
                Refused::Malformed(format!("a hook has 1 to {MAX_PLACES} places")),
            )?;
            let older = published_of(tx, &publish)?;
            let supersedes = older.as_ref().map(|r| r.value.digest);
            if let Some(mut older) = older {
                supersede(tx, &mut older, publish.revision)?;
            }
            let control = tx.control(Change::Publish {
                digest: publish.digest,
                hook: publish.hook.clone(),
                supersedes,
            })?;
            let revision = Revision {
                digest: publish.digest,
                hook: publish.hook,
                revision: publish.revision,
                state,
                customers: publish.customers,
                opted_in: publish.opted_in,
                ticket: publish.ticket,
                author: publish.author,
                title: publish.title,
                audience: publish.audience,
                size: publish.envelope.0.len() as u64,
                quota: publish.quota,
                lowered: Lowered::default(),
                usage: Usage::default(),
                overruns: Vec::new(),
                published_at: tx.now(),
                ended_at: None,
                control,
                version: 1,
            };
            insert(tx, &revision, &publish.envelope)?;
            hooks::follow(tx, &revision.hook, revision.revision, &revision.state)?;
            let mut e = event(EventKind::HOOK_PUBLISHED, &revision);
            e.details.insert("places", revision.quota.places);
            e.details
                .insert("expires_at", revision.quota.expires_at.to_string());
            e.details.insert("signatures", row.signatures.len() as i64);
            let audited = if revision.customers.is_empty() {
                &hook.customers
            } else {
                &revision.customers
            };
            tx.event_for(audited, &e)?;
            Ok(told(&revision))
        })
        .await
    }

    pub(crate) async fn stop(
        &self,
        scope: &Scope,
        write: Write,
        digest: Digest,
        by: StoppedBy,
        why: String,
    ) -> Answer<Told> {
        let scope = scope.clone();
        self.write("stop", write, move |tx| {
            let mut revision = find(tx, &scope, &digest)?;
            if let HookState::Stopped { .. } = revision.value.state {
                return Ok(told(&revision.value));
            }
            stop(tx, &mut revision.value, by, why)?;
            save(tx, &mut revision)?;
            Ok(told(&revision.value))
        })
        .await
    }

    pub(crate) async fn lower(
        &self,
        scope: &Scope,
        write: Write,
        digest: Digest,
        places: Option<u32>,
        expires_at: Option<Time>,
    ) -> Answer<Told> {
        let scope = scope.clone();
        self.write("lower", write, move |tx| {
            let mut found = find(tx, &scope, &digest)?;
            let revision = &mut found.value;
            ensure(
                revision.state == HookState::Published,
                Refused::Ended {
                    state: revision.state.word().to_owned(),
                },
            )?;
            let now = (revision.places(), revision.expires_at());
            if (places.unwrap_or(now.0), expires_at.unwrap_or(now.1)) == now {
                return Ok(told(revision));
            }
            // A place whose lease ran out is in nobody's use.
            claims::settle(tx, revision)?;
            let mut e = event(EventKind::HOOK_LOWERED, revision);
            if let Some(places) = places {
                ensure(places <= revision.places(), Refused::Raises)?;
                let used = revision.usage.accepted + revision.usage.reserved;
                ensure(places >= used, Refused::InUse { places: used })?;
                revision.lowered.places = Some(places);
                e.details.insert("places", places);
            }
            if let Some(end) = expires_at {
                ensure(end <= revision.expires_at(), Refused::Raises)?;
                revision.lowered.expires_at = Some(end);
                e.details.insert("expires_at", end.to_string());
            }
            revision.control = tx.control(Change::Lower { digest })?;
            tx.event_for(&revision.customers, &e)?;
            fill(tx, revision)?;
            save(tx, &mut found)?;
            Ok(told(&found.value))
        })
        .await
    }

    pub(crate) async fn expire(&self, scope: &Scope, write: Write, digest: Digest) -> Answer<Told> {
        let scope = scope.clone();
        self.write("expire", write, move |tx| {
            let mut revision = find(tx, &scope, &digest)?;
            if revision.value.state == HookState::Expired {
                return Ok(told(&revision.value));
            }
            ensure(
                tx.now() >= revision.value.expires_at(),
                Refused::Malformed(format!(
                    "it expires at {} and not before",
                    revision.value.expires_at()
                )),
            )?;
            let e = event(EventKind::HOOK_EXPIRED, &revision.value);
            let change = Change::Expire { digest };
            step(tx, &mut revision.value, Move::Expire, change, e)?;
            save(tx, &mut revision)?;
            Ok(told(&revision.value))
        })
        .await
    }

    pub(crate) async fn revision(&self, scope: &Scope, digest: &Digest) -> Read<Option<Revision>> {
        let (scope, digest) = (scope.clone(), *digest);
        self.read("revision", move |conn| {
            let found = body::<Revision>(conn, "revision", REVISION, params![digest.0])?;
            Ok(found.filter(|r| sees(&scope, r)))
        })
        .await
    }

    pub(crate) async fn envelope(&self, scope: &Scope, digest: &Digest) -> Read<Option<Blob>> {
        let (scope, digest) = (scope.clone(), *digest);
        self.read("envelope", move |conn| {
            let found = body::<Revision>(conn, "revision", REVISION, params![digest.0])?;
            if !found.is_some_and(|r| sees(&scope, &r)) {
                return Ok(None);
            }
            let bytes: Option<Vec<u8>> = conn
                .prepare_cached("SELECT envelope FROM envelopes WHERE digest = ?1")?
                .query_row(params![digest.0], |row| row.get(0))
                .optional()?;
            Ok(bytes.map(Blob))
        })
        .await
    }

    pub(crate) async fn due_expiry(
        &self,
        scope: &Scope,
        now: Time,
        limit: u32,
    ) -> Read<Vec<Digest>> {
        let allowed = scope.holds_house();
        self.read("due_expiry", move |conn| {
            if !allowed {
                return Ok(Vec::new());
            }
            let mut statement = conn.prepare_cached(
                "SELECT digest FROM revisions WHERE state = 'published' AND expires_at <= ?1
                 ORDER BY expires_at LIMIT ?2",
            )?;
            let rows = statement.query_map(params![now.ms(), limit.clamp(1, MAX_PAGE)], |row| {
                row.get::<_, Vec<u8>>(0)
            })?;
            rows.map(|bytes| digest(&bytes?)).collect()
        })
        .await
    }
}

/// Agents see what is meant for their customer; hooks for all who opted in are the house's to people.
pub(super) fn sees(scope: &Scope, revision: &Revision) -> bool {
    scope.holds_any(&revision.customers) || (scope.is_agent() && revision.opted_in)
}

/// The revision of the same hook that is published now.
fn published_of(tx: &Tx<'_>, publish: &Publish) -> Result<Option<Stored<Revision>>, Stop> {
    stored(
        tx.conn,
        "revision",
        "SELECT body FROM revisions WHERE hook = ?1 AND state = 'published'",
        params![publish.hook.as_str()],
    )
}

fn supersede(tx: &Tx<'_>, older: &mut Stored<Revision>, by: u32) -> Result<(), Stop> {
    older.value.state = older.value.state.after(Move::Supersede { revision: by })?;
    older.value.ended_at = Some(tx.now());
    let Revision {
        hook,
        revision,
        state,
        customers,
        ..
    } = &older.value;
    hooks::follow(tx, hook, *revision, state)?;
    let mut e = event(EventKind::HOOK_SUPERSEDED, &older.value);
    e.details.insert("by", by);
    tx.event_for(customers, &e)?;
    save(tx, older)
}

fn insert(tx: &Tx<'_>, revision: &Revision, envelope: &Blob) -> Result<(), Stop> {
    tx.conn
        .prepare_cached(
            "INSERT INTO revisions (digest, hook, state, expires_at, version, body) VALUES (?1, ?2, ?3, ?4, 1, ?5)",
        )?
        .execute(params![
            revision.digest.0,
            revision.hook.as_str(),
            revision.state.word(),
            revision.expires_at().ms(),
            codec::encode("revision", revision)?
        ])?;
    tx.conn
        .prepare_cached("INSERT INTO envelopes (digest, envelope) VALUES (?1, ?2)")?
        .execute(params![revision.digest.0, envelope.0])?;
    Ok(())
}
