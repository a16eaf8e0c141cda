//! The embedded backend: SQLite in one directory, beside the packet objects. One writer thread, a few readers.
mod claims;
mod control;
mod customers;
mod events;
mod hooks;
mod instances;
mod packets;
mod people;
mod quota;
mod revisions;
mod rows;
mod search;
mod tickets;
mod trust;
mod tx;
mod writer;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags};
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::{
    Answer, Migrate, Migrated, Objects, Scope, StoreError, Write, migrations, verbs::Read,
};
use tx::{Stop, Tx};
use writer::Writer;

/// Connections that read at the same time; WAL lets them go on while the writer writes.
const READERS: usize = 4;
/// How long a connection waits for another process's lock.
const BUSY: Duration = Duration::from_secs(5);

#[derive(Clone)]
pub struct Embedded {
    writer: Writer,
    readers: Arc<Readers>,
    pub(crate) objects: Objects,
    pub(crate) control: watch::Receiver<u64>,
    woken: Arc<watch::Sender<u64>>,
}

struct Readers {
    free: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
}

/// A connection on loan: back in its place before its permit is, whatever happens to the read.
struct Reader {
    conn: Option<Connection>,
    free: Arc<Readers>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Reader {
    fn drop(&mut self) {
        lock(&self.free).extend(self.conn.take());
    }
}

/// The directory of `sqlite:///dir`, which may be relative as `sqlite://dir`.
fn directory(url: &str) -> Result<PathBuf, StoreError> {
    match url.strip_prefix("sqlite://") {
        Some(dir) if !dir.is_empty() && dir != "/" => Ok(PathBuf::from(dir)),
        _ => Err(StoreError::Address {
            url: url.to_owned(),
        }),
    }
}

fn opening<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
    dir: &Path,
) -> impl FnOnce(E) -> StoreError {
    move |e| StoreError::Open {
        at: dir.display().to_string(),
        source: e.into(),
    }
}

fn connect(dir: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let conn = Connection::open_with_flags(
        dir.join("boathook.db"),
        flags | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
    .map_err(opening(dir))?;
    conn.busy_timeout(BUSY).map_err(opening(dir))?;
    conn.set_prepared_statement_cache_capacity(256);
    Ok(conn)
}

/// FULL syncs the log at every commit: what is acknowledged survives a power cut, not only a crash.
fn writing(dir: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let conn = connect(dir, flags | OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    conn.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")
        .map_err(opening(dir))?;
    Ok(conn)
}

pub(crate) fn migrate(url: &str, asked: Migrate) -> Result<Migrated, StoreError> {
    let dir = directory(url)?;
    make_directory(&dir).map_err(opening(&dir))?;
    let mut conn = writing(&dir, OpenFlags::SQLITE_OPEN_CREATE)?;
    let done = migrations::run(&mut conn, asked, &dir.display().to_string())?;
    drop(conn);
    // The database's own entry in the directory is new: without this a power cut could lose the whole file.
    std::fs::File::open(&dir)
        .and_then(|d| d.sync_all())
        .map_err(opening(&dir))?;
    Ok(done)
}

fn make_directory(dir: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

impl Embedded {
    /// Blocks; the directory must be migrated.
    pub(crate) fn open(url: &str) -> Result<Self, StoreError> {
        let dir = directory(url)?;
        let at = dir.display().to_string();
        if !dir.join("boathook.db").is_file() {
            return Err(StoreError::NotMigrated {
                at,
                found: 0,
                wanted: migrations::VERSION,
            });
        }
        let conn = writing(&dir, OpenFlags::empty())?;
        migrations::check(&conn, &at)?;
        let head = control::head(&conn).map_err(|e| e.into_error("opening"))?;
        let (woken, control) = watch::channel(head);
        let woken = Arc::new(woken);
        let mut free = Vec::with_capacity(READERS);
        for _ in 0..READERS {
            let reader = connect(&dir, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
            reader
                .execute_batch("PRAGMA query_only = ON")
                .map_err(opening(&dir))?;
            free.push(reader);
        }
        Ok(Self {
            objects: Objects::local(&dir)?,
            writer: Writer::start(conn, Arc::clone(&woken)).map_err(opening(&dir))?,
            readers: Arc::new(Readers {
                free: Mutex::new(free),
                permits: Arc::new(Semaphore::new(READERS)),
            }),
            control,
            woken,
        })
    }

    /// One read, in one snapshot.
    async fn read<T: Send + 'static>(
        &self,
        verb: &'static str,
        body: impl FnOnce(&Connection) -> Result<T, Stop> + Send + 'static,
    ) -> Read<T> {
        let permits = Arc::clone(&self.readers.permits);
        let permit = permits
            .acquire_owned()
            .await
            .map_err(|_| StoreError::Closed)?;
        let free = Arc::clone(&self.readers);
        // The permit goes with the connection, not with the caller, who may give up waiting.
        let task = tokio::task::spawn_blocking(move || {
            let conn = lock(&free).pop();
            let reader = Reader {
                conn: Some(conn.ok_or(StoreError::TryAgain { operation: verb })?),
                free,
                _permit: permit,
            };
            let conn = reader
                .conn
                .as_ref()
                .ok_or(StoreError::TryAgain { operation: verb })?;
            conn.unchecked_transaction()
                .map_err(Stop::from)
                .and_then(|snapshot| body(&snapshot))
                .map_err(|stop| stop.into_error(verb))
        });
        task.await.map_err(|e| StoreError::Backend {
            operation: verb,
            source: Box::new(e),
        })?
    }

    /// One write: its place in the queue, one savepoint of a round, one answer.
    async fn write<T, F>(&self, verb: &'static str, write: Write, body: F) -> Answer<T>
    where
        T: Serialize + DeserializeOwned + Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T, Stop> + Send + 'static,
    {
        self.writer.write(verb, write, body).await
    }
}

fn lock(readers: &Readers) -> std::sync::MutexGuard<'_, Vec<Connection>> {
    readers.free.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The customers that a list must be read for; none is all of them.
fn customers_of(
    scope: &Scope,
    wanted: Option<boathook_hooks::ids::CustomerId>,
) -> Option<Vec<boathook_hooks::ids::CustomerId>> {
    match (scope, wanted) {
        (_, Some(one)) => Some(if scope.holds(&one) { vec![one] } else { vec![] }),
        (Scope::All | Scope::System, None) => None,
        (Scope::Only(set), None) => Some(set.iter().cloned().collect()),
        (Scope::Instance { customer, .. }, None) => Some(vec![customer.clone()]),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
