//! Moving all that one store holds into another, of whatever backend: page by page, gone on with where it stopped, and
//! compared at the end. Nobody may work on either store meanwhile; what somebody wrote all the same is found.
mod objects;
mod progress;
mod sums;

use boathook_hooks::time::Time;
use futures_util::TryStreamExt as _;
use serde::Serialize;

pub use objects::MovedObjects;
pub(crate) use objects::{Bytes, has_chunks, is_there};
pub use progress::CopyProgress;
pub use sums::Sum;

use crate::{
    ChainVerdict, FinishedLeft, Page, Refused, Scope, Store, StoreError,
    engine::{
        Engine, List, Table,
        scan::{Aggregate, Entry},
    },
};
use progress::{Marker, Step, marker_home};

/// Why a copy cannot begin, or did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the source is itself the begin of a copy")]
    HalfSource,
    #[error(
        "{0} of the source has effects that a server left undone: start a server on it until they are, or see `boathook-server store check`"
    )]
    Owes(String),
    #[error("the target refused it: {0}")]
    Refused(#[from] Refused),
    #[error(
        "the target is not empty: it has {found}. A copy goes into a new store (`boathook-server migrate` makes one)"
    )]
    NotEmpty { found: String },
    #[error("the target holds the begin of a copy of {found}, not of {asked}")]
    OtherSource { found: String, asked: String },
    #[error("the target holds a whole copy of {from}, made at {at}: nothing is left to do")]
    Done { from: String, at: Time },
    #[error(
        "{what} differ: {from} in the source, {to} in the target. Was one of them written meanwhile? Empty the target and begin again"
    )]
    Differs {
        what: String,
        from: String,
        to: String,
    },
}

/// What a copy came to.
#[derive(Clone, Debug, Serialize)]
pub struct Copied {
    /// By table and list: the same on both sides.
    pub sums: Vec<(String, Sum)>,
    /// Packets whose bytes in the target were read and have their SHA-256.
    pub packets: u64,
    pub objects: MovedObjects,
    /// Chains that were verified in the target, from their first event.
    pub chains: u64,
    pub events: u64,
}

/// How a copy is made.
#[derive(Clone, Debug)]
pub struct CopyOptions {
    /// The source's name, without secrets: another one may not go on with a copy.
    pub from: String,
    /// Both stores have their packets in the same place.
    pub same_objects: bool,
}

fn is_copied(table: Table) -> bool {
    // Answers of writes under way, and nothing else.
    table != Table::Loose
}

fn is_listed(list: List) -> bool {
    // What is on its way, and who lives: of one store alone.
    !matches!(list, List::Hints | List::Servers)
}

fn tables() -> impl Iterator<Item = Table> {
    Table::ALL.into_iter().filter(|t| is_copied(*t))
}

fn lists() -> impl Iterator<Item = List> {
    List::ALL.into_iter().filter(|l| is_listed(*l))
}

impl Store {
    /// Copies everything into `to`, an empty store or one that holds the begin of the same copy. `tell` is called after
    /// each page. At the end all is read again on both sides and compared.
    pub async fn copy_to(
        &self,
        to: &Self,
        options: &CopyOptions,
        mut tell: impl FnMut(&CopyProgress) + Send,
    ) -> Result<Copied, CopyError> {
        if self.is_half_copied().await? {
            return Err(CopyError::HalfSource);
        }
        loop {
            match self.finish_left(true).await? {
                FinishedLeft { failed: 1.., .. } => return Err(CopyError::Owes("a write".into())),
                FinishedLeft { finished: 0, .. } => break,
                FinishedLeft { .. } => {}
            }
        }
        let mut marker = to.begin_copy(options).await?;
        let mut step = marker.step;
        while step != Step::Verify {
            let mut after = marker.after.take();
            loop {
                after = self.copy_page(to, step, after, &mut marker.done).await?;
                marker.after.clone_from(&after);
                if after.is_none() {
                    step = step.next(options.same_objects);
                }
                marker.step = step;
                to.mark(&marker).await?;
                tell(&marker.done);
                if after.is_none() {
                    break;
                }
            }
        }
        let copied = self.compare(to, &marker, options, &mut tell).await?;
        marker.whole_at = Some(Time::wall_clock());
        to.mark(&marker).await?;
        Ok(copied)
    }

    /// How many records and list entries there are and how large they are, by table and list. Reads everything.
    pub async fn sums(&self) -> Result<Vec<(String, Sum)>, StoreError> {
        let mut sums = Vec::new();
        for table in tables() {
            sums.push((table.name().to_owned(), sum_of(&self.0, table).await?));
        }
        for list in lists() {
            sums.push((list.name().to_owned(), sum_of_list(&self.0, list).await?));
        }
        Ok(sums)
    }

    /// Whether a copy into this store was begun and is not whole: no server may work on it.
    pub async fn is_half_copied(&self) -> Result<bool, StoreError> {
        let marker = self.marker().await?;
        Ok(marker.is_some_and(|m| m.whole_at.is_none()))
    }

    async fn marker(&self) -> Result<Option<Marker>, StoreError> {
        let head = marker_home().head();
        self.0
            .read("copy", move |look| look.record("copy", &head))
            .await
    }

    async fn mark(&self, marker: &Marker) -> Result<(), CopyError> {
        let (marker, write) = (marker.clone(), crate::Write::system(Time::wall_clock()));
        let put = self.0.write("copy", write, marker_home(), move |tx| {
            tx.put("copy", crate::engine::HEAD, &marker)
        });
        Ok(put.await?.done()?)
    }

    async fn begin_copy(&self, options: &CopyOptions) -> Result<Marker, CopyError> {
        if let Some(found) = self.marker().await? {
            return match found.whole_at {
                Some(at) => Err(CopyError::Done {
                    from: found.from,
                    at,
                }),
                None if found.from != options.from => Err(CopyError::OtherSource {
                    found: found.from,
                    asked: options.from.clone(),
                }),
                None => Ok(found),
            };
        }
        for table in tables() {
            if let Some(first) = self.0.scan(table, None).await?.items.first() {
                return Err(CopyError::NotEmpty {
                    found: format!("{} in {}", first.home.id, table.name()),
                });
            }
        }
        let marker = Marker::new(options.from.clone());
        self.mark(&marker).await?;
        Ok(marker)
    }

    /// Copies one page; says where the next one begins.
    async fn copy_page(
        &self,
        to: &Self,
        step: Step,
        after: Option<String>,
        done: &mut CopyProgress,
    ) -> Result<Option<String>, CopyError> {
        match step {
            Step::Table(n) => {
                let Some(table) = tables().nth(n) else {
                    return Ok(None);
                };
                let page = self.0.scan(table, after).await?;
                if let Some(owing) = page.items.iter().find(|a| a.owes) {
                    let name = format!("{} in {}", owing.home.id, table.name());
                    return Err(CopyError::Owes(name));
                }
                let items: Vec<Aggregate> = page.items.into_iter().filter(is_stored).collect();
                done.at(table.name(), &mut |d| d.aggregates += items.len() as u64);
                to.0.import(items).await?;
                Ok(page.next)
            }
            Step::List(n) => {
                let Some(list) = lists().nth(n) else {
                    return Ok(None);
                };
                let page = self.0.scan_list(list, after).await?;
                let items: Vec<Entry> = page.items;
                done.at(list.name(), &mut |d| d.entries += items.len() as u64);
                to.0.import_entries(items).await?;
                Ok(page.next)
            }
            Step::Objects => objects::page(self.objects(), to.objects(), after, done).await,
            Step::Verify => Ok(None),
        }
    }

    /// Reads both sides again.
    async fn compare(
        &self,
        to: &Self,
        marker: &Marker,
        options: &CopyOptions,
        tell: &mut (impl FnMut(&CopyProgress) + Send),
    ) -> Result<Copied, CopyError> {
        let mut done = marker.done.clone();
        let mut sums = Vec::new();
        for table in tables() {
            done.at("comparing", &mut |_| {});
            tell(&done);
            let own = sum_of(&self.0, table).await?;
            same(table.name(), &own, &sum_of(&to.0, table).await?)?;
            sums.push((table.name().to_owned(), own));
        }
        for list in lists() {
            tell(&done);
            let own = sum_of_list(&self.0, list).await?;
            same(list.name(), &own, &sum_of_list(&to.0, list).await?)?;
            sums.push((list.name().to_owned(), own));
        }
        let mut read = |n| {
            done.at("reading packets", &mut |d| d.packets = n);
            tell(&done);
        };
        let packets = objects::verify(to, &mut read).await?;
        let (chains, events) = to.verify_chains().await?;
        Ok(Copied {
            sums,
            packets,
            objects: match options.same_objects {
                true => MovedObjects::default(),
                false => marker.done.objects,
            },
            chains,
            events,
        })
    }

    /// Every chain, from its first event.
    async fn verify_chains(&self) -> Result<(u64, u64), CopyError> {
        let (mut chains, mut events) = (0, 0);
        let mut page = Page::default();
        loop {
            let heads = self.heads(&Scope::System, page.clone()).await?;
            for listed in heads.items {
                let chain = &listed.chain;
                match self.verify_chain(&Scope::System, chain, None).await? {
                    ChainVerdict::Whole { head } => {
                        chains += 1;
                        events += head.number;
                    }
                    ChainVerdict::Broken { at, why } => {
                        return Err(CopyError::Differs {
                            what: format!("the events of {chain}"),
                            from: "a whole chain".into(),
                            to: format!("one that breaks at {at} ({why:?})"),
                        });
                    }
                }
            }
            match heads.next {
                next @ Some(_) => page = page.after(next),
                None => return Ok((chains, events)),
            }
        }
    }
}

/// The copy's own marker is each store's own.
fn is_stored(aggregate: &Aggregate) -> bool {
    aggregate.home != marker_home()
}

fn same(what: &str, from: &Sum, to: &Sum) -> Result<(), CopyError> {
    match from == to {
        true => Ok(()),
        false => Err(CopyError::Differs {
            what: what.to_owned(),
            from: from.to_string(),
            to: to.to_string(),
        }),
    }
}

async fn sum_of(engine: &Engine, table: Table) -> Result<Sum, StoreError> {
    let (mut sum, mut all) = (Sum::default(), engine.all(table));
    while let Some(aggregate) = all.try_next().await? {
        if is_stored(&aggregate) {
            sum.aggregate(&aggregate);
        }
    }
    Ok(sum)
}

async fn sum_of_list(engine: &Engine, list: List) -> Result<Sum, StoreError> {
    let (mut sum, mut all) = (Sum::default(), engine.all_listed(list));
    while let Some(entry) = all.try_next().await? {
        sum.entry(&entry);
    }
    Ok(sum)
}
