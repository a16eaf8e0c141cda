//! Events and their chains. An event is written with its change, in the same transaction.
use boathook_hooks::{
    ids::{Blob, CustomerId, Digest},
    time::Time,
};
use bson::{Document, doc};
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{
    Embedded, customers_of,
    rows::{digest, int, uint, walk},
    tx::{Stop, Tx, ensure},
};
use crate::{
    Actor, Answer, BrokenChain, Chain, ChainHead, ChainVerdict, DayStat, Event, EventFilter,
    EventKind, Head, Heads, NewEvent, Page, Paged, Refs, Refused, Scope, StoreError, Write, codec,
    verbs::Read,
};

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

fn count_day(conn: &Connection, chain: &Chain, event: &StoredEvent) -> Result<(), Stop> {
    conn.prepare_cached(
        "INSERT INTO day_stats (chain, day, kind, count, bytes) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (chain, day, kind) DO UPDATE SET count = count + ?4, bytes = bytes + ?5",
    )?
    .execute(params![
        chain.to_string(),
        event.at.day(),
        event.kind.0,
        event.count,
        int(event.bytes)
    ])?;
    Ok(())
}

fn holds(scope: &Scope, chain: &Chain) -> bool {
    match chain {
        Chain::House => scope.holds_house(),
        Chain::Customer(id) => scope.holds(id),
    }
}

fn read_event(chain: &Chain, row: &rusqlite::Row<'_>) -> Result<(u64, Event), Stop> {
    let number = uint(row.get(0)?);
    let bytes: Vec<u8> = row.get(2)?;
    let stored: StoredEvent = codec::decode("event", &bytes)?;
    let personal: Option<Vec<u8>> = row.get(3)?;
    let personal = personal.as_deref().map_or(Ok(None), decode_personal)?;
    let person = personal.as_ref().and_then(|p| p.actor.clone());
    let event = Event {
        chain: chain.clone(),
        number,
        hash: digest(&row.get::<_, Vec<u8>>(1)?)?,
        at: stored.at,
        kind: stored.kind,
        actor: stored.actor.or(person),
        refs: stored.refs,
        details: stored.details,
        personal: personal.map(|p| p.details).filter(|d| !d.is_empty()),
        count: stored.count,
        bytes: stored.bytes,
        stored: Blob(bytes),
    };
    Ok((number, event))
}

fn verify(conn: &Connection, chain: &Chain, against: Option<&Head>) -> Result<ChainVerdict, Stop> {
    let broken = |at, why| Ok(ChainVerdict::Broken { at, why });
    let said = head(conn, chain)?;
    let mut last = Head::default();
    let mut met = against.is_none_or(|a| *a == Head::default());
    let mut statement = conn.prepare_cached(
        "SELECT number, hash, stored, personal, at, kind, person FROM events WHERE chain = ?1 ORDER BY number",
    )?;
    let mut rows = statement.query(params![chain.to_string()])?;
    while let Some(row) = rows.next()? {
        let number = uint(row.get(0)?);
        let bytes: Vec<u8> = row.get(2)?;
        if number != last.number + 1 {
            return broken(last.number + 1, BrokenChain::Missing);
        }
        let hash = chained(&last.hash, number, &bytes);
        if hash != digest(&row.get::<_, Vec<u8>>(1)?)? {
            return broken(number, BrokenChain::Hash);
        }
        let stored: StoredEvent = codec::decode("event", &bytes)?;
        let mut person = None;
        if let Some(personal) = row.get::<_, Option<Vec<u8>>>(3)? {
            if stored.personal != Some(Digest::of(&personal)) {
                return broken(number, BrokenChain::Personal);
            }
            let personal = decode_personal(&personal)?;
            person = personal.and_then(|p| p.actor);
        }
        // Lists are read by these columns: what is listed wrongly is hidden as well as what is missing.
        let listed = (
            Time::from_ms(row.get(4)?),
            row.get::<_, String>(5)?,
            row.get::<_, Option<String>>(6)?,
        );
        let person = match person {
            Some(Actor::Person(id)) => Some(id.to_string()),
            _ => None,
        };
        if listed != (stored.at, stored.kind.to_string(), person) {
            return broken(number, BrokenChain::Listed);
        }
        last = Head { number, hash };
        match against {
            Some(a) if a.number == number => {
                if *a != last {
                    return broken(number, BrokenChain::Against);
                }
                met = true;
            }
            _ => {}
        }
    }
    if last.number < said.number {
        return broken(last.number + 1, BrokenChain::Missing);
    }
    if last != said {
        return broken(last.number, BrokenChain::Head);
    }
    match against {
        Some(a) if !met => broken(a.number, BrokenChain::Against),
        _ => Ok(ChainVerdict::Whole { head: last }),
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

    pub(crate) async fn events(
        &self,
        scope: &Scope,
        chain: &Chain,
        filter: EventFilter,
        page: Page,
    ) -> Read<Paged<Event>> {
        let (allowed, chain) = (holds(scope, chain) && !scope.is_agent(), chain.clone());
        self.read("events", move |conn| {
            if !allowed {
                return Ok(Paged::of(Vec::<(u64, Event)>::new(), 0));
            }
            let (after, size) = (int(page.key::<u64>()?.unwrap_or(0)), page.size());
            let (name, kind) = (chain.to_string(), filter.kind.map(|k| k.0));
            let person = filter.person.map(|p| p.to_string());
            let columns = "SELECT number, hash, stored, personal FROM events WHERE chain = ?1 AND number > ?2";
            let sql = match (&kind, &person) {
                (None, None) => format!("{columns} AND ?3 IS NULL AND ?4 IS NULL ORDER BY number"),
                (Some(_), None) => format!("{columns} AND kind = ?3 AND ?4 IS NULL ORDER BY number"),
                (None, Some(_)) => format!("{columns} AND ?3 IS NULL AND person = ?4 ORDER BY number"),
                (Some(_), Some(_)) => format!("{columns} AND kind = ?3 AND person = ?4 ORDER BY number"),
            };
            let rows = walk(conn, &sql, params![name, after, kind, person], size, |row| {
                read_event(&chain, row).map(Some)
            })?;
            Ok(Paged::of(rows, size))
        })
        .await
    }

    pub(crate) async fn verify_chain(
        &self,
        scope: &Scope,
        chain: &Chain,
        against: Option<Head>,
    ) -> Read<ChainVerdict> {
        let (allowed, chain) = (holds(scope, chain), chain.clone());
        self.read("verify_chain", move |conn| {
            if !allowed {
                let head = Head::default();
                return Ok(ChainVerdict::Whole { head });
            }
            verify(conn, &chain, against.as_ref())
        })
        .await
    }

    pub(crate) async fn heads(&self, scope: &Scope, page: Page) -> Read<Paged<ChainHead>> {
        let (house, customers) = (scope.holds_house(), customers_of(scope, None));
        self.read("heads", move |conn| {
            let (after, size) = (page.key::<String>()?.unwrap_or_default(), page.size());
            // "customer:…" sorts before "house"; the house is to come first, so its key is the empty one.
            let key_of = |chain: &Chain| match chain {
                Chain::House => " ".to_owned(),
                other => other.to_string(),
            };
            let mut found = Vec::new();
            if house && after.is_empty() {
                let chain = Chain::House;
                found.push((key_of(&chain), ChainHead { head: head(conn, &chain)?, chain }));
            }
            let sql = "SELECT chain, number, hash FROM chains WHERE chain > ?1 AND chain <> 'house' ORDER BY chain";
            found.extend(walk(conn, sql, params![after], size, |row| {
                let name: String = row.get(0)?;
                let chain: Chain = name.parse().map_err(|e: String| StoreError::Record {
                    what: "chain",
                    source: e.into(),
                })?;
                let seen = match (&customers, &chain) {
                    (None, _) => true,
                    (Some(list), Chain::Customer(id)) => list.contains(id),
                    (Some(_), Chain::House) => false,
                };
                let head = Head {
                    number: uint(row.get(1)?),
                    hash: digest(&row.get::<_, Vec<u8>>(2)?)?,
                };
                Ok(seen.then(|| (key_of(&chain), ChainHead { chain, head })))
            })?);
            Ok(Paged::of(found, size))
        })
        .await
    }

    pub(crate) async fn heads_of(&self, scope: &Scope, customer: &CustomerId) -> Read<Heads> {
        let (allowed, chain) = (scope.holds(customer), Chain::Customer(customer.clone()));
        self.read("heads_of", move |conn| {
            Ok(Heads {
                customer: if allowed {
                    head(conn, &chain)?
                } else {
                    Head::default()
                },
                house: head(conn, &Chain::House)?,
            })
        })
        .await
    }

    pub(crate) async fn digest_heads(&self, scope: &Scope, write: Write) -> Answer<Head> {
        let allowed = scope.holds_house();
        self.write("digest_heads", write, move |tx| {
            ensure(allowed, Refused::OutOfScope)?;
            let mut hash = Sha256::new();
            let mut chains = 0;
            let mut statement = tx.conn.prepare_cached(
                "SELECT chain, number, hash FROM chains WHERE chain <> 'house' ORDER BY chain",
            )?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                // The zero ends the name: no name holds one, so no two lists of heads give the same bytes.
                hash.update(row.get::<_, String>(0)?.as_bytes());
                hash.update([0]);
                hash.update(uint(row.get(1)?).to_be_bytes());
                hash.update(row.get::<_, Vec<u8>>(2)?);
                chains += 1;
            }
            let mut event = NewEvent::new(EventKind::HEADS_DIGESTED);
            event.details = doc! {
                "chains": chains,
                "digest": Digest(hash.finalize().into()).to_string(),
            };
            tx.event(&Chain::House, event)
        })
        .await
    }

    pub(crate) async fn day_stats(
        &self,
        scope: &Scope,
        chain: Option<Chain>,
        from: &str,
        to: &str,
    ) -> Read<Vec<DayStat>> {
        let (scope, from, to) = (scope.clone(), from.to_owned(), to.to_owned());
        self.read("day_stats", move |conn| {
            let sql = "SELECT chain, day, kind, count, bytes FROM day_stats
                WHERE day BETWEEN ?1 AND ?2 AND (?3 IS NULL OR chain = ?3) ORDER BY day, chain, kind";
            let only = chain.map(|c| c.to_string());
            let rows = walk(conn, sql, params![from, to, only], usize::MAX - 1, |row| {
                let chain: Chain =
                    row.get::<_, String>(0)?
                        .parse()
                        .map_err(|e: String| StoreError::Record {
                            what: "chain",
                            source: e.into(),
                        })?;
                let seen = holds(&scope, &chain) && !scope.is_agent();
                let stat = DayStat {
                    chain,
                    day: row.get(1)?,
                    kind: EventKind(row.get::<_, String>(2)?.into()),
                    count: uint(row.get(3)?),
                    bytes: uint(row.get(4)?),
                };
                Ok(seen.then_some(((), stat)))
            })?;
            Ok(rows.into_iter().map(|(_, stat)| stat).collect())
        })
        .await
    }

    pub(crate) async fn recount_day(
        &self,
        scope: &Scope,
        write: Write,
        chain: Chain,
        day: String,
    ) -> Answer<u64> {
        let allowed = holds(scope, &chain) && !scope.is_agent();
        self.write("recount_day", write, move |tx| {
            ensure(allowed, Refused::OutOfScope)?;
            let start: Time = format!("{day}T00:00:00Z")
                .parse()
                .map_err(Refused::Malformed)?;
            let end = start.plus_ms(boathook_hooks::time::DAY);
            let name = chain.to_string();
            tx.conn.execute(
                "DELETE FROM day_stats WHERE chain = ?1 AND day = ?2",
                params![name, day],
            )?;
            let mut statement = tx.conn.prepare_cached(
                "SELECT stored FROM events WHERE chain = ?1 AND at >= ?2 AND at < ?3",
            )?;
            let mut rows = statement.query(params![name, start.ms(), end.ms()])?;
            let mut events = 0;
            while let Some(row) = rows.next()? {
                let stored: StoredEvent = codec::decode("event", &row.get::<_, Vec<u8>>(0)?)?;
                count_day(tx.conn, &chain, &stored)?;
                events += 1;
            }
            Ok(events)
        })
        .await
    }
}
