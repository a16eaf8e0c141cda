//! Search terms: a projection of what has a name. Each record stands under each of its words, once for all customers
//! and once for each of its own.
use std::collections::BTreeSet;

use boathook_hooks::ids::CustomerId;
use serde::{Deserialize, Serialize};

use crate::{
    Found, Page, Paged, Scope, codec,
    engine::{Engine, List, Look, Need, Stop, Tx, listing, look::beyond},
    verbs::Read,
};

/// Words that one record is found by, and characters of one.
const MOST_TERMS: usize = 64;
const TERM_CHARS: usize = 64;
/// Entries of each word by which the rarest is chosen.
const GLANCE: usize = 100;

/// Between a term, a kind and an id: no word holds it, and it sorts before all that do.
const BETWEEN: char = '\u{1}';

/// What stands under each word of a record.
#[derive(Serialize, Deserialize)]
struct Entry {
    title: String,
    customers: Vec<CustomerId>,
}

/// What a record is found by.
pub(super) struct Named<'a> {
    pub(super) title: &'a str,
    pub(super) customers: &'a [CustomerId],
}

/// Lower-case words of letters and digits.
fn words(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| word.to_lowercase().chars().take(TERM_CHARS).collect())
        .take(MOST_TERMS)
        .collect()
}

fn part(customer: &str, term: &str) -> String {
    let first = term.chars().next().unwrap_or(' ');
    format!("{customer}/{first}")
}

fn entries(kind: &str, id: &str, named: &Named<'_>) -> BTreeSet<(String, String)> {
    let mut entries = BTreeSet::new();
    for term in words(&format!("{id} {}", named.title)) {
        let sort = format!("{term}{BETWEEN}{kind}{BETWEEN}{id}");
        entries.insert((part("*", &term), sort.clone()));
        for customer in named.customers {
            entries.insert((part(customer.as_str(), &term), sort.clone()));
        }
    }
    entries
}

/// `id` is found by its own words and those of its title; what it was found by before and is no more goes.
pub(super) fn index(
    tx: &mut Tx<'_>,
    kind: &str,
    id: &str,
    before: Option<Named<'_>>,
    now: &Named<'_>,
) -> Result<(), Stop> {
    let new = entries(kind, id, now);
    if let Some(before) = before {
        for (part, sort) in entries(kind, id, &before).difference(&new) {
            tx.unlist(List::Terms, part, sort);
        }
    }
    let body = codec::encode(
        "search term",
        &Entry {
            title: now.title.to_owned(),
            customers: now.customers.to_vec(),
        },
    )?;
    for (part, sort) in &new {
        tx.list_bytes(List::Terms, part, sort, body.clone());
    }
    Ok(())
}

/// It is found by nothing any more.
pub(super) fn unindex(tx: &mut Tx<'_>, kind: &str, id: &str, before: &Named<'_>) {
    for (part, sort) in entries(kind, id, before) {
        tx.unlist(List::Terms, &part, &sort);
    }
}

fn parts_of(whose: &[String], word: &str) -> Vec<String> {
    whose.iter().map(|one| part(one, word)).collect()
}

fn longest<'a>(words: impl Iterator<Item = &'a String>) -> Option<&'a String> {
    words.max_by_key(|word| word.chars().count())
}

/// The word that the fewest records begin with, as far as a look at the first of them tells; of several the longest.
fn rarest<'a>(
    look: &mut dyn Look,
    whose: &[String],
    words: &'a [String],
) -> Result<Option<&'a String>, Stop> {
    if words.len() < 2 {
        return Ok(words.first());
    }
    let need = |word: &String, part: String| Need::List {
        list: List::Terms,
        part,
        after: word.clone(),
        to: beyond(word),
        limit: GLANCE,
    };
    let needs = words.iter().flat_map(|word| {
        let parts = parts_of(whose, word).into_iter();
        parts.map(move |part| need(word, part))
    });
    look.ahead(needs.collect())?;
    let mut found = Vec::new();
    for word in words {
        let mut count = 0;
        for part in parts_of(whose, word) {
            let rows = look.list_to(List::Terms, &part, word, &beyond(word), GLANCE)?;
            count += rows.len();
        }
        found.push((count, word));
    }
    let fewest = found.iter().map(|(count, _)| *count).min();
    let fewest = found.iter().filter(|(count, _)| Some(*count) == fewest);
    Ok(longest(fewest.map(|(_, word)| *word)))
}

impl Engine {
    pub(crate) async fn search(&self, scope: &Scope, text: &str, page: Page) -> Read<Paged<Found>> {
        let wanted: Vec<String> = words(text).into_iter().collect();
        let only = match scope {
            Scope::Instance { .. } => Some(Vec::new()),
            other => listing::customers_of(other, None),
        };
        self.read("search", move |look| {
            let whose = listing::parts(only.as_deref());
            let first = match page.key::<String>()? {
                // What was begun with goes on: the cursor is a place in its list.
                Some(key) => longest(wanted.iter().filter(|word| key.starts_with(*word))),
                None => rarest(look, &whose, &wanted)?,
            };
            // The others are asked of each that it finds.
            let Some(first) = first else {
                return Ok(Paged::of(Vec::<(String, Found)>::new(), 0));
            };
            let parts = parts_of(&whose, first);
            let within = (first.clone(), beyond(first));
            listing::page_within(
                look,
                List::Terms,
                &parts,
                &within,
                &page,
                |_, sort, body| {
                    let entry: Entry = codec::decode("search term", body)?;
                    let mut fields = sort.split(BETWEEN);
                    let (Some(term), Some(kind), Some(id)) =
                        (fields.next(), fields.next(), fields.next())
                    else {
                        return Ok(None);
                    };
                    // All its words: a search for several reads no more.
                    let terms = words(&format!("{id} {}", entry.title));
                    // Found by several words that begin so, it is listed under the first of them.
                    let listed = terms.iter().find(|t| t.starts_with(first));
                    let all = wanted
                        .iter()
                        .all(|word| terms.iter().any(|term| term.starts_with(word)));
                    if listed.is_none_or(|listed| listed != term) || !all {
                        return Ok(None);
                    }
                    let mut customers = entry.customers.into_iter();
                    Ok(Some(Found {
                        kind: kind.to_owned(),
                        id: id.to_owned(),
                        title: entry.title,
                        customer: match &only {
                            Some(only) => customers.find(|c| only.contains(c)),
                            None => customers.next(),
                        },
                    }))
                },
            )
        })
        .await
    }
}
