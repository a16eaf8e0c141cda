//! Stopping, lowering, expiring.
use boathook_hooks::{
    ids::Digest,
    states::{HookState, Move, StoppedBy},
    time::Time,
};

use super::{control, event, fill, find, home, save, step, stop, tell, told};
use crate::{
    Answer, Change, EventKind, Refused, Scope, Told, Write,
    aggregates::claims,
    engine::{Engine, Tx, ensure},
};

impl Engine {
    pub(crate) async fn stop(
        &self,
        scope: &Scope,
        write: Write,
        digest: Digest,
        by: StoppedBy,
        why: String,
    ) -> Answer<Told> {
        let scope = scope.clone();
        let body = move |tx: &mut Tx<'_>| {
            let mut revision = find(tx, &scope)?;
            if let HookState::Stopped { .. } = revision.value.state {
                return Ok(told(&revision.value));
            }
            stop(tx, &mut revision.value, by.clone(), why.clone())?;
            save(tx, &mut revision)?;
            Ok(told(&revision.value))
        };
        self.write_told("stop", write, home(&digest), body, tell)
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
        let body = move |tx: &mut Tx<'_>| {
            let mut found = find(tx, &scope)?;
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
                // Not before now: what runs may still bring its packet for days after the end.
                let end = end.max(tx.now());
                revision.lowered.expires_at = Some(end.min(revision.expires_at()));
                e.details.insert("expires_at", end.to_string());
            }
            control(tx, revision, Change::Lower { digest });
            tx.event_for(&revision.customers, &e)?;
            fill(tx, revision)?;
            save(tx, &mut found)?;
            Ok(told(&found.value))
        };
        self.write_told("lower", write, home(&digest), body, tell)
            .await
    }

    pub(crate) async fn expire(&self, scope: &Scope, write: Write, digest: Digest) -> Answer<Told> {
        let scope = scope.clone();
        let body = move |tx: &mut Tx<'_>| {
            let mut revision = find(tx, &scope)?;
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
            // Stopped, it stays so; no server needs to hold that any longer.
            if !matches!(revision.value.state, HookState::Stopped { .. }) {
                let e = event(EventKind::HOOK_EXPIRED, &revision.value);
                let change = Change::Expire { digest };
                step(tx, &mut revision.value, Move::Expire, change, e)?;
            }
            save(tx, &mut revision)?;
            Ok(told(&revision.value))
        };
        self.write_told("expire", write, home(&digest), body, tell)
            .await
    }
}
