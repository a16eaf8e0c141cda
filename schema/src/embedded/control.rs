//! The control log in SQLite. The writer wakes those that wait, after the commit.
use boathook_hooks::time::Time;
use rusqlite::{Connection, params};

use super::{
    Embedded,
    rows::{bodies, int, uint},
    tx::{Stop, Tx, ensure},
};
use crate::{
    ActiveHooks, Answer, Change, ControlEntry, ControlPage, Refused, Revision, Scope, StoppedHook,
    Write, codec, page::MAX_PAGE, verbs::Read,
};

pub(super) fn head(conn: &Connection) -> Result<u64, Stop> {
    let head: Option<i64> = conn
        .prepare_cached("SELECT max(number) FROM control")?
        .query_row([], |row| row.get(0))?;
    Ok(head.map_or(0, uint))
}

impl Tx<'_> {
    /// Appends; says the number.
    pub(super) fn control(&mut self, change: Change) -> Result<u64, Stop> {
        let number = (head(self.conn)? + 1).max(uint(self.now().ms()));
        let entry = ControlEntry {
            number,
            at: self.now(),
            change,
        };
        self.conn
            .prepare_cached("INSERT INTO control (number, body) VALUES (?1, ?2)")?
            .execute(params![
                int(number),
                codec::encode("control entry", &entry)?
            ])?;
        self.control = Some(number);
        Ok(number)
    }
}

impl Embedded {
    pub(crate) async fn append_control(
        &self,
        scope: &Scope,
        write: Write,
        change: Change,
    ) -> Answer<u64> {
        let allowed = scope.holds_house();
        self.write("append_control", write, move |tx| {
            ensure(allowed, Refused::OutOfScope)?;
            tx.control(change)
        })
        .await
    }

    pub(crate) async fn changes_since(
        &self,
        scope: &Scope,
        after: u64,
        limit: u32,
    ) -> Read<ControlPage> {
        let allowed = scope.holds_house();
        self.read("changes_since", move |conn| {
            let entries = if allowed {
                bodies(
                    conn,
                    "control entry",
                    "SELECT body FROM control WHERE number > ?1 ORDER BY number LIMIT ?2",
                    params![int(after), limit.clamp(1, MAX_PAGE)],
                )?
            } else {
                Vec::new()
            };
            Ok(ControlPage {
                head: head(conn)?,
                entries,
            })
        })
        .await
    }

    pub(crate) async fn active_hooks(&self, scope: &Scope, now: Time) -> Read<ActiveHooks> {
        let scope = scope.clone();
        self.read("active_hooks", move |conn| {
            let alive = |state: &str| -> Result<Vec<Revision>, Stop> {
                let found: Vec<Revision> = bodies(
                    conn,
                    "revision",
                    "SELECT body FROM revisions WHERE state = ?1 AND expires_at > ?2",
                    params![state, now.ms()],
                )?;
                Ok(found
                    .into_iter()
                    .filter(|r| r.opted_in || scope.holds_any(&r.customers))
                    .collect())
            };
            let stopped = alive("stopped")?.into_iter().map(|r| StoppedHook {
                until: r.expires_at(),
                digest: r.digest,
                customers: r.customers,
                opted_in: r.opted_in,
            });
            Ok(ActiveHooks {
                number: head(conn)?,
                stopped: stopped.collect(),
                hooks: alive("published")?,
            })
        })
        .await
    }

    pub(crate) async fn refresh_control(&self) -> Read<u64> {
        let number = self.read("refresh_control", head).await?;
        self.woken.send_if_modified(|head| {
            let higher = number > *head;
            *head = number.max(*head);
            higher
        });
        Ok(number)
    }

    pub(crate) async fn finish_left(&self, _: bool) -> Read<crate::FinishedLeft> {
        Ok(crate::FinishedLeft::default())
    }
}
