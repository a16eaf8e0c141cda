//! One hook: fetched, verified, and what follows for it.
use std::rc::Rc;

use boathook_hooks::{
    documents::{hook::Hook, hook_list::ListedHook, root::Bounds},
    envelope::Envelope,
    explain::explain,
    ids::{ClaimId, Digest},
    protocol::AnswerKind,
    reach,
    strict::MAX_DOCUMENT,
    time::{SECOND, Time},
    verify::{Refusal, Verified},
};
use bytes::Bytes;

use super::{Engine, Event, LATER, StepError};
use crate::{
    consent::Waiting,
    daemon::{
        Rules,
        answers::{Answer, AnswerError, answer},
        start::{self, Active, Start, StartError, StopSign},
    },
    ledger::{Answered, Asked, End, Mark, Next, Record, Said, next},
    policy::{Decision, Mode, Ready, decide},
    poll::{chance, jitter},
    spool,
};

impl Engine {
    /// What follows for one hook.
    pub(super) async fn step(
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
        run: Option<(String, ClaimId)>,
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

    /// A run that was killed is answered at once: its hook may be listed no more, and then nothing else would be said
    /// of it, nor its claim given back.
    async fn tell_of_a_stop(&self, hook: &Verified<Hook>) {
        let digest = hook.digest();
        let run = self.shared.ledger.borrow().last_run_of(&digest).cloned();
        let Some(run) = run.filter(|r| !r.answered) else {
            return;
        };
        let Some((_, End::Stopped { reason })) = &run.end else {
            return;
        };
        let said = Answer {
            digest,
            token: hook.token(),
            kind: AnswerKind::Failed,
            reason,
            run: Some((run.begun.run.clone(), run.begun.claim.clone())),
            mark: self.mark(&self.shared.rules()),
        };
        if let Err(error) = answer(&self.shared, said).await {
            tracing::warn!(hook = %hook.id, %error, "the server could not be told that the run was killed");
        }
    }

    /// A run ended, or did not come about.
    pub(super) async fn ran(
        &mut self,
        hook: Option<Verified<Hook>>,
        digest: Digest,
        result: Result<(), StartError>,
    ) {
        let Err(error) = result else {
            self.later.remove(&digest);
            if let Some(hook) = hook {
                self.tell_of_a_stop(&hook).await;
            }
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
                let record = Record::Answered(Answered {
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
}

fn waiting(hook: &Verified<Hook>, bounds: &Bounds, now: Time) -> Waiting {
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
