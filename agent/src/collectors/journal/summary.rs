//! `journal.json`: what the lines of `journal.log` are.
use std::collections::BTreeMap;

use serde::Serialize;

use super::entry::Entry;
use crate::child::out::{Section, Stop};

/// Units that the summary names.
const MOST_UNITS: usize = 100;

#[derive(Default, Serialize)]
pub struct Summary {
    pub lines: u64,
    /// RFC 3339.
    from: Option<String>,
    to: Option<String>,
    by_priority: BTreeMap<&'static str, u64>,
    by_unit: BTreeMap<String, u64>,
    /// Lines of units beyond those named.
    other_units: u64,
    too_long: u64,
}

impl Summary {
    pub fn count(&mut self, entry: &Entry) {
        if entry.too_long() {
            self.too_long += 1;
            return;
        }
        self.lines += 1;
        let at = entry.at();
        if self.from.is_none() {
            self.from.clone_from(&at);
        }
        self.to = at;
        *self.by_priority.entry(entry.priority()).or_default() += 1;
        let unit = entry.unit();
        if let Some(count) = self.by_unit.get_mut(unit) {
            *count += 1;
        } else if self.by_unit.len() < MOST_UNITS {
            self.by_unit.insert(unit.to_owned(), 1);
        } else {
            self.other_units += 1;
        }
    }
}

pub fn write_summary(summary: &Summary, section: &mut Section) -> Result<(), Stop> {
    if summary.too_long > 0 {
        section.truncate("some entries are too long to be read");
        section.leave_out("entries that are too long to be read", 0, summary.too_long);
    }
    let json = serde_json::to_vec_pretty(summary).map_err(|e| Stop::Failed(e.to_string()))?;
    section.file("journal.json", &json)
}
