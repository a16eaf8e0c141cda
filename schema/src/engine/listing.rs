//! Pages of lists: one part or several of a list, merged by their sort keys.
use boathook_hooks::ids::CustomerId;

use super::{
    keys::List,
    look::{Look, Need, Rows},
    stop::Stop,
};
use crate::{Page, Paged, Scope};

/// Entries that are read at once at most to fill a page.
const FAR: usize = 1_000;

/// A page of what `keep` makes of the entries of `parts`, by sort key; an entry in several parts is one item. `keep`
/// says none for what the caller may not see. The cursor is the sort key.
pub(crate) fn page<T>(
    look: &mut dyn Look,
    list: List,
    parts: &[String],
    page: &Page,
    keep: impl FnMut(&mut dyn Look, &str, &[u8]) -> Result<Option<T>, Stop>,
) -> Result<Paged<T>, Stop> {
    page_within(
        look,
        list,
        parts,
        &(String::new(), String::new()),
        page,
        keep,
    )
}

/// The same, the last ones first: the cursor is the sort key, and the next page lies below it.
pub(crate) fn page_back<T>(
    look: &mut dyn Look,
    list: List,
    parts: &[String],
    page: &Page,
    mut keep: impl FnMut(&mut dyn Look, &str, &[u8]) -> Result<Option<T>, Stop>,
) -> Result<Paged<T>, Stop> {
    let size = page.size();
    let mut to = page.key::<String>()?.unwrap_or_default();
    let mut kept: Vec<(String, T)> = Vec::new();
    loop {
        let (rows, more) = merged_back(look, list, parts, &to, size + 1)?;
        for (sort, body) in &rows {
            if let Some(item) = keep(look, sort, body)? {
                kept.push((sort.clone(), item));
                if kept.len() > size {
                    return Ok(Paged::of(kept, size));
                }
            }
        }
        match rows.last() {
            Some((last, _)) if more => to.clone_from(last),
            _ => return Ok(Paged::of(kept, size)),
        }
    }
}

/// The same of the entries above `within.0` and below `within.1` (empty: no end).
pub(crate) fn page_within<T>(
    look: &mut dyn Look,
    list: List,
    parts: &[String],
    within: &(String, String),
    page: &Page,
    mut keep: impl FnMut(&mut dyn Look, &str, &[u8]) -> Result<Option<T>, Stop>,
) -> Result<Paged<T>, Stop> {
    let size = page.size();
    let mut after = page.key::<String>()?.unwrap_or_default();
    after = after.max(within.0.clone());
    let mut kept: Vec<(String, T)> = Vec::new();
    let mut limit = size + 1;
    loop {
        let (rows, more) = merged(look, list, parts, &after, &within.1, limit)?;
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
            Some((last, _)) if more => after.clone_from(last),
            _ => return Ok(Paged::of(kept, size)),
        }
    }
}

/// The first `limit` entries above `after` of all parts together, and whether there may be more.
pub(crate) fn merged(
    look: &mut dyn Look,
    list: List,
    parts: &[String],
    after: &str,
    to: &str,
    limit: usize,
) -> Result<(Rows, bool), Stop> {
    let need = |part: &String| Need::List {
        list,
        part: part.clone(),
        after: after.to_owned(),
        to: to.to_owned(),
        limit,
    };
    look.ahead(parts.iter().map(need).collect())?;
    let mut all = Vec::new();
    let mut more = false;
    for part in parts {
        let rows = look.list_to(list, part, after, to, limit)?;
        more |= rows.len() == limit;
        all.extend(rows);
    }
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all.dedup_by(|a, b| a.0 == b.0);
    more |= all.len() > limit;
    all.truncate(limit);
    Ok((all, more))
}

/// The last `limit` entries below `to` (empty: no end) of all parts together, falling, and whether there may be more.
fn merged_back(
    look: &mut dyn Look,
    list: List,
    parts: &[String],
    to: &str,
    limit: usize,
) -> Result<(Rows, bool), Stop> {
    let need = |part: &String| Need::ListBack {
        list,
        part: part.clone(),
        after: String::new(),
        to: to.to_owned(),
        limit,
    };
    look.ahead(parts.iter().map(need).collect())?;
    let mut all = Vec::new();
    let mut more = false;
    for part in parts {
        let rows = look.list_back(list, part, "", to, limit)?;
        more |= rows.len() == limit;
        all.extend(rows);
    }
    all.sort_by(|a, b| b.0.cmp(&a.0));
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
