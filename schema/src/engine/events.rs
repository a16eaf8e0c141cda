//! Events in their chains: 1,024 of a chain in one partition, each hashed over the one before.
use std::collections::{BTreeMap, BTreeSet};

use boathook_hooks::{
    ids::{Blob, Digest},
    time::Time,
};
use bson::Document;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{
    days::{self, Shares, list_day},
    keys::{Home, List, Table, number_key},
    listed,
    look::{Look, Need},
    stop::Stop,
    tx::Tx,
};
use crate::{Actor, Chain, EventKind, Head, NewEvent, Refs, StoreError, Write, codec};

/// Events of one partition.
pub(crate) const BUCKET: u64 = 1_024;
/// How much older than a write an event may be that is looked through for a repeat of it.
const LOOKED_BACK_MS: i64 = boathook_hooks::time::HOUR;

/// The bytes that are hashed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StoredEvent {
    pub(crate) at: Time,
    pub(crate) kind: EventKind,
    /// None for a person: people stand in the personal part.
    pub(crate) actor: Option<Actor>,
    pub(crate) op: Blob,
    /// Which of the write's effects it is.
    pub(crate) nth: u32,
    pub(crate) refs: Refs,
    pub(crate) details: Document,
    pub(crate) count: u32,
    pub(crate) bytes: u64,
    /// SHA-256(salt ‖ the personal part's bytes).
    pub(crate) personal: Option<Digest>,
}

/// What can be erased. It lies beside the event behind [`SALT`] random bytes, so that its digest tells nothing after.
#[derive(Serialize, Deserialize)]
pub(crate) struct Personal {
    pub(crate) actor: Option<Actor>,
    pub(crate) details: Document,
}

const SALT: usize = 16;

/// An event that has no number yet.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct EventEntry {
    pub(crate) at: Time,
    pub(crate) kind: EventKind,
    pub(crate) person: Option<String>,
    pub(crate) stored: Blob,
    pub(crate) personal: Option<Blob>,
}

/// An event in its chain.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct EventRow {
    pub(crate) hash: Digest,
    pub(crate) entry: EventEntry,
}

/// SHA-256(previous hash ‖ number, u64 big-endian ‖ stored bytes).
pub(crate) fn chained(previous: &Digest, number: u64, stored: &[u8]) -> Digest {
    let mut hash = Sha256::new();
    hash.update(previous.0);
    hash.update(number.to_be_bytes());
    hash.update(stored);
    Digest(hash.finalize().into())
}

pub(crate) fn decode_personal(salted: &[u8]) -> Result<Option<Personal>, Stop> {
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

/// What a write says happened, ready to be chained.
pub(super) fn entry(write: &Write, nth: usize, event: NewEvent) -> Result<EventEntry, Stop> {
    let person = match &write.actor {
        Actor::Person(id) => Some(id.clone()),
        _ => None,
    };
    let personal = if person.is_some() || !event.personal.is_empty() {
        let actor = person.clone().map(Actor::Person);
        let details = event.personal;
        Some(salted(&Personal { actor, details })?)
    } else {
        None
    };
    let stored = StoredEvent {
        at: write.now,
        kind: event.kind.clone(),
        actor: match &write.actor {
            Actor::Person(_) => None,
            other => Some(other.clone()),
        },
        op: Blob(write.op_id.0.as_bytes().to_vec()),
        nth: u32::try_from(nth).unwrap_or(u32::MAX),
        refs: event.refs,
        details: event.details,
        count: event.count,
        bytes: event.bytes,
        personal: personal.as_deref().map(Digest::of),
    };
    Ok(EventEntry {
        at: write.now,
        kind: event.kind,
        person: person.map(|p| p.to_string()),
        stored: Blob(codec::encode("event", &stored)?),
        personal: personal.map(Blob),
    })
}

pub(crate) fn bucket_of(number: u64) -> u64 {
    number.saturating_sub(1) / BUCKET
}

pub(crate) fn bucket(chain: &str, bucket: u64) -> Home {
    Home::new(Table::Chains, format!("{chain}/{bucket:010}"))
}

/// Which of its chain's partitions that is.
pub(crate) fn bucket_at(home: &Home) -> u64 {
    let number = home.id.rsplit('/').next();
    number.and_then(|n| n.parse().ok()).unwrap_or(0)
}

pub(crate) fn event_row(number: u64) -> String {
    format!("e/{}", number_key(number))
}

/// The row of a partition that says where its events end.
pub(crate) const END: &str = "h";

/// The chain's last event. The list of heads may lag: from what it says on, the partitions themselves are asked.
pub(crate) fn head(look: &mut (impl Look + ?Sized), chain: &str) -> Result<Head, Stop> {
    let listed: Option<Head> = look
        .entry(List::Heads, "", chain)?
        .map(|b| codec::decode("head", &b))
        .transpose()?;
    let mut at = bucket_of(listed.map_or(0, |h| h.number));
    let mut last = Head::default();
    loop {
        let end = look.bytes(&bucket(chain, at).at(END))?;
        let Some(end) = end else {
            // Cut off behind the listed head: what is there says where it ends.
            if last == Head::default() && at > 0 {
                at -= 1;
                continue;
            }
            return Ok(last);
        };
        last = codec::decode("head", &end)?;
        if last.number < (at + 1) * BUCKET {
            return Ok(last);
        }
        at += 1;
    }
}

/// How far an append went.
pub(crate) enum Went {
    /// The heads after each of the entries, in order.
    Done(Vec<Head>),
    /// The partition is full after these: the rest goes there.
    On(Vec<Head>, Home),
}

/// What an append in that partition looks at first.
pub(super) fn needed(home: &Home, entries: &[EventEntry]) -> Vec<Need> {
    let days: BTreeSet<String> = entries.iter().flat_map(days::rows_of).collect();
    let rows = days.iter().map(String::as_str).chain([END]);
    rows.map(|row| Need::Row(home.at(row))).collect()
}

/// Entries that this write appended before, by a repeat of it: their heads.
fn known(
    tx: &mut Tx<'_>,
    chain: &str,
    last: u64,
    entries: &[EventEntry],
) -> Result<BTreeMap<usize, Head>, Stop> {
    let mut found = BTreeMap::new();
    if !tx.again {
        return Ok(found);
    }
    let oldest = entries.iter().map(|e| e.at).min().unwrap_or_default();
    let mut at = bucket_of(last);
    loop {
        let rows = tx.rows_of(&bucket(chain, at), "e/", usize::MAX)?;
        let mut older = rows.is_empty();
        for (number, (key, body)) in rows.iter().enumerate() {
            let row: EventRow = codec::decode("event", body)?;
            if number == 0 {
                older = row.entry.at.plus_ms(LOOKED_BACK_MS) < oldest;
            }
            // The salt differs by the try, what it tells does not: op and place say whose it is.
            for (n, entry) in entries.iter().enumerate() {
                if row.entry.at == entry.at && same(&row.entry, entry)? {
                    let number = key[2..].parse().unwrap_or(0);
                    let hash = row.hash;
                    found.insert(n, Head { number, hash });
                }
            }
        }
        if older || at == 0 {
            return Ok(found);
        }
        at -= 1;
    }
}

fn same(a: &EventEntry, b: &EventEntry) -> Result<bool, Stop> {
    let (a, b): (StoredEvent, StoredEvent) = (
        codec::decode("event", &a.stored.0)?,
        codec::decode("event", &b.stored.0)?,
    );
    Ok(a.op == b.op && a.nth == b.nth)
}

/// Appends to the chain's partition that is `tx.home`. `before` is the head that it goes on from when the partition is
/// new.
pub(crate) fn append(tx: &mut Tx<'_>, chain: &str, entries: &[EventEntry]) -> Result<Went, Stop> {
    let at = bucket_at(&tx.home);
    let mut last: Head = match tx.bytes(&tx.here(END))? {
        Some(bytes) => codec::decode("head", &bytes)?,
        None if at == 0 => Head::default(),
        None => {
            let end = tx.bytes(&bucket(chain, at - 1).at(END))?;
            end.map(|b| codec::decode("head", &b))
                .transpose()?
                .unwrap_or_default()
        }
    };
    let known = known(tx, chain, last.number, entries)?;
    let mut shares = Shares::default();
    let mut heads = Vec::with_capacity(entries.len());
    let mut on = None;
    for (n, entry) in entries.iter().enumerate() {
        if let Some(head) = known.get(&n) {
            listed::list(tx, chain, head.number, entry)?;
            list_day(tx, chain, &entry.at.day(), bucket_of(head.number));
            heads.push(head.clone());
            continue;
        }
        if last.number >= (at + 1) * BUCKET {
            on = Some(bucket(chain, at + 1));
            break;
        }
        let number = last.number + 1;
        let hash = chained(&last.hash, number, &entry.stored.0);
        let row = EventRow {
            hash,
            entry: entry.clone(),
        };
        tx.put("event", &event_row(number), &row)?;
        let stored: StoredEvent = codec::decode("event", &entry.stored.0)?;
        shares.take(&stored);
        listed::list(tx, chain, number, entry)?;
        last = Head { number, hash };
        heads.push(last.clone());
    }
    shares.add(tx, chain, at)?;
    tx.put("head", END, &last)?;
    let body = codec::encode("head", &last)?;
    tx.list_stamped(List::Heads, "", chain, Some(body), last.number.max(1));
    Ok(match on {
        None => Went::Done(heads),
        Some(home) => Went::On(heads, home),
    })
}

/// Takes away what lies beside these events of `tx.home`. A later event of the chain tells of it, else whoever verifies
/// the chain takes it for somebody's tampering.
pub(crate) fn erase(tx: &mut Tx<'_>, chain: &str, numbers: &[u64]) -> Result<(), Stop> {
    let needs = numbers.iter().map(|n| Need::Row(tx.here(&event_row(*n))));
    tx.ahead(needs.collect())?;
    for number in numbers {
        let row = event_row(*number);
        let Some(mut event) = tx.read::<EventRow>("event", &tx.here(&row))? else {
            continue;
        };
        if event.entry.personal.is_none() {
            continue;
        }
        for part in listed::personal_parts(chain, *number, &event.entry)? {
            tx.list_stamped(List::EventsBy, &part, &number_key(*number), None, 2);
        }
        (event.entry.personal, event.entry.person) = (None, None);
        tx.put("event", &row, &event)?;
    }
    Ok(())
}

/// The chain of a name that was stored.
pub(crate) fn chain_of(name: &str) -> Result<Chain, Stop> {
    name.parse().map_err(|e: String| {
        Stop::Error(StoreError::Record {
            what: "chain",
            source: e.into(),
        })
    })
}
