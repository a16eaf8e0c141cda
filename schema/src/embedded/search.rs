//! Search terms: a projection of what has a name, written with it.
use std::collections::BTreeSet;

use boathook_hooks::ids::CustomerId;
use rusqlite::params;

use super::{
    Embedded, customers_of,
    rows::walk,
    tx::{Stop, Tx},
};
use crate::{Found, Page, Paged, Scope, StoreError, verbs::Read};

/// Words that one record is found by, and characters of one.
const MOST_TERMS: usize = 64;
const TERM_CHARS: usize = 64;

/// Lower-case words of letters and digits.
fn words(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| word.to_lowercase().chars().take(TERM_CHARS).collect())
        .take(MOST_TERMS)
        .collect()
}

impl Tx<'_> {
    /// `id` is found by its own words and those of `title`, by who holds one of `customers`.
    pub(super) fn index(
        &self,
        kind: &str,
        id: &str,
        title: &str,
        customers: &[CustomerId],
    ) -> Result<(), Stop> {
        for table in ["terms", "found_customers"] {
            self.conn
                .prepare_cached(&format!("DELETE FROM {table} WHERE kind = ?1 AND id = ?2"))?
                .execute(params![kind, id])?;
        }
        self.conn
            .prepare_cached("INSERT OR REPLACE INTO found (kind, id, title) VALUES (?1, ?2, ?3)")?
            .execute(params![kind, id, title])?;
        for term in words(&format!("{id} {title}")) {
            self.conn
                .prepare_cached("INSERT OR IGNORE INTO terms (term, kind, id) VALUES (?1, ?2, ?3)")?
                .execute(params![term, kind, id])?;
        }
        for customer in customers {
            self.conn
                .prepare_cached(
                    "INSERT OR IGNORE INTO found_customers (kind, id, customer) VALUES (?1, ?2, ?3)",
                )?
                .execute(params![kind, id, customer.as_str()])?;
        }
        Ok(())
    }
}

impl Embedded {
    pub(crate) async fn search(&self, scope: &Scope, text: &str, page: Page) -> Read<Paged<Found>> {
        let terms: Vec<String> = words(text).into_iter().collect();
        let only = match scope {
            Scope::Instance { .. } => Some(Vec::new()),
            other => customers_of(other, None),
        };
        self.read("search", move |conn| {
            let (after, size) = (page.key::<(String, String)>()?, page.size());
            let (after_kind, after_id) = after.unwrap_or_default();
            // The longest word names the fewest; the others are asked for each that it finds.
            let Some(first) = terms.iter().max_by_key(|word| word.chars().count()) else {
                return Ok(Paged::of(Vec::<((String, String), Found)>::new(), 0));
            };
            let sql = "SELECT DISTINCT t.kind, t.id, f.title,
                  (SELECT group_concat(customer, ' ') FROM found_customers c WHERE c.kind = t.kind AND c.id = t.id)
                FROM terms t JOIN found f ON f.kind = t.kind AND f.id = t.id
                WHERE t.term >= ?1 AND t.term < ?1 || char(1114111) AND (t.kind, t.id) > (?2, ?3)
                ORDER BY t.kind, t.id";
            let has = "SELECT EXISTS (SELECT 1 FROM terms WHERE kind = ?1 AND id = ?2
                AND term >= ?3 AND term < ?3 || char(1114111))";
            let rows = walk(conn, sql, params![first, after_kind, after_id], size, |row| {
                let (kind, id): (String, String) = (row.get(0)?, row.get(1)?);
                let customers: Option<String> = row.get(3)?;
                let mut customers = customers
                    .as_deref()
                    .unwrap_or_default()
                    .split_whitespace()
                    .map(str::parse::<CustomerId>)
                    .collect::<Result<Vec<_>, _>>()
                    .map_err(|e| StoreError::Record { what: "search term", source: e.into() })?;
                if let Some(only) = &only {
                    customers.retain(|c| only.contains(c));
                    if customers.is_empty() {
                        return Ok(None);
                    }
                }
                for term in terms.iter().filter(|term| *term != first) {
                    let found: bool = conn
                        .prepare_cached(has)?
                        .query_row(params![kind, id, term], |row| row.get(0))?;
                    if !found {
                        return Ok(None);
                    }
                }
                let found = Found {
                    kind: kind.clone(),
                    id: id.clone(),
                    title: row.get(2)?,
                    customer: customers.into_iter().next(),
                };
                Ok(Some(((kind, id), found)))
            })?;
            Ok(Paged::of(rows, size))
        })
        .await
    }
}
