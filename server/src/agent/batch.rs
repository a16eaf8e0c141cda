//! Claims of one hook that arrive together go to the store in one group: while one group is being written, the next
//! one gathers.
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
};

use boathook_hooks::{ids::Digest, time::SECOND};
use boathook_schema::{ClaimAsk, ClaimReply, Scope, Write};
use tokio::sync::oneshot;

use crate::{
    app::{App, Shared},
    errors::{Answer, IntoAnswer as _, Problem},
};

/// Claims a group, at most.
const GROUP: usize = 256;
/// Claims of one hook that wait, at most: more are told to come back.
const QUEUE: usize = 20_000;

type Waiting = (ClaimAsk, oneshot::Sender<Answer<ClaimReply>>);

/// The claims that wait, by hook. A hook that has an entry has a task that works it off.
#[derive(Default)]
pub struct Claims(Mutex<HashMap<Digest, Vec<Waiting>>>);

impl Claims {
    pub async fn ask(app: &Shared, digest: Digest, ask: ClaimAsk) -> Answer<ClaimReply> {
        let (sender, reply) = oneshot::channel();
        let claims = app.agent.claims.clone();
        let is_first = {
            let mut waiting = claims.lock();
            let is_first = !waiting.contains_key(&digest);
            let queue = waiting.entry(digest).or_default();
            if queue.len() >= QUEUE {
                return Err(Problem::busy("too many claims of this hook at once", 5));
            }
            queue.push((ask, sender));
            is_first
        };
        if is_first {
            tokio::spawn(work_off(app.clone(), digest));
        }
        reply
            .await
            .map_err(|_| Problem::busy("the claim was not decided", 1))?
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Digest, Vec<Waiting>>> {
        self.0.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// The next group of that hook; none ends its task.
    fn next_group(&self, digest: &Digest) -> Option<Vec<Waiting>> {
        let mut waiting = self.lock();
        let queue = waiting.get_mut(digest)?;
        if queue.is_empty() {
            waiting.remove(digest);
            return None;
        }
        // One ask an instance: a repeat goes into the next group, and finds the first one's claim.
        let mut instances = HashSet::new();
        let (mut group, mut later) = (Vec::new(), Vec::new());
        for entry in queue.drain(..) {
            if group.len() < GROUP && instances.insert(entry.0.instance.clone()) {
                group.push(entry);
            } else {
                later.push(entry);
            }
        }
        *queue = later;
        Some(group)
    }
}

async fn work_off(app: Arc<App>, digest: Digest) {
    while let Some(group) = app.agent.claims.next_group(&digest) {
        let (asks, senders): (Vec<ClaimAsk>, Vec<_>) = group.into_iter().unzip();
        match claim(&app, digest, asks).await {
            Ok(replies) => {
                for (sender, reply) in senders.into_iter().zip(replies) {
                    // Who went away meanwhile asks again and gets the same claim.
                    let _ = sender.send(Ok(reply));
                }
            }
            Err(problem) => {
                for sender in senders {
                    let _ = sender.send(Err(problem.clone()));
                }
            }
        }
    }
}

async fn claim(app: &App, digest: Digest, asks: Vec<ClaimAsk>) -> Answer<Vec<ClaimReply>> {
    let now = app.now();
    let lease_until = now.plus_ms(lease_ms(app));
    // A group is boathook's own write: its claims are of many instances.
    app.store
        .claim(
            &Scope::System,
            Write::system(now),
            digest,
            lease_until,
            asks,
        )
        .await
        .answer()
}

pub(crate) fn lease_ms(app: &App) -> i64 {
    i64::try_from(app.config.agents.lease_seconds).unwrap_or(0) * SECOND
}
