//! What each partition of a chain counts of a day, beside its events and made of them alone: events by kind (`d/`), and
//! what each hook did (`w/`). And from when until when hooks were published, in a list, since most days have no event of that.
use std::collections::BTreeMap;

use boathook_hooks::{
    ids::{Digest, HookId},
    time::Time,
};
use serde::{Deserialize, Serialize};

use super::{
    events::{EventEntry, StoredEvent},
    keys::List,
    look::Look as _,
    stop::Stop,
    tx::Tx,
};
use crate::{EventKind, codec};

/// One partition's share of a day's events of a kind.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct DayShare {
    pub(crate) count: u64,
    pub(crate) bytes: u64,
    pub(crate) events: u64,
}

impl DayShare {
    fn plus(self, more: Self) -> Self {
        Self {
            count: self.count + more.count,
            bytes: self.bytes + more.bytes,
            events: self.events + more.events,
        }
    }
}

/// One partition's share of what a hook did on a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HookShare {
    pub(crate) claims: u64,
    pub(crate) packets: u64,
    /// Packets in which no section failed.
    pub(crate) whole: u64,
    /// Runs that failed or were interrupted.
    pub(crate) failed: u64,
}

impl HookShare {
    pub(crate) const fn plus(self, more: Self) -> Self {
        Self {
            claims: self.claims + more.claims,
            packets: self.packets + more.packets,
            whole: self.whole + more.whole,
            failed: self.failed + more.failed,
        }
    }

    /// What an event tells of its hook's work; none where it tells nothing of that.
    fn of(stored: &StoredEvent) -> Option<(&HookId, Self)> {
        let mut share = Self::default();
        let kind = &stored.kind;
        if *kind == EventKind::CLAIMS_GRANTED {
            share.claims = u64::from(stored.count);
        } else if *kind == EventKind::PACKET_ACCEPTED {
            let sections = stored.details.get_document("sections");
            let failed = sections.is_ok_and(|s| s.contains_key("failed"));
            (share.packets, share.whole) = (1, u64::from(!failed));
        } else if *kind == EventKind::CLAIM_REJECTED || *kind == EventKind::CLAIM_OVERRUN {
            share.failed = 1;
        } else if *kind == EventKind::CLAIM_RELEASED || *kind == EventKind::ANSWER_GIVEN {
            let answer = stored.details.get_str("answer");
            share.failed = u64::from(matches!(answer, Ok("failed" | "interrupted")));
        }
        let hook = stored.refs.hook.as_ref()?;
        (share != Self::default()).then_some((hook, share))
    }
}

pub(crate) fn day_rows(day: &str) -> String {
    format!("d/{day}/")
}

pub(crate) fn hook_rows(day: &str) -> String {
    format!("w/{day}/")
}

/// The rows that an event is counted in.
pub(super) fn rows_of(entry: &EventEntry) -> Vec<String> {
    let day = entry.at.day();
    let mut rows = vec![format!("{}{}", day_rows(&day), entry.kind)];
    let stored = codec::decode::<StoredEvent>("event", &entry.stored.0).ok();
    if let Some((hook, _)) = stored.as_ref().and_then(HookShare::of) {
        rows.push(format!("{}{hook}", hook_rows(&day)));
    }
    rows
}

/// What some events of one partition add up to, by day and kind or hook.
#[derive(Default)]
pub(crate) struct Shares {
    kinds: BTreeMap<(String, String), DayShare>,
    hooks: BTreeMap<(String, String), HookShare>,
}

impl Shares {
    pub(crate) fn take(&mut self, stored: &StoredEvent) {
        let day = stored.at.day();
        let one = DayShare {
            count: u64::from(stored.count),
            bytes: stored.bytes,
            events: 1,
        };
        if let Some((hook, share)) = HookShare::of(stored) {
            let sum = self.hooks.entry((day.clone(), hook.to_string()));
            let sum = sum.or_default();
            *sum = sum.plus(share);
        }
        let sum = self.kinds.entry((day, stored.kind.to_string()));
        let sum = sum.or_default();
        *sum = sum.plus(one);
    }

    pub(crate) fn events(&self) -> u64 {
        self.kinds.values().map(|share| share.events).sum()
    }

    /// Adds them to what the partition `tx.home` counted so far.
    pub(super) fn add(self, tx: &mut Tx<'_>, chain: &str, at: u64) -> Result<(), Stop> {
        for ((day, kind), share) in self.kinds {
            let row = format!("{}{kind}", day_rows(&day));
            let before: Option<DayShare> = tx.read("day", &tx.here(&row))?;
            // Whoever counted the first of them listed the day, or lists it when it is repeated.
            if before.is_none() {
                list_day(tx, chain, &day, at);
            }
            tx.put("day", &row, &before.unwrap_or_default().plus(share))?;
        }
        for ((day, hook), share) in self.hooks {
            let row = format!("{}{hook}", hook_rows(&day));
            let before: Option<HookShare> = tx.read("day", &tx.here(&row))?;
            tx.put("day", &row, &before.unwrap_or_default().plus(share))?;
        }
        Ok(())
    }

    /// Puts them in place of what the partition `tx.home` counted of that day.
    pub(crate) fn replace(&self, tx: &mut Tx<'_>, day: &str, most: usize) -> Result<(), Stop> {
        let (kinds, hooks) = (day_rows(day), hook_rows(day));
        let home = tx.home.clone();
        for prefix in [&kinds, &hooks] {
            for (row, _) in tx.rows_of(&home, prefix, most)? {
                tx.delete(&row);
            }
        }
        for ((_, kind), share) in self.kinds.iter().filter(|((of, _), _)| of == day) {
            tx.put("day", &format!("{kinds}{kind}"), share)?;
        }
        for ((_, hook), share) in self.hooks.iter().filter(|((of, _), _)| of == day) {
            tx.put("day", &format!("{hooks}{hook}"), share)?;
        }
        Ok(())
    }
}

/// The part of [`List::StatDays`] that names all months that have a part of their own.
pub(crate) const MONTHS: &str = "months";

/// The part of a month, which holds the days of all chains.
pub(crate) fn month_part(month: &str) -> String {
    format!("month/{month}")
}

/// That this partition has a share of that day.
pub(crate) fn list_day(tx: &mut Tx<'_>, chain: &str, day: &str, at: u64) {
    let bucket = format!("{at:010}");
    let month = day.get(..7).unwrap_or(day);
    let of_month = format!("{day}/{chain}/{bucket}");
    tx.list_stamped(
        List::StatDays,
        chain,
        &format!("{day}/{bucket}"),
        Some(vec![]),
        1,
    );
    tx.list_stamped(
        List::StatDays,
        &month_part(month),
        &of_month,
        Some(vec![]),
        1,
    );
    tx.list_stamped(List::StatDays, MONTHS, month, Some(vec![]), 1);
}

/// From when until when a revision was to be published.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Span {
    pub(crate) hook: HookId,
    pub(crate) digest: Digest,
    pub(crate) from: Time,
    pub(crate) until: Time,
}

/// When it was published no more.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct End {
    pub(crate) at: Time,
}

/// The part of [`List::StatDays`] with the spans of a chain, or of all; sorted by the day on which they were to end.
pub(crate) fn spans_part(chain: Option<&str>) -> String {
    format!("spans/{}", chain.unwrap_or("*"))
}

/// The part of [`List::StatDays`] that says when a revision was published no more; by digest.
pub(crate) const ENDS: &str = "ends";

/// Of two ends of one revision, full and then stopped, the earlier one stands: it has the higher stamp.
const ENDLESS: i64 = 10_000_000_000_000;

/// Lists what an event says of when its hook was published.
pub(crate) fn list_span(tx: &mut Tx<'_>, chain: &str, stored: &StoredEvent) -> Result<(), Stop> {
    let (Some(hook), Some(digest)) = (&stored.refs.hook, stored.refs.revision) else {
        return Ok(());
    };
    let ended = [
        EventKind::HOOK_STOPPED,
        EventKind::HOOK_FULL,
        EventKind::HOOK_EXPIRED,
        EventKind::HOOK_SUPERSEDED,
    ];
    if stored.kind == EventKind::HOOK_PUBLISHED {
        let until = stored.details.get_str("expires_at").ok();
        let Some(until) = until.and_then(|text| text.parse::<Time>().ok()) else {
            return Ok(());
        };
        let span = Span {
            hook: hook.clone(),
            digest,
            from: stored.at,
            until,
        };
        let body = codec::encode("span", &span)?;
        let sort = format!("{}/{digest}", until.day());
        for part in [spans_part(None), spans_part(Some(chain))] {
            tx.list_stamped(List::StatDays, &part, &sort, Some(body.clone()), 1);
        }
    } else if ended.contains(&stored.kind) {
        let body = codec::encode("span", &End { at: stored.at })?;
        let stamp = u64::try_from(ENDLESS - stored.at.ms()).unwrap_or(1).max(1);
        tx.list_stamped(List::StatDays, ENDS, &digest.to_string(), Some(body), stamp);
    }
    Ok(())
}
