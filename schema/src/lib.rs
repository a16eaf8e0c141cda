//! The store of boathook: what the product keeps, behind verbs in the product's words. One closed enum of backends
//! chosen by URL; every verb changes one aggregate, and its events follow from that write. See `verbs` for the list.
#![forbid(unsafe_code)]

mod aggregates;
mod check;
mod codec;
#[cfg(feature = "contract")]
pub mod contract;
mod engine;
pub mod error;
pub mod objects;
pub mod page;
pub mod records;
pub mod scope;
mod transfer;
mod verbs;
pub mod write;

pub use check::{CheckOptions, Checked, Fault, FaultKind};
pub use error::{Answer, Outcome, Refused, StoreError};
pub use objects::{ChunkReader, Folder, Objects, ObjectsConfig, ObjectsConfigError, Put, Run};
pub use page::{Page, Paged};
pub use records::*;
pub use scope::Scope;
pub use transfer::{Copied, CopyError, CopyOptions, CopyProgress, MovedObjects, Sum};
pub use write::{Actor, OpId, Write};

/// A store, open. Cheap to clone; all clones share what writes, what reads and one wake-up.
#[derive(Clone)]
pub struct Store(engine::Engine);

impl Store {
    /// Opens `sqlite:///DIRECTORY`, which must exist, or `cql://HOST,…/KEYSPACE`. Either must be migrated. Call it within
    /// a tokio runtime.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        Self::open_at(url, None).await
    }

    async fn open_at(url: &str, elsewhere: Option<Objects>) -> Result<Self, StoreError> {
        if url.starts_with("cql://") {
            let cql = engine::cql::Cql::open(url, elsewhere).await?;
            return Ok(Self(engine::Engine::Cql(cql)));
        }
        let url = url.to_owned();
        let sqlite = blocking("opening", move || engine::sqlite::Sqlite::open(&url)).await?;
        Ok(Self(engine::Engine::Sqlite(sqlite)))
    }

    /// As [`Store::open`], with packet objects where `objects` says. Asks nothing of an object store: a server starts also
    /// while that is away.
    pub async fn open_with(url: &str, objects: &ObjectsConfig) -> Result<Self, StoreError> {
        let elsewhere = Objects::elsewhere(objects)?;
        let mut store = Self::open_at(url, elsewhere.clone()).await?;
        if let Some(objects) = elsewhere {
            *store.0.objects_mut() = objects;
        }
        Ok(store)
    }

    /// Packet objects.
    pub fn objects(&self) -> &Objects {
        self.0.objects()
    }

    /// The control log's head: changes when something was appended, by this process at once.
    pub fn control(&self) -> tokio::sync::watch::Receiver<u64> {
        self.0.control()
    }
}

/// Moves a store's schema. Safe to repeat; one at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Migrate {
    /// To the newest version that this program knows. Makes the directory and the database if there is none.
    Up,
    To(u32),
    /// One version down.
    Down,
    /// Says that the schema *is* at this version, after a repair by hand. Runs nothing.
    Force(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migrated {
    pub from: u32,
    pub to: u32,
}

pub async fn migrate(url: &str, migrate: Migrate) -> Result<Migrated, StoreError> {
    if url.starts_with("cql://") {
        return engine::cql::migrate(url, migrate).await;
    }
    let url = url.to_owned();
    blocking("migrating", move || engine::sqlite::migrate(&url, migrate)).await
}

async fn blocking<T: Send + 'static>(
    operation: &'static str,
    body: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(body)
        .await
        .map_err(|e| StoreError::Backend {
            operation,
            source: Box::new(e),
        })?
}
