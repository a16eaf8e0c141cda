//! Hooks by day: which were published, worked, failed. Each is counted once a day, whatever chains tell of it.
use std::collections::BTreeMap;

use boathook_hooks::{
    ids::HookId,
    time::{DAY, Time},
};

use super::{
    days::{KINDS, PARTITIONS, Place},
    holds,
};
use crate::{
    Chain, HookDay, Scope, codec,
    engine::{
        Engine, List, Need,
        days::{ENDS, End, HookShare, MONTHS, Span, hook_rows, spans_part},
        events::bucket,
        listing::customers_of,
        look::beyond,
    },
    verbs::Read,
};

/// Days of one answer at most: more than a year.
const MOST_DAYS: usize = 400;
/// Spans that are read at once.
const SPANS: usize = 1_000;

type Work = BTreeMap<(String, String), HookShare>;

/// The days that are told; none for what is no day.
fn days(from: &str, to: &str) -> Vec<String> {
    let noon = |day: &str| format!("{day}T12:00:00Z").parse::<Time>();
    let (Ok(mut at), Ok(end)) = (noon(from), noon(to)) else {
        return Vec::new();
    };
    let mut days = Vec::new();
    while at <= end && days.len() < MOST_DAYS {
        days.push(at.day());
        at = at.plus_ms(DAY);
    }
    days
}

impl Engine {
    /// The spans that reach into the days from `from` to `to`, each until it really ended.
    async fn spans(&self, part: &str, from: &str, to: &str) -> Read<Vec<Span>> {
        let (mut found, mut after) = (Vec::new(), from.to_owned());
        loop {
            let (part, above, to) = (part.to_owned(), after.clone(), to.to_owned());
            let (spans, last) = self
                .read("hook_days", move |look| {
                    let rows = look.list(List::StatDays, &part, &above, SPANS)?;
                    let last = rows.last().map(|(key, _)| key.clone());
                    let more = last.filter(|_| rows.len() == SPANS);
                    let mut spans: Vec<Span> = Vec::new();
                    for (_, body) in &rows {
                        let span: Span = codec::decode("span", body)?;
                        if span.from.day() <= to {
                            spans.push(span);
                        }
                    }
                    let end = |span: &Span| Need::Entry {
                        list: List::StatDays,
                        part: ENDS.to_owned(),
                        sort: span.digest.to_string(),
                    };
                    look.ahead(spans.iter().map(end).collect())?;
                    for span in &mut spans {
                        let digest = span.digest.to_string();
                        if let Some(body) = look.entry(List::StatDays, ENDS, &digest)? {
                            let end: End = codec::decode("span", &body)?;
                            span.until = span.until.min(end.at);
                        }
                    }
                    Ok((spans, more))
                })
                .await?;
            found.extend(spans);
            match last {
                Some(key) => after = key,
                None => return Ok(found),
            }
        }
    }

    /// Adds what the hooks did by those partitions.
    async fn work(&self, places: Vec<Place>, work: &mut Work) -> Read<()> {
        let mut places = places.into_iter().peekable();
        while places.peek().is_some() {
            let some: Vec<Place> = places.by_ref().take(PARTITIONS).collect();
            let found = self
                .read("hook_days", move |look| {
                    let need = |place: &Place| {
                        let prefix = hook_rows(&place.day);
                        Need::Rows {
                            home: bucket(&place.chain, place.bucket),
                            to: beyond(&prefix),
                            from: prefix,
                            limit: KINDS,
                        }
                    };
                    look.ahead(some.iter().map(need).collect())?;
                    let mut found = Vec::new();
                    for place in &some {
                        let prefix = hook_rows(&place.day);
                        let home = bucket(&place.chain, place.bucket);
                        for (key, body) in look.rows_of(&home, &prefix, KINDS)? {
                            let share: HookShare = codec::decode("day", &body)?;
                            let hook = key[prefix.len()..].to_owned();
                            found.push(((place.day.clone(), hook), share));
                        }
                    }
                    Ok(found)
                })
                .await?;
            for (key, share) in found {
                let sum = work.entry(key).or_default();
                *sum = sum.plus(share);
            }
        }
        Ok(())
    }

    pub(crate) async fn hook_days(
        &self,
        scope: &Scope,
        chain: Option<Chain>,
        from: &str,
        to: &str,
    ) -> Read<Vec<HookDay>> {
        let days = days(from, to);
        let (Some(from), Some(to)) = (days.first(), days.last()) else {
            return Ok(Vec::new());
        };
        let (mut spans, mut work) = (Vec::new(), Work::new());
        if chain.is_none() && scope.holds_house() {
            spans = self.spans(&spans_part(None), from, to).await?;
            let month = |day: &str| day.get(..7).unwrap_or(day).to_owned();
            let months = self.stat_days(MONTHS, "", &beyond(&month(to))).await?;
            for of in months.iter().filter(|of| **of >= month(from)) {
                let places = self.places_in(of, from, to).await?;
                self.work(places, &mut work).await?;
            }
        } else {
            let chains: Vec<Chain> = match chain {
                Some(chain) => vec![chain],
                None => customers_of(scope, None)
                    .unwrap_or_default()
                    .into_iter()
                    .map(Chain::Customer)
                    .collect(),
            };
            for chain in chains {
                if holds(scope, &chain) && !scope.is_agent() {
                    let name = chain.to_string();
                    spans.extend(self.spans(&spans_part(Some(&name)), from, to).await?);
                    let places = self.places_of(&name, from, to).await?;
                    self.work(places, &mut work).await?;
                }
            }
        }
        Ok(counted(&days, &spans, &work))
    }
}

/// What the hooks of each day come to. A hook that worked was published, whichever chain tells of that.
fn counted(days: &[String], spans: &[Span], work: &Work) -> Vec<HookDay> {
    let mut hooks: BTreeMap<&str, BTreeMap<&str, HookShare>> = BTreeMap::new();
    for ((day, hook), share) in work {
        hooks.entry(day).or_default().insert(hook, *share);
    }
    let until = |span: &Span| span.until.plus_ms(-1).max(span.from).day();
    let active = |span: &&Span, day: &String| span.from.day() <= *day && *day <= until(span);
    let one = |day: &String| {
        let mut of_day = hooks.get(day.as_str()).cloned().unwrap_or_default();
        for span in spans.iter().filter(|span| active(span, day)) {
            let hook: &HookId = &span.hook;
            of_day.entry(hook.as_str()).or_default();
        }
        let count = |is: fn(&HookShare) -> bool| of_day.values().filter(|s| is(s)).count() as u64;
        HookDay {
            day: day.clone(),
            active: of_day.len() as u64,
            inactive: count(|s| *s == HookShare::default()),
            working: count(|s| s.whole > 0),
            failed: count(|s| s.failed > 0),
            packets: of_day.values().map(|s| s.packets).sum(),
        }
    };
    days.iter().map(one).collect()
}
