//! Events as they are listed.
use super::holds;
use crate::{
    Chain, Event, EventFilter, Page, Paged, Scope, codec,
    engine::{
        Engine, List, Look, Need, Stop,
        events::{
            EventRow, StoredEvent, bucket, bucket_of, decode_personal, event_row, head, listed_in,
            listed_next,
        },
        keys::number_key,
        look::beyond,
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

/// Up to `limit` events above `after`, and none above `last`.
fn all(
    look: &mut dyn Look,
    chain: &Chain,
    (mut after, last): (u64, u64),
    limit: usize,
) -> Result<Vec<(String, Event)>, Stop> {
    let name = chain.to_string();
    let mut found = Vec::new();
    while after < last && found.len() < limit {
        let at = bucket_of(after + 1);
        let left = limit - found.len();
        let rows = look.rows(
            &bucket(&name, at),
            &event_row(after + 1),
            &beyond("e/"),
            left,
        )?;
        after = (at + 1) * crate::engine::events::BUCKET;
        for (key, body) in rows {
            let number = number_of(&key);
            let row = codec::decode("event", &body)?;
            found.push((number_key(number), read_event(chain, number, row)?));
        }
    }
    Ok(found)
}

/// The same of those that are listed by `by` under `word` and that `keep` takes.
fn listed(
    look: &mut dyn Look,
    chain: &Chain,
    (by, word): (&str, &str),
    (mut after, last): (u64, u64),
    limit: usize,
    keep: impl Fn(&EventRow) -> bool,
) -> Result<Vec<(String, Event)>, Stop> {
    let name = chain.to_string();
    let mut found = Vec::new();
    while after < last && found.len() < limit {
        let part = listed_in(&name, by, word, after + 1);
        let keys = look.list(List::EventsBy, &part, &number_key(after), limit)?;
        let numbers: Vec<u64> = keys
            .iter()
            .map(|(key, _)| key.parse().unwrap_or(0))
            .collect();
        let at = |number: u64| bucket(&name, bucket_of(number)).at(event_row(number));
        look.ahead(numbers.iter().map(|n| Need::Row(at(*n))).collect())?;
        for number in &numbers {
            // Listed and not there: it was cut off behind the store's back, which verifying tells.
            let row: Option<EventRow> = look.record("event", &at(*number))?;
            if let Some(row) = row.filter(&keep) {
                found.push((number_key(*number), read_event(chain, *number, row)?));
            }
        }
        after = match numbers.last() {
            Some(number) if numbers.len() == limit => *number,
            // A part begins with a number, and the list goes on above one.
            _ => listed_next(after + 1) - 1,
        };
    }
    found.truncate(limit);
    Ok(found)
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
            let size = page.size();
            let after = page.key::<String>()?.map_or(0, |key| number_of(&key));
            let within = (after, head(look, &chain.to_string())?.number);
            let (kind, person) = (filter.kind.as_ref(), filter.person.as_ref());
            let found = match (kind, person) {
                (None, None) => all(look, &chain, within, size + 1)?,
                (Some(kind), None) => {
                    let by = ("kind", &*kind.0);
                    listed(look, &chain, by, within, size + 1, |_| true)?
                }
                // Of the two lists a person's is the shorter one.
                (kind, Some(person)) => {
                    let by = ("person", person.as_str());
                    listed(look, &chain, by, within, size + 1, |row| {
                        kind.is_none_or(|kind| *kind == row.entry.kind)
                    })?
                }
            };
            Ok(Paged::of(found, size))
        })
        .await
    }
}
