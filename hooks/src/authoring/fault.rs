//! A fault of an authored hook: where, what is wrong, and what would be right.
use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// No hook can be made.
    Error,
    /// Allowed, but unwise.
    Warning,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    pub severity: Severity,
    /// From 1; 0 when the fault is of no place in the text.
    pub line: u32,
    /// In characters from 1; 0 as for `line`.
    pub column: u32,
    /// Such as `limits.places` or `collect[0].paths`; empty when the text is no TOML.
    pub field: String,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub expected: String,
}

/// `line 3, column 1: error: limits.places: found 0; expected …`, on one line, printable.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "line {}, column {}: ", self.line, self.column)?;
        }
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{severity}: ")?;
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        write!(f, "{}; expected {}", self.message, self.expected)
    }
}

/// Collects faults and knows where each field stands in the text.
pub(super) struct Faults<'t> {
    text: &'t str,
    /// Byte offsets of fields that were read.
    places: BTreeMap<String, usize>,
    all: Vec<Fault>,
}

/// More of one severity are not told: a text of nothing but faults must not cost more to answer than to send.
const MAX_FAULTS: usize = 200;

impl<'t> Faults<'t> {
    pub fn new(text: &'t str) -> Self {
        Self {
            text,
            places: BTreeMap::new(),
            all: Vec::new(),
        }
    }

    pub fn place(&mut self, field: &str, offset: usize) {
        self.places.insert(field.to_owned(), offset);
    }

    pub fn has_errors(&self) -> bool {
        self.all
            .iter()
            .any(|fault| fault.severity == Severity::Error)
    }

    /// Whether `field` or something in it is known to be wrong.
    pub fn names(&self, field: &str) -> bool {
        self.all.iter().any(|fault| {
            let rest = fault.field.strip_prefix(field);
            fault.severity == Severity::Error
                && rest.is_some_and(|r| r.is_empty() || r.starts_with(['.', '[']))
        })
    }

    pub fn error(&mut self, field: &str, message: impl Into<String>, expected: impl Into<String>) {
        self.push(
            Severity::Error,
            field,
            self.find(field),
            message.into(),
            expected.into(),
        );
    }

    pub fn warn(&mut self, field: &str, message: impl Into<String>, expected: impl Into<String>) {
        self.push(
            Severity::Warning,
            field,
            self.find(field),
            message.into(),
            expected.into(),
        );
    }

    /// An error of the text itself.
    pub fn error_at(
        &mut self,
        offset: usize,
        message: impl Into<String>,
        expected: impl Into<String>,
    ) {
        self.push(
            Severity::Error,
            "",
            Some(offset),
            message.into(),
            expected.into(),
        );
    }

    /// Ordered by place; what has none comes last. Of a line that is no TOML only the first fault is told: the others
    /// follow from it.
    pub fn into_all(mut self) -> Vec<Fault> {
        let is_of_text = |f: &Fault| f.field.is_empty() && f.line > 0;
        self.all
            .sort_by_key(|f| (f.line == 0, f.line, !is_of_text(f), f.column, f.severity));
        let mut broken = 0;
        self.all.retain(|fault| {
            let follows = fault.line > 0 && fault.line == broken;
            if is_of_text(fault) {
                broken = fault.line;
            }
            !follows
        });
        self.all
    }

    fn push(
        &mut self,
        severity: Severity,
        field: &str,
        offset: Option<usize>,
        message: String,
        expected: String,
    ) {
        let told = self.all.iter().filter(|f| f.severity == severity);
        if told.count() >= MAX_FAULTS {
            return;
        }
        let (line, column) = offset.map_or((0, 0), |offset| self.line_and_column(offset));
        let fault = Fault {
            severity,
            line,
            column,
            field: field.to_owned(),
            message,
            expected,
        };
        if !self.all.contains(&fault) {
            self.all.push(fault);
        }
    }

    /// Where the field stands, or the nearest table around it.
    fn find(&self, field: &str) -> Option<usize> {
        let mut field = field;
        loop {
            if let Some(offset) = self.places.get(field) {
                return Some(*offset);
            }
            field = &field[..field.rfind(['.', '['])?];
        }
    }

    fn line_and_column(&self, offset: usize) -> (u32, u32) {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |n| n + 1);
        let count = |n: usize| u32::try_from(n + 1).unwrap_or(u32::MAX);
        (
            count(before.matches('\n').count()),
            count(before[line_start..].chars().count()),
        )
    }
}
