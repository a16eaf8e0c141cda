//! Leases: renewed by progress, sized to the packet, returned when they run out.
use boathook_hooks::{
    ids::{ClaimId, Digest},
    time::Time,
};

use super::{due, for_agents, home, lease, open, record, settle, settle_but};
use crate::{
    Answer, ClaimState, EventKind, Lease, Refused, Scope, Write,
    aggregates::{quota, revisions},
    engine::{Engine, List, Look, Stop, ensure, look::Found},
    page::MAX_PAGE,
    verbs::Read,
};

/// Revisions that are looked at together for leases that ran out.
const LOOKED_AT: usize = 256;

/// Which of those that are listed as reserving hold a lease that ran out.
fn those_due(look: &mut dyn Look, now: Time, limit: usize) -> Result<Vec<Digest>, Stop> {
    let (mut found, mut after) = (Vec::new(), String::new());
    loop {
        let listed = look.list(List::Reserving, "", &after, LOOKED_AT)?;
        // What is no digest is no hook's, and holds up none.
        let digests = listed.iter().filter_map(|(sort, _)| sort.parse().ok());
        let digests: Vec<Digest> = digests.collect();
        let first = |digest: &Digest| due(&home(digest), now, 1);
        look.ahead(digests.iter().map(first).collect())?;
        for digest in &digests {
            if let Found::Rows(rows) = look.find(first(digest))?
                && !rows.is_empty()
            {
                found.push(*digest);
                if found.len() == limit {
                    return Ok(found);
                }
            }
        }
        match listed.last() {
            Some((last, _)) if listed.len() == LOOKED_AT => after.clone_from(last),
            _ => return Ok(found),
        }
    }
}

impl Engine {
    pub(crate) async fn size_claim(
        &self,
        scope: &Scope,
        write: Write,
        claim: ClaimId,
        bytes: u64,
        lease_until: Time,
    ) -> Answer<Lease> {
        let scope = scope.clone();
        self.write("size_claim", write, home(&claim.revision), move |tx| {
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
            quota::revive(revision, claim, tx.now(), lease_until)?;
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
        self.write("renew", write, home(&claim.revision), move |tx| {
            for_agents(&scope)?;
            let mut open = open(tx, &scope, &claim)?;
            settle_but(tx, &mut open)?;
            let claim = &mut open.claim.value;
            quota::revive(&mut open.revision.value, claim, tx.now(), lease_until)?;
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
        self.write("return_leases", write, home(&digest), move |tx| {
            ensure(allowed, Refused::OutOfScope)?;
            let mut found = revisions::load(tx)?;
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
        let limit = limit.clamp(1, MAX_PAGE) as usize;
        self.read("due_leases", move |look| {
            if !allowed {
                return Ok(Vec::new());
            }
            those_due(look, now, limit)
        })
        .await
    }
}
