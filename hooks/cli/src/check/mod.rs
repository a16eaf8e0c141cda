//! What `verify` proves of files that others made: packets, receipts, exports of the audit, documents.
pub mod audit;
pub mod document;
pub mod packet;
pub mod receipt;

use serde::Serialize;
use serde_json::Value;

/// What was proved, and what was not looked at. A check that fails is an error instead.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Proof {
    /// Such as `packet` or `audit export`.
    pub kind: String,
    pub holds: Vec<String>,
    /// What was not judged, and what it would take.
    pub open: Vec<String>,
    /// Facts for programs.
    pub facts: Value,
}

impl Proof {
    pub fn of(kind: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            ..Self::default()
        }
    }

    pub fn holds(&mut self, words: impl Into<String>) {
        self.holds.push(words.into());
    }

    pub fn open(&mut self, words: impl Into<String>) {
        self.open.push(words.into());
    }
}
