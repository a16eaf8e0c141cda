//! Events as they are listed.
use boathook_hooks::{
    ids::InstanceId,
    time::{DAY, Time},
};

use super::holds;
use crate::{
    Chain, Event, EventFilter, Page, Paged, Scope, codec,
    engine::{
        Engine, List, Look, Need, Stop,
        events::{
            BUCKET, EventRow, StoredEvent, bucket, bucket_of, decode_personal, event_row, head,
        },
        keys::number_key,
        listed::{instances_of, listed_first, listed_in, listed_next, ticket_word},
        look::{Found, Rows, beyond},
    },
    verbs::Read,
};

fn read_event(chain: &Chain, number: u64, row: EventRow) -> Result<Event, Stop> {
    let EventRow { hash, entry } = row;
    let stored: StoredEvent = codec::decode("event", &entry.stored.0)?;
    let personal = entry.personal.as_ref();
    let personal = personal.map_or(Ok(None), |salted| decode_personal(&salted.0))?;
    let person = personal.as_ref().and_then(|p| p.actor.clone());
    Ok(Event {
        chain: chain.clone(),
        number,
        hash,
        at: stored.at,
        kind: stored.kind,
        actor: stored.actor.or(person),
        refs: stored.refs,
        details: stored.details,
        personal: personal.map(|p| p.details).filter(|d| !d.is_empty()),
        count: stored.count,
        bytes: stored.bytes,
        stored: entry.stored,
    })
}

/// The number in the key of an event's row.
pub(super) fn number_of(row: &str) -> u64 {
    row.rsplit('/').next().map_or(0, |n| n.parse().unwrap_or(0))
}

/// The numbers that are to be looked at still: above `above`, up to `last`; from the last one down, or up.
#[derive(Clone, Copy)]
struct Left {
    above: u64,
    last: u64,
    back: bool,
}

impl Left {
    fn is_over(&self) -> bool {
        self.above >= self.last
    }

    /// The number that is next, whether it is there or not.
    fn next(&self) -> u64 {
        if self.back { self.last } else { self.above + 1 }
    }

    /// That number was looked at, and all before it.
    fn past(&mut self, number: u64) {
        if self.back {
            self.last = number.saturating_sub(1);
        } else {
            self.above = number;
        }
    }
}

/// Whether an event is one of those that were asked for.
fn takes(filter: &EventFilter, row: &EventRow, event: &Event) -> bool {
    fn is<T: PartialEq>(asked: Option<&T>, found: Option<&T>) -> bool {
        asked.is_none() || asked == found
    }
    let named = |i: &InstanceId| instances_of(&event.refs, &event.details).any(|n| n == i.as_str());
    let person = filter.person.as_ref().map(ToString::to_string);
    is(filter.kind.as_ref(), Some(&event.kind))
        && is(person.as_ref(), row.entry.person.as_ref())
        && is(filter.ticket.as_ref(), event.refs.ticket.as_ref())
        && is(filter.hook.as_ref(), event.refs.hook.as_ref())
        && filter.instance.as_ref().is_none_or(named)
        && is_of_time(filter, event.at)
}

fn is_of_time(filter: &EventFilter, at: Time) -> bool {
    filter.from.is_none_or(|from| at >= from) && filter.before.is_none_or(|before| at < before)
}

/// Up to `limit` of the events that are left.
fn all(
    look: &mut dyn Look,
    chain: &Chain,
    mut left: Left,
    limit: usize,
    filter: &EventFilter,
) -> Result<Vec<(String, Event)>, Stop> {
    let name = chain.to_string();
    let mut found = Vec::new();
    // Where a time is asked for, a partition is read whole: by parts it takes one read after the other to find that most of it
    // is too early or too late.
    let of_time = filter.from.is_some() || filter.before.is_some();
    let at_once = if of_time { BUCKET as usize } else { limit };
    while !left.is_over() && found.len() < limit {
        let at = bucket_of(left.next());
        let (home, from) = (bucket(&name, at), event_row(left.above + 1));
        let to = event_row(left.last.saturating_add(1));
        let rows = match left.back {
            true => look.rows_back(&home, &from, &to, at_once)?,
            false => look.rows(&home, &from, &to, at_once)?,
        };
        match rows.last() {
            Some((key, _)) if rows.len() == at_once => left.past(number_of(key)),
            // On to the next partition.
            _ if left.back => left.past(at * BUCKET + 1),
            _ => left.past((at + 1) * BUCKET),
        }
        for (key, body) in rows {
            let number = number_of(&key);
            let row: EventRow = codec::decode("event", &body)?;
            if !is_of_time(filter, row.entry.at) {
                continue;
            }
            let event = read_event(chain, number, row.clone())?;
            if takes(filter, &row, &event) {
                found.push((number_key(number), event));
            }
        }
    }
    found.truncate(limit);
    Ok(found)
}

/// The same of those that are listed by `by` under `word`.
fn listed(
    look: &mut dyn Look,
    chain: &Chain,
    (by, word): (&str, &str),
    mut left: Left,
    limit: usize,
    filter: &EventFilter,
) -> Result<Vec<(String, Event)>, Stop> {
    let name = chain.to_string();
    let mut found = Vec::new();
    while !left.is_over() && found.len() < limit {
        let part = listed_in(&name, by, word, left.next());
        let (after, to) = (number_key(left.above), number_key(left.last + 1));
        let keys = match left.back {
            true => look.list_back(List::EventsBy, &part, &after, &to, limit)?,
            false => look.list_to(List::EventsBy, &part, &after, &to, limit)?,
        };
        let numbers: Vec<u64> = keys
            .iter()
            .map(|(key, _)| key.parse().unwrap_or(0))
            .collect();
        let at = |number: u64| bucket(&name, bucket_of(number)).at(event_row(number));
        look.ahead(numbers.iter().map(|n| Need::Row(at(*n))).collect())?;
        for number in &numbers {
            // Listed and not there: it was cut off behind the store's back, which verifying tells.
            let row: Option<EventRow> = look.record("event", &at(*number))?;
            let Some(row) = row else { continue };
            let event = read_event(chain, *number, row.clone())?;
            if takes(filter, &row, &event) {
                found.push((number_key(*number), event));
            }
        }
        match numbers.last() {
            Some(number) if numbers.len() == limit => left.past(*number),
            // A part begins with a number, and the list goes on above one, or below.
            _ if left.back => left.past(listed_first(by, left.next())),
            _ => left.past(listed_next(by, left.next()) - 1),
        }
    }
    found.truncate(limit);
    Ok(found)
}

/// Days that are looked up one by one; a chain of more is read whole.
const DAYS: usize = 4_000;

/// The days from one to another, both included; none where they are more than are looked up.
fn days_between(from: &str, to: &str) -> Option<Vec<String>> {
    let noon = |day: &str| format!("{day}T12:00:00Z").parse::<Time>().ok();
    let (mut at, end) = (noon(from)?, noon(to)?);
    let mut days = Vec::new();
    while at <= end {
        days.push(at.day());
        at = at.plus_ms(DAY);
        if days.len() > DAYS {
            return None;
        }
    }
    Some(days)
}

/// The numbers among which all events of that time are: those of the partitions that have events of its days. Numbers follow
/// the time only about, as an event may come late: so each day is asked for its own.
fn within(look: &mut dyn Look, chain: &str, last: u64, filter: &EventFilter) -> Result<Left, Stop> {
    let mut left = Left {
        above: 0,
        last,
        back: filter.newest_first,
    };
    if filter.from.is_none() && filter.before.is_none() {
        return Ok(left);
    }
    let day_of = |rows: &Rows| {
        let (key, _) = rows.first()?;
        Some(key.split_once('/')?.0.to_owned())
    };
    let oldest = day_of(&look.list_to(List::StatDays, chain, "", "", 1)?);
    let newest = day_of(&look.list_back(List::StatDays, chain, "", "", 1)?);
    let (Some(oldest), Some(newest)) = (oldest, newest) else {
        return Ok(left);
    };
    let from = filter.from.map_or(oldest.clone(), |from| from.day());
    let to = filter
        .before
        .map_or(newest.clone(), |b| b.plus_ms(-1).day());
    let is_open = to >= newest;
    let Some(days) = days_between(&from.max(oldest), &to.min(newest)) else {
        return Ok(left);
    };
    let need = |day: &String| {
        let (after, to) = (format!("{day}/"), beyond(&format!("{day}/")));
        let (list, part, limit) = (List::StatDays, chain.to_owned(), 1);
        let first = Need::List {
            list,
            part: part.clone(),
            after: after.clone(),
            to: to.clone(),
            limit,
        };
        let last = Need::ListBack {
            list,
            part,
            after,
            to,
            limit,
        };
        [first, last]
    };
    look.ahead(days.iter().flat_map(need).collect())?;
    let mut partitions: Option<(u64, u64)> = None;
    for day in &days {
        for need in need(day) {
            let Found::Rows(rows) = look.find(need)? else {
                continue;
            };
            for (key, _) in rows {
                let at = number_of(&key);
                let (low, high) = partitions.unwrap_or((at, at));
                partitions = Some((low.min(at), high.max(at)));
            }
        }
    }
    // What came last may not be listed yet.
    let at_end = bucket_of(last.max(1));
    let (low, high) = match (partitions, is_open) {
        (Some((low, _)), true) => (low, at_end),
        (Some(found), false) => found,
        (None, true) => (at_end, at_end),
        (None, false) => {
            left.above = left.last;
            return Ok(left);
        }
    };
    left.above = low * BUCKET;
    left.last = last.min((high + 1) * BUCKET);
    Ok(left)
}

/// The shortest of the lists that hold what was asked for; none where only the chain itself does.
fn shortest(filter: &EventFilter) -> Option<(&'static str, String)> {
    let ticket = filter.ticket.as_ref().map(|t| ("ticket", ticket_word(t)));
    let hook = filter.hook.as_ref().map(|h| ("hook", h.to_string()));
    let instance = filter.instance.as_ref().map(|i| ("names", i.to_string()));
    let person = filter.person.as_ref().map(|p| ("person", p.to_string()));
    let kind = filter.kind.as_ref().map(|k| ("kind", k.to_string()));
    hook.or(ticket).or(instance).or(person).or(kind)
}

impl Engine {
    pub(crate) async fn events(
        &self,
        scope: &Scope,
        chain: &Chain,
        filter: EventFilter,
        page: Page,
    ) -> Read<Paged<Event>> {
        let (allowed, chain) = (holds(scope, chain) && !scope.is_agent(), chain.clone());
        self.read("events", move |look| {
            if !allowed {
                return Ok(Paged::of(Vec::<(String, Event)>::new(), 0));
            }
            let (name, size) = (chain.to_string(), page.size());
            let last = head(look, &name)?.number;
            let mut left = within(look, &name, last, &filter)?;
            if let Some(key) = page.key::<String>()? {
                let seen = number_of(&key);
                match left.back {
                    true => left.last = left.last.min(seen.saturating_sub(1)),
                    false => left.above = left.above.max(seen),
                }
            }
            let found = match shortest(&filter) {
                None => all(look, &chain, left, size + 1, &filter)?,
                Some((by, word)) => listed(look, &chain, (by, &word), left, size + 1, &filter)?,
            };
            Ok(Paged::of(found, size))
        })
        .await
    }
}
