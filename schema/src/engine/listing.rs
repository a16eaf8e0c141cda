//! Pages of lists: one part or several of a list, merged by their sort keys.
use std::cmp::Ordering;

use boathook_hooks::ids::CustomerId;

use super::{
    keys::List,
    look::{Found, Look, Need, Rows},
    stop::Stop,
};
use crate::{Page, Paged, Scope};

/// Entries that are read at once at most to fill a page.
const FAR: usize = 1_000;
/// Entries of each of several parts that are read at once at least.
const FEW: usize = 8;

/// What of a list is left to read: above `after` and below `to` (empty: no end), from its first entry or from its last.
#[derive(Clone)]
struct Left {
    after: String,
    to: String,
    back: bool,
}

impl Left {
    fn need(&self, list: List, part: &str, limit: usize) -> Need {
        let (part, after, to) = (part.to_owned(), self.after.clone(), self.to.clone());
        match self.back {
            true => Need::ListBack {
                list,
                part,
                after,
                to,
                limit,
            },
            false => Need::List {
                list,
                part,
                after,
                to,
                limit,
            },
        }
    }

    /// All up to that key was read.
    fn past(&mut self, key: &str) {
        match self.back {
            true => key.clone_into(&mut self.to),
            false => key.clone_into(&mut self.after),
        }
    }

    fn order(&self, a: &str, b: &str) -> Ordering {
        match self.back {
            true => b.cmp(a),
            false => a.cmp(b),
        }
    }
}

/// A page of what `keep` makes of the entries of `parts`, by sort key; an entry in several parts is one item. `keep`
/// says none for what the caller may not see. The cursor is the sort key.
pub(crate) fn page<T>(
    look: &mut dyn Look,
    list: List,
    parts: &[String],
    page: &Page,
    keep: impl FnMut(&mut dyn Look, &str, &[u8]) -> Result<Option<T>, Stop>,
) -> Result<Paged<T>, Stop> {
    let within = (String::new(), String::new());
    page_within(look, list, parts, &within, page, keep)
}

/// The same of the entries above `within.0` and below `within.1` (empty: no end).
pub(crate) fn page_within<T>(
    look: &mut dyn Look,
    list: List,
    parts: &[String],
    within: &(String, String),
    page: &Page,
    keep: impl FnMut(&mut dyn Look, &str, &[u8]) -> Result<Option<T>, Stop>,
) -> Result<Paged<T>, Stop> {
    let after = page.key::<String>()?.unwrap_or_default();
    let left = Left {
        after: after.max(within.0.clone()),
        to: within.1.clone(),
        back: false,
    };
    paged(look, list, parts, left, page, keep)
}

/// As `page`, the last ones first: the next page lies below the cursor.
pub(crate) fn page_back<T>(
    look: &mut dyn Look,
    list: List,
    parts: &[String],
    page: &Page,
    keep: impl FnMut(&mut dyn Look, &str, &[u8]) -> Result<Option<T>, Stop>,
) -> Result<Paged<T>, Stop> {
    let left = Left {
        after: String::new(),
        to: page.key::<String>()?.unwrap_or_default(),
        back: true,
    };
    paged(look, list, parts, left, page, keep)
}

fn paged<T>(
    look: &mut dyn Look,
    list: List,
    parts: &[String],
    mut left: Left,
    page: &Page,
    mut keep: impl FnMut(&mut dyn Look, &str, &[u8]) -> Result<Option<T>, Stop>,
) -> Result<Paged<T>, Stop> {
    let size = page.size();
    let mut kept: Vec<(String, T)> = Vec::new();
    let mut limit = size + 1;
    loop {
        let (rows, more) = some(look, list, parts, &left, limit)?;
        // Where much is left out there is far to go.
        limit = (limit * 4).min(FAR.max(limit));
        for (sort, body) in &rows {
            if let Some(item) = keep(look, sort, body)? {
                kept.push((sort.clone(), item));
                if kept.len() > size {
                    return Ok(Paged::of(kept, size));
                }
            }
        }
        match rows.last() {
            Some((last, _)) if more => left.past(last),
            _ => return Ok(Paged::of(kept, size)),
        }
    }
}

/// The next entries of all parts together, `limit` at most, and whether there may be more. Of many parts few are read of
/// each: they fill the page together, and a part that has more bounds how far all are known.
fn some(
    look: &mut dyn Look,
    list: List,
    parts: &[String],
    left: &Left,
    limit: usize,
) -> Result<(Rows, bool), Stop> {
    let share = (2 * limit).div_ceil(parts.len().max(1));
    let each = share.max(FEW).min(limit);
    let needs = parts.iter().map(|part| left.need(list, part, each));
    look.ahead(needs.collect())?;
    let mut all: Rows = Vec::new();
    let mut known: Option<String> = None;
    for part in parts {
        let Found::Rows(rows) = look.find(left.need(list, part, each))? else {
            continue;
        };
        let last = rows.last().filter(|_| rows.len() == each);
        if let Some((last, _)) = last {
            let is_nearer = known.as_ref().is_none_or(|k| left.order(last, k).is_lt());
            known = if is_nearer { Some(last.clone()) } else { known };
        }
        all.extend(rows);
    }
    if let Some(known) = &known {
        all.retain(|(key, _)| left.order(key, known).is_le());
    }
    all.sort_by(|a, b| left.order(&a.0, &b.0));
    all.dedup_by(|a, b| a.0 == b.0);
    let more = known.is_some() || all.len() > limit;
    all.truncate(limit);
    Ok((all, more))
}

/// The first `limit` entries above `after` of all parts together, and whether there may be more.
pub(crate) fn merged(
    look: &mut dyn Look,
    list: List,
    parts: &[String],
    after: &str,
    limit: usize,
) -> Result<(Rows, bool), Stop> {
    let left = Left {
        after: after.to_owned(),
        to: String::new(),
        back: false,
    };
    let needs = parts.iter().map(|part| left.need(list, part, limit));
    look.ahead(needs.collect())?;
    let (mut all, mut more): (Rows, bool) = (Vec::new(), false);
    for part in parts {
        let rows = look.list(list, part, after, limit)?;
        more |= rows.len() == limit;
        all.extend(rows);
    }
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all.dedup_by(|a, b| a.0 == b.0);
    more |= all.len() > limit;
    all.truncate(limit);
    Ok((all, more))
}

/// The customers that a list must be read for; none is all of them.
pub(crate) fn customers_of(scope: &Scope, wanted: Option<CustomerId>) -> Option<Vec<CustomerId>> {
    match (scope, wanted) {
        (_, Some(one)) => Some(if scope.holds(&one) { vec![one] } else { vec![] }),
        (Scope::All | Scope::System, None) => None,
        (Scope::Only(set), None) => Some(set.iter().cloned().collect()),
        (Scope::Instance { customer, .. }, None) => Some(vec![customer.clone()]),
    }
}

/// Parts of a list that stands once for each customer and once as `*` for all.
pub(crate) fn parts(customers: Option<&[CustomerId]>) -> Vec<String> {
    match customers {
        None => vec!["*".to_owned()],
        Some(some) => some.iter().map(ToString::to_string).collect(),
    }
}
