//! Revisions as they are read.
use boathook_hooks::{
    ids::{Blob, Digest},
    states::HookState,
    time::Time,
};

use super::{home, sees};
use crate::{
    Revision, Scope, codec,
    engine::{Engine, List, Look, Stop, listing},
    page::MAX_PAGE,
    verbs::Read,
};

/// Entries that are read at once.
const AT_ONCE: usize = 1_000;

/// What servers hold: the published revisions, and the stopped ones that would be alive. And those that are listed by bytes
/// that cannot be read.
fn active(look: &mut dyn Look) -> Result<(Vec<Revision>, Vec<Digest>), Stop> {
    let (parts, mut after) = ([String::new()], String::new());
    let (mut found, mut unreadable) = (Vec::new(), Vec::new());
    loop {
        let (rows, more) = listing::merged(look, List::ActiveHooks, &parts, &after, AT_ONCE)?;
        for (sort, body) in &rows {
            match codec::decode("revision", body) {
                Ok(revision) => found.push(revision),
                Err(_) => unreadable.extend(sort.parse::<Digest>().ok()),
            }
        }
        match rows.into_iter().next_back() {
            Some((last, _)) if more => after = last,
            _ => return Ok((found, unreadable)),
        }
    }
}

impl Engine {
    pub(crate) async fn revision(&self, scope: &Scope, digest: &Digest) -> Read<Option<Revision>> {
        let (scope, head) = (scope.clone(), home(digest).head());
        self.read("revision", move |look| {
            let found: Option<Revision> = look.record("revision", &head)?;
            Ok(found.filter(|r| sees(&scope, r)))
        })
        .await
    }

    pub(crate) async fn envelope(&self, scope: &Scope, digest: &Digest) -> Read<Option<Blob>> {
        let (scope, digest) = (scope.clone(), *digest);
        self.read("envelope", move |look| {
            let found: Option<Revision> = look.record("revision", &home(&digest).head())?;
            if !found.is_some_and(|r| sees(&scope, &r)) {
                return Ok(None);
            }
            let bytes = look.entry(List::Envelopes, &digest.to_string(), "")?;
            Ok(bytes.map(Blob))
        })
        .await
    }

    /// What was stopped and has outlived its end is due too: with `expire` it leaves the list. And, behind all others, what
    /// cannot be read there: `expire` decides by the record itself, or fails for that one alone.
    pub(crate) async fn due_expiry(
        &self,
        scope: &Scope,
        now: Time,
        limit: u32,
    ) -> Read<Vec<Digest>> {
        let allowed = scope.holds_house();
        self.read("due_expiry", move |look| {
            if !allowed {
                return Ok(Vec::new());
            }
            let (active, unreadable) = active(look)?;
            let mut due: Vec<_> = active
                .into_iter()
                .filter(|r| r.expires_at() <= now)
                .map(|r| (r.state != HookState::Published, r.expires_at(), r.digest))
                .collect();
            due.sort_unstable();
            let due = due.into_iter().map(|(.., digest)| digest);
            let limit = limit.clamp(1, MAX_PAGE) as usize;
            Ok(due.chain(unreadable).take(limit).collect())
        })
        .await
    }
}
