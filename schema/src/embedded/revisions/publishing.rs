//! Publishing, which supersedes what was published before.
use boathook_hooks::{
    ids::Blob,
    states::{HookState, Move},
};
use rusqlite::params;

use super::{REVISION, event, save, told};
use crate::{
    Answer, Change, EventKind, Lowered, MAX_PLACES, Publish, Refused, Revision, Scope, Told, Usage,
    Write, codec,
    embedded::{
        Embedded, hooks,
        rows::{Stored, body, stored},
        tx::{Stop, Tx, ensure},
    },
};

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
}
