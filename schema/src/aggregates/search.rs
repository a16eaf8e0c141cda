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
/// Entries of each word, in all parts together, by which the rarest is chosen, and of those that have that many.
const GLANCES: [usize; 2] = [100, 400];

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

/// Character by character: a word by itself is the same as within its text, which `str::to_lowercase` does not promise.
fn lower(text: &str) -> impl Iterator<Item = char> {
    text.chars().flat_map(char::to_lowercase)
}

/// Lower-case words of letters and digits.
fn words(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| lower(word).take(TERM_CHARS).collect())
        .take(MOST_TERMS)
        .collect()
}

fn part(customer: &str, term: &str) -> String {
    let first = term.chars().next().unwrap_or(' ');
    format!("{customer}/{first}")
}

/// All that a record is found by, for whoever works for those of its customers.
fn text_of<'a>(id: &str, customers: impl Iterator<Item = &'a CustomerId>, title: &str) -> String {
    let mut text = id.to_owned();
    for customer in customers {
        text.push(' ');
        text.push_str(customer.as_str());
    }
    text.push(' ');
    text.push_str(title);
    text
}

fn entries(kind: &str, id: &str, named: &Named<'_>) -> BTreeSet<(String, String)> {
    let sort = |term: &str| format!("{term}{BETWEEN}{kind}{BETWEEN}{id}");
    let mut entries = BTreeSet::new();
    for term in words(&text_of(id, named.customers.iter(), named.title)) {
        entries.insert((part("*", &term), sort(&term)));
    }
    for customer in named.customers {
        // Another customer of the same record is no word of this one's.
        for term in words(&text_of(id, [customer].into_iter(), named.title)) {
            entries.insert((part(customer.as_str(), &term), sort(&term)));
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

/// Which of several words is taken: numbers tell more than words, and long ones more than short ones.
fn telling<'a>(words: impl Iterator<Item = &'a String>) -> Option<&'a String> {
    words.max_by_key(|word| (has_digit(word), word.chars().count()))
}

fn has_digit(word: &str) -> bool {
    word.contains(char::is_numeric)
}

/// The word that the fewest records begin with, as far as looks at the first of them tell.
fn rarest(look: &mut dyn Look, whose: &[String], words: &[String]) -> Result<Option<String>, Stop> {
    let mut left = words.to_vec();
    for limit in GLANCES {
        if left.len() < 2 {
            break;
        }
        left = fewest(look, whose, &left, limit.div_ceil(whose.len().max(1)))?;
        if left.iter().any(|word| has_digit(word)) {
            left.retain(|word| has_digit(word));
        }
    }
    Ok(telling(left.iter()).cloned())
}

/// Those of the words under which the fewest entries stand, of up to `limit` in each part.
fn fewest(
    look: &mut dyn Look,
    whose: &[String],
    words: &[String],
    limit: usize,
) -> Result<Vec<String>, Stop> {
    let need = |word: &String, part: String| Need::List {
        list: List::Terms,
        part,
        after: word.clone(),
        to: beyond(word),
        limit,
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
            let rows = look.list_to(List::Terms, &part, word, &beyond(word), limit)?;
            count += rows.len();
        }
        found.push((count, word));
    }
    let fewest = found.iter().map(|(count, _)| *count).min();
    let found = found
        .into_iter()
        .filter(|(count, _)| Some(*count) == fewest);
    Ok(found.map(|(_, word)| word.clone()).collect())
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
                Some(key) => telling(wanted.iter().filter(|word| key.starts_with(*word))).cloned(),
                None => rarest(look, &whose, &wanted)?,
            };
            // The others are asked of each that it finds.
            let Some(first) = first else {
                return Ok(Paged::of(Vec::<(String, Found)>::new(), 0));
            };
            let parts = parts_of(&whose, &first);
            let within = (first.clone(), beyond(&first));
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
                    // All its words: a search for several reads no more. Most that stand under one of them lack another.
                    let own = |c: &&CustomerId| only.as_ref().is_none_or(|o| o.contains(c));
                    let text = text_of(id, entry.customers.iter().filter(own), &entry.title);
                    let whole: String = lower(&text).collect();
                    if !wanted.iter().all(|word| whole.contains(word.as_str())) {
                        return Ok(None);
                    }
                    let terms = words(&text);
                    // Found by several words that begin so, it is listed under the first of them.
                    let listed = terms.iter().find(|t| t.starts_with(first.as_str()));
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
