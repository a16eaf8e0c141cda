//! How far a copy is, kept in the target, so that it can be gone on with.
use boathook_hooks::time::Time;
use serde::{Deserialize, Serialize};

use super::{MovedObjects, lists, tables};
use crate::engine::{Home, Table};

/// What was copied until now, over all attempts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyProgress {
    /// The table or list that is copied, or what is done at the end.
    pub what: String,
    pub aggregates: u64,
    pub entries: u64,
    pub objects: MovedObjects,
    /// Packets whose bytes were read again.
    pub packets: u64,
}

impl CopyProgress {
    pub(super) fn at(&mut self, what: &str, change: &mut dyn FnMut(&mut Self)) {
        if self.what != what {
            what.clone_into(&mut self.what);
        }
        change(self);
    }
}

/// In order: tables, lists, packet objects, then the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Step {
    Table(usize),
    List(usize),
    Objects,
    Verify,
}

impl Step {
    pub(super) fn next(self, same_objects: bool) -> Self {
        match self {
            Self::Table(n) if n + 1 < tables().count() => Self::Table(n + 1),
            Self::Table(_) => Self::List(0),
            Self::List(n) if n + 1 < lists().count() => Self::List(n + 1),
            Self::List(_) if !same_objects => Self::Objects,
            Self::List(_) | Self::Objects | Self::Verify => Self::Verify,
        }
    }
}

/// Stands in the target alone.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Marker {
    pub(super) from: String,
    pub(super) step: Step,
    /// Where the step goes on, as the source understands it.
    pub(super) after: Option<String>,
    pub(super) done: CopyProgress,
    /// When all was there and compared.
    pub(super) whole_at: Option<Time>,
}

impl Marker {
    pub(super) fn new(from: String) -> Self {
        Self {
            from,
            step: Step::Table(0),
            after: None,
            done: CopyProgress::default(),
            whole_at: None,
        }
    }
}

pub(super) fn marker_home() -> Home {
    Home::new(Table::Work, "copy")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steps_lead_through_everything_to_the_comparison() {
        for (same, steps) in [(false, 1), (true, 0)] {
            let (mut step, mut count) = (Step::Table(0), 0);
            while step != Step::Verify {
                step = step.next(same);
                count += 1;
            }
            assert_eq!(count, tables().count() + lists().count() + steps);
        }
    }
}
