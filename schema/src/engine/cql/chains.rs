//! Appending to chains: what waits for one chain goes into one transaction.
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::oneshot;

use super::{
    Cql,
    write::{Keep, Made},
};
use crate::{
    Head, Outcome, StoreError, Write,
    engine::{
        events::{self, EventEntry},
        keys::Home,
        stop::Stop,
        tx::Tx,
    },
};

/// Events of one transaction at most.
const TOGETHER: usize = 128;

struct Waiting {
    entries: Vec<EventEntry>,
    reply: oneshot::Sender<Result<Vec<Head>, StoreError>>,
}

#[derive(Default)]
struct Queue {
    waiting: Mutex<Vec<Waiting>>,
    turn: tokio::sync::Mutex<()>,
}

#[derive(Default)]
pub(super) struct Queues(Mutex<HashMap<String, Arc<Queue>>>);

impl Queues {
    fn of(&self, chain: &str) -> Arc<Queue> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(chain.to_owned()).or_default())
    }
}

impl Queue {
    fn take(&self) -> Vec<Waiting> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let mut events = 0;
        let some = waiting
            .iter()
            .take_while(|w| {
                let first = events == 0;
                events += w.entries.len();
                first || events <= TOGETHER
            })
            .count();
        waiting.drain(..some).collect()
    }
}

impl Cql {
    /// Appends; says the head after each.
    pub(super) async fn append_events(
        &self,
        chain: &str,
        entries: Vec<EventEntry>,
        again: bool,
    ) -> Result<Vec<Head>, StoreError> {
        let queue = self.inner.chains.of(chain);
        if again {
            let _turn = queue.turn.lock().await;
            return self.append_now(chain, entries, true).await;
        }
        let (reply, mut answer) = oneshot::channel();
        queue
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Waiting { entries, reply });
        loop {
            let _turn = queue.turn.lock().await;
            match answer.try_recv() {
                Ok(heads) => return heads,
                Err(oneshot::error::TryRecvError::Closed) => {
                    return Err(StoreError::TryAgain {
                        operation: "appending to a chain",
                    });
                }
                Err(oneshot::error::TryRecvError::Empty) => {}
            }
            let together = queue.take();
            let all: Vec<EventEntry> = together.iter().flat_map(|w| w.entries.clone()).collect();
            match self.append_now(chain, all, false).await {
                Ok(heads) => {
                    let mut heads = heads.into_iter();
                    for Waiting { entries, reply } in together {
                        let own = heads.by_ref().take(entries.len()).collect();
                        drop(reply.send(Ok(own)));
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, chain, "events wait for the runner");
                    for waiting in together {
                        drop(waiting.reply.send(Err(StoreError::TryAgain {
                            operation: "appending to a chain",
                        })));
                    }
                }
            }
        }
    }

    async fn append_now(
        &self,
        chain: &str,
        entries: Vec<EventEntry>,
        again: bool,
    ) -> Result<Vec<Head>, StoreError> {
        let name = chain.to_owned();
        let last = self
            .inner
            .read("the chain's head", move |look| events::head(look, &name))
            .await?;
        let mut home = events::bucket(chain, events::bucket_of(last.number));
        let mut heads: Vec<Head> = Vec::new();
        let now = entries.first().map(|e| e.at).unwrap_or_default();
        while heads.len() < entries.len() {
            let (name, rest) = (chain.to_owned(), entries[heads.len()..].to_vec());
            let body = move |tx: &mut Tx<'_>| -> Result<(Vec<Head>, Option<Home>), Stop> {
                match events::append(tx, &name, &rest)? {
                    events::Went::Done(heads) => Ok((heads, None)),
                    events::Went::On(heads, next) => Ok((heads, Some(next))),
                }
            };
            let write = Write::system(now);
            let made: Made<(Vec<Head>, Option<Home>)> = self
                .make("append_events", &write, &home, &body, Keep::Repeated, again)
                .await?;
            self.put_lists(&made).await?;
            let Outcome::Done((some, next)) = made.answer else {
                break;
            };
            heads.extend(some);
            home = match next {
                Some(next) => next,
                None => break,
            };
        }
        Ok(heads)
    }
}
