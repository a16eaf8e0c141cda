//! What this server holds in memory of the hooks that are active, fed from the control log.
mod active;
mod feed;

use std::{
    sync::{RwLock, RwLockReadGuard},
    time::Duration,
};

use boathook_hooks::ids::InstanceId;
use tokio::sync::{Mutex, watch};

use crate::{
    app::{App, Shared},
    errors::{Answer, Problem},
    unreadable::Unreadable,
};

pub use active::{Active, ActiveHook, Asker, Matching, Stopped};

/// The active hooks and the number of the last change that they show.
pub struct Control {
    active: RwLock<Active>,
    /// The number; none until the store was read for the first time.
    number: watch::Sender<Option<u64>>,
    pub(crate) unreadable: Unreadable,
    /// One reader of the log at a time, and when the last jump over a lost part of it was made.
    feeding: Mutex<feed::Feeding>,
}

impl Default for Control {
    fn default() -> Self {
        Self {
            active: RwLock::default(),
            number: watch::Sender::new(None),
            unreadable: Unreadable::default(),
            feeding: Mutex::default(),
        }
    }
}

/// How long an answer waits for the control log to be read, before it is a 503.
const PATIENCE: Duration = Duration::from_secs(5);

impl Control {
    /// Never held across an await: it is locked for microseconds.
    pub fn active(&self) -> RwLockReadGuard<'_, Active> {
        self.active.read().unwrap_or_else(|e| e.into_inner())
    }

    #[cfg(test)]
    pub fn active_mut(&self) -> std::sync::RwLockWriteGuard<'_, Active> {
        self.active.write().unwrap_or_else(|e| e.into_inner())
    }

    /// Wakes at every change.
    pub fn watch(&self) -> watch::Receiver<Option<u64>> {
        self.number.subscribe()
    }

    /// The control number that answers show now.
    pub fn number(&self) -> u64 {
        self.number.borrow().unwrap_or(0)
    }

    /// Whether a bearer of that number still counts for this instance.
    pub fn counts(&self, instance: &InstanceId, confirmed: bool, number: u64) -> bool {
        let active = self.active();
        !active.is_denied(instance, number) && (confirmed || !active.was_let_in(instance, number))
    }
}

/// Makes sure that what this server knows is at least as new as `seen`: it reads the log first when it is behind.
pub async fn at_least(app: &App, seen: u64) -> Answer<()> {
    let control = &app.agent.control;
    if control.number.borrow().is_some_and(|number| seen <= number) {
        return Ok(());
    }
    match tokio::time::timeout(PATIENCE, feed::catch_up(app, seen)).await {
        Ok(Ok(())) if control.number.borrow().is_some_and(|number| seen <= number) => Ok(()),
        Ok(Err(error)) => Err(error.into()),
        Ok(Ok(())) => Err(Problem::busy(
            "this server does not know yet what you have seen",
            5,
        )),
        Err(_) => Err(Problem::busy("the control log cannot be read now", 5)),
    }
}

/// Takes in what this process has just written, without waiting for the feed's turn.
pub async fn refresh(app: &App) -> Answer<()> {
    Ok(feed::catch_up(app, 0).await?)
}

pub use feed::forget_ended;

/// Follows the control log until shutdown.
pub fn spawn(app: &Shared) {
    tokio::spawn(feed::follow(app.clone()));
}
