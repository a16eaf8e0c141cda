//! `host`: the machine itself: system, hardware, disks, network, load, limits. Reads nothing of the customer's.
use serde::{Deserialize, Serialize};

use super::{
    Advice, Describe, ParamsError, Words,
    fields::{Field, Kind},
};
use crate::{documents::root::Bounds, explain::Message, reach::WideReason};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// Empty is all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    Os,
    Kernel,
    Cpu,
    Memory,
    Disks,
    Mounts,
    Network,
    Load,
    Uptime,
    Limits,
    Cgroup,
}

impl Part {
    pub const ALL: [Part; 11] = [
        Part::Os,
        Part::Kernel,
        Part::Cpu,
        Part::Memory,
        Part::Disks,
        Part::Mounts,
        Part::Network,
        Part::Load,
        Part::Uptime,
        Part::Limits,
        Part::Cgroup,
    ];

    /// The name in hooks and in the section's file names.
    pub fn name(self) -> &'static str {
        NAMES[self as usize]
    }
}

const NAMES: &[&str] = &[
    "os", "kernel", "cpu", "memory", "disks", "mounts", "network", "load", "uptime", "limits",
    "cgroup",
];

pub const FIELDS: &[Field] = &[Field::new("parts", Kind::SomeOf(NAMES))];

impl Params {
    /// The parts that are wanted, in their fixed order, each once.
    pub fn wanted(&self) -> Vec<Part> {
        let wanted = |part: &Part| self.parts.is_empty() || self.parts.contains(part);
        Part::ALL.into_iter().filter(wanted).collect()
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
        let names: Vec<_> = self.wanted().into_iter().map(Part::name).collect();
        Words {
            reads: vec![Message::new("host.reads").with("parts", names.join(", "))],
            ..Words::default()
        }
    }
}
