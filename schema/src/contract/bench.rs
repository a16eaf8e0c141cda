//! What the cases stand on: a store, the people and customers in it, the time.
use boathook_hooks::{
    ids::{CustomerId, InstanceId, PersonId},
    keys::{PublicKey, SecretKey},
    time::{HOUR, MINUTE, Time},
};

use crate::{
    Chain, Scope, Store, TicketRef, Write, codec,
    engine::{
        Engine, List,
        events::{END, EventRow, bucket, bucket_of, event_row},
        look::beyond,
    },
};

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

/// An empty, migrated store, and a moment to begin at.
#[derive(Clone)]
pub struct Bench {
    pub url: String,
    pub store: Store,
    pub now: Time,
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
    pub async fn new(url: String) -> Self {
        let store = Store::open(&url).await.unwrap();
        Self {
            url,
            store,
            // 21 November 2026, 12:00 UTC.
            now: "2026-11-21T12:00:00Z".parse().unwrap(),
        }
    }

    /// The same store opened once more, as another server would.
    pub async fn another(&self) -> Store {
        Store::open(&self.url).await.unwrap()
    }

    /// Does that to the chain behind the store's back.
    pub(super) async fn tamper(&self, chain: &Chain, how: Tampering) {
        tamper(&self.store.0, &chain.to_string(), how).await;
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

fn flip(bytes: &mut [u8]) {
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
}

async fn event(engine: &Engine, chain: &str, number: u64) -> EventRow {
    let (home, key) = (bucket(chain, bucket_of(number)), event_row(number));
    let rows = engine.raw_rows(&home, &key, &beyond(&key)).await.unwrap();
    codec::decode("event", &rows[0].1).unwrap()
}

async fn tamper(engine: &Engine, chain: &str, how: Tampering) {
    let number = match how {
        Tampering::CutAfter(number) => return cut(engine, chain, number).await,
        Tampering::Bytes(n)
        | Tampering::Personal(n)
        | Tampering::Kind(n)
        | Tampering::Drop(n)
        | Tampering::Erase(n) => n,
    };
    let mut row = event(engine, chain, number).await;
    match how {
        Tampering::Bytes(_) => flip(&mut row.entry.stored.0),
        Tampering::Personal(_) => flip(&mut row.entry.personal.as_mut().unwrap().0),
        Tampering::Kind(_) => row.entry.kind = crate::EventKind::TICKET_PUT,
        Tampering::Erase(_) => (row.entry.personal, row.entry.person) = (None, None),
        Tampering::Drop(_) | Tampering::CutAfter(_) => {}
    }
    let gone = matches!(how, Tampering::Drop(_));
    let body = (!gone).then(|| codec::encode("event", &row).unwrap());
    let home = bucket(chain, bucket_of(number));
    done(engine.raw_put(&home, &event_row(number), body).await);
}

async fn cut(engine: &Engine, chain: &str, number: u64) {
    let hash = event(engine, chain, number).await.hash;
    let head = crate::Head { number, hash };
    let head = codec::encode("head", &head).unwrap();
    let own = bucket_of(number);
    let mut last = number;
    for at in own.. {
        let home = bucket(chain, at);
        let from = event_row(number + 1);
        let rows = engine.raw_rows(&home, &from, &beyond("e/")).await.unwrap();
        let some = rows.len() as u64;
        for (key, _) in rows {
            done(engine.raw_put(&home, &key, None).await);
        }
        let end = (at == own).then(|| head.clone());
        done(engine.raw_put(&home, END, end).await);
        last += some;
        if some == 0 && at > own {
            break;
        }
    }
    // Above the stamp that the last of them had.
    let place = (List::Heads, "", chain);
    done(engine.raw_list(place, Some(head), last + 1).await);
}

pub(super) const AN_HOUR: i64 = HOUR;
