//! Everything in the cluster, in order of the partitions' tokens.
use futures_util::future::try_join_all;
use scylla::value::CqlValue;

use super::{
    Cql, Inner,
    session::{Kind, failed},
};
use crate::{
    StoreError,
    engine::{
        keys::{Home, List, Table},
        look::beyond,
        scan::{
            Aggregate, Entry, IDS_OF_PAGE, Scanned, entries_of_page, is_owed, is_own, rows_of_page,
        },
    },
    verbs::Read,
};

/// Rows that come from another store are as old as can be: whatever is written here is younger.
const IMPORTED: i64 = 1;
/// Partitions that are written at a time, and rows of one.
const AT_ONCE: usize = 32;
/// Between a partition and a place in it, in a cursor.
const BETWEEN: char = '\0';

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn scanning<E: Into<Failure>>(e: E) -> StoreError {
    failed("scan")(e.into())
}

/// id, row, version, body.
type TableRow = (String, Option<String>, Option<i64>, Option<Vec<u8>>);
/// part, sort, stamp, body.
type ListRow = (String, String, Option<i64>, Option<Vec<u8>>);

impl Inner {
    async fn table_rows(&self, table: Table, after: Option<&str>) -> Read<Vec<TableRow>> {
        let from = match after {
            Some(_) => "WHERE token(id) > token(?) ",
            None => "",
        };
        let cql = format!(
            "SELECT id, row, version, body FROM {} {from}LIMIT {}",
            self.cluster.table(table),
            rows_of_page(table)
        );
        let values: Vec<CqlValue> = after
            .map(|a| CqlValue::Text(a.to_owned()))
            .into_iter()
            .collect();
        let result = self.cluster.run("scan", Kind::Read, &cql, values).await?;
        let result = result.into_rows_result().map_err(scanning)?;
        let rows = result.rows::<TableRow>().map_err(scanning)?;
        rows.collect::<Result<_, _>>().map_err(scanning)
    }

    /// All rows of one partition, which may be more than a page.
    async fn whole(&self, home: &Home) -> Read<Aggregate> {
        let version = self.version(home, Kind::Read).await?;
        let most = rows_of_page(home.table);
        let (mut rows, mut from, mut owes) = (Vec::new(), String::new(), false);
        loop {
            let (at, begin) = (home.clone(), from.clone());
            let more = self
                .read("scan", move |look| {
                    look.rows(&at, &begin, &beyond(""), most)
                })
                .await?;
            let full = more.len() == most;
            if let Some((last, _)) = more.last() {
                from = format!("{last}\0");
            }
            owes |= more.iter().any(|(row, _)| is_owed(row));
            rows.extend(more.into_iter().filter(|(row, _)| !is_own(row)));
            if !full {
                break;
            }
        }
        let home = home.clone();
        Ok(Aggregate {
            home,
            version,
            rows,
            owes,
        })
    }

    /// The id without the prefix; none is another installation's.
    fn own_id(&self, id: &str) -> Option<String> {
        id.strip_prefix(&self.prefix).map(ToOwned::to_owned)
    }

    async fn list_rows(&self, list: List, after: Option<&str>) -> Read<Vec<ListRow>> {
        let most = entries_of_page(list);
        let select = format!(
            "SELECT part, sort, WRITETIME(body), body FROM {}",
            self.cluster.list(list)
        );
        let text = |s: &str| CqlValue::Text(s.to_owned());
        let mut found: Vec<ListRow> = Vec::new();
        // The rest of the partition that the last page ended in, then those behind it.
        let mut queries: Vec<(String, Vec<CqlValue>)> = Vec::new();
        match after.map(|a| a.split_once(BETWEEN).unwrap_or((a, ""))) {
            Some((part, sort)) => {
                queries.push((
                    format!("{select} WHERE part = ? AND sort > ? LIMIT {most}"),
                    vec![text(part), text(sort)],
                ));
                queries.push((
                    format!("{select} WHERE token(part) > token(?) LIMIT {most}"),
                    vec![text(part)],
                ));
            }
            None => queries.push((format!("{select} LIMIT {most}"), Vec::new())),
        }
        for (cql, values) in queries {
            if found.len() >= most {
                break;
            }
            let result = self.cluster.run("scan", Kind::Read, &cql, values).await?;
            let result = result.into_rows_result().map_err(scanning)?;
            let rows = result.rows::<ListRow>().map_err(scanning)?;
            for row in rows {
                found.push(row.map_err(scanning)?);
            }
        }
        Ok(found)
    }

    async fn import_one(&self, aggregate: &Aggregate) -> Read<()> {
        let home = &aggregate.home;
        let (table, id) = (self.cluster.table(home.table), self.id(home));
        let put = format!(
            "INSERT INTO {table} (id, row, body) VALUES (?, ?, ?) USING TIMESTAMP {IMPORTED}"
        );
        for some in aggregate.rows.chunks(AT_ONCE) {
            try_join_all(some.iter().map(|(row, body)| {
                let values = (id.as_str(), row.as_str(), body.as_slice());
                self.cluster.run("import", Kind::Plain, &put, values)
            }))
            .await?;
        }
        // The version last: an aggregate without one is not there.
        let version =
            format!("UPDATE {table} USING TIMESTAMP {IMPORTED} SET version = ? WHERE id = ?");
        let number = i64::try_from(aggregate.version).unwrap_or(i64::MAX);
        self.cluster
            .run("import", Kind::Plain, &version, (number, id.as_str()))
            .await
            .map(drop)
    }
}

impl Cql {
    pub(crate) async fn scan(
        &self,
        table: Table,
        after: Option<String>,
    ) -> Read<Scanned<Aggregate>> {
        let inner = &self.inner;
        let rows = inner.table_rows(table, after.as_deref()).await?;
        let full = rows.len() == rows_of_page(table);
        let mut ids: Vec<(String, Aggregate)> = Vec::new();
        for (id, row, version, body) in rows {
            if ids.last().is_none_or(|(last, _)| *last != id) {
                let home = Home::new(table, inner.own_id(&id).unwrap_or_default());
                let aggregate = Aggregate {
                    home,
                    version: version.map_or(0, |n| u64::try_from(n).unwrap_or(0)),
                    rows: Vec::new(),
                    owes: false,
                };
                ids.push((id, aggregate));
            }
            if let (Some((_, aggregate)), Some(row), Some(body)) = (ids.last_mut(), row, body) {
                aggregate.owes |= is_owed(&row);
                if !is_own(&row) {
                    aggregate.rows.push((row, body));
                }
            }
        }
        // The last one may have been cut by the page's end.
        let next = match full {
            true => ids.last().map(|(id, _)| id.clone()),
            false => None,
        };
        let mut items = Vec::with_capacity(ids.len());
        for (id, aggregate) in ids {
            if inner.own_id(&id).is_none() {
                continue;
            }
            let cut = next.as_ref() == Some(&id);
            items.push(match cut {
                true => inner.whole(&aggregate.home).await?,
                false => aggregate,
            });
        }
        Ok(Scanned { items, next })
    }

    pub(crate) async fn scan_ids(
        &self,
        table: Table,
        after: Option<String>,
    ) -> Read<Scanned<String>> {
        let inner = &self.inner;
        let from = match after {
            Some(_) => "WHERE token(id) > token(?) ",
            None => "",
        };
        let table = inner.cluster.table(table);
        let cql = format!("SELECT DISTINCT id FROM {table} {from}LIMIT {IDS_OF_PAGE}");
        let values: Vec<CqlValue> = after.map(CqlValue::Text).into_iter().collect();
        let result = inner.cluster.run("scan", Kind::Read, &cql, values).await?;
        let result = result.into_rows_result().map_err(scanning)?;
        let rows = result.rows::<(String,)>().map_err(scanning)?;
        let ids: Vec<String> = rows
            .map(|row| row.map(|(id,)| id))
            .collect::<Result<_, _>>()
            .map_err(scanning)?;
        let next = ids.last().filter(|_| ids.len() == IDS_OF_PAGE).cloned();
        let items = ids.iter().filter_map(|id| inner.own_id(id)).collect();
        Ok(Scanned { items, next })
    }

    pub(crate) async fn scan_list(
        &self,
        list: List,
        after: Option<String>,
    ) -> Read<Scanned<Entry>> {
        let rows = self.inner.list_rows(list, after.as_deref()).await?;
        let next = match rows.last() {
            Some((part, sort, ..)) if rows.len() >= entries_of_page(list) => {
                Some(format!("{part}{BETWEEN}{sort}"))
            }
            _ => None,
        };
        let mut items = Vec::with_capacity(rows.len());
        for (partition, sort, stamp, body) in rows {
            let (Some(part), Some(body)) = (self.inner.part_of(&partition), body) else {
                continue;
            };
            let stamp = stamp.map_or(0, |n| u64::try_from(n).unwrap_or(0));
            items.push(Entry {
                list,
                part,
                sort,
                stamp,
                body,
            });
        }
        Ok(Scanned { items, next })
    }

    pub(crate) async fn import(&self, aggregates: Vec<Aggregate>) -> Read<()> {
        for some in aggregates.chunks(AT_ONCE) {
            try_join_all(some.iter().map(|a| self.inner.import_one(a))).await?;
        }
        Ok(())
    }

    pub(crate) async fn import_entries(&self, entries: Vec<Entry>) -> Read<()> {
        for some in entries.chunks(4 * AT_ONCE) {
            try_join_all(some.iter().map(|e| {
                self.inner
                    .entry(e.list, &e.part, &e.sort, Some(&e.body), e.stamp)
            }))
            .await?;
        }
        Ok(())
    }
}
