//! Turns by aggregate, within this process.
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::OwnedMutexGuard;

use crate::engine::keys::Home;

type Turn = Arc<tokio::sync::Mutex<()>>;

#[derive(Default)]
pub(super) struct Locks(Mutex<HashMap<Home, Turn>>);

/// Turns that are remembered before those that nobody waits for are dropped.
const KEPT: usize = 4_096;

impl Locks {
    pub(super) async fn turn(&self, home: &Home) -> OwnedMutexGuard<()> {
        let turn = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if all.len() > KEPT {
                all.retain(|_, turn| Arc::strong_count(turn) > 1);
            }
            Arc::clone(all.entry(home.clone()).or_default())
        };
        turn.lock_owned().await
    }
}
