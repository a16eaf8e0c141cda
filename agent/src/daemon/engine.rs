//! The engine: looks at the hook list, the ledger, the policy and the administrator's words, and does what follows.
//! It can look again at any time: what is done already is not done twice, since every step asks the ledger first.
use std::{collections::HashMap, rc::Rc, time::Duration};

use boathook_hooks::{
    documents::{hook::Hook, hook_list::ListedHook},
    envelope::Envelope,
    explain::explain,
    ids::Digest,
    protocol::AnswerKind,
    reach,
    strict::MAX_DOCUMENT,
    time::{SECOND, Time},
    verify::{Refusal, Verified},
};
use bytes::Bytes;
use tokio::sync::mpsc;

use super::{
    Rules, Shared,
    answers::{Answer, AnswerError, answer},
    poller::Taken,
    start::{self, Active, Start, StartError, StopSign},
};
use crate::{
    consent::{self, Waiting, Word},
    ledger::{Asked, Mark, Next, Record, Said, next},
    policy::{Decision, Mode, Ready, decide},
    poll::{chance, jitter},
    run::Stop,
    session::SessionError,
    spool,
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
                    self.active = None;
                    if self.ending {
                        return;
                    }
                    self.ran(digest, result).await;
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

    /// What follows for one hook.
    async fn step(
        &mut self,
        listed: &ListedHook,
        rules: &Rules,
        mark: Mark,
        now: Time,
    ) -> Result<(), StepError> {
        let digest = listed.digest;
        let bytes = self.envelope(listed).await?;
        let verified = self
            .shared
            .trust
            .borrow()
            .verify_hook(&bytes, &self.shared.me, now);
        let hook = match verified {
            Ok(hook) => hook,
            Err(refusal) if refusal.may_pass_later() => {
                tracing::info!(hook = %digest.short(), %refusal, "not yet");
                let at = match refusal {
                    Refusal::NotYet(at) => at.plus_ms(-9 * 60 * SECOND).max(now.plus_ms(SECOND)),
                    _ => now.plus_ms(LATER),
                };
                self.put_off(digest, Some(at));
                return Ok(());
            }
            Err(refusal) => {
                let reason = refusal.to_string();
                self.say(listed, refusal.answer(), &reason, None, mark)
                    .await?;
                self.forget(&digest);
                return Ok(());
            }
        };
        let asked = Asked::of(digest, &hook);
        let follows = {
            let ledger = self.shared.ledger.borrow();
            next(&asked, &ledger.runs_of(&asked.hook), now)
        };
        match follows {
            Next::Run { attempt } => {
                self.maybe_run(listed, hook, attempt, rules, mark, now)
                    .await?
            }
            Next::Answer { kind, reason, run } => {
                self.say(listed, kind, &reason, run, mark).await?;
                // What follows on the answer: another attempt, or nothing.
                let _ = self.events.try_send(Event::Look);
            }
            Next::Rest(until) => self.put_off(digest, Some(until)),
            Next::Busy => {}
            Next::Done => self.forget(&digest),
        }
        Ok(())
    }

    async fn envelope(&mut self, listed: &ListedHook) -> Result<Bytes, StepError> {
        if let Some(known) = self.envelopes.get(&listed.digest) {
            return Ok(known.clone());
        }
        let limit = usize::try_from(listed.size)
            .unwrap_or(MAX_DOCUMENT)
            .min(MAX_DOCUMENT);
        let answer = self
            .shared
            .api
            .send(|c| {
                Ok(
                    c.request("fetching a hook", reqwest::Method::GET, &listed.url)?
                        .limit(limit),
                )
            })
            .await?;
        // Any other document is the server's mistake, and no reason to answer.
        let same =
            Envelope::from_bson(&answer.body, limit).is_ok_and(|e| e.digest() == listed.digest);
        if !same {
            return Err(StepError::OtherDocument(listed.digest.short()));
        }
        self.envelopes.insert(listed.digest, answer.body.clone());
        Ok(answer.body)
    }

    async fn say(
        &self,
        listed: &ListedHook,
        kind: AnswerKind,
        reason: &str,
        run: Option<(String, boathook_hooks::ids::ClaimId)>,
        mark: Mark,
    ) -> Result<(), AnswerError> {
        let digest = listed.digest;
        answer(
            &self.shared,
            Answer {
                digest,
                token: &listed.token,
                kind,
                reason,
                run,
                mark,
            },
        )
        .await
    }

    /// Policy, consent, room; then the run.
    async fn maybe_run(
        &mut self,
        listed: &ListedHook,
        hook: Verified<Hook>,
        attempt: u32,
        rules: &Rules,
        mark: Mark,
        now: Time,
    ) -> Result<(), StepError> {
        let digest = listed.digest;
        let used = self.shared.ledger.borrow().used(now);
        let bounds = self.shared.trust.borrow().root().bounds.clone();
        let decision = decide(
            &hook,
            &bounds,
            &rules.policy,
            &rules.credentials,
            used,
            now,
            local_minute(now),
        );
        let ready = match decision {
            Decision::Run(ready) => ready,
            Decision::NotNow { reason, until } => {
                self.wait(listed, &format!("{reason}; not before {until}"), mark)
                    .await?;
                self.put_off(digest, Some(until));
                return Ok(());
            }
            Decision::Refused(reason) => {
                self.say(listed, AnswerKind::Refused, &reason, None, mark)
                    .await?;
                self.forget(&digest);
                return Ok(());
            }
        };
        if !self.consented(listed, &hook, &ready, mark, now).await? {
            return Ok(());
        }
        // One run at a time; the end of the present one looks again.
        if self.active.is_some() {
            return Ok(());
        }
        if self
            .shared
            .spool
            .room()
            .is_ok_and(|room| room < spool::LEAST)
        {
            tracing::warn!(hook = %hook.id, "the spool is full: the hook waits until packets were sent");
            self.put_off(digest, Some(now.plus_ms(10 * SECOND)));
            return Ok(());
        }
        self.waiting.retain(|w| w.digest != digest);
        let stop = Rc::new(StopSign::default());
        self.active = Some(Active {
            hook: hook.clone(),
            stop: Rc::clone(&stop),
        });
        let start = Start {
            hook,
            attempt,
            ready,
            stop,
        };
        tokio::task::spawn_local(start::start(
            Rc::clone(&self.shared),
            start,
            self.events.clone(),
        ));
        Ok(())
    }

    /// Whether the run may begin as far as people are concerned; where not, they and the server are told.
    async fn consented(
        &mut self,
        listed: &ListedHook,
        hook: &Verified<Hook>,
        ready: &Ready,
        mark: Mark,
        now: Time,
    ) -> Result<bool, StepError> {
        if ready.consent == Mode::Auto {
            return Ok(true);
        }
        let digest = listed.digest;
        let said = self.shared.ledger.borrow().consent_to(&digest).cloned();
        match said {
            Some(Said::Approved { .. }) => Ok(true),
            Some(Said::Declined { reason, .. }) => {
                self.say(listed, AnswerKind::Declined, &reason, None, mark)
                    .await?;
                self.forget(&digest);
                Ok(false)
            }
            None => {
                if !self.waiting.iter().any(|w| w.digest == digest) {
                    tracing::info!(hook = %hook.id, title = hook.title, "a hook waits for `boathook-agent approve`");
                    let bounds = self.shared.trust.borrow().root().bounds.clone();
                    self.waiting.push(waiting(hook, &bounds, now));
                }
                self.wait(listed, "the administrator has not said yet", mark)
                    .await?;
                Ok(false)
            }
        }
    }

    /// The answer *waiting*, once for each reason.
    async fn wait(&self, listed: &ListedHook, reason: &str, mark: Mark) -> Result<(), AnswerError> {
        let told = self
            .shared
            .ledger
            .borrow()
            .answer_to(&listed.digest)
            .is_some_and(|last| last.kind == AnswerKind::Waiting && last.reason == reason);
        if told {
            Ok(())
        } else {
            self.say(listed, AnswerKind::Waiting, reason, None, mark)
                .await
        }
    }

    /// A run ended, or did not come about.
    async fn ran(&mut self, digest: Digest, result: Result<(), StartError>) {
        let Err(error) = result else {
            self.later.remove(&digest);
            return;
        };
        tracing::warn!(hook = %digest.short(), %error, "a run did not come about");
        let now = Time::wall_clock();
        let StartError::Api(api) = &error else {
            self.put_off(digest, Some(now.plus_ms(LATER)));
            return;
        };
        match (api.status(), api.retry_after()) {
            // The server has this instance's answer: of a ledger that was lost.
            (Some(409), _) => {
                let mark = self.mark(&self.shared.rules());
                let record = Record::Answered(crate::ledger::Answered {
                    at: now,
                    digest,
                    kind: AnswerKind::AnsweredBefore,
                    reason: "the server has an answer of this instance".into(),
                    run: None,
                    mark,
                });
                if let Err(error) = self.shared.ledger.borrow_mut().append(record) {
                    tracing::error!(%error, "the ledger could not be written");
                }
                self.put_off(digest, Some(now.plus_ms(LATER)));
            }
            (Some(403 | 410 | 413), _) => self.put_off(digest, Some(now.plus_ms(LATER))),
            (_, Some(wish)) => {
                let ms = i64::try_from(jitter(wish, chance()).as_millis()).unwrap_or(LATER);
                self.put_off(digest, Some(now.plus_ms(ms.max(200))));
            }
            _ => self.put_off(digest, None),
        }
    }

    /// Acts upon what the administrator said; true when something is to be looked at.
    fn words(&mut self) -> bool {
        let state = self.shared.config.state_dir.clone();
        let words = match consent::listen(&state) {
            Ok(words) => words,
            Err(error) => {
                tracing::error!(%error, "the control directory cannot be read");
                return false;
            }
        };
        let mut acted = false;
        for (path, word) in words {
            let done = match word {
                Ok(word) => self.act(word),
                Err(what) => Err(what),
            };
            match done {
                Ok(()) => acted = true,
                Err(what) => {
                    tracing::error!(path = %path.display(), what, "a word to the agent is refused")
                }
            }
            if let Err(error) = consent::heard(&path) {
                tracing::error!(%error, "a word to the agent could not be removed");
            }
        }
        acted
    }

    fn act(&mut self, word: Word) -> Result<(), String> {
        let at = Time::wall_clock();
        let mut consent = |digest, said| {
            self.later.remove(&digest);
            let record = Record::Consent { at, digest, said };
            self.shared
                .ledger
                .borrow_mut()
                .append(record)
                .map_err(|e| e.to_string())
        };
        match word {
            Word::Approve { digest, by } => consent(digest, Said::Approved { by }),
            Word::Decline { digest, by, reason } => consent(digest, Said::Declined { by, reason }),
            Word::Trust { document } => {
                let mut trust = self.shared.trust.borrow().clone();
                let (what, _) =
                    trust::import(&mut trust, &document.0).map_err(|e| e.to_string())?;
                trust::save(&self.shared.config.state_dir, &trust).map_err(|e| e.to_string())?;
                *self.shared.trust.borrow_mut() = trust;
                tracing::info!(what, "a trust document was imported by hand");
                self.later.clear();
                Ok(())
            }
        }
    }

    fn reload(&self) {
        match Rules::load(&self.shared.config, &self.shared.config_file) {
            Ok(rules) => {
                *self.shared.rules.borrow_mut() = Rc::new(rules);
                tracing::info!("policy and credentials were read again");
            }
            Err(error) => {
                tracing::error!(%error, "policy or credentials do not read; those of before hold on")
            }
        }
        self.shared.poll_now.notify_one();
    }
}

fn waiting(
    hook: &Verified<Hook>,
    bounds: &boathook_hooks::documents::root::Bounds,
    now: Time,
) -> Waiting {
    Waiting {
        digest: hook.digest(),
        hook: hook.id.clone(),
        revision: hook.revision,
        title: hook.title.clone(),
        reason: hook.reason.clone(),
        reach: reach::of(hook, bounds).name().to_owned(),
        signed_by: hook.signers().iter().map(ToString::to_string).collect(),
        explanation: explain(hook, Some(bounds))
            .to_string()
            .lines()
            .map(str::to_owned)
            .collect(),
        asked_at: now,
        expires_at: hook.expires_at(),
    }
}

/// Minutes since local midnight.
fn local_minute(now: Time) -> u16 {
    let local = now.stamp().to_zoned(jiff::tz::TimeZone::system());
    u16::try_from(i32::from(local.hour()) * 60 + i32::from(local.minute())).unwrap_or(0)
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
