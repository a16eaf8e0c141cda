//! One write: look, decide, change the aggregate on its version, do what follows. What nobody answered is read back.
use std::{collections::BTreeMap, future::Future, pin::Pin, time::Duration};

use serde::{Serialize, de::DeserializeOwned};
use tokio::time::Instant;

use super::{
    Cql, RUNS,
    apply::{ALONE, micros},
    commit::{Commit, OpRow, op_row, outbox_row},
    look::Known,
    settling::Settled,
};
use crate::{
    Answer, Outcome, Refused, StoreError, Write, codec,
    engine::{
        effects::{Applied, Effect, Outbox, Step},
        keys::{Home, Table},
        look::Need,
        stop::Stop,
        tx::Tx,
    },
};
use boathook_hooks::ids::Blob;

/// Between two tries of a write that another was quicker than.
const LONGEST_PAUSE: Duration = Duration::from_millis(120);

/// How long before its change a hint may be written.
const FRESH: Duration = Duration::from_secs(3);

/// How a write is kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// With what it owes, until that is done.
    Owed,
    /// Its effects are entries of lists alone, which whoever repeats it writes again.
    Repeated,
}

/// A write that was made, and what it owes.
pub(super) struct Made<T> {
    pub(super) answer: Outcome<T>,
    /// None when nothing changed.
    pub(super) outbox: Option<Outbox>,
    /// Until when its effects are its maker's alone; none when it was made before.
    pub(super) blind_until: Option<Instant>,
    /// What they brought, if they are.
    pub(super) applied: Option<Applied>,
}

impl<T> Made<T> {
    /// One that owes nothing.
    fn told(answer: Outcome<T>) -> Self {
        Self {
            answer,
            outbox: None,
            blind_until: None,
            applied: None,
        }
    }
}

pub(super) type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What one run of a body came to.
struct Ran<T> {
    outcome: Result<T, Stop>,
    puts: BTreeMap<String, Option<Vec<u8>>>,
    effects: Vec<Effect>,
    before: Vec<Effect>,
}

fn run_once<T>(
    known: &mut Known,
    write: &Write,
    home: &Home,
    body: &impl Fn(&mut Tx<'_>) -> Result<T, Stop>,
    repeat: bool,
) -> Ran<T> {
    let mut tx = Tx::new(known, write, home.clone(), repeat);
    let outcome = body(&mut tx);
    Ran {
        outcome,
        puts: tx.puts,
        effects: tx.effects,
        before: tx.before,
    }
}

impl Cql {
    pub(crate) async fn write<T, F>(
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
        let patience = write.patience();
        let operation = verb;
        if patience.is_zero() {
            return Err(StoreError::TryAgain { operation });
        }
        // In a task of its own: a caller that gives up cuts nothing in two.
        let store = self.clone();
        let task =
            tokio::spawn(async move { store.whole(verb, &write, &home, &body, fill, false).await });
        match tokio::time::timeout(patience, task).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(e)) => Err(StoreError::Backend {
                operation,
                source: Box::new(e),
            }),
            Err(_) => Err(StoreError::TryAgain { operation }),
        }
    }

    /// The change, its effects, and the end of what it owed. A repeat leaves the effects to whoever made the change, for
    /// as long as that one may be at it: two that append one event at once, neither looking for the other's, would
    /// append it twice. `everything`: nobody is.
    async fn whole<T, F>(
        &self,
        verb: &'static str,
        write: &Write,
        home: &Home,
        body: &F,
        fill: fn(&mut T, &Applied),
        everything: bool,
    ) -> Answer<T>
    where
        T: Serialize + DeserializeOwned + Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T, Stop> + Send + Sync + 'static,
    {
        let until = Instant::now() + write.patience();
        let made = loop {
            let made = self
                .make(verb, write, home, &[], body, Keep::Owed, None)
                .await?;
            let others = |o: &Outbox| made.blind_until.is_none() && !everything && !o.is_left();
            if !made.outbox.as_ref().is_some_and(others) {
                break made;
            }
            if Instant::now() > until {
                return Err(StoreError::TryAgain { operation: verb });
            }
            tokio::time::sleep(LONGEST_PAUSE).await;
        };
        let mut answer = made.answer;
        let Some(outbox) = made.outbox else {
            if let (Outcome::Done(value), Some(applied)) = (&mut answer, &made.applied) {
                fill(value, applied);
            }
            return Ok(answer);
        };
        let version = outbox.version;
        let applied = self
            .apply(write, &outbox, made.blind_until, everything)
            .await?;
        let row = OpRow {
            verb: verb.to_owned(),
            actor: write.actor.to_string(),
            version,
            answer,
            applied: Some(applied),
        };
        let bytes = codec::encode("answer", &row)?;
        self.settle(home.clone(), Settled::new(version, write.op_id.0, bytes));
        let (mut answer, applied) = (row.answer, row.applied.unwrap_or_default());
        if let Outcome::Done(value) = &mut answer {
            fill(value, &applied);
        }
        Ok(answer)
    }

    /// A step of another write, whose effects are its own.
    pub(super) fn step<'a>(
        &'a self,
        write: Write,
        step: &'a Step,
        everything: bool,
    ) -> Boxed<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let (home, run) = (step.home(), step.clone());
            let body = move |tx: &mut Tx<'_>| run.run(tx);
            let fill = |_: &mut (), _: &Applied| {};
            let whole = self.whole(step.verb(), &write, &home, &body, fill, everything);
            match whole.await? {
                Outcome::Done(()) => {}
                Outcome::Refused(reason) => {
                    tracing::warn!(verb = step.verb(), %reason, "what follows from a change was refused");
                }
            }
            Ok(())
        })
    }

    /// The change alone. `ahead`: what the body is known to need. `blind_until`: before then nothing of it can be there
    /// already; after it the body looks.
    #[allow(clippy::too_many_arguments)] // What a write is.
    pub(super) async fn make<T, F>(
        &self,
        verb: &'static str,
        write: &Write,
        home: &Home,
        ahead: &[Need],
        body: &F,
        keep: Keep,
        blind_until: Option<Instant>,
    ) -> Result<Made<T>, StoreError>
    where
        T: Serialize + DeserializeOwned + Send,
        F: Fn(&mut Tx<'_>) -> Result<T, Stop> + Send + Sync,
    {
        let inner = &self.inner;
        let until = Instant::now() + write.patience();
        let mut turn = inner.turns.turn(home).await;
        let op_at = home.at(op_row(write.op_id.0));
        let mut hinted: Option<Instant> = None;
        let mut pause = Duration::from_millis(4);
        loop {
            if Instant::now() > until {
                return Err(StoreError::TryAgain { operation: verb });
            }
            let mut known = Known::default();
            // The version first, as transactions see it: by then what made it is on most replicas, so that no row that is
            // read after it is older. A row of before, decided on at a later version, would undo a change.
            known
                .fetch(inner, vec![Need::Version(home.clone())], Some(home))
                .await?;
            let mut first = vec![Need::Row(op_at.clone()), Need::Row(home.head())];
            first.extend_from_slice(ahead);
            known.fetch(inner, first, None).await?;
            if let Some(made) = self.before(verb, write, home, &mut known).await? {
                return Ok(made);
            }
            let mut runs = 0;
            let Ran {
                outcome,
                puts,
                effects,
                before,
            } = loop {
                // Said after the version was read: what somebody else does from then on makes it another one.
                let repeat = blind_until.is_none_or(|moment| Instant::now() > moment);
                let mut ran = run_once(&mut known, write, home, body, repeat);
                match ran.outcome {
                    Err(Stop::Load(needs)) if runs < RUNS => {
                        known.fetch(inner, needs, None).await?;
                        runs += 1;
                    }
                    outcome => {
                        ran.outcome = outcome;
                        break ran;
                    }
                }
            };
            let expected = match crate::engine::look::Look::version(&mut known, home) {
                Ok(version) => version,
                Err(stop) => return Err(stop.into_error(verb)),
            };
            let value = match outcome {
                Ok(value) => value,
                Err(Stop::Refused(reason)) => {
                    let kept = self.refuse(verb, write, home, expected, &reason).await?;
                    if kept {
                        return Ok(Made::told(Outcome::Refused(reason)));
                    }
                    continue;
                }
                // Something that another write began is on its way: looked at again until the deadline. It may need the turn
                // for its end.
                Err(Stop::Error(StoreError::TryAgain { .. })) => {
                    drop(turn);
                    tokio::time::sleep(pause).await;
                    turn = inner.turns.turn(home).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    continue;
                }
                Err(stop) => return Err(stop.into_error(verb)),
            };
            let unchanged = puts.is_empty() && effects.is_empty();
            let lists_only =
                puts.is_empty() && effects.iter().all(|e| matches!(e, Effect::List { .. }));
            if unchanged || lists_only {
                inner.put_entries(&effects, expected.max(1)).await?;
                return Ok(Made::told(Outcome::Done(value)));
            }
            let version = expected + 1;
            let outbox = Outbox {
                op: Blob(write.op_id.0.as_bytes().to_vec()),
                actor: write.actor.clone(),
                at: write.now,
                made_us: micros(),
                version,
                effects,
            };
            inner.put_entries(&before, 1).await?;
            let owed = keep == Keep::Owed && !outbox.effects.is_empty();
            // Shortly before the change, from when it began to be written: a hint that is older than a change could be taken for
            // one that came to nothing. Where it takes longer nothing is changed.
            while owed && hinted.is_none_or(|at| at.elapsed() > FRESH) {
                let began = Instant::now();
                if began > until {
                    return Err(StoreError::TryAgain { operation: verb });
                }
                self.hint(home, write.op_id.0).await?;
                hinted = Some(began);
            }
            let row = OpRow {
                verb: verb.to_owned(),
                actor: write.actor.to_string(),
                version,
                answer: Outcome::Done(value),
                applied: None,
            };
            let commit = Commit {
                home,
                expected,
                rows: &puts,
                op: write.op_id.0,
                op_body: codec::encode("answer", &row)?,
                outbox: owed.then(|| codec::encode("outbox", &outbox)).transpose()?,
            };
            super::faults::point(verb, "before_commit");
            let applied = match (inner.commit(&commit).await?, &commit.outbox) {
                (Some(applied), _) => applied,
                // Nobody knows: the op itself tells, read as transactions see it. What it owes says whose it is: a repeat
                // may have been quicker.
                (None, None) => inner.serial_row(&op_at).await?.is_some(),
                (None, mine @ Some(_)) => {
                    inner.serial_row(&home.at(outbox_row(version))).await? == *mine
                }
            };
            if applied {
                super::faults::point(verb, "after_commit");
                if owed && hinted.is_none_or(|at| at.elapsed() > ALONE) {
                    // It took so long that the hint may be taken away before anybody could see the change.
                    self.hint(home, write.op_id.0).await?;
                }
                return Ok(Made {
                    answer: row.answer,
                    outbox: Some(outbox),
                    blind_until: Some(hinted.unwrap_or_else(Instant::now) + ALONE),
                    applied: None,
                });
            }
            let jitter = Duration::from_micros(u64::from(write.op_id.0.as_bytes()[15]) * 40);
            tokio::time::sleep(pause + jitter).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// What this op was answered before, and what it may owe still.
    async fn before<T: DeserializeOwned>(
        &self,
        verb: &'static str,
        write: &Write,
        home: &Home,
        known: &mut Known,
    ) -> Result<Option<Made<T>>, StoreError> {
        let at = home.at(op_row(write.op_id.0));
        let found = crate::engine::look::Look::bytes(known, &at).map_err(|s| s.into_error(verb))?;
        let Some(bytes) = found else {
            return Ok(None);
        };
        let who: OpRow<bson::Bson> = codec::decode("answer", &bytes)?;
        // Another's op id must not bring another's answer.
        if who.verb != verb || who.actor != write.actor.to_string() {
            return Ok(Some(Made::told(Outcome::Refused(Refused::OpReused))));
        }
        let row: OpRow<Outcome<T>> = codec::decode("answer", &bytes)?;
        let owed = home.at(outbox_row(row.version));
        known
            .fetch(&self.inner, vec![Need::Row(owed.clone())], None)
            .await?;
        let owed =
            crate::engine::look::Look::bytes(known, &owed).map_err(|s| s.into_error(verb))?;
        Ok(Some(Made {
            answer: row.answer,
            outbox: owed.map(|b| codec::decode("outbox", &b)).transpose()?,
            blind_until: None,
            applied: row.applied,
        }))
    }

    /// Remembers a refusal beside the aggregate that was refused, if there is one. False: it changed meanwhile.
    async fn refuse(
        &self,
        verb: &'static str,
        write: &Write,
        home: &Home,
        expected: u64,
        reason: &Refused,
    ) -> Result<bool, StoreError> {
        // Nothing is kept of strangers, nor where nothing is.
        if expected == 0
            || home.table == Table::Loose
            || matches!(reason, Refused::OutOfScope | Refused::NotFound(_))
        {
            return Ok(true);
        }
        let row = OpRow {
            verb: verb.to_owned(),
            actor: write.actor.to_string(),
            version: 0,
            answer: Outcome::<()>::Refused(reason.clone()),
            applied: None,
        };
        let commit = Commit {
            home,
            expected,
            rows: &BTreeMap::new(),
            op: write.op_id.0,
            op_body: codec::encode("answer", &row)?,
            outbox: None,
        };
        match self.inner.commit(&commit).await? {
            Some(kept) => Ok(kept),
            // Nobody knows: a repeat must find what this one tells, so it is told only once it is there.
            None => {
                let there = self.inner.serial_row(&home.at(op_row(commit.op))).await?;
                Ok(there == Some(commit.op_body))
            }
        }
    }
}
