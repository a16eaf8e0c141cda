//! Appending to the chains and to the control log: one transaction for all that wait.
use std::sync::Arc;

use tokio::time::Instant;

use super::{
    Cql,
    together::Queue,
    write::{Boxed, Keep, Made},
};
use crate::{
    Change, Head, OpId, Outcome, StoreError, Write,
    engine::{
        control,
        events::{self, EventEntry},
        keys::Home,
        look::Need,
        stop::Stop,
        tx::Tx,
    },
};
use boathook_hooks::time::Time;

/// Entries of one transaction at most.
const TOGETHER: usize = 128;
/// Partitions that one append may go through.
const STEPS: usize = 32;

/// A control entry to be appended: what it follows from, so that it is not appended twice.
#[derive(Clone)]
pub(super) struct Told {
    pub(super) op: OpId,
    pub(super) nth: usize,
    pub(super) at: Time,
    pub(super) change: Change,
}

/// What one transaction of a log did, and where the log goes on.
type Went<R> = (Vec<R>, Option<Home>);

impl Cql {
    /// Appends; says the head after each. Some may be there already, but not before `blind_until`.
    pub(super) async fn append_events(
        &self,
        chain: &str,
        entries: Vec<EventEntry>,
        blind_until: Option<Instant>,
    ) -> Result<Vec<Head>, StoreError> {
        let queue = self.inner.chains.of(chain);
        let (store, name, own) = (self.clone(), chain.to_owned(), Arc::clone(&queue));
        let run = move |entries, blind_until| -> Boxed<'static, _> {
            let (store, name, queue) = (store.clone(), name.clone(), Arc::clone(&own));
            Box::pin(async move {
                store
                    .append_to_chain(&queue, &name, entries, blind_until)
                    .await
            })
        };
        queue
            .together("appending to a chain", TOGETHER, entries, blind_until, run)
            .await
    }

    async fn append_to_chain(
        &self,
        queue: &Queue<EventEntry, Head>,
        chain: &str,
        entries: Vec<EventEntry>,
        blind_until: Option<Instant>,
    ) -> Result<Vec<Head>, StoreError> {
        let mut home = match queue.newest() {
            Some(home) => home,
            None => {
                let name = chain.to_owned();
                let last = self
                    .inner
                    .read("the chain's head", move |look| events::head(look, &name))
                    .await?;
                events::bucket(chain, events::bucket_of(last.number))
            }
        };
        let mut heads: Vec<Head> = Vec::with_capacity(entries.len());
        let now = entries.first().map(|e| e.at).unwrap_or_default();
        for _ in 0..STEPS {
            let (name, rest) = (chain.to_owned(), entries[heads.len()..].to_vec());
            let ahead = events::needed(&home, &rest);
            let body = move |tx: &mut Tx<'_>| -> Result<Went<Head>, Stop> {
                Ok(match events::append(tx, &name, &rest)? {
                    events::Went::Done(heads) => (heads, None),
                    events::Went::On(heads, next) => (heads, Some(next)),
                })
            };
            let (some, next) = self
                .append(
                    "append_events",
                    &Write::system(now),
                    &home,
                    &ahead,
                    &body,
                    blind_until,
                )
                .await?;
            heads.extend(some);
            match next {
                Some(next) => home = next,
                None => {
                    queue.is_in(&home);
                    return Ok(heads);
                }
            }
        }
        Err(StoreError::TryAgain {
            operation: "appending to a chain",
        })
    }

    /// Appends; says the number. Those that wait here are woken.
    pub(super) async fn append_control(
        &self,
        told: Told,
        blind_until: Option<Instant>,
    ) -> Result<u64, StoreError> {
        let queue = self.inner.control.of("");
        let (store, own) = (self.clone(), Arc::clone(&queue));
        let run = move |told, blind_until| -> Boxed<'static, _> {
            let (store, queue) = (store.clone(), Arc::clone(&own));
            Box::pin(async move { store.append_to_control(&queue, told, blind_until).await })
        };
        let operation = "appending to the control log";
        let numbers = queue
            .together(operation, TOGETHER, vec![told], blind_until, run)
            .await?;
        let number = numbers
            .first()
            .copied()
            .ok_or(StoreError::TryAgain { operation })?;
        self.woken.send_if_modified(|head| {
            let higher = number > *head;
            *head = number.max(*head);
            higher
        });
        Ok(number)
    }

    async fn append_to_control(
        &self,
        queue: &Queue<Told, u64>,
        told: Vec<Told>,
        blind_until: Option<Instant>,
    ) -> Result<Vec<u64>, StoreError> {
        let mut home = match queue.newest() {
            Some(home) => home,
            None => {
                self.inner
                    .read("the control log", |look| control::newest(look))
                    .await?
            }
        };
        let mut numbers = Vec::with_capacity(told.len());
        for _ in 0..STEPS {
            let rest = told[numbers.len()..].to_vec();
            let now = rest.iter().map(|t| t.at).max().unwrap_or_default();
            let ahead = control::needed(&home);
            let body = move |tx: &mut Tx<'_>| -> Result<Went<u64>, Stop> {
                let mut numbers = Vec::new();
                for one in &rest {
                    match control::append(tx, one.op, one.nth, one.at, &one.change)? {
                        control::Went::Done(number) => numbers.push(number),
                        control::Went::On(next) => return Ok((numbers, Some(next))),
                    }
                }
                Ok((numbers, None))
            };
            let write = Write::system(now);
            let (some, next) = self
                .append("append_control", &write, &home, &ahead, &body, blind_until)
                .await?;
            numbers.extend(some);
            match next {
                Some(next) => home = next,
                None => {
                    queue.is_in(&home);
                    return Ok(numbers);
                }
            }
        }
        Err(StoreError::TryAgain {
            operation: "appending to the control log",
        })
    }

    /// One transaction of a log, and the lists that follow.
    async fn append<R>(
        &self,
        verb: &'static str,
        write: &Write,
        home: &Home,
        ahead: &[Need],
        body: &(impl Fn(&mut Tx<'_>) -> Result<Went<R>, Stop> + Send + Sync),
        blind_until: Option<Instant>,
    ) -> Result<Went<R>, StoreError>
    where
        R: serde::Serialize + serde::de::DeserializeOwned + Send,
    {
        let made: Made<Went<R>> = self
            .make(verb, write, home, ahead, body, Keep::Repeated, blind_until)
            .await?;
        self.put_lists(&made).await?;
        match made.answer {
            Outcome::Done(went) => Ok(went),
            Outcome::Refused(reason) => Err(StoreError::Backend {
                operation: verb,
                source: Box::new(reason),
            }),
        }
    }
}
