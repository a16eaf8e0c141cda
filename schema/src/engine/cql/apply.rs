//! What a change owes: other aggregates, lists, the control log, the chains; then it is settled.
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;
use uuid::Uuid;

use super::{Cql, commit::outbox_row, logs::Told, runner::Hint, settling::Settled, write::Made};
use crate::{
    StoreError, Write, codec,
    engine::{
        effects::{Applied, Effect, ErasureNote, Outbox, Step},
        events::EventEntry,
        keys::{Home, List},
    },
};

/// How long after its hint a write is alone with its effects. With the time that a transaction under way may take it
/// must stay below [`LEFT_US`].
pub(super) const ALONE: Duration = Duration::from_secs(6);
/// A write whose change or hint is older than this is not on its way any more.
pub(super) const LEFT_US: u64 = 15_000_000;

/// How long what is done waits for another change to take it along.
const A_MOMENT: Duration = Duration::from_millis(40);

/// Which effect an event is, and who notes its head.
type Noted<'a> = (usize, Option<&'a ErasureNote>);

impl Outbox {
    /// Whether its maker is not at it any more.
    pub(super) fn is_left(&self) -> bool {
        micros().saturating_sub(self.made_us) > LEFT_US
    }
}

pub(super) fn micros() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(0)
}

/// The list of hints has a part a minute.
pub(super) fn minute(micros: u64) -> String {
    format!("{:010}", micros / 60_000_000)
}

impl Cql {
    /// Says, before a change is made, where something may be left undone.
    pub(super) async fn hint(&self, home: &Home, op: Uuid) -> Result<(), StoreError> {
        let now = micros();
        let (part, sort) = (minute(now), hint_key(home, op));
        let body = codec::encode("hint", &Hint { at: now })?;
        self.inner
            .entry(List::Hints, &part, &sort, Some(&body), now)
            .await
    }

    /// Does what a change owes. From `blind_until` on, or at once without one, somebody else may do the same: then each
    /// looks whether the other did. `everything`: what steps owe is done, too, however young it is.
    pub(super) async fn apply(
        &self,
        write: &Write,
        outbox: &Outbox,
        blind_until: Option<Instant>,
        everything: bool,
    ) -> Result<Applied, StoreError> {
        let mut applied = Applied::default();
        for (n, effect) in outbox.effects.iter().enumerate() {
            if let Effect::Then(step) = effect {
                self.step(write.following(n), step, everything).await?;
                super::faults::point(step.verb(), "after_step");
            }
        }
        self.inner
            .put_entries(&outbox.effects, outbox.version)
            .await?;
        super::faults::point("apply", "after_lists");
        for (n, effect) in outbox.effects.iter().enumerate() {
            if let Effect::Control { change, note } = effect {
                let told = Told {
                    op: write.op_id,
                    nth: n,
                    at: write.now,
                    change: change.clone(),
                };
                let number = self.append_control(told, blind_until).await?;
                applied.control = Some(number);
                if let Some(digest) = note {
                    let step = Step::Note {
                        digest: *digest,
                        control: number,
                    };
                    self.step(write.following(n), &step, everything).await?;
                }
            }
        }
        super::faults::point("apply", "after_control");
        let mut chains: Vec<(String, Vec<EventEntry>, Vec<Noted<'_>>)> = Vec::new();
        for (n, effect) in outbox.effects.iter().enumerate() {
            if let Effect::Event { chain, entry, note } = effect {
                let noted = (n, note.as_deref());
                match chains.iter_mut().find(|(name, ..)| name == chain) {
                    Some((_, entries, all)) => {
                        entries.push((**entry).clone());
                        all.push(noted);
                    }
                    None => chains.push((chain.clone(), vec![(**entry).clone()], vec![noted])),
                }
            }
        }
        for (chain, entries, noted) in chains {
            let heads = self.append_events(&chain, entries, blind_until).await?;
            super::faults::point("apply", "after_events");
            for ((n, note), head) in noted.into_iter().zip(&heads) {
                if let Some(note) = note {
                    let step = note.step(head.clone());
                    self.step(write.following(n), &step, everything).await?;
                }
            }
            applied.head = heads.into_iter().next_back().or(applied.head);
        }
        Ok(applied)
    }

    /// The entries of a write that nobody keeps.
    pub(super) async fn put_lists<T>(&self, made: &Made<T>) -> Result<(), StoreError> {
        let Some(outbox) = &made.outbox else {
            return Ok(());
        };
        self.inner
            .put_entries(&outbox.effects, outbox.version)
            .await
    }

    /// All is done: what was owed goes, by and by, with the next change of the aggregate or after a moment. Whoever finds it
    /// before does nothing twice.
    pub(super) fn settle(&self, home: Home, settled: Settled) {
        self.inner.settling.add(home.clone(), settled.clone());
        let store = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(A_MOMENT).await;
            if let Err(error) = store.settled(&home, &settled).await {
                store.inner.settling.give_up(&home, &settled);
                let row = outbox_row(settled.version);
                tracing::debug!(%error, row, "left to the runner");
            }
        });
    }

    pub(super) async fn settled(&self, home: &Home, settled: &Settled) -> Result<(), StoreError> {
        if !settled.is_cleared() {
            let _turn = self.inner.turns.turn(home).await;
            if !settled.is_cleared() {
                let mut some = self.inner.settling.some(home);
                if !some.iter().any(|s| s.op == settled.op) {
                    some.push(settled.clone());
                }
                self.inner.clear(home, &some).await?;
                self.inner.settling.done(home, &some);
            }
        }
        let now = micros();
        for at in [now, now.saturating_sub(60_000_000)] {
            let (part, sort) = (minute(at), hint_key(home, settled.op));
            self.inner
                .entry(List::Hints, &part, &sort, None, now)
                .await?;
        }
        Ok(())
    }
}

pub(super) fn hint_key(home: &Home, op: Uuid) -> String {
    format!("{}\u{1}{}\u{1}{}", home.table.name(), home.id, op.simple())
}
