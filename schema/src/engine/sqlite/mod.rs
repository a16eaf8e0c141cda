//! The embedded backend: SQLite in one directory, beside the packet objects. One writer thread, a few readers.
mod apply;
mod look;
mod migrations;
mod open;
mod scan;
mod writer;

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::{effects::Applied, keys::Home, look::Look, stop::Stop, tx::Tx};
use crate::{Answer, Objects, StoreError, Write, verbs::Read};
use look::{SqliteLook, failed};
use writer::Writer;

pub(crate) use open::migrate;

/// Connections that read at the same time; WAL lets them go on while the writer writes.
const READERS: usize = 4;

#[derive(Clone)]
pub struct Sqlite {
    writer: Writer,
    readers: Arc<Readers>,
    pub(crate) objects: Objects,
    pub(crate) control: watch::Receiver<u64>,
    pub(crate) woken: Arc<watch::Sender<u64>>,
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

fn lock(readers: &Readers) -> std::sync::MutexGuard<'_, Vec<Connection>> {
    readers.free.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Sqlite {
    /// One read, in one snapshot.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        verb: &'static str,
        body: impl Fn(&mut dyn Look) -> Result<T, Stop> + Send + 'static,
    ) -> Read<T> {
        self.snapshot(verb, move |conn| body(&mut SqliteLook { conn }))
            .await
    }

    async fn snapshot<T: Send + 'static>(
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
                .map_err(failed)
                .and_then(|snapshot| body(&snapshot))
                .map_err(|stop| stop.into_error(verb))
        });
        task.await.map_err(|e| StoreError::Backend {
            operation: verb,
            source: Box::new(e),
        })?
    }

    /// One write: its place in the queue, one savepoint of a round, one answer.
    pub(crate) async fn write<T, F>(
        &self,
        verb: &'static str,
        write: Write,
        home: Home,
        body: F,
        fill: fn(&mut T, &Applied),
    ) -> Answer<T>
    where
        T: Serialize + DeserializeOwned + Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T, Stop> + Send + 'static,
    {
        let of = home.clone();
        self.writer
            .write(verb, write, Some(&of), move |conn, write| {
                let (mut value, applied) = apply::run(conn, write, home, body)?;
                fill(&mut value, &applied);
                Ok((value, applied))
            })
            .await
    }

    #[cfg(feature = "contract")]
    pub(super) async fn raw_put(
        &self,
        home: Home,
        row: String,
        body: Option<Vec<u8>>,
    ) -> Answer<()> {
        let write = Write::system(boathook_hooks::time::Time::wall_clock());
        self.writer
            .write("raw_put", write, None, move |conn, _| {
                look::put_row(conn, &home, &row, body.as_deref())?;
                Ok(((), Applied::default()))
            })
            .await
    }

    #[cfg(feature = "contract")]
    pub(super) async fn raw_list(&self, entry: super::effects::Effect) -> Answer<()> {
        let write = Write::system(boathook_hooks::time::Time::wall_clock());
        self.writer
            .write("raw_list", write, None, move |conn, _| {
                look::put_entry(conn, &entry, 0)?;
                Ok(((), Applied::default()))
            })
            .await
    }
}

#[cfg(test)]
mod tests;
