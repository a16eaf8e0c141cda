//! One writer an upload: a newer request ends the older one, whose connection is most likely dead, and waits until it
//! has put away what it held.
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
};

use boathook_hooks::ids::ClaimId;
use tokio::sync::OwnedMutexGuard;
use tokio_util::sync::CancellationToken;

#[derive(Default)]
pub struct Turns(Mutex<HashMap<ClaimId, Arc<Slot>>>);

#[derive(Default)]
struct Slot {
    turn: Arc<tokio::sync::Mutex<()>>,
    /// Ends whoever has the turn, when another wants it.
    newer: Mutex<CancellationToken>,
    users: std::sync::atomic::AtomicUsize,
}

/// The right to write one upload, until it is dropped.
pub struct Turn {
    turns: Arc<Turns>,
    claim: ClaimId,
    slot: Arc<Slot>,
    newer: CancellationToken,
    held: Option<OwnedMutexGuard<()>>,
}

impl Turns {
    fn lock(&self) -> MutexGuard<'_, HashMap<ClaimId, Arc<Slot>>> {
        self.0.lock().unwrap_or_else(|e| e.into_inner())
    }

    fn enter(self: &Arc<Self>, claim: &ClaimId, newer: CancellationToken) -> Turn {
        use std::sync::atomic::Ordering;
        let mut slots = self.lock();
        let slot = slots.entry(claim.clone()).or_default().clone();
        slot.users.fetch_add(1, Ordering::Relaxed);
        Turn {
            turns: self.clone(),
            claim: claim.clone(),
            slot,
            newer,
            held: None,
        }
    }

    /// Ends who writes now, waits, and takes the turn.
    pub async fn take(self: &Arc<Self>, claim: &ClaimId) -> Turn {
        let newer = CancellationToken::new();
        let mut turn = self.enter(claim, newer.clone());
        let before = {
            let mut current = turn.slot.newer.lock().unwrap_or_else(|e| e.into_inner());
            std::mem::replace(&mut *current, newer)
        };
        before.cancel();
        turn.held = Some(turn.slot.turn.clone().lock_owned().await);
        turn
    }

    /// The turn, if nobody has it.
    pub fn try_take(self: &Arc<Self>, claim: &ClaimId) -> Option<Turn> {
        let mut turn = self.enter(claim, CancellationToken::new());
        turn.held = Some(turn.slot.turn.clone().try_lock_owned().ok()?);
        Some(turn)
    }
}

impl Turn {
    /// Ends when another request wants the turn.
    pub async fn superseded(&self) {
        self.newer.cancelled().await;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        use std::sync::atomic::Ordering;
        self.held = None;
        let mut slots = self.turns.lock();
        if self.slot.users.fetch_sub(1, Ordering::Relaxed) == 1 {
            slots.remove(&self.claim);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use boathook_hooks::ids::{Digest, InstanceId};

    #[tokio::test]
    async fn a_newer_request_ends_the_older_one_and_waits_for_it() {
        let turns = Arc::new(Turns::default());
        let claim = ClaimId {
            revision: Digest::of(b"r"),
            instance: InstanceId::fresh(),
            reservation: 1,
        };
        let first = turns.take(&claim).await;
        assert!(turns.try_take(&claim).is_none());
        let second = tokio::spawn({
            let (turns, claim) = (turns.clone(), claim.clone());
            async move { turns.take(&claim).await }
        });
        first.superseded().await;
        assert!(!second.is_finished());
        drop(first);
        drop(second.await.unwrap());
        assert!(
            turns.lock().is_empty(),
            "nothing is kept of uploads that ended"
        );
        assert!(turns.try_take(&claim).is_some());
    }
}
