//! Rows of aggregates and lists in SQLite.
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::{
    StoreError,
    engine::{
        effects::Effect,
        keys::{Home, List},
        look::{Found, Look, Need, Rows},
        stop::Stop,
    },
};

pub(super) struct SqliteLook<'c> {
    pub(super) conn: &'c Connection,
}

pub(crate) fn failed(e: rusqlite::Error) -> Stop {
    let operation = "a statement of the database";
    Stop::Error(match e.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => {
            StoreError::TryAgain { operation }
        }
        _ => StoreError::Backend {
            operation,
            source: Box::new(e),
        },
    })
}

/// SQLite's integers are signed. Numbers beyond i64 do not occur; they would be cut to its end.
pub(super) fn int(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

impl SqliteLook<'_> {
    fn one(&self, sql: &str, params: impl rusqlite::Params) -> Result<Option<Vec<u8>>, Stop> {
        self.conn
            .prepare_cached(sql)
            .map_err(failed)?
            .query_row(params, |row| row.get(0))
            .optional()
            .map_err(failed)
    }

    fn entries(
        &self,
        list: List,
        part: &str,
        (after, to): (&str, &str),
        order: &str,
        limit: usize,
    ) -> Result<Rows, Stop> {
        let (list, limit) = (list.name(), count(limit));
        // An end stands in the statement only where there is one: as `?4 = '' OR sort < ?4` it bounds no index, and all of
        // the part behind it would be read.
        let end = if to.is_empty() { "" } else { "AND sort < ?5" };
        let sql = format!(
            "SELECT sort, body FROM lists WHERE list = ?1 AND part = ?2 AND sort > ?3 {end} ORDER BY sort {order} LIMIT ?4"
        );
        match to.is_empty() {
            true => self.many(&sql, params![list, part, after, limit]),
            false => self.many(&sql, params![list, part, after, limit, to]),
        }
    }

    fn many(&self, sql: &str, params: impl rusqlite::Params) -> Result<Rows, Stop> {
        let mut statement = self.conn.prepare_cached(sql).map_err(failed)?;
        let rows = statement
            .query_map(params, |row| Ok((row.get(0)?, row.get(1)?)))
            .map_err(failed)?;
        rows.collect::<Result<_, _>>().map_err(failed)
    }
}

impl Look for SqliteLook<'_> {
    fn find(&mut self, need: Need) -> Result<Found, Stop> {
        Ok(match need {
            Need::Version(home) => Found::Version(version(self.conn, &home)?),
            Need::Row(at) => Found::Row(self.one(
                "SELECT body FROM rows WHERE tbl = ?1 AND id = ?2 AND row = ?3",
                params![at.home.table.name(), at.home.id, at.row],
            )?),
            Need::Rows {
                home,
                from,
                to,
                limit,
            } => Found::Rows(self.many(
                "SELECT row, body FROM rows WHERE tbl = ?1 AND id = ?2 AND row >= ?3 AND row < ?4 ORDER BY row LIMIT ?5",
                params![home.table.name(), home.id, from, to, count(limit)],
            )?),
            Need::List {
                list,
                part,
                after,
                to,
                limit,
            } => Found::Rows(self.entries(list, &part, (&after, &to), "ASC", limit)?),
            Need::RowsBack {
                home,
                from,
                to,
                limit,
            } => Found::Rows(self.many(
                "SELECT row, body FROM rows WHERE tbl = ?1 AND id = ?2 AND row >= ?3 AND row < ?4 ORDER BY row DESC LIMIT ?5",
                params![home.table.name(), home.id, from, to, count(limit)],
            )?),
            Need::ListBack {
                list,
                part,
                after,
                to,
                limit,
            } => Found::Rows(self.entries(list, &part, (&after, &to), "DESC", limit)?),
            Need::Entry { list, part, sort } => Found::Row(self.one(
                "SELECT body FROM lists WHERE list = ?1 AND part = ?2 AND sort = ?3",
                params![list.name(), part, sort],
            )?),
        })
    }
}

pub(super) fn version(conn: &Connection, home: &Home) -> Result<u64, Stop> {
    let found: Option<i64> = conn
        .prepare_cached("SELECT version FROM aggregates WHERE tbl = ?1 AND id = ?2")
        .map_err(failed)?
        .query_row(params![home.table.name(), home.id], |row| row.get(0))
        .optional()
        .map_err(failed)?;
    Ok(found.map_or(0, |n| u64::try_from(n).unwrap_or(0)))
}

pub(super) fn set_version(conn: &Connection, home: &Home, version: u64) -> Result<(), Stop> {
    conn.prepare_cached(
        "INSERT INTO aggregates (tbl, id, version) VALUES (?1, ?2, ?3) ON CONFLICT (tbl, id) DO UPDATE SET version = ?3",
    )
    .and_then(|mut s| s.execute(params![home.table.name(), home.id, int(version)]))
    .map(drop)
    .map_err(failed)
}

pub(super) fn put_row(
    conn: &Connection,
    home: &Home,
    row: &str,
    body: Option<&[u8]>,
) -> Result<(), Stop> {
    let (table, id) = (home.table.name(), &home.id);
    match body {
        Some(body) => conn
            .prepare_cached(
                "INSERT INTO rows (tbl, id, row, body) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (tbl, id, row) DO UPDATE SET body = ?4",
            )
            .and_then(|mut s| s.execute(params![table, id, row, body])),
        None => conn
            .prepare_cached("DELETE FROM rows WHERE tbl = ?1 AND id = ?2 AND row = ?3")
            .and_then(|mut s| s.execute(params![table, id, row])),
    }
    .map(drop)
    .map_err(failed)
}

/// `version` is what an entry without a stamp is stamped with.
pub(super) fn put_entry(conn: &Connection, effect: &Effect, version: u64) -> Result<(), Stop> {
    let Effect::List {
        list,
        part,
        sort,
        body,
        stamp,
    } = effect
    else {
        return Ok(());
    };
    let stamp = int(stamp.unwrap_or(version));
    match body {
        Some(body) => conn
            .prepare_cached(
                "INSERT INTO lists (list, part, sort, stamp, body) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (list, part, sort) DO UPDATE SET stamp = ?4, body = ?5 WHERE stamp <= ?4",
            )
            .and_then(|mut s| s.execute(params![list.name(), part, sort, stamp, body.0])),
        None => conn
            .prepare_cached(
                "DELETE FROM lists WHERE list = ?1 AND part = ?2 AND sort = ?3 AND stamp <= ?4",
            )
            .and_then(|mut s| s.execute(params![list.name(), part, sort, stamp])),
    }
    .map(drop)
    .map_err(failed)
}
