//! `journal`: lines of the systemd journal, by unit, age and priority.
use serde::{Deserialize, Serialize};

use super::{
    Advice, Describe, ParamsError, Words,
    fields::{Field, Kind, wrong},
};
use crate::{authoring::human, documents::root::Bounds, explain::Message, reach::WideReason};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// Units such as `nginx.service`, without patterns; empty is the whole journal.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub units: Vec<String>,
    /// How far back, in seconds before the run.
    pub since: u64,
    /// The newest lines, at most.
    pub lines: u64,
    /// This one and graver ones; none is all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            units: Vec::new(),
            since: 86_400,
            lines: 10_000,
            priority: None,
        }
    }
}

/// syslog(3) levels, gravest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    Emerg,
    Alert,
    Crit,
    Err,
    Warning,
    Notice,
    Info,
    Debug,
}

const NAMES: &[&str] = &[
    "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug",
];

impl Priority {
    /// As `journalctl --priority` takes it.
    pub fn name(self) -> &'static str {
        NAMES[self as usize]
    }

    /// 0 (emerg) to 7 (debug).
    pub fn level(self) -> u8 {
        self as u8
    }
}

pub const FIELDS: &[Field] = &[
    Field::new("units", Kind::Texts),
    Field::new("since", Kind::Seconds(365 * 86_400)),
    Field::new("lines", Kind::Count(1, 10_000_000)),
    Field::new("priority", Kind::OneOf(NAMES)),
];

/// Characters of unit names, systemd.unit(5); a leading `-` would be read as an option.
fn is_unit(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || ":-_.\\@".contains(c);
    !name.starts_with('-') && name.len() <= 255 && name.chars().all(allowed)
}

impl Describe for Params {
    fn faults(&self) -> Vec<ParamsError> {
        let bad = self.units.iter().filter(|unit| !is_unit(unit));
        bad.map(|unit| {
            wrong(
                "units",
                unit,
                "names of units such as \"nginx.service\", without patterns",
            )
        })
        .collect()
    }

    fn lint(&self) -> Vec<Advice> {
        let mut advice = Vec::new();
        if self.units.is_empty() && self.since > 7 * 86_400 && self.priority.is_none() {
            advice.push(Advice {
                field: "units",
                message: "the whole journal of more than a week is read".into(),
                expected: "units, a priority, or a shorter since".into(),
            });
        }
        advice
    }

    fn reach(&self, _bounds: &Bounds) -> Vec<WideReason> {
        Vec::new()
    }

    fn words(&self) -> Words {
        let read = if self.units.is_empty() {
            Message::new("journal.reads_all")
        } else {
            Message::new("journal.reads").with("units", self.units.join(", "))
        };
        let mut limits = vec![
            Message::new("journal.limits")
                .with("since", human::duration(self.since))
                .with("lines", self.lines),
        ];
        if let Some(priority) = self.priority {
            limits.push(Message::new("journal.priority").with("priority", priority.name()));
        }
        Words {
            reads: vec![read],
            limits,
            ..Words::default()
        }
    }
}
