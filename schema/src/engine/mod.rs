//! What both backends share: aggregates of rows that are changed as one, lists that follow, and the bodies that decide.
//! A body runs on what it can look up; where that is far away, what is missing is fetched and the body runs again, so
//! a body must do nothing but look, decide and say what changes.
pub(crate) mod control;
pub(crate) mod cql;
pub(crate) mod days;
pub(crate) mod effects;
pub(crate) mod events;
pub(crate) mod expected;
pub(crate) mod keys;
pub(crate) mod listed;
pub(crate) mod listing;
pub(crate) mod look;
#[cfg(feature = "contract")]
mod raw;
pub(crate) mod scan;
pub(crate) mod sqlite;
pub(crate) mod stop;
pub(crate) mod tx;

use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::watch;

use crate::{Answer, FinishedLeft, Objects, Write, verbs::Read};

pub(crate) use effects::{Applied, ErasureNote, Step};
pub(crate) use keys::{At, HEAD, Home, List, Table};
pub(crate) use look::{Look, Need, Stored};
pub(crate) use stop::{Stop, ensure, not_found};
pub(crate) use tx::Tx;

/// A backend, open.
#[derive(Clone)]
pub(crate) enum Engine {
    Sqlite(sqlite::Sqlite),
    Cql(cql::Cql),
}

/// An answer that tells nothing of its effects.
pub(crate) fn as_is<T>(_: &mut T, _: &Applied) {}

impl Engine {
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        verb: &'static str,
        body: impl Fn(&mut dyn Look) -> Result<T, Stop> + Send + Sync + 'static,
    ) -> Read<T> {
        match self {
            Self::Sqlite(engine) => engine.read(verb, body).await,
            Self::Cql(engine) => engine.read(verb, body).await,
        }
    }

    /// Changes one aggregate, and what follows from that.
    pub(crate) async fn write<T, F>(
        &self,
        verb: &'static str,
        write: Write,
        home: Home,
        body: F,
    ) -> Answer<T>
    where
        T: Serialize + DeserializeOwned + Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T, Stop> + Send + Sync + 'static,
    {
        self.write_told(verb, write, home, body, as_is).await
    }

    /// The same, for an answer that tells of its effects: `fill` puts them in.
    pub(crate) async fn write_told<T, F>(
        &self,
        verb: &'static str,
        write: Write,
        home: Home,
        body: F,
        fill: fn(&mut T, &Applied),
    ) -> Answer<T>
    where
        T: Serialize + DeserializeOwned + Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T, Stop> + Send + Sync + 'static,
    {
        match self {
            Self::Sqlite(engine) => engine.write(verb, write, home, body, fill).await,
            Self::Cql(engine) => engine.write(verb, write, home, body, fill).await,
        }
    }

    pub(crate) fn objects_mut(&mut self) -> &mut Objects {
        match self {
            Self::Sqlite(engine) => &mut engine.objects,
            Self::Cql(engine) => &mut engine.objects,
        }
    }

    pub(crate) async fn finish_left(&self, everything: bool) -> Read<FinishedLeft> {
        match self {
            // What follows from a change is in its transaction.
            Self::Sqlite(_) => Ok(FinishedLeft::default()),
            Self::Cql(engine) => engine.finish_left(everything).await,
        }
    }

    /// Writes of an aggregate that a server left undone, and did not finish; `finish` does.
    pub(crate) async fn owed(&self, home: &Home, finish: bool) -> Read<u32> {
        match self {
            Self::Sqlite(_) => Ok(0),
            Self::Cql(engine) => engine.owed(home, finish).await,
        }
    }

    pub(crate) fn objects(&self) -> &Objects {
        match self {
            Self::Sqlite(engine) => &engine.objects,
            Self::Cql(engine) => &engine.objects,
        }
    }

    pub(crate) fn woken(&self) -> &watch::Sender<u64> {
        match self {
            Self::Sqlite(engine) => &engine.woken,
            Self::Cql(engine) => &engine.woken,
        }
    }

    pub(crate) fn control(&self) -> watch::Receiver<u64> {
        match self {
            Self::Sqlite(engine) => engine.control.clone(),
            Self::Cql(engine) => engine.control.clone(),
        }
    }
}
