//! Everything in SQLite, in order of the keys.
use boathook_hooks::{ids::Blob, time::Time};
use rusqlite::{Connection, params};

use super::{
    Sqlite,
    look::{failed, put_entry, put_row, set_version},
};
use crate::{
    Outcome, StoreError, Write,
    engine::{
        effects::{Applied, Effect},
        keys::{Home, List, Table},
        look::Rows,
        scan::{Aggregate, Entry, IDS_OF_PAGE, Scanned, entries_of_page, rows_of_page},
        stop::Stop,
    },
    verbs::Read,
};

/// Between a part and what it is sorted by, in a cursor: neither holds it.
const BETWEEN: char = '\0';

fn limit(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn unsigned(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

fn rows_of(conn: &Connection, table: Table, id: &str) -> Result<Rows, Stop> {
    let sql = "SELECT row, body FROM rows WHERE tbl = ?1 AND id = ?2 ORDER BY row";
    let mut statement = conn.prepare_cached(sql).map_err(failed)?;
    let rows = statement
        .query_map(params![table.name(), id], |r| Ok((r.get(0)?, r.get(1)?)))
        .map_err(failed)?;
    rows.collect::<Result<_, _>>().map_err(failed)
}

fn page(conn: &Connection, table: Table, after: &str) -> Result<Scanned<Aggregate>, Stop> {
    let sql = "SELECT id, version FROM aggregates WHERE tbl = ?1 AND id > ?2 ORDER BY id LIMIT ?3";
    let mut statement = conn.prepare_cached(sql).map_err(failed)?;
    let most = rows_of_page(table);
    let ids = statement
        .query_map(params![table.name(), after, limit(most)], |r| {
            Ok((r.get::<_, String>(0)?, r.get::<_, i64>(1)?))
        })
        .map_err(failed)?;
    let ids: Vec<(String, i64)> = ids.collect::<Result<_, _>>().map_err(failed)?;
    let (found, mut rows) = (ids.len(), 0);
    let mut items: Vec<Aggregate> = Vec::with_capacity(found);
    for (id, version) in ids {
        let aggregate = Aggregate {
            rows: rows_of(conn, table, &id)?,
            home: Home::new(table, id),
            version: unsigned(version),
            owes: false,
        };
        rows += aggregate.rows.len();
        items.push(aggregate);
        // One may have thousands.
        if rows >= most {
            break;
        }
    }
    let more = found == most || items.len() < found;
    let next = items.last().filter(|_| more).map(|a| a.home.id.clone());
    Ok(Scanned { items, next })
}

fn ids(conn: &Connection, table: Table, after: &str) -> Result<Scanned<String>, Stop> {
    let sql = "SELECT id FROM aggregates WHERE tbl = ?1 AND id > ?2 ORDER BY id LIMIT ?3";
    let mut statement = conn.prepare_cached(sql).map_err(failed)?;
    let values = params![table.name(), after, limit(IDS_OF_PAGE)];
    let found = statement.query_map(values, |r| r.get(0)).map_err(failed)?;
    let items: Vec<String> = found.collect::<Result<_, _>>().map_err(failed)?;
    let next = items.last().filter(|_| items.len() == IDS_OF_PAGE).cloned();
    Ok(Scanned { items, next })
}

fn entries(conn: &Connection, list: List, after: &str) -> Result<Scanned<Entry>, Stop> {
    let (part, sort) = after.split_once(BETWEEN).unwrap_or(("", ""));
    let most = entries_of_page(list);
    let sql = if after.is_empty() {
        "SELECT part, sort, stamp, body FROM lists WHERE list = ?1 AND ?2 = ?3 ORDER BY part, sort LIMIT ?4"
    } else {
        "SELECT part, sort, stamp, body FROM lists WHERE list = ?1 AND (part, sort) > (?2, ?3) ORDER BY part, sort LIMIT ?4"
    };
    let mut statement = conn.prepare_cached(sql).map_err(failed)?;
    let items = statement
        .query_map(params![list.name(), part, sort, limit(most)], |r| {
            Ok(Entry {
                list,
                part: r.get(0)?,
                sort: r.get(1)?,
                stamp: unsigned(r.get(2)?),
                body: r.get(3)?,
            })
        })
        .map_err(failed)?;
    let items: Vec<Entry> = items.collect::<Result<_, _>>().map_err(failed)?;
    let next = match items.last() {
        Some(last) if items.len() == most => Some(format!("{}{BETWEEN}{}", last.part, last.sort)),
        _ => None,
    };
    Ok(Scanned { items, next })
}

impl Sqlite {
    pub(crate) async fn scan(
        &self,
        table: Table,
        after: Option<String>,
    ) -> Read<Scanned<Aggregate>> {
        let after = after.unwrap_or_default();
        self.snapshot("scan", move |conn| page(conn, table, &after))
            .await
    }

    pub(crate) async fn scan_ids(
        &self,
        table: Table,
        after: Option<String>,
    ) -> Read<Scanned<String>> {
        let after = after.unwrap_or_default();
        self.snapshot("scan", move |conn| ids(conn, table, &after))
            .await
    }

    pub(crate) async fn scan_list(
        &self,
        list: List,
        after: Option<String>,
    ) -> Read<Scanned<Entry>> {
        let after = after.unwrap_or_default();
        self.snapshot("scan_list", move |conn| entries(conn, list, &after))
            .await
    }

    async fn imported(
        &self,
        body: impl FnOnce(&Connection) -> Result<(), Stop> + Send + 'static,
    ) -> Read<()> {
        let write = Write::system(Time::wall_clock());
        let answer = self.writer.write("import", write, None, move |conn, _| {
            body(conn).map(|()| ((), Applied::default()))
        });
        match answer.await? {
            Outcome::Done(()) => Ok(()),
            Outcome::Refused(reason) => Err(StoreError::Backend {
                operation: "import",
                source: Box::new(reason),
            }),
        }
    }

    pub(crate) async fn import(&self, aggregates: Vec<Aggregate>) -> Read<()> {
        self.imported(move |conn| {
            for Aggregate {
                home,
                version,
                rows,
                ..
            } in &aggregates
            {
                set_version(conn, home, *version)?;
                for (row, body) in rows {
                    put_row(conn, home, row, Some(body))?;
                }
            }
            Ok(())
        })
        .await
    }

    pub(crate) async fn import_entries(&self, entries: Vec<Entry>) -> Read<()> {
        self.imported(move |conn| {
            for entry in entries {
                let effect = Effect::List {
                    list: entry.list,
                    part: entry.part,
                    sort: entry.sort,
                    body: Some(Blob(entry.body)),
                    stamp: Some(entry.stamp),
                };
                put_entry(conn, &effect, entry.stamp)?;
            }
            Ok(())
        })
        .await
    }
}
