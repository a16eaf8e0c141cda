//! Leases: renewed by progress, sized to the packet, returned when they run out.
use boathook_hooks::{
    ids::{ClaimId, Digest},
    time::Time,
};
use rusqlite::params;

use super::{for_agents, lease, open, record, settle, settle_but};
use crate::{
    Answer, ClaimState, EventKind, Lease, Refused, Scope, Write,
    embedded::{Embedded, quota, revisions, rows::digest, tx::ensure},
    page::MAX_PAGE,
    verbs::Read,
};

impl Embedded {
    pub(crate) async fn size_claim(
        &self,
        scope: &Scope,
        write: Write,
        claim: ClaimId,
        bytes: u64,
        lease_until: Time,
    ) -> Answer<Lease> {
        let scope = scope.clone();
        self.write("size_claim", write, move |tx| {
            for_agents(&scope)?;
            let mut open = open(tx, &scope, &claim)?;
            settle_but(tx, &mut open)?;
            let limit = open.claim.value.bytes;
            ensure(bytes <= limit, Refused::TooLarge { limit })?;
            let (revision, claim) = (&mut open.revision.value, &mut open.claim.value);
            if claim.state == ClaimState::Reserved {
                revision.usage.reserved_bytes =
                    revision.usage.reserved_bytes.saturating_sub(limit - bytes);
            }
            let first = !claim.sized;
            claim.bytes = bytes;
            claim.sized = true;
            quota::revive(revision, claim, lease_until)?;
            claim.lease_until = claim.lease_until.max(lease_until);
            open.save(tx)?;
            if first {
                let mut e = open.event(EventKind::CLAIM_SIZED);
                e.bytes = bytes;
                record(tx, &open.claim.value, e)?;
            }
            Ok(lease(&open.claim.value))
        })
        .await
    }

    pub(crate) async fn renew(
        &self,
        scope: &Scope,
        write: Write,
        claim: ClaimId,
        lease_until: Time,
    ) -> Answer<Lease> {
        let scope = scope.clone();
        self.write("renew", write, move |tx| {
            for_agents(&scope)?;
            let mut open = open(tx, &scope, &claim)?;
            settle_but(tx, &mut open)?;
            let claim = &mut open.claim.value;
            quota::revive(&mut open.revision.value, claim, lease_until)?;
            claim.lease_until = claim.lease_until.max(lease_until);
            open.save(tx)?;
            Ok(lease(&open.claim.value))
        })
        .await
    }

    pub(crate) async fn return_leases(
        &self,
        scope: &Scope,
        write: Write,
        digest: Digest,
    ) -> Answer<u32> {
        let allowed = *scope == Scope::System;
        self.write("return_leases", write, move |tx| {
            ensure(allowed, Refused::OutOfScope)?;
            let mut found = revisions::load(tx, &digest)?;
            let returned = settle(tx, &mut found.value)?;
            if returned > 0 {
                revisions::save(tx, &mut found)?;
            }
            Ok(returned)
        })
        .await
    }

    pub(crate) async fn due_leases(
        &self,
        scope: &Scope,
        now: Time,
        limit: u32,
    ) -> Read<Vec<Digest>> {
        let allowed = *scope == Scope::System;
        self.read("due_leases", move |conn| {
            if !allowed {
                return Ok(Vec::new());
            }
            let mut statement = conn.prepare_cached(
                "SELECT DISTINCT digest FROM claims WHERE state = 'reserved' AND lease_until <= ?1 LIMIT ?2",
            )?;
            let rows = statement.query_map(params![now.ms(), limit.clamp(1, MAX_PAGE)], |row| {
                row.get::<_, Vec<u8>>(0)
            })?;
            rows.map(|bytes| digest(&bytes?)).collect()
        })
        .await
    }
}
