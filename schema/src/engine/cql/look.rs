//! Reading rows from the cluster: what a body needs is fetched, and the body runs again.
use std::collections::HashMap;

use futures_util::future::try_join_all;

use super::{
    Inner,
    session::{Kind, again, failed},
};
use crate::{
    StoreError,
    engine::{
        keys::{Home, List},
        look::{Found, Look, Need, Rows},
        stop::Stop,
    },
};

/// What was fetched for one run of a body.
#[derive(Default)]
pub(super) struct Known(HashMap<Need, Found>);

impl Look for Known {
    fn find(&mut self, need: Need) -> Result<Found, Stop> {
        match self.0.get(&need) {
            Some(found) => Ok(found.clone()),
            None => Err(Stop::Load(vec![need])),
        }
    }
}

/// Requests of one body at a time.
const AT_ONCE: usize = 256;

impl Known {
    /// Fetches what is missing. `serial`: the version of the aggregate that is decided on is read as transactions see it. It
    /// must be asked for before its rows are: by its answer the change that made it is on most replicas, and a read of
    /// most replicas finds its rows.
    pub(super) async fn fetch(
        &mut self,
        inner: &Inner,
        needs: Vec<Need>,
        serial: Option<&Home>,
    ) -> Result<(), StoreError> {
        for some in needs.chunks(AT_ONCE) {
            let fetched = try_join_all(some.iter().map(|need| inner.fetch(need, serial))).await?;
            self.0.extend(some.iter().cloned().zip(fetched));
        }
        Ok(())
    }
}

/// No part is empty in CQL, so each has its shard behind it.
fn shard(part: &str, n: u32) -> String {
    format!("{part}\u{2}{n:02}")
}

fn shard_of(list: List, sort: &str) -> u32 {
    // FNV-1a: stable for ever, and spread well enough over 32.
    let hash = sort.bytes().fold(0x811c_9dc5_u32, |h, b| {
        (h ^ u32::from(b)).wrapping_mul(0x0100_0193)
    });
    hash % list.shards()
}

fn limit(n: usize) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}

impl Inner {
    /// The partition that holds an entry.
    pub(super) fn partition(&self, list: List, part: &str, sort: &str) -> String {
        format!("{}{}", self.prefix, shard(part, shard_of(list, sort)))
    }

    /// The part whose entries a partition holds; none is another installation's.
    pub(super) fn part_of(&self, partition: &str) -> Option<String> {
        let own = partition.strip_prefix(&self.prefix)?;
        Some(own.rsplit_once('\u{2}')?.0.to_owned())
    }

    async fn fetch(&self, need: &Need, serial: Option<&Home>) -> Result<Found, StoreError> {
        Ok(match need {
            Need::Version(home) => {
                let kind = match serial == Some(home) {
                    true => Kind::SerialRead,
                    false => Kind::Read,
                };
                Found::Version(self.version(home, kind).await?)
            }
            Need::Row(at) => {
                let cql = format!(
                    "SELECT body FROM {} WHERE id = ? AND row = ?",
                    self.cluster.table(at.home.table)
                );
                let values = (self.id(&at.home), at.row.as_str());
                Found::Row(self.one(Kind::Read, &cql, values).await?)
            }
            Need::Rows {
                home,
                from,
                to,
                limit: most,
            }
            | Need::RowsBack {
                home,
                from,
                to,
                limit: most,
            } => {
                let order = match need {
                    Need::RowsBack { .. } => " ORDER BY row DESC",
                    _ => "",
                };
                let cql = format!(
                    "SELECT row, body FROM {} WHERE id = ? AND row >= ? AND row < ?{order} LIMIT ?",
                    self.cluster.table(home.table)
                );
                let values = (self.id(home), from.as_str(), to.as_str(), limit(*most));
                Found::Rows(self.many(Kind::Read, &cql, values).await?)
            }
            Need::List {
                list,
                part,
                after,
                to,
                limit: most,
            }
            | Need::ListBack {
                list,
                part,
                after,
                to,
                limit: most,
            } => {
                let back = matches!(need, Need::ListBack { .. });
                let shards = (0..list.shards()).map(|n| {
                    let part = format!("{}{}", self.prefix, shard(part, n));
                    async move {
                        let within = (after.as_str(), to.as_str());
                        self.entries(*list, &part, within, back, *most).await
                    }
                });
                let mut all: Rows = try_join_all(shards).await?.into_iter().flatten().collect();
                all.sort_by(|a, b| a.0.cmp(&b.0));
                if back {
                    all.reverse();
                }
                all.truncate(*most);
                Found::Rows(all)
            }
            Need::Entry { list, part, sort } => {
                let cql = format!(
                    "SELECT body FROM {} WHERE part = ? AND sort = ?",
                    self.cluster.list(*list)
                );
                let values = (self.partition(*list, part, sort), sort.as_str());
                Found::Row(self.one(Kind::Read, &cql, values).await?)
            }
        })
    }

    async fn entries(
        &self,
        list: List,
        part: &str,
        (after, to): (&str, &str),
        back: bool,
        most: usize,
    ) -> Result<Rows, StoreError> {
        let table = self.cluster.list(list);
        let order = if back { " ORDER BY sort DESC" } else { "" };
        if to.is_empty() {
            let cql = format!(
                "SELECT sort, body FROM {table} WHERE part = ? AND sort > ?{order} LIMIT ?"
            );
            self.many(Kind::Read, &cql, (part, after, limit(most)))
                .await
        } else {
            let cql = format!(
                "SELECT sort, body FROM {table} WHERE part = ? AND sort > ? AND sort < ?{order} LIMIT ?"
            );
            self.many(Kind::Read, &cql, (part, after, to, limit(most)))
                .await
        }
    }

    pub(super) async fn version(&self, home: &Home, kind: Kind) -> Result<u64, StoreError> {
        let cql = format!(
            "SELECT version FROM {} WHERE id = ? LIMIT 1",
            self.cluster.table(home.table)
        );
        let result = self
            .cluster
            .run("reading a version", kind, &cql, (self.id(home),))
            .await?
            .into_rows_result()
            .map_err(|e| failed("reading a version")(Box::new(e)))?;
        let row: Option<(Option<i64>,)> = result
            .maybe_first_row()
            .map_err(|e| failed("reading a version")(Box::new(e)))?;
        Ok(row
            .and_then(|r| r.0)
            .map_or(0, |n| u64::try_from(n).unwrap_or(0)))
    }

    pub(super) async fn one(
        &self,
        kind: Kind,
        cql: &str,
        values: impl scylla::serialize::row::SerializeRow,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let result = self
            .cluster
            .run("reading a row", kind, cql, values)
            .await?
            .into_rows_result()
            .map_err(|e| again("reading a row", &e))?;
        let row: Option<(Option<Vec<u8>>,)> = result
            .maybe_first_row()
            .map_err(|e| failed("reading a row")(Box::new(e)))?;
        Ok(row.and_then(|r| r.0))
    }

    async fn many(
        &self,
        kind: Kind,
        cql: &str,
        values: impl scylla::serialize::row::SerializeRow,
    ) -> Result<Rows, StoreError> {
        let result = self
            .cluster
            .run("reading rows", kind, cql, values)
            .await?
            .into_rows_result()
            .map_err(|e| again("reading rows", &e))?;
        let rows = result
            .rows::<(Option<String>, Option<Vec<u8>>)>()
            .map_err(|e| failed("reading rows")(Box::new(e)))?;
        let mut read = Vec::new();
        for row in rows {
            // A partition that has a version and no row yet comes as one row of nulls.
            if let (Some(key), Some(body)) = row.map_err(|e| failed("reading rows")(Box::new(e)))? {
                read.push((key, body));
            }
        }
        Ok(read)
    }
}
