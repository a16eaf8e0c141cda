//! Events and heads as they are listed.
use boathook_hooks::ids::{Blob, CustomerId};
use rusqlite::params;

use super::{StoredEvent, decode_personal, head, holds};
use crate::{
    Chain, ChainHead, Event, EventFilter, Head, Heads, Page, Paged, Scope, StoreError, codec,
    embedded::{
        Embedded, customers_of,
        rows::{digest, int, uint, walk},
        tx::Stop,
    },
    verbs::Read,
};

pub(super) fn chain_of(name: &str) -> Result<Chain, Stop> {
    name.parse().map_err(|e: String| {
        Stop::Error(StoreError::Record {
            what: "chain",
            source: e.into(),
        })
    })
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

impl Embedded {
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
            let Some(customers) = customers else {
                let sql = "SELECT chain, number, hash FROM chains WHERE chain > ?1 AND chain <> 'house' ORDER BY chain";
                found.extend(walk(conn, sql, params![after], size, |row| {
                    let chain = chain_of(&row.get::<_, String>(0)?)?;
                    let head = Head {
                        number: uint(row.get(1)?),
                        hash: digest(&row.get::<_, Vec<u8>>(2)?)?,
                    };
                    Ok(Some((key_of(&chain), ChainHead { chain, head })))
                })?);
                return Ok(Paged::of(found, size));
            };
            for id in customers {
                let chain = Chain::Customer(id);
                let key = key_of(&chain);
                if found.len() > size {
                    break;
                }
                if key > after {
                    let head = head(conn, &chain)?;
                    found.extend((head.number > 0).then_some((key, ChainHead { chain, head })));
                }
            }
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
}
