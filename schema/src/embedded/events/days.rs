//! Day statistics: made from events alone.
use boathook_hooks::time::Time;
use rusqlite::{Connection, params};

use super::{StoredEvent, holds, reading::chain_of};
use crate::{
    Answer, Chain, DayStat, EventKind, Refused, Scope, Write, codec,
    embedded::{
        Embedded, customers_of,
        rows::{int, uint, walk},
        tx::{Stop, ensure},
    },
    verbs::Read,
};

/// Rows of one answer at most: a year of one chain with every kind of event each day.
const MOST_STATS: usize = 20_000;

pub(super) fn count_day(conn: &Connection, chain: &Chain, event: &StoredEvent) -> Result<(), Stop> {
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

impl Embedded {
    pub(crate) async fn day_stats(
        &self,
        scope: &Scope,
        chain: Option<Chain>,
        from: &str,
        to: &str,
    ) -> Read<Vec<DayStat>> {
        let (scope, from, to) = (scope.clone(), from.to_owned(), to.to_owned());
        let chains: Vec<Chain> = match chain.clone() {
            Some(chain) => vec![chain],
            None => customers_of(&scope, None)
                .unwrap_or_default()
                .into_iter()
                .map(Chain::Customer)
                .collect(),
        };
        let chains: Vec<Chain> = chains
            .into_iter()
            .filter(|chain| holds(&scope, chain) && !scope.is_agent())
            .collect();
        self.read("day_stats", move |conn| {
            let columns = "SELECT chain, day, kind, count, bytes FROM day_stats";
            let read = |row: &rusqlite::Row<'_>| -> Result<_, Stop> {
                let stat = DayStat {
                    chain: chain_of(&row.get::<_, String>(0)?)?,
                    day: row.get(1)?,
                    kind: EventKind(row.get::<_, String>(2)?.into()),
                    count: uint(row.get(3)?),
                    bytes: uint(row.get(4)?),
                };
                Ok(Some(((), stat)))
            };
            let of_all = chain.is_none() && scope.holds_house();
            let mut stats = Vec::new();
            if of_all {
                let sql = format!("{columns} WHERE day BETWEEN ?1 AND ?2 ORDER BY day");
                stats.extend(walk(conn, &sql, params![from, to], MOST_STATS, read)?);
            } else {
                let sql =
                    format!("{columns} WHERE chain = ?3 AND day BETWEEN ?1 AND ?2 ORDER BY day");
                for chain in chains {
                    let params = params![from, to, chain.to_string()];
                    stats.extend(walk(conn, &sql, params, MOST_STATS, read)?);
                }
            }
            let mut stats: Vec<DayStat> = stats.into_iter().map(|(_, stat)| stat).collect();
            let key = |s: &DayStat| (s.day.clone(), s.chain.to_string(), s.kind.clone());
            stats.sort_by_cached_key(key);
            stats.truncate(MOST_STATS);
            Ok(stats)
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
