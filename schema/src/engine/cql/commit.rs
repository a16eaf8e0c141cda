//! One conditional write of an aggregate, with the op that it answers and the effects that it owes.
use std::collections::BTreeMap;

use futures_util::future::try_join_all;
use scylla::value::CqlValue;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    Inner,
    session::{Kind, Values},
    settling::Settled,
};
use crate::{
    StoreError,
    engine::{
        effects::{Applied, Effect},
        keys::{At, Home, List, Table, number_key},
    },
};

/// How long an op id is remembered.
const REMEMBERED_MS: u64 = 2 * 24 * 3_600_000;
/// Entries of one write that are written at a time.
const AT_ONCE: usize = 32;
/// Every so many versions the ops that are older go.
const FORGOTTEN_EACH: u64 = 64;

/// What an op was answered, in the aggregate that it changed.
#[derive(Serialize, Deserialize)]
pub(super) struct OpRow<T> {
    pub(super) verb: String,
    pub(super) actor: String,
    /// The version that it made; 0 for a refusal.
    pub(super) version: u64,
    /// `Outcome<T>`, as it was decided.
    pub(super) answer: T,
    /// What its effects brought, once they are done.
    pub(super) applied: Option<Applied>,
}

pub(super) fn op_row(op: Uuid) -> String {
    format!("p/{}", op.simple())
}

pub(super) fn outbox_row(version: u64) -> String {
    format!("o/{}", number_key(version))
}

/// Op ids begin with their time: those below this one are older than they are remembered.
fn oldest_op(op: Uuid) -> String {
    let ms = op.as_bytes()[..6]
        .iter()
        .fold(0_u64, |n, b| n << 8 | u64::from(*b));
    format!("p/{:012x}", ms.saturating_sub(REMEMBERED_MS))
}

pub(super) struct Commit<'a> {
    pub(super) home: &'a Home,
    /// The version that it was decided at.
    pub(super) expected: u64,
    pub(super) rows: &'a BTreeMap<String, Option<Vec<u8>>>,
    pub(super) op: Uuid,
    pub(super) op_body: Vec<u8>,
    /// None when nothing else follows.
    pub(super) outbox: Option<Vec<u8>>,
}

fn text(s: &str) -> Option<CqlValue> {
    Some(CqlValue::Text(s.to_owned()))
}

fn big(n: u64) -> Option<CqlValue> {
    Some(CqlValue::BigInt(i64::try_from(n).unwrap_or(i64::MAX)))
}

impl Inner {
    fn put(&self, table: Table) -> String {
        let table = self.cluster.table(table);
        format!("INSERT INTO {table} (id, row, body) VALUES (?, ?, ?)")
    }

    /// Whether it was applied; none when nobody knows.
    pub(super) async fn commit(&self, commit: &Commit<'_>) -> Result<Option<bool>, StoreError> {
        let home = commit.home;
        let table = self.cluster.table(home.table);
        let id = self.id(home);
        let id = id.as_str();
        let version = commit.expected + 1;
        let put = self.put(home.table);
        let delete = format!("DELETE FROM {table} WHERE id = ? AND row = ?");
        let forget = format!("DELETE FROM {table} WHERE id = ? AND row >= 'p/' AND row < ?");
        let first = format!("UPDATE {table} SET version = ? WHERE id = ? IF version = NULL");
        let next = format!("UPDATE {table} SET version = ? WHERE id = ? IF version = ?");
        let mut statements: Vec<(&str, Values)> = Vec::with_capacity(commit.rows.len() + 4);
        statements.push(match commit.expected {
            0 => (first.as_str(), vec![big(version), text(id)]),
            n => (next.as_str(), vec![big(version), text(id), big(n)]),
        });
        for (row, body) in commit.rows {
            statements.push(match body {
                Some(body) => (
                    &put,
                    vec![text(id), text(row), Some(CqlValue::Blob(body.clone()))],
                ),
                None => (&delete, vec![text(id), text(row)]),
            });
        }
        let blob = |body: &Vec<u8>| Some(CqlValue::Blob(body.clone()));
        let op = op_row(commit.op);
        statements.push((&put, vec![text(id), text(&op), blob(&commit.op_body)]));
        if let Some(outbox) = &commit.outbox {
            let row = outbox_row(version);
            statements.push((&put, vec![text(id), text(&row), blob(outbox)]));
        }
        if version.is_multiple_of(FORGOTTEN_EACH) {
            statements.push((&forget, vec![text(id), text(&oldest_op(commit.op))]));
        }
        // What forgets has each cleared by itself, while it is owed: an answer must not come back.
        let settled = match home.table.forgets() {
            true => Vec::new(),
            false => self.settling.some(home),
        };
        for one in &settled {
            let (owed, op) = (outbox_row(one.version), op_row(one.op));
            statements.push((&delete, vec![text(id), text(&owed)]));
            statements.push((&put, vec![text(id), text(&op), blob(&one.op_body)]));
        }
        let applied = self.cluster.transaction(statements).await?;
        if applied == Some(true) {
            self.settling.done(home, &settled);
        }
        Ok(applied)
    }

    /// The effects are done: what was owed goes, and the op's answer is the whole one.
    pub(super) async fn clear(&self, home: &Home, settled: &[Settled]) -> Result<(), StoreError> {
        if home.table.forgets() {
            for one in settled {
                self.clear_owed(home, one).await?;
            }
            return Ok(());
        }
        let table = self.cluster.table(home.table);
        // Any condition that holds makes it a transaction.
        let answer = format!("UPDATE {table} SET body = ? WHERE id = ? AND row = ? IF version > 0");
        let delete = format!("DELETE FROM {table} WHERE id = ? AND row = ?");
        let put = self.put(home.table);
        let id = text(&self.id(home));
        let mut statements: Vec<(&str, Values)> = Vec::with_capacity(2 * settled.len());
        for (n, one) in settled.iter().enumerate() {
            let (op, body) = (
                text(&op_row(one.op)),
                Some(CqlValue::Blob(one.op_body.clone())),
            );
            statements.push(match n {
                0 => (&answer, vec![body, id.clone(), op]),
                _ => (&put, vec![id.clone(), op, body]),
            });
            let owed = text(&outbox_row(one.version));
            statements.push((&delete, vec![id.clone(), owed]));
        }
        match self.cluster.transaction(statements).await? {
            Some(_) => Ok(()),
            None => Err(StoreError::TryAgain {
                operation: "settling a write",
            }),
        }
    }

    /// The same of one, unless another did it before: its answer may have been forgotten since.
    async fn clear_owed(&self, home: &Home, one: &Settled) -> Result<(), StoreError> {
        let table = self.cluster.table(home.table);
        let delete = format!("DELETE FROM {table} WHERE id = ? AND row = ? IF EXISTS");
        let put = self.put(home.table);
        let id = text(&self.id(home));
        let body = Some(CqlValue::Blob(one.op_body.clone()));
        let statements: Vec<(&str, Values)> = vec![
            (&delete, vec![id.clone(), text(&outbox_row(one.version))]),
            (&put, vec![id, text(&op_row(one.op)), body]),
        ];
        match self.cluster.transaction(statements).await? {
            Some(_) => Ok(()),
            None => Err(StoreError::TryAgain {
                operation: "settling a write",
            }),
        }
    }

    /// The lists' entries among these effects.
    pub(super) async fn put_entries(
        &self,
        effects: &[Effect],
        version: u64,
    ) -> Result<(), StoreError> {
        for some in effects.chunks(AT_ONCE) {
            let mut puts = Vec::with_capacity(some.len());
            for effect in some {
                puts.push(self.put_entry(effect, version));
            }
            try_join_all(puts).await?;
        }
        Ok(())
    }

    /// Entries of lists, each with its own timestamp: of two versions the later stands, whichever is written last.
    pub(super) async fn put_entry(&self, effect: &Effect, version: u64) -> Result<(), StoreError> {
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
        let stamp = stamp.unwrap_or(version);
        let body = body.as_ref().map(|b| b.0.as_slice());
        self.entry(*list, part, sort, body, stamp).await
    }

    pub(super) async fn entry(
        &self,
        list: List,
        part: &str,
        sort: &str,
        body: Option<&[u8]>,
        stamp: u64,
    ) -> Result<(), StoreError> {
        let table = self.cluster.list(list);
        let part = self.partition(list, part, sort);
        let stamp = i64::try_from(stamp).unwrap_or(i64::MAX);
        match body {
            Some(body) => {
                let cql = format!(
                    "INSERT INTO {table} (part, sort, body) VALUES (?, ?, ?) USING TIMESTAMP ?"
                );
                let values = (part, sort, body, stamp);
                self.cluster
                    .run("writing a list", Kind::Plain, &cql, values)
                    .await
            }
            None => {
                let cql =
                    format!("DELETE FROM {table} USING TIMESTAMP ? WHERE part = ? AND sort = ?");
                let values = (stamp, part, sort);
                self.cluster
                    .run("writing a list", Kind::Plain, &cql, values)
                    .await
            }
        }
        .map(drop)
    }

    /// A row as transactions see it.
    pub(super) async fn serial_row(&self, at: &At) -> Result<Option<Vec<u8>>, StoreError> {
        let cql = format!(
            "SELECT body FROM {} WHERE id = ? AND row = ?",
            self.cluster.table(at.home.table)
        );
        let values = (self.id(&at.home), at.row.as_str());
        self.one(Kind::SerialRead, &cql, values).await
    }
}

#[cfg(feature = "contract")]
impl super::Cql {
    pub(crate) async fn raw_put(
        &self,
        home: &Home,
        row: &str,
        body: Option<Vec<u8>>,
    ) -> crate::Answer<()> {
        let inner = &self.inner;
        let (table, id) = (inner.cluster.table(home.table), inner.id(home));
        let run = match body {
            Some(body) => {
                let cql = inner.put(home.table);
                let values = (id, row, body);
                let run = inner.cluster.run("raw_put", Kind::Plain, &cql, values);
                run.await
            }
            None => {
                let cql = format!("DELETE FROM {table} WHERE id = ? AND row = ?");
                let values = (id, row);
                let run = inner.cluster.run("raw_put", Kind::Plain, &cql, values);
                run.await
            }
        };
        run.map(|_| crate::Outcome::Done(()))
    }

    pub(crate) async fn raw_list(&self, effect: &Effect) -> crate::Answer<()> {
        self.inner.put_entry(effect, 0).await?;
        Ok(crate::Outcome::Done(()))
    }

    pub(crate) async fn raw_settle(
        &self,
        home: &Home,
        version: u64,
        answer: Vec<u8>,
    ) -> Result<(), StoreError> {
        let settled = Settled::new(version, Uuid::now_v7(), answer);
        self.inner.clear(home, &[settled]).await
    }
}
