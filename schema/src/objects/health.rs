//! Whether objects can be reached, from what real operations and a cheap probe found.
use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::Notify;

/// How long one failed put counts when no other followed.
const REMEMBERED: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(super) struct Health {
    /// The last probe failed. Only the probe says so: one operation that failed is not yet an outage.
    away: AtomicBool,
    put_failed: Mutex<Option<Instant>>,
    failures: AtomicU64,
    failed: Notify,
}

impl Health {
    pub fn probed(&self, reached: bool) {
        self.away.store(!reached, Ordering::Relaxed);
    }

    pub fn put_done(&self) {
        *self.put_failed() = None;
    }

    pub fn put_failed_now(&self) {
        *self.put_failed() = Some(Instant::now());
    }

    pub fn operation_failed(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        self.failed.notify_one();
    }

    /// Ends when an operation failed since the last call.
    pub async fn next_failure(&self) {
        self.failed.notified().await;
    }

    pub fn away(&self) -> bool {
        self.away.load(Ordering::Relaxed)
    }

    pub fn degraded(&self) -> bool {
        self.away()
            || self
                .put_failed()
                .is_some_and(|at| at.elapsed() < REMEMBERED)
    }

    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    fn put_failed(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.put_failed.lock().unwrap_or_else(|e| e.into_inner())
    }
}
