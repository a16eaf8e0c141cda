//! Under what an event is listed besides its number.
use super::{
    events::{EventEntry, StoredEvent},
    keys::{List, number_key},
    stop::Stop,
    tx::Tx,
};
use crate::{TicketRef, codec};

/// Numbers of one partition of the lists by kind and person, of which there can be any number.
const LISTED: u64 = 65_536;
/// The same of what one ticket, hook or instance can fill, so that few partitions are looked through for it.
const LISTED_OF_ONE: u64 = 16_777_216;
/// Instances of one event that it is listed under. A hook that is stopped ends more at once, and the hook tells that.
const NAMED: usize = 1_024;

const fn width(by: &str) -> u64 {
    match by.as_bytes() {
        b"ticket" | b"hook" | b"names" => LISTED_OF_ONE,
        _ => LISTED,
    }
}

/// The list's part that holds a number of that kind or person.
pub(crate) fn listed_in(chain: &str, by: &str, word: &str, number: u64) -> String {
    format!("{chain}/{by}/{word}/{:08}", number / width(by))
}

/// The next part's first number.
pub(crate) const fn listed_next(by: &str, number: u64) -> u64 {
    (number / width(by) + 1) * width(by)
}

/// The first number of the part that holds that one.
pub(crate) const fn listed_first(by: &str, number: u64) -> u64 {
    number / width(by) * width(by)
}

/// How a ticket is called here: no word of people holds what stands between.
pub(crate) fn ticket_word(ticket: &TicketRef) -> String {
    format!("{}\u{1}{}", ticket.system, ticket.key)
}

/// The instances that an event names: its own, or those of a group.
pub(crate) fn instances_of<'a>(
    refs: &'a crate::Refs,
    details: &'a bson::Document,
) -> impl Iterator<Item = &'a str> {
    let group = match &refs.instance {
        Some(_) => None,
        None => details.get_array("instances").ok(),
    };
    let named = group.into_iter().flatten().filter_map(|name| name.as_str());
    refs.instance.iter().map(|i| i.as_str()).chain(named)
}

/// Lists an event, however often.
pub(super) fn list(
    tx: &mut Tx<'_>,
    chain: &str,
    number: u64,
    entry: &EventEntry,
) -> Result<(), Stop> {
    let stored: StoredEvent = codec::decode("event", &entry.stored.0)?;
    let mut parts = vec![listed_in(chain, "kind", &entry.kind.0, number)];
    parts.extend(about_parts(chain, number, &stored));
    parts.extend(personal_parts(chain, number, entry)?);
    let key = number_key(number);
    for part in parts {
        tx.list_stamped(List::EventsBy, &part, &key, Some(vec![]), 1);
    }
    super::days::list_span(tx, chain, &stored)
}

/// Where an event is listed for what it is about.
fn about_parts(chain: &str, number: u64, stored: &StoredEvent) -> Vec<String> {
    let refs = &stored.refs;
    let mut parts = Vec::new();
    if let Some(ticket) = &refs.ticket {
        parts.push(listed_in(chain, "ticket", &ticket_word(ticket), number));
    }
    if let Some(hook) = &refs.hook {
        parts.push(listed_in(chain, "hook", hook.as_str(), number));
    }
    if instances_of(refs, &stored.details).count() <= NAMED {
        let names = instances_of(refs, &stored.details);
        parts.extend(names.map(|name| listed_in(chain, "names", name, number)));
    }
    parts
}

/// Where an event is listed for what lies beside it: who did it, and of which instance people said something.
pub(super) fn personal_parts(
    chain: &str,
    number: u64,
    entry: &EventEntry,
) -> Result<Vec<String>, Stop> {
    let mut parts = Vec::new();
    if let Some(person) = &entry.person {
        parts.push(listed_in(chain, "person", person, number));
    }
    if entry.personal.is_some() {
        let stored: StoredEvent = codec::decode("event", &entry.stored.0)?;
        parts.extend(instance_part(chain, number, &stored));
    }
    Ok(parts)
}

/// What is about a claim or packet of the instance is not about itself.
fn instance_part(chain: &str, number: u64, stored: &StoredEvent) -> Option<String> {
    let instance = stored.refs.instance.as_ref()?;
    let itself = stored.refs.claim.is_none();
    itself.then(|| listed_in(chain, "instance", instance.as_str(), number))
}
