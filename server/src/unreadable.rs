//! Hooks whose record or signed bytes cannot be read. Each is named in the log, counted, and left out: it must not hold up
//! the others.
use std::{
    collections::HashMap,
    error::Error,
    sync::{Mutex, PoisonError},
};

use boathook_hooks::{
    ids::Digest,
    time::{MINUTE, Time},
};
use boathook_schema::StoreError;

use crate::app::App;

/// Periodic work meets one each second: the log names it so often, the metric counts each time.
const AGAIN_MS: i64 = 10 * MINUTE;

/// When each was last named in the log.
#[derive(Debug, Default)]
pub struct Unreadable(Mutex<HashMap<Digest, Time>>);

impl Unreadable {
    /// Whether it is to be named now.
    fn is_due(&self, digest: &Digest, now: Time) -> bool {
        let mut named = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        named.retain(|_, at| now.since(*at) < AGAIN_MS);
        let due = !named.contains_key(digest);
        if due {
            named.insert(*digest, now);
        }
        due
    }
}

impl App {
    /// What was read or done of that hook; none where bytes of it cannot be read. Other errors stay errors.
    pub fn readable<T>(
        &self,
        digest: &Digest,
        read: Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        match read {
            Ok(value) => Ok(Some(value)),
            Err(error @ StoreError::Record { .. }) => {
                let why = error.source().map(ToString::to_string).unwrap_or_default();
                self.unreadable(digest, &format!("{error}: {why}"));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// That hook cannot be read.
    pub fn unreadable(&self, digest: &Digest, why: &str) {
        self.metrics.unreadable_hooks.inc();
        if self.agent.control.unreadable.is_due(digest, self.now()) {
            tracing::error!(%digest, why, "a published hook cannot be read and is left out; see `boathook-server store check`");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_names_each_now_and_then_alone() {
        let named = Unreadable::default();
        let (one, other) = (Digest::of(b"1"), Digest::of(b"2"));
        let at = Time::from_ms;
        assert!(named.is_due(&one, at(0)) && named.is_due(&other, at(1)));
        assert!(!named.is_due(&one, at(AGAIN_MS - 1)));
        assert!(named.is_due(&one, at(AGAIN_MS)));
    }
}
