//! Events and their chains. An event is written with its change, in the same transaction.
mod days;
mod reading;
mod verify;

use boathook_hooks::{
    ids::{Blob, CustomerId, Digest},
    time::Time,
};
use bson::Document;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    Actor, Answer, Chain, EventKind, Head, NewEvent, Refs, Refused, Scope, StoreError, Write,
    codec,
    embedded::{
        Embedded,
        rows::{digest, int, uint},
        tx::{Stop, Tx, ensure},
    },
};
use days::count_day;

/// The bytes that are hashed.
#[derive(Serialize, Deserialize)]
struct StoredEvent {
    at: Time,
    kind: EventKind,
    /// None for a person: people stand in the personal part.
    actor: Option<Actor>,
    op: Blob,
    refs: Refs,
    details: Document,
    count: u32,
    bytes: u64,
    /// SHA-256(salt ‖ the personal part's bytes).
    personal: Option<Digest>,
}

/// What can be erased. It lies beside the event behind [`SALT`] random bytes, so that its digest tells nothing after.
#[derive(Serialize, Deserialize)]
struct Personal {
    actor: Option<Actor>,
    details: Document,
}

const SALT: usize = 16;

/// SHA-256(previous hash ‖ number, u64 big-endian ‖ stored bytes).
fn chained(previous: &Digest, number: u64, stored: &[u8]) -> Digest {
    let mut hash = Sha256::new();
    hash.update(previous.0);
    hash.update(number.to_be_bytes());
    hash.update(stored);
    Digest(hash.finalize().into())
}

fn decode_personal(salted: &[u8]) -> Result<Option<Personal>, Stop> {
    let personal = salted
        .get(SALT..)
        .map(|bytes| codec::decode("event", bytes));
    Ok(personal.transpose()?)
}

fn salted(personal: &Personal) -> Result<Vec<u8>, Stop> {
    let mut bytes = vec![0; SALT];
    getrandom::fill(&mut bytes).map_err(|e| StoreError::Backend {
        operation: "drawing a salt",
        source: e.to_string().into(),
    })?;
    bytes.extend(codec::encode("event", personal)?);
    Ok(bytes)
}

pub(super) fn head(conn: &Connection, chain: &Chain) -> Result<Head, Stop> {
    let found: Option<(i64, Vec<u8>)> = conn
        .prepare_cached("SELECT number, hash FROM chains WHERE chain = ?1")?
        .query_row(params![chain.to_string()], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    match found {
        None => Ok(Head::default()),
        Some((number, hash)) => Ok(Head {
            number: uint(number),
            hash: digest(&hash)?,
        }),
    }
}

impl Tx<'_> {
    /// Appends to one chain; says its new head.
    pub(super) fn event(&self, chain: &Chain, event: NewEvent) -> Result<Head, Stop> {
        let person = self.person();
        let personal = if person.is_some() || !event.personal.is_empty() {
            let actor = person.cloned().map(Actor::Person);
            let details = event.personal;
            Some(salted(&Personal { actor, details })?)
        } else {
            None
        };
        let stored = StoredEvent {
            at: self.now(),
            kind: event.kind.clone(),
            actor: match &self.write.actor {
                Actor::Person(_) => None,
                other => Some(other.clone()),
            },
            op: Blob(self.write.op_id.0.as_bytes().to_vec()),
            refs: event.refs,
            details: event.details,
            count: event.count,
            bytes: event.bytes,
            personal: personal.as_deref().map(Digest::of),
        };
        let bytes = codec::encode("event", &stored)?;
        let before = head(self.conn, chain)?;
        let number = before.number + 1;
        let hash = chained(&before.hash, number, &bytes);
        self.conn
            .prepare_cached(
                "INSERT INTO events (chain, number, at, kind, person, hash, stored, personal)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                chain.to_string(),
                int(number),
                self.now().ms(),
                event.kind.0,
                person.map(ToString::to_string),
                hash.0,
                bytes,
                personal
            ])?;
        self.conn
            .prepare_cached(
                "INSERT INTO chains (chain, number, hash) VALUES (?1, ?2, ?3)
                 ON CONFLICT (chain) DO UPDATE SET number = ?2, hash = ?3",
            )?
            .execute(params![chain.to_string(), int(number), hash.0])?;
        count_day(self.conn, chain, &stored)?;
        Ok(Head { number, hash })
    }

    /// In each customer's chain, or the house's when there is none.
    pub(super) fn event_for(&self, customers: &[CustomerId], event: &NewEvent) -> Result<(), Stop> {
        if customers.is_empty() {
            self.event(&Chain::House, event.clone())?;
        }
        for customer in customers {
            self.event(&Chain::Customer(customer.clone()), event.clone())?;
        }
        Ok(())
    }
}

fn holds(scope: &Scope, chain: &Chain) -> bool {
    match chain {
        Chain::House => scope.holds_house(),
        Chain::Customer(id) => scope.holds(id),
    }
}

impl Embedded {
    pub(crate) async fn record_event(
        &self,
        scope: &Scope,
        write: Write,
        chain: Chain,
        event: NewEvent,
    ) -> Answer<Head> {
        let allowed = holds(scope, &chain);
        self.write("record_event", write, move |tx| {
            ensure(allowed, Refused::OutOfScope)?;
            tx.event(&chain, event)
        })
        .await
    }
}
