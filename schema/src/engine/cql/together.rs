//! What waits for one partition goes into one transaction.
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{sync::oneshot, time::Instant};

use super::write::Boxed;
use crate::{StoreError, engine::keys::Home};

struct Waiting<A, R> {
    asks: Vec<A>,
    /// Until then none of them can be there already.
    blind_until: Option<Instant>,
    reply: oneshot::Sender<Result<Vec<R>, StoreError>>,
}

/// Those that wait for one log, and the partition that it was in last.
pub(super) struct Queue<A, R> {
    waiting: Mutex<Vec<Waiting<A, R>>>,
    turn: tokio::sync::Mutex<()>,
    newest: Mutex<Option<Home>>,
}

impl<A, R> Default for Queue<A, R> {
    fn default() -> Self {
        Self {
            waiting: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            newest: Mutex::default(),
        }
    }
}

pub(super) struct Queues<A, R>(Mutex<HashMap<String, Arc<Queue<A, R>>>>);

impl<A, R> Default for Queues<A, R> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<A, R> Queues<A, R> {
    pub(super) fn of(&self, log: &str) -> Arc<Queue<A, R>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(log.to_owned()).or_default())
    }
}

impl<A: Clone, R> Queue<A, R> {
    pub(super) fn newest(&self) -> Option<Home> {
        self.newest
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn is_in(&self, home: &Home) {
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = Some(home.clone());
    }

    /// The first that wait, `most` asks at most (one caller's are never parted).
    fn take(&self, most: usize) -> Vec<Waiting<A, R>> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let mut asks = 0;
        let some = waiting
            .iter()
            .take_while(|w| {
                let first = asks == 0;
                asks += w.asks.len();
                first || asks <= most
            })
            .count();
        waiting.drain(..some).collect()
    }

    /// This caller's asks, with those of others that wait; one of them runs all. `run` says a reply for each ask;
    /// it must look for what may be there already, unless it is done before the moment that it is given.
    pub(super) async fn together(
        &self,
        operation: &'static str,
        most: usize,
        asks: Vec<A>,
        blind_until: Option<Instant>,
        run: impl Fn(Vec<A>, Option<Instant>) -> Boxed<'static, Result<Vec<R>, StoreError>> + Send,
    ) -> Result<Vec<R>, StoreError> {
        let (reply, mut answer) = oneshot::channel();
        self.waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Waiting {
                asks,
                blind_until,
                reply,
            });
        loop {
            let _turn = self.turn.lock().await;
            match answer.try_recv() {
                Ok(replies) => return replies,
                Err(oneshot::error::TryRecvError::Closed) => {
                    return Err(StoreError::TryAgain { operation });
                }
                Err(oneshot::error::TryRecvError::Empty) => {}
            }
            let together = self.take(most);
            let all: Vec<A> = together.iter().flat_map(|w| w.asks.clone()).collect();
            let mut blind = together.iter().map(|w| w.blind_until);
            let first = blind.next().flatten();
            let blind_until = blind.fold(first, |a, b| Some(a?.min(b?)));
            let mut done = run(all, blind_until).await.map(Vec::into_iter);
            if let Err(error) = &done {
                tracing::warn!(%error, operation, "left to the runner");
            }
            for Waiting { asks, reply, .. } in together {
                let own = match &mut done {
                    Ok(replies) => Ok(replies.by_ref().take(asks.len()).collect()),
                    Err(_) => Err(StoreError::TryAgain { operation }),
                };
                drop(reply.send(own));
            }
        }
    }
}
