//! `processes`: what runs on the machine: command, owner, memory, CPU time, age. Never environments.
use serde::{Deserialize, Serialize};

use super::{
    Advice, Describe, ParamsError, Words,
    fields::{Field, Kind},
};
use crate::{documents::root::Bounds, explain::Message, reach::WideReason};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// Only processes whose command name holds one of these texts; empty is all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// How many, the greatest first.
    pub top: u32,
    /// By what the greatest are found.
    pub by: By,
    /// Whether command lines are sent (redacted), or names only.
    pub arguments: bool,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            names: Vec::new(),
            top: 500,
            by: By::Memory,
            arguments: true,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// Resident memory.
    Memory,
    /// CPU time since the process began.
    Cpu,
}

const BY: &[&str] = &["memory", "cpu"];

impl By {
    pub fn name(self) -> &'static str {
        BY[self as usize]
    }
}

pub const FIELDS: &[Field] = &[
    Field::new("names", Kind::Texts),
    Field::new("top", Kind::Count(1, 100_000)),
    Field::new("by", Kind::OneOf(BY)),
    Field::new("arguments", Kind::Flag),
];

impl Params {
    pub fn wants(&self, command: &str) -> bool {
        self.names.is_empty()
            || self
                .names
                .iter()
                .any(|name| command.contains(name.as_str()))
    }
}

impl Describe for Params {
    fn faults(&self) -> Vec<ParamsError> {
        Vec::new()
    }

    fn lint(&self) -> Vec<Advice> {
        Vec::new()
    }

    fn reach(&self, _bounds: &Bounds) -> Vec<WideReason> {
        Vec::new()
    }

    fn words(&self) -> Words {
        let read = if self.names.is_empty() {
            Message::new("processes.reads_all")
        } else {
            Message::new("processes.reads").with("names", self.names.join(", "))
        };
        let sends = if self.arguments {
            "processes.arguments"
        } else {
            "processes.names_only"
        };
        Words {
            reads: vec![read],
            sends: vec![Message::new(sends)],
            limits: vec![
                Message::new("processes.limits")
                    .with("top", self.top)
                    .with("by", self.by.name()),
            ],
            ..Words::default()
        }
    }
}
