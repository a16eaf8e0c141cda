//! Day statistics: made from events alone, each partition's share of a day beside its events.
use std::collections::BTreeMap;

use boathook_hooks::time::Time;

use super::{holds, loose};
use crate::{
    Answer, Chain, DayStat, EventKind, Outcome, Refused, Scope, Write, codec,
    engine::{
        Engine, Home, List, Look, Need, Stop, Tx,
        days::{DayShare, MONTHS, Shares, list_day, list_span, month_part},
        ensure,
        events::{EventRow, StoredEvent, bucket, bucket_at, chain_of},
        listing::customers_of,
        look::beyond,
    },
    verbs::Read,
};

/// Rows of one answer at most: a year of one chain with every kind of event each day.
const MOST_STATS: usize = 20_000;
/// Entries of a list, and partitions, that are read at once.
const ENTRIES: usize = 1_000;
pub(super) const PARTITIONS: usize = 128;
/// Kinds of events that one partition counts on one day at most.
pub(super) const KINDS: usize = 2_048;

/// A partition of a chain that has a share of a day.
pub(super) struct Place {
    pub(super) day: String,
    pub(super) chain: String,
    pub(super) bucket: u64,
}

type Stats = BTreeMap<(String, String, String), DayShare>;

fn shares(look: &mut dyn Look, place: &Place) -> Result<Vec<(String, DayShare)>, Stop> {
    let prefix = format!("d/{}/", place.day);
    let rows = look.rows_of(&bucket(&place.chain, place.bucket), &prefix, KINDS)?;
    rows.into_iter()
        .map(|(key, body)| Ok((key[prefix.len()..].to_owned(), codec::decode("day", &body)?)))
        .collect()
}

impl Engine {
    /// The keys of one part of the list of days, from `from` to below `to`.
    pub(super) async fn stat_days(&self, part: &str, from: &str, to: &str) -> Read<Vec<String>> {
        let mut keys: Vec<String> = Vec::new();
        // A key that begins with `from` is above it.
        let mut after = from.to_owned();
        loop {
            let (part, to, above) = (part.to_owned(), to.to_owned(), after.clone());
            let rows = self
                .read("day_stats", move |look| {
                    look.list_to(List::StatDays, &part, &above, &to, ENTRIES)
                })
                .await?;
            let more = rows.len() == ENTRIES;
            keys.extend(rows.into_iter().map(|(key, _)| key));
            match keys.last() {
                Some(last) if more => after.clone_from(last),
                _ => return Ok(keys),
            }
        }
    }

    /// Of one chain, by day.
    pub(super) async fn places_of(&self, chain: &str, from: &str, to: &str) -> Read<Vec<Place>> {
        let keys = self
            .stat_days(chain, from, &beyond(&format!("{to}/")))
            .await?;
        let place = |key: &String| {
            let (day, bucket) = key.split_once('/')?;
            Some(Place {
                day: day.to_owned(),
                chain: chain.to_owned(),
                bucket: bucket.parse().ok()?,
            })
        };
        Ok(keys.iter().filter_map(place).collect())
    }

    /// Of all chains, of one month, by day.
    pub(super) async fn places_in(&self, month: &str, from: &str, to: &str) -> Read<Vec<Place>> {
        let end = beyond(&format!("{to}/"));
        let keys = self.stat_days(&month_part(month), from, &end).await?;
        let place = |key: &String| {
            let mut fields = key.split('/');
            Some(Place {
                day: fields.next()?.to_owned(),
                chain: fields.next()?.to_owned(),
                bucket: fields.next()?.parse().ok()?,
            })
        };
        Ok(keys.iter().filter_map(place).collect())
    }

    /// Adds the shares of `places`, which are sorted by day, until there are more than are told.
    async fn add_up(&self, places: Vec<Place>, stats: &mut Stats) -> Read<()> {
        let before = stats.len();
        let mut places = places.into_iter().peekable();
        while places.peek().is_some() {
            let mut some: Vec<Place> = places.by_ref().take(PARTITIONS).collect();
            // What is told of a chain's day is all of it.
            let last = some.last().map(|p| (p.day.clone(), p.chain.clone()));
            let same = |p: &Place| {
                last.as_ref()
                    .is_some_and(|(day, chain)| (&p.day, &p.chain) == (day, chain))
            };
            while let Some(next) = places.next_if(same) {
                some.push(next);
            }
            let found = self
                .read("day_stats", move |look| {
                    let need = |place: &Place| {
                        let prefix = format!("d/{}/", place.day);
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
                        for (kind, share) in shares(look, place)? {
                            found.push(((place.day.clone(), place.chain.clone(), kind), share));
                        }
                    }
                    Ok(found)
                })
                .await?;
            for (key, share) in found {
                let sum = stats.entry(key).or_default();
                sum.count += share.count;
                sum.bytes += share.bytes;
                sum.events += share.events;
            }
            if stats.len() - before > MOST_STATS {
                break;
            }
        }
        Ok(())
    }

    pub(crate) async fn day_stats(
        &self,
        scope: &Scope,
        chain: Option<Chain>,
        from: &str,
        to: &str,
    ) -> Read<Vec<DayStat>> {
        let mut stats = Stats::new();
        if chain.is_none() && scope.holds_house() {
            let month = |day: &str| day.get(..7).unwrap_or(day).to_owned();
            let all = self.stat_days(MONTHS, "", &beyond(&month(to))).await?;
            for of in all.iter().filter(|of| **of >= month(from)) {
                let places = self.places_in(of, from, to).await?;
                self.add_up(places, &mut stats).await?;
                if stats.len() > MOST_STATS {
                    break;
                }
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
                    let places = self.places_of(&chain.to_string(), from, to).await?;
                    self.add_up(places, &mut stats).await?;
                }
            }
        }
        stats
            .into_iter()
            .take(MOST_STATS)
            .map(|((day, chain, kind), share)| {
                Ok(DayStat {
                    chain: chain_of(&chain).map_err(|stop| stop.into_error("day_stats"))?,
                    day,
                    kind: EventKind(kind.into()),
                    count: share.count,
                    bytes: share.bytes,
                })
            })
            .collect()
    }

    pub(crate) async fn recount_day(
        &self,
        scope: &Scope,
        write: Write,
        chain: Chain,
        day: String,
    ) -> Answer<u64> {
        let allowed = holds(scope, &chain) && !scope.is_agent();
        let start = format!("{day}T00:00:00Z").parse::<Time>();
        let mut events = 0;
        if allowed && start.is_ok() {
            let name = chain.to_string();
            let places = self.places_of(&name, &day, &day).await?;
            for (n, place) in places.into_iter().enumerate() {
                let home = bucket(&name, place.bucket);
                match self.recount(write.following(n), home, &name, &day).await? {
                    Outcome::Done(found) => events += found,
                    Outcome::Refused(reason) => return Ok(Outcome::Refused(reason)),
                }
            }
        }
        let home = loose(&write);
        self.write("recount_day", write, home, move |_| {
            ensure(allowed, Refused::OutOfScope)?;
            start.clone().map_err(Refused::Malformed)?;
            Ok(events)
        })
        .await
    }

    /// One partition's share of that day, from its events. Says how many there were.
    async fn recount(&self, write: Write, home: Home, chain: &str, day: &str) -> Answer<u64> {
        let (chain, day) = (chain.to_owned(), day.to_owned());
        let body = move |tx: &mut Tx<'_>| {
            let mut shares = Shares::default();
            for (_, body) in tx.rows_of(&tx.home.clone(), "e/", usize::MAX)? {
                let row: EventRow = codec::decode("event", &body)?;
                let stored: StoredEvent = codec::decode("event", &row.entry.stored.0)?;
                if stored.at.day() == day {
                    shares.take(&stored);
                    list_span(tx, &chain, &stored)?;
                }
            }
            shares.replace(tx, &day, KINDS)?;
            list_day(tx, &chain, &day, bucket_at(&tx.home));
            Ok(shares.events())
        };
        self.write("recount_day", write, home, body).await
    }
}
