//! The engine: looks at the hook list, the ledger, the policy and the administrator's words, and does what follows.
//! It can look again at any time: what is done already is not done twice, since every step asks the ledger first.
mod step;
mod words;

use std::{collections::HashMap, rc::Rc, time::Duration};

use boathook_hooks::{
    ids::Digest,
    time::{SECOND, Time},
};
use bytes::Bytes;
use tokio::sync::mpsc;

use super::{
    Rules, Shared,
    answers::AnswerError,
    poller::Taken,
    start::{Active, StartError},
};
use crate::{
    consent::Waiting,
    ledger::Mark,
    poll::{chance, jitter},
    run::Stop,
    session::SessionError,
    trust::{self, TrustError},
};

/// How long a run may take to end with the daemon.
const FAREWELL: Duration = Duration::from_secs(12);
/// A hook that may be accepted later is looked at again after this, in milliseconds.
const LATER: i64 = 60 * SECOND;

pub(super) enum Event {
    List {
        list: Bytes,
        taken: Taken,
    },
    /// A run ended, or its claim was refused.
    Ran {
        digest: Digest,
        result: Result<(), StartError>,
    },
    /// Something changed that may let a hook go on.
    Look,
    /// The administrator said something.
    Words,
    /// Policy and credentials are to be read again.
    Reload,
    End,
}

#[derive(Debug, thiserror::Error)]
enum StepError {
    #[error(transparent)]
    Answer(#[from] AnswerError),
    #[error(transparent)]
    Api(#[from] SessionError),
    #[error("the server sent another document than the listed hook {0}")]
    OtherDocument(String),
}

/// A hook that is put off.
#[derive(Clone, Copy)]
struct Later {
    at: Time,
    tries: u32,
}

pub(super) struct Engine {
    shared: Rc<Shared>,
    events: mpsc::Sender<Event>,
    active: Option<Active>,
    /// Envelopes of hooks about which something remains to be done.
    envelopes: HashMap<Digest, Bytes>,
    later: HashMap<Digest, Later>,
    waiting: Vec<Waiting>,
    ending: bool,
}

impl Engine {
    pub fn new(shared: Rc<Shared>, events: mpsc::Sender<Event>) -> Self {
        Self {
            shared,
            events,
            active: None,
            envelopes: HashMap::new(),
            later: HashMap::new(),
            waiting: Vec::new(),
            ending: false,
        }
    }

    pub async fn run(mut self, mut inbox: mpsc::Receiver<Event>) {
        loop {
            let event = tokio::select! {
                event = inbox.recv() => event,
                () = sleep_until(self.next_look()) => Some(Event::Look),
            };
            match event {
                Some(Event::List { list, taken }) => {
                    // The poller asks on as soon as the list is in, whatever the hooks take.
                    let good = self.take(&list).await;
                    let _ = taken.send(good);
                    self.stop_unwanted();
                    self.look().await;
                }
                Some(Event::Ran { digest, result }) => {
                    let active = self.active.take();
                    if self.ending {
                        return;
                    }
                    self.ran(active.map(|a| a.hook), digest, result).await;
                    self.look().await;
                }
                Some(Event::Look) => self.look().await,
                Some(Event::Words) => {
                    if self.words() {
                        self.stop_unwanted();
                        self.look().await;
                    }
                }
                Some(Event::Reload) => {
                    self.reload();
                    self.later.clear();
                    self.look().await;
                }
                Some(Event::End) | None => {
                    self.ending = true;
                    let Some(active) = &self.active else { return };
                    active.stop.raise(Stop::Daemon);
                    let _ = tokio::time::timeout(FAREWELL, wait_for_end(&mut inbox)).await;
                    return;
                }
            }
        }
    }

    /// When something that was put off is due.
    fn next_look(&self) -> Option<Time> {
        self.later.values().map(|l| l.at).min()
    }

    /// Takes a list with what it names, and writes the trust down.
    async fn take(&mut self, list: &[u8]) -> bool {
        let mut trust = self.shared.trust.borrow().clone();
        let bearer = match self.shared.api.bearer().await {
            Ok(bearer) => bearer,
            Err(error) => {
                tracing::warn!(%error, "no session");
                return false;
            }
        };
        let client = self.shared.api.client();
        let result = trust::take_list(
            &mut trust,
            client,
            &bearer,
            list,
            &self.shared.me,
            Time::wall_clock(),
        )
        .await;
        // Documents that came in before a failure are verified, and count.
        let saved = trust::save(&self.shared.config.state_dir, &trust);
        if let Err(error) = saved {
            tracing::error!(%error, "the trust documents could not be written; the list does not count");
            return false;
        }
        let (number, expires, listed) = trust.list().map_or((0, None, 0), |l| {
            (l.number, Some(l.expires_at), l.hooks.len())
        });
        *self.shared.trust.borrow_mut() = trust;
        self.shared.tell(|s| {
            s.list_number = number;
            s.list_expires_at = expires;
            s.listed = listed;
        });
        match result {
            Ok(news) => {
                if let Some(fault) = news.history {
                    tracing::error!(%fault, "the server's history is not the one seen before");
                    self.shared.tell(|s| s.history = Some(fault.to_string()));
                }
                true
            }
            Err(error) => {
                let words = match &error {
                    TrustError::Refusal(refusal) => {
                        format!("the hook list or what it names is refused: {refusal}")
                    }
                    other => other.to_string(),
                };
                tracing::warn!(error = words, "the hook list does not count");
                self.shared.tell(|s| s.trouble = Some(words));
                false
            }
        }
    }

    /// Kills the run that the list names as stopped, or that was revoked.
    fn stop_unwanted(&self) {
        if let Some(active) = &self.active
            && let Err(refusal) = self.shared.trust.borrow().still_wanted(&active.hook)
        {
            tracing::warn!(hook = %active.hook.id, %refusal, "the run is killed");
            active.stop.raise(Stop::Hook(refusal.to_string()));
        }
    }

    /// All that a decision stands on beside the hook.
    fn mark(&self, rules: &Rules) -> Mark {
        let trust = self.shared.trust.borrow();
        let text = format!(
            "{} {} {} {} {} {:?}",
            trust.root().version,
            trust.roster().map_or(0, |r| r.version),
            trust.revocations().digest(),
            rules.policy.digest,
            crate::VERSION,
            rules.credentials,
        );
        Digest::of(text.as_bytes())
    }

    /// Looks at every listed hook.
    async fn look(&mut self) {
        if self.ending {
            return;
        }
        let rules = self.shared.rules();
        let mark = self.mark(&rules);
        let listed = self
            .shared
            .trust
            .borrow()
            .list()
            .map_or_else(Vec::new, |l| l.hooks.clone());
        let names = |digest: &Digest| listed.iter().any(|l| l.digest == *digest);
        self.envelopes.retain(|digest, _| names(digest));
        self.later.retain(|digest, _| names(digest));
        self.waiting.retain(|w| names(&w.digest));
        for one in &listed {
            let now = Time::wall_clock();
            let digest = one.digest;
            if self
                .active
                .as_ref()
                .is_some_and(|a| a.hook.digest() == digest)
            {
                continue;
            }
            if self.shared.ledger.borrow().is_settled(&digest, &mark) {
                self.forget(&digest);
                continue;
            }
            if self.later.get(&digest).is_some_and(|l| l.at > now) {
                continue;
            }
            if let Err(error) = self.step(one, &rules, mark, now).await {
                tracing::warn!(hook = %digest.short(), %error, "a hook has to wait");
                self.put_off(digest, None);
            }
        }
        let (waiting, running) = (
            self.waiting.clone(),
            self.active.as_ref().map(|a| a.hook.title.clone()),
        );
        self.shared.tell(|s| {
            s.waiting = waiting;
            s.running = running;
        });
    }

    fn forget(&mut self, digest: &Digest) {
        self.envelopes.remove(digest);
        self.later.remove(digest);
        self.waiting.retain(|w| w.digest != *digest);
    }

    /// Until `at`, or as long as the number of tries says.
    fn put_off(&mut self, digest: Digest, at: Option<Time>) {
        let tries = self.later.get(&digest).map_or(0, |l| l.tries);
        let backoff = Duration::from_secs(1 << tries.min(6));
        let ms = i64::try_from(jitter(backoff, chance()).as_millis()).unwrap_or(LATER);
        let at = at.unwrap_or_else(|| Time::wall_clock().plus_ms(ms));
        self.later.insert(
            digest,
            Later {
                at,
                tries: tries.saturating_add(1),
            },
        );
    }
}

async fn sleep_until(at: Option<Time>) {
    match at {
        None => std::future::pending().await,
        Some(at) => {
            let ms = u64::try_from(at.since(Time::wall_clock())).unwrap_or(0);
            // Not longer than an hour: the wall clock may be set.
            tokio::time::sleep(Duration::from_millis(ms.clamp(1, 3_600_000))).await;
        }
    }
}

async fn wait_for_end(inbox: &mut mpsc::Receiver<Event>) {
    while let Some(event) = inbox.recv().await {
        if matches!(event, Event::Ran { .. }) {
            return;
        }
    }
}
