//! Reading and writing rows with BSON bodies.
use boathook_hooks::ids::Digest;
use rusqlite::{Connection, OptionalExtension as _, Params, Row};
use serde::{Serialize, de::DeserializeOwned};

use super::tx::Stop;
use crate::{Paged, StoreError, codec};

/// A record with the bytes that it was read from, so that a rewrite keeps what this program does not know.
pub(super) struct Stored<T> {
    pub(super) value: T,
    bytes: Vec<u8>,
    what: &'static str,
}

impl<T: Serialize + DeserializeOwned> Stored<T> {
    pub(super) fn bytes(&self) -> Result<Vec<u8>, Stop> {
        Ok(codec::rewrite(self.what, &self.bytes, &self.value)?)
    }
}

/// SQLite's integers are signed. Numbers beyond i64 do not occur; they would be cut to its end.
pub(super) fn int(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

pub(super) fn uint(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

pub(super) fn digest(bytes: &[u8]) -> Result<Digest, Stop> {
    bytes.try_into().map(Digest).map_err(|_| {
        Stop::Error(StoreError::Record {
            what: "digest",
            source: format!("{} bytes", bytes.len()).into(),
        })
    })
}

/// The body in the first column of the one row that `sql` finds, to be rewritten.
pub(super) fn stored<T: DeserializeOwned>(
    conn: &Connection,
    what: &'static str,
    sql: &str,
    params: impl Params,
) -> Result<Option<Stored<T>>, Stop> {
    let bytes: Option<Vec<u8>> = conn
        .prepare_cached(sql)?
        .query_row(params, |row| row.get(0))
        .optional()?;
    bytes
        .map(|bytes| {
            let value = codec::decode(what, &bytes)?;
            Ok(Stored { value, bytes, what })
        })
        .transpose()
}

/// The same, to be read only.
pub(super) fn body<T: DeserializeOwned>(
    conn: &Connection,
    what: &'static str,
    sql: &str,
    params: impl Params,
) -> Result<Option<T>, Stop> {
    Ok(stored(conn, what, sql, params)?.map(|stored| stored.value))
}

/// Every body that `sql` finds.
pub(super) fn bodies<T: DeserializeOwned>(
    conn: &Connection,
    what: &'static str,
    sql: &str,
    params: impl Params,
) -> Result<Vec<T>, Stop> {
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map(params, |row| row.get::<_, Vec<u8>>(0))?;
    rows.map(|bytes| Ok(codec::decode(what, &bytes?)?))
        .collect()
}

/// Rows in the order of their keys, read lazily until `size` + 1 were kept; `keep` gives key and item, or none for a
/// row that the caller may not see.
pub(super) fn walk<K, T>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    size: usize,
    mut keep: impl FnMut(&Row<'_>) -> Result<Option<(K, T)>, Stop>,
) -> Result<Vec<(K, T)>, Stop> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut kept = Vec::new();
    while kept.len() <= size
        && let Some(row) = rows.next()?
    {
        kept.extend(keep(row)?);
    }
    Ok(kept)
}

/// A page out of several walks over the same key, one a customer; the same key twice is one item.
pub(super) fn merged<K: Ord + Serialize, T>(mut rows: Vec<(K, T)>, size: usize) -> Paged<T> {
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    rows.dedup_by(|a, b| a.0 == b.0);
    Paged::of(rows, size)
}

/// A conditional write must have found its row as it was read. With one writer it does; another process may have been
/// between, and then the write is tried again.
pub(super) fn changed_one(count: usize) -> Result<(), Stop> {
    if count == 1 {
        Ok(())
    } else {
        Err(Stop::Error(StoreError::TryAgain {
            operation: "a conditional write",
        }))
    }
}
