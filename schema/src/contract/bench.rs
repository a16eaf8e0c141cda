//! What the cases stand on: a store, the people and customers in it, the time.
use std::sync::Arc;

use boathook_hooks::{
    ids::{CustomerId, InstanceId, PersonId},
    keys::{PublicKey, SecretKey},
    time::{HOUR, MINUTE, Time},
};

use crate::{Chain, Scope, Store, TicketRef, Write};

/// What to do to a chain behind the store's back, so that `verify_chain` must find it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tampering {
    /// One bit of the stored bytes of event N.
    Bytes(u64),
    /// One bit of what lies beside event N.
    Personal(u64),
    /// Event N is listed under another kind than its bytes say.
    Kind(u64),
    /// Event N is gone.
    Drop(u64),
    /// All events above N are gone, and the head says N.
    CutAfter(u64),
    /// What lies beside event N, who did it, is gone.
    Erase(u64),
}

/// A backend's own hand into its tables.
pub type Tamper = Arc<dyn Fn(&Chain, Tampering) + Send + Sync>;

/// An empty, migrated store, and a moment to begin at.
#[derive(Clone)]
pub struct Bench {
    pub url: String,
    pub store: Store,
    pub now: Time,
    pub tamper: Tamper,
}

/// What is done must be done: the value, or the refusal as a panic.
pub(super) fn done<T>(answer: crate::Answer<T>) -> T {
    match answer {
        Ok(outcome) => outcome
            .done()
            .unwrap_or_else(|reason| panic!("refused: {reason:?}")),
        Err(e) => panic!("{e:?}"),
    }
}

/// What is refused must be refused: the reason.
pub(super) fn refused<T: std::fmt::Debug>(answer: crate::Answer<T>) -> crate::Refused {
    match answer {
        Ok(outcome) => match outcome.done() {
            Err(reason) => reason,
            Ok(value) => panic!("not refused: {value:?}"),
        },
        Err(e) => panic!("{e:?}"),
    }
}

pub(super) fn acme() -> CustomerId {
    "acme".parse().unwrap()
}

pub(super) fn bolt() -> CustomerId {
    "bolt".parse().unwrap()
}

/// An engineer with a role for Acme alone.
pub(super) fn at_acme() -> Scope {
    Scope::one(acme())
}

pub(super) fn at_bolt() -> Scope {
    Scope::one(bolt())
}

pub(super) fn ada() -> PersonId {
    "ada".parse().unwrap()
}

pub(super) fn bob() -> PersonId {
    "bob".parse().unwrap()
}

pub(super) fn iid(n: u32) -> InstanceId {
    format!("i-{n:05}").parse().unwrap()
}

pub(super) fn ticket() -> TicketRef {
    TicketRef {
        system: "zendesk".into(),
        key: "4711".into(),
    }
}

pub(super) fn key(n: u8) -> SecretKey {
    SecretKey::from_seed(&[n; 32])
}

pub(super) fn public(n: u8) -> PublicKey {
    key(n).public()
}

impl Bench {
    pub async fn new(url: String, tamper: Tamper) -> Self {
        let store = Store::open(&url).await.unwrap();
        Self {
            url,
            store,
            // 21 November 2026, 12:00 UTC.
            now: "2026-11-21T12:00:00Z".parse().unwrap(),
            tamper,
        }
    }

    /// The same store opened once more, as another server would.
    pub async fn another(&self) -> Store {
        Store::open(&self.url).await.unwrap()
    }

    pub(super) fn later(&mut self, ms: i64) {
        self.now = self.now.plus_ms(ms);
    }

    /// boathook itself writes.
    pub(super) fn system(&self) -> Write {
        Write::system(self.now)
    }

    /// Ada writes.
    pub(super) fn ada(&self) -> Write {
        Write::person(ada(), self.now)
    }

    pub(super) fn lease(&self) -> Time {
        self.now.plus_ms(10 * MINUTE)
    }
}

pub(super) const AN_HOUR: i64 = HOUR;
