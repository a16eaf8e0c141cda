//! The runner: what a crash left undone is found by its hint and done. A hint is written before each change and taken
//! away when nothing is owed; hints lie by the minute, and minutes that were gone through are not read again.
use uuid::Uuid;

use super::{
    Cql,
    apply::{LEFT_US, hint_key, micros, minute},
    commit::{OpRow, op_row},
    session::Kind,
    settling::Settled,
};
use crate::{
    Actor, FinishedLeft, OpId, StoreError, Write, codec,
    engine::{
        effects::Outbox,
        keys::{Home, List, Table},
        look::beyond,
    },
};

const MINUTE_US: u64 = 60_000_000;
/// How far back the very first look in a store goes: servers look from their first seconds on.
const FIRST_LOOK_MINUTES: u64 = 60;
/// Minutes of one turn: a store that no server served for long is gone through bit by bit.
const MINUTES: u64 = 2_000;
/// Minutes before now that each turn looks at, whatever others have reached.
const LOOKED_AT_AGAIN: u64 = 5;
/// The part of the hints that says how far they were gone through.
const REACHED: &str = "reached";
/// Hints of one minute that are read at a time.
const HINTS: usize = 500;

impl Cql {
    /// Finishes what writes of any server left: those that are not on their way any more, or `everything`.
    pub(crate) async fn finish_left(&self, everything: bool) -> Result<FinishedLeft, StoreError> {
        let now = micros();
        let last = if everything {
            now
        } else {
            now.saturating_sub(LEFT_US)
        };
        let first = self.first_minute(now / MINUTE_US).await?;
        let mut done = FinishedLeft::default();
        let mut reached = first;
        for n in first..=(last / MINUTE_US).min(first + MINUTES) {
            let clean = self.finish_minute(n, last, everything, &mut done).await?;
            // A minute that may still get hints, or that holds some that failed, is read again.
            if clean && (n + 2) * MINUTE_US < last && reached == n {
                reached = n + 1;
            }
        }
        if reached > first {
            // Others, and this server when it starts again, go on from here.
            let body = codec::encode("minute", &Hint { at: reached })?;
            self.inner
                .entry(List::Hints, REACHED, "", Some(&body), reached)
                .await?;
        }
        Ok(done)
    }

    /// The first minute that was not gone through.
    async fn first_minute(&self, now: u64) -> Result<u64, StoreError> {
        let entry = self
            .inner
            .read("hints", |look| look.entry(List::Hints, REACHED, ""))
            .await?;
        Ok(match entry {
            // Never beyond this server's own time: one whose clock was ahead must not hide what others left.
            Some(body) => {
                let reached = codec::decode::<Hint>("minute", &body)?.at;
                reached.min(now.saturating_sub(LOOKED_AT_AGAIN))
            }
            None => now.saturating_sub(FIRST_LOOK_MINUTES),
        })
    }

    /// Whether nothing is left of that minute.
    async fn finish_minute(
        &self,
        n: u64,
        last: u64,
        everything: bool,
        done: &mut FinishedLeft,
    ) -> Result<bool, StoreError> {
        let part = minute(n * MINUTE_US);
        let mut after = String::new();
        let mut clean = true;
        loop {
            let (list_part, from) = (part.clone(), after.clone());
            let hints = self
                .inner
                .read("hints", move |look| {
                    look.list(List::Hints, &list_part, &from, HINTS)
                })
                .await?;
            let Some((end, _)) = hints.last() else {
                return Ok(clean);
            };
            after.clone_from(end);
            for (key, body) in &hints {
                let at: u64 = codec::decode("hint", body).map_or(0, |h: Hint| h.at);
                if at > last {
                    clean = false;
                    continue;
                }
                match self.finish(key, everything).await {
                    Ok(finished) => {
                        done.finished += finished;
                        // By its own time: a younger one of the same write stays.
                        self.inner.entry(List::Hints, &part, key, None, at).await?;
                    }
                    Err(error) => {
                        tracing::warn!(%error, hint = key, "what a write left could not be finished yet");
                        done.failed += 1;
                        clean &= self.put_off(&part, key, at).await?;
                    }
                }
            }
        }
    }

    /// Moves a hint that failed to the present minute, so that it holds up no later ones. Whether it left its own.
    async fn put_off(&self, part: &str, key: &str, at: u64) -> Result<bool, StoreError> {
        let now = micros();
        let later = minute(now);
        if later == part {
            return Ok(false);
        }
        let body = codec::encode("hint", &Hint { at: now })?;
        self.inner
            .entry(List::Hints, &later, key, Some(&body), now)
            .await?;
        self.inner.entry(List::Hints, part, key, None, at).await?;
        Ok(true)
    }

    /// Writes of that aggregate whose maker is gone and whose effects are owed still, hinted or not; `finish`: they are done.
    pub(crate) async fn owed(&self, home: &Home, finish: bool) -> Result<u32, StoreError> {
        let at = home.clone();
        let rows = self
            .inner
            .read("outbox", move |look| {
                look.rows(&at, "o/", &beyond("o/"), usize::MAX)
            })
            .await?;
        let mut owed = 0;
        for (_, body) in rows {
            let Ok(outbox) = codec::decode::<Outbox>("outbox", &body) else {
                // Nobody can finish it: it is told of, and what follows is looked at.
                owed += 1;
                continue;
            };
            let Ok(op) = Uuid::from_slice(&outbox.op.0) else {
                continue;
            };
            if outbox.is_left() {
                owed += 1;
                if finish {
                    self.finish(&hint_key(home, op), false).await?;
                }
            }
        }
        Ok(owed)
    }

    /// Does what the aggregate of one hint owes. Says how many writes were finished.
    async fn finish(&self, key: &str, everything: bool) -> Result<u32, StoreError> {
        let mut fields = key.split('\u{1}');
        let (Some(table), Some(op)) = (fields.next(), fields.next_back()) else {
            return Ok(0);
        };
        let id: Vec<&str> = fields.collect();
        let found = Table::ALL.iter().find(|t| t.name() == table);
        let (Some(table), Ok(op)) = (found, op.parse::<Uuid>()) else {
            return Ok(0);
        };
        let home = Home::new(*table, id.join("\u{1}"));
        // As transactions see it: a change that was accepted and not spread yet is, by this.
        self.inner.version(&home, Kind::SerialRead).await?;
        let at = home.clone();
        let owed = self
            .inner
            .read("outbox", move |look| {
                look.rows(&at, "o/", &beyond("o/"), usize::MAX)
            })
            .await?;
        let mut finished = 0;
        for (_, body) in owed {
            let outbox: Outbox = codec::decode("outbox", &body)?;
            if outbox.op.0 != op.as_bytes() {
                continue;
            }
            let write = write_of(&outbox, op);
            let applied = self.apply(&write, &outbox, None, everything).await?;
            let row = home.at(op_row(op));
            let answer = self
                .inner
                .read("answer", move |look| look.bytes(&row))
                .await?;
            if let Some(answer) = answer {
                let mut known: OpRow<bson::Bson> = codec::decode("answer", &answer)?;
                tracing::info!(verb = known.verb, "what a write left was finished");
                known.applied = Some(applied);
                let body = codec::encode("answer", &known)?;
                self.settled(&home, &Settled::new(outbox.version, op, body))
                    .await?;
            }
            finished += 1;
        }
        Ok(finished)
    }
}

/// When a write began.
#[derive(serde::Serialize, serde::Deserialize)]
pub(super) struct Hint {
    pub(super) at: u64,
}

fn write_of(outbox: &Outbox, op: Uuid) -> Write {
    let actor: Actor = outbox.actor.clone();
    Write::new(actor, outbox.at).op(OpId(op))
}
