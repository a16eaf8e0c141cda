//! Writes whose effects are done and whose records still say that they are owed: the next change of the aggregate takes
//! that away with it, so that a busy one pays one transaction a change and not two.
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use uuid::Uuid;

use crate::engine::keys::Home;

#[derive(Clone)]
pub(super) struct Settled {
    pub(super) version: u64,
    pub(super) op: Uuid,
    /// The whole answer.
    pub(super) op_body: Vec<u8>,
    /// Its record says so.
    cleared: Arc<AtomicBool>,
}

impl Settled {
    pub(super) fn new(version: u64, op: Uuid, op_body: Vec<u8>) -> Self {
        Self {
            version,
            op,
            op_body,
            cleared: Arc::default(),
        }
    }

    pub(super) fn is_cleared(&self) -> bool {
        self.cleared.load(Ordering::Relaxed)
    }
}

/// Those that wait, by aggregate. Taken only within the aggregate's turn.
#[derive(Default)]
pub(super) struct Settling(Mutex<HashMap<Home, Vec<Settled>>>);

/// What one transaction takes along at most.
const TOGETHER: usize = 32;

impl Settling {
    fn all(&self) -> std::sync::MutexGuard<'_, HashMap<Home, Vec<Settled>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, home: Home, settled: Settled) {
        self.all().entry(home).or_default().push(settled);
    }

    pub(super) fn some(&self, home: &Home) -> Vec<Settled> {
        let all = self.all();
        let waiting = all.get(home).map_or(&[][..], |w| w.as_slice());
        waiting.iter().take(TOGETHER).cloned().collect()
    }

    /// These are on record now.
    pub(super) fn done(&self, home: &Home, these: &[Settled]) {
        for settled in these {
            settled.cleared.store(true, Ordering::Relaxed);
        }
        let mut all = self.all();
        if let Some(waiting) = all.get_mut(home) {
            waiting.retain(|w| !w.is_cleared());
            if waiting.is_empty() {
                all.remove(home);
            }
        }
    }

    /// Left to the runner.
    pub(super) fn give_up(&self, home: &Home, settled: &Settled) {
        let mut all = self.all();
        if let Some(waiting) = all.get_mut(home) {
            waiting.retain(|w| w.op != settled.op);
            if waiting.is_empty() {
                all.remove(home);
            }
        }
    }
}
