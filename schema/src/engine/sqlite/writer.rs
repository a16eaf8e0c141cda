//! The one writer: a thread that takes what is queued into one transaction, each write in its own savepoint, commits
//! with one sync, then acknowledges all.
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Instant,
};

use boathook_hooks::time::{DAY, HOUR, Time};
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::sync::{mpsc, oneshot, watch};

use super::look::failed;
use crate::{
    Answer, Outcome, Refused, StoreError, Write, codec,
    engine::{effects::Applied, keys::Home, stop::Stop},
};

/// Writes that one transaction takes at most: bounds how long the first of them waits for the last.
const ROUND: usize = 256;
/// Writes that wait at most; more callers wait to queue.
const QUEUE: usize = 4_096;
/// How long an op id is remembered.
const REMEMBERED_MS: i64 = 2 * DAY;

#[derive(Clone)]
pub(super) struct Writer {
    queue: mpsc::Sender<Box<dyn Job>>,
}

/// How a round of writes ended.
enum End {
    /// On disk.
    Committed,
    /// Nothing of it is.
    Busy,
    Failed(String),
}

trait Job: Send {
    /// Runs within its own savepoint; says the control number that it wrote, if any.
    fn run(&mut self, conn: &Connection) -> Option<u64>;
    fn now(&self) -> Time;
    /// Only after the round's commit: an answer that was given must be durable.
    fn finish(self: Box<Self>, end: &End);
}

struct JobOf<T, F> {
    verb: &'static str,
    write: Write,
    /// Whose answer it is, where answers are forgotten before their time.
    home: Option<String>,
    begin_by: Instant,
    body: Option<F>,
    result: Option<Answer<T>>,
    reply: oneshot::Sender<Answer<T>>,
}

/// What is remembered of a write.
#[derive(Serialize, Deserialize)]
struct Remembered<T> {
    answer: Outcome<T>,
}

impl Writer {
    pub(super) fn start(
        conn: Connection,
        woken: Arc<watch::Sender<u64>>,
    ) -> Result<Self, std::io::Error> {
        let (queue, jobs) = mpsc::channel(QUEUE);
        std::thread::Builder::new()
            .name("boathook-writer".to_owned())
            .spawn(move || rounds(&conn, jobs, &woken))?;
        Ok(Self { queue })
    }

    pub(super) async fn write<T, F>(
        &self,
        verb: &'static str,
        write: Write,
        home: Option<&Home>,
        body: F,
    ) -> Answer<T>
    where
        T: Serialize + DeserializeOwned + Send + 'static,
        F: FnOnce(&Connection, &Write) -> Result<(T, Applied), Stop> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = JobOf {
            verb,
            home: home.filter(|home| home.table.forgets()).map(name),
            begin_by: Instant::now() + write.patience(),
            write,
            body: Some(body),
            result: None,
            reply,
        };
        self.queue
            .send(Box::new(job))
            .await
            .map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }
}

fn rounds(conn: &Connection, mut queue: mpsc::Receiver<Box<dyn Job>>, woken: &watch::Sender<u64>) {
    let mut forgot = Time::default();
    while let Some(first) = queue.blocking_recv() {
        let mut jobs = vec![first];
        while jobs.len() < ROUND
            && let Ok(next) = queue.try_recv()
        {
            jobs.push(next);
        }
        let now = jobs.iter().map(|job| job.now()).max().unwrap_or_default();
        let forget = now.since(forgot) > HOUR;
        let (end, control) = round(conn, &mut jobs, forget.then_some(now));
        if forget {
            forgot = now;
        }
        // Before the acknowledgement: whoever reads its own change back must not find the head of before.
        if let (End::Committed, Some(number)) = (&end, control) {
            woken.send_if_modified(|head| {
                let higher = number > *head;
                *head = number.max(*head);
                higher
            });
        }
        for job in jobs {
            job.finish(&end);
        }
    }
}

/// One transaction over all jobs.
fn round(conn: &Connection, jobs: &mut [Box<dyn Job>], forget: Option<Time>) -> (End, Option<u64>) {
    if let Err(e) = conn.execute_batch("BEGIN IMMEDIATE") {
        return (end_of(&e), None);
    }
    let mut control = None;
    for job in jobs.iter_mut() {
        control = control.max(job.run(conn));
        // A full disk makes SQLite undo the whole transaction: what follows must not commit one by one.
        if conn.is_autocommit() {
            let why = "the database undid the transaction by itself";
            tracing::error!(why, "the writer cannot go on with this round");
            return (End::Failed(why.to_owned()), None);
        }
    }
    let forgotten = match forget {
        Some(now) => forget_older(conn, now.plus_ms(-REMEMBERED_MS)),
        None => Ok(()),
    };
    match forgotten.and_then(|()| conn.execute_batch("COMMIT")) {
        Ok(()) => (End::Committed, control),
        Err(e) => {
            // SQLite may have rolled back by itself; if not, nothing may stay open for the next round.
            if !conn.is_autocommit()
                && let Err(e) = conn.execute_batch("ROLLBACK")
            {
                tracing::error!(error = %e, "the writer cannot roll back");
            }
            tracing::error!(error = %e, "the writer cannot commit");
            (end_of(&e), None)
        }
    }
}

fn name(home: &Home) -> String {
    format!("{}/{}", home.table.name(), home.id)
}

fn forget_older(conn: &Connection, than: Time) -> rusqlite::Result<()> {
    conn.execute("DELETE FROM ops WHERE at < ?1", params![than.ms()])?;
    conn.execute("DELETE FROM op_homes WHERE at < ?1", params![than.ms()])
        .map(drop)
}

/// All that the writes of that aggregate were answered.
pub(super) fn forget_answers(conn: &Connection, home: &Home) -> Result<(), Stop> {
    for sql in [
        "DELETE FROM ops WHERE op_id IN (SELECT op_id FROM op_homes WHERE home = ?1)",
        "DELETE FROM op_homes WHERE home = ?1",
    ] {
        conn.execute(sql, params![name(home)]).map_err(failed)?;
    }
    Ok(())
}

fn end_of(e: &rusqlite::Error) -> End {
    match e.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => End::Busy,
        _ => End::Failed(e.to_string()),
    }
}

impl<T, F> JobOf<T, F>
where
    T: Serialize + DeserializeOwned,
    F: FnOnce(&Connection, &Write) -> Result<(T, Applied), Stop>,
{
    /// The answer that this op id got before.
    fn before(&self, conn: &Connection) -> Result<Option<Outcome<T>>, Stop> {
        let found: Option<(String, String, Vec<u8>)> = conn
            .prepare_cached("SELECT verb, actor, answer FROM ops WHERE op_id = ?1")
            .map_err(failed)?
            .query_row(params![self.write.op_id.0.as_bytes()], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .optional()
            .map_err(failed)?;
        match found {
            None => Ok(None),
            // Another's op id must not bring another's answer.
            Some((verb, actor, _))
                if verb != self.verb || actor != self.write.actor.to_string() =>
            {
                Ok(Some(Outcome::Refused(Refused::OpReused)))
            }
            Some((.., answer)) => {
                let remembered: Remembered<T> = codec::decode("answer", &answer)?;
                Ok(Some(remembered.answer))
            }
        }
    }

    fn remember(&self, conn: &Connection, answer: Outcome<T>) -> Result<Outcome<T>, Stop> {
        let remembered = Remembered { answer };
        let bytes = codec::encode("answer", &remembered)?;
        conn.prepare_cached(
            "INSERT INTO ops (op_id, verb, actor, at, answer) VALUES (?1, ?2, ?3, ?4, ?5)",
        )
        .and_then(|mut s| {
            s.execute(params![
                self.write.op_id.0.as_bytes(),
                self.verb,
                self.write.actor.to_string(),
                self.write.now.ms(),
                bytes
            ])
        })
        .map_err(failed)?;
        if let Some(home) = &self.home {
            conn.prepare_cached("INSERT INTO op_homes (home, op_id, at) VALUES (?1, ?2, ?3)")
                .and_then(|mut s| {
                    let (op, at) = (self.write.op_id.0.as_bytes(), self.write.now.ms());
                    s.execute(params![home, op, at])
                })
                .map_err(failed)?;
        }
        Ok(remembered.answer)
    }

    fn attempt(&mut self, conn: &Connection) -> Result<(Outcome<T>, Option<u64>), Stop> {
        if let Some(answer) = self.before(conn)? {
            return Ok((answer, None));
        }
        let Some(body) = self.body.take() else {
            return Err(StoreError::Closed.into());
        };
        conn.execute_batch("SAVEPOINT write").map_err(failed)?;
        // A bug in one verb must not end the writer: its savepoint is undone, the others stand.
        let done =
            catch_unwind(AssertUnwindSafe(|| body(conn, &self.write))).unwrap_or_else(|_| {
                Err(Stop::Error(StoreError::Backend {
                    operation: self.verb,
                    source: "the verb panicked".into(),
                }))
            });
        match done {
            Ok((value, applied)) => match self.remember(conn, Outcome::Done(value)) {
                Ok(answer) => {
                    conn.execute_batch("RELEASE write").map_err(failed)?;
                    Ok((answer, applied.control))
                }
                Err(stop) => {
                    undo(conn)?;
                    Err(stop)
                }
            },
            Err(Stop::Refused(reason)) => {
                undo(conn)?;
                let answer = self.remember(conn, Outcome::Refused(reason))?;
                Ok((answer, None))
            }
            Err(stop) => {
                undo(conn)?;
                Err(stop)
            }
        }
    }
}

fn undo(conn: &Connection) -> Result<(), Stop> {
    conn.execute_batch("ROLLBACK TO write; RELEASE write")
        .map_err(failed)
}

impl<T, F> Job for JobOf<T, F>
where
    T: Serialize + DeserializeOwned + Send,
    F: FnOnce(&Connection, &Write) -> Result<(T, Applied), Stop> + Send,
{
    fn run(&mut self, conn: &Connection) -> Option<u64> {
        // Not begun, so known not to have happened.
        if self.reply.is_closed() || Instant::now() > self.begin_by {
            self.result = Some(Err(StoreError::TryAgain {
                operation: self.verb,
            }));
            return None;
        }
        match self.attempt(conn) {
            Ok((answer, control)) => {
                self.result = Some(Ok(answer));
                control
            }
            Err(stop) => {
                self.result = Some(Err(stop.into_error(self.verb)));
                None
            }
        }
    }

    fn now(&self) -> Time {
        self.write.now
    }

    fn finish(self: Box<Self>, end: &End) {
        let operation = self.verb;
        let answer = match (end, self.result) {
            (End::Committed, Some(result)) => result,
            (End::Failed(why), _) => Err(StoreError::Backend {
                operation,
                source: why.clone().into(),
            }),
            (End::Busy, _) | (End::Committed, None) => Err(StoreError::TryAgain { operation }),
        };
        // The caller may be gone; its write stands, and a repeat gets the same answer.
        drop(self.reply.send(answer));
    }
}
