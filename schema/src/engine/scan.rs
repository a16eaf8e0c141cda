//! All that a store holds, page by page, in the backend's own order; and putting it into another one. For copies and
//! checks alone: no verb reads everything.
use futures_util::{
    StreamExt as _, TryStreamExt as _,
    stream::{self, BoxStream},
};

use super::{
    Engine,
    keys::{Home, List, Table},
    look::Rows,
};
use crate::verbs::Read;

/// Rows of one page at most, so that a page is some MiB whatever the rows hold.
pub(super) const fn rows_of_page(table: Table) -> usize {
    match table {
        // Texts, signed bytes, sections: up to 100 KiB or so.
        Table::Hooks | Table::Packets | Table::Trust => 100,
        _ => 1_000,
    }
}

/// Ids of one page at most.
pub(super) const IDS_OF_PAGE: usize = 5_000;

/// Entries of one page at most.
pub(super) const fn entries_of_page(list: List) -> usize {
    match list {
        // Pieces of half a MiB.
        List::Statements => 16,
        List::Envelopes | List::Packets | List::ActiveHooks | List::Hooks => 100,
        _ => 1_000,
    }
}

/// An aggregate with all its rows but the engine's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Aggregate {
    pub(crate) home: Home,
    pub(crate) version: u64,
    /// In order of their keys.
    pub(crate) rows: Rows,
    /// A change of it has effects that are not done.
    pub(crate) owes: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) list: List,
    pub(crate) part: String,
    pub(crate) sort: String,
    pub(crate) stamp: u64,
    pub(crate) body: Vec<u8>,
}

/// One page; `next` is where the one behind it begins, as that backend understands it.
#[derive(Clone, Debug)]
pub(crate) struct Scanned<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next: Option<String>,
}

/// What all pages hold, one after another.
fn all<'a, T, F>(page: impl Fn(Option<String>) -> F + Send + 'a) -> BoxStream<'a, Read<T>>
where
    T: Send + 'a,
    F: Future<Output = Read<Scanned<T>>> + Send + 'a,
{
    let pages = stream::try_unfold(Some(None), move |at: Option<Option<String>>| {
        let asked = at.map(&page);
        async move {
            let Some(asked) = asked else {
                return Ok(None);
            };
            let Scanned { items, next } = asked.await?;
            let items = stream::iter(items.into_iter().map(Ok));
            Ok(Some((items, next.map(Some))))
        }
    });
    pages.try_flatten().boxed()
}

/// A row of what is owed.
pub(super) fn is_owed(row: &str) -> bool {
    row.starts_with("o/")
}

/// Rows that are the engine's: what is owed, and answers by op id.
pub(super) fn is_own(row: &str) -> bool {
    row.starts_with("o/") || row.starts_with("p/")
}

impl Engine {
    pub(crate) async fn scan(
        &self,
        table: Table,
        after: Option<String>,
    ) -> Read<Scanned<Aggregate>> {
        match self {
            Self::Sqlite(engine) => engine.scan(table, after).await,
            Self::Cql(engine) => engine.scan(table, after).await,
        }
    }

    /// One page of a table's ids alone. A thousand or more of them cost little.
    async fn scan_ids(&self, table: Table, after: Option<String>) -> Read<Scanned<String>> {
        match self {
            Self::Sqlite(engine) => engine.scan_ids(table, after).await,
            Self::Cql(engine) => engine.scan_ids(table, after).await,
        }
    }

    pub(crate) async fn scan_list(
        &self,
        list: List,
        after: Option<String>,
    ) -> Read<Scanned<Entry>> {
        match self {
            Self::Sqlite(engine) => engine.scan_list(list, after).await,
            Self::Cql(engine) => engine.scan_list(list, after).await,
        }
    }

    /// All aggregates of a table.
    pub(crate) fn all(&self, table: Table) -> BoxStream<'_, Read<Aggregate>> {
        all(move |after| self.scan(table, after))
    }

    /// All ids of a table.
    pub(crate) fn all_ids(&self, table: Table) -> BoxStream<'_, Read<String>> {
        all(move |after| self.scan_ids(table, after))
    }

    /// All entries of a list.
    pub(crate) fn all_listed(&self, list: List) -> BoxStream<'_, Read<Entry>> {
        all(move |after| self.scan_list(list, after))
    }

    /// Puts aggregates into a store that nobody works on. The same again changes nothing.
    pub(crate) async fn import(&self, aggregates: Vec<Aggregate>) -> Read<()> {
        match self {
            Self::Sqlite(engine) => engine.import(aggregates).await,
            Self::Cql(engine) => engine.import(aggregates).await,
        }
    }

    /// Puts entries with their stamps: of two the higher stands.
    pub(crate) async fn import_entries(&self, entries: Vec<Entry>) -> Read<()> {
        match self {
            Self::Sqlite(engine) => engine.import_entries(entries).await,
            Self::Cql(engine) => engine.import_entries(entries).await,
        }
    }
}
