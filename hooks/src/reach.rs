//! Reach: what a hook touches, and so where its signatures must come from (trust.md §1, "Reach").
use std::{collections::BTreeSet, fmt};

use crate::{
    collectors::{self, ParamsError},
    documents::{
        hook::{CollectorEntry, Hook},
        root::Bounds,
    },
    explain::Message,
};

/// `Wide` never has an empty list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    Ordinary,
    Wide(Vec<WideReason>),
}

impl Reach {
    pub fn is_wide(&self) -> bool {
        matches!(self, Self::Wide(_))
    }

    pub fn name(&self) -> &'static str {
        if self.is_wide() { "wide" } else { "ordinary" }
    }
}

/// Why a hook is wide. The texts are the hook's own; `Display` makes them printable.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WideReason {
    /// This program is run.
    Command(String),
    /// A path that is not beneath the root's ordinary ones.
    Path(String),
    /// Files are sent unredacted.
    Raw,
    /// Another host than this machine.
    Host(String),
    /// A socket outside the system's directories.
    Socket(String),
    /// More than one credential.
    Credentials(Vec<String>),
    /// A collector that this version does not know.
    Unknown(String),
    /// Parameters that cannot be read, so that nobody knows what the section would do.
    Unreadable { section: String, why: String },
    /// A template, whose collectors this version does not see.
    Template,
}

impl WideReason {
    pub fn message(&self) -> Message {
        match self {
            Self::Command(path) => Message::new("wide.command").with("path", path),
            Self::Path(path) => Message::new("wide.path").with("path", path),
            Self::Raw => Message::new("wide.raw"),
            Self::Host(host) => Message::new("wide.host").with("host", host),
            Self::Socket(dir) => Message::new("wide.socket").with("dir", dir),
            Self::Credentials(names) => {
                Message::new("wide.credentials").with("names", names.join(", "))
            }
            Self::Unknown(name) => Message::new("wide.unknown").with("collector", name),
            Self::Unreadable { section, why } => Message::new("wide.unreadable")
                .with("section", section)
                .with("why", why),
            Self::Template => Message::new("wide.template"),
        }
    }
}

impl fmt::Display for WideReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.message().fmt(f)
    }
}

/// The reach of a whole hook: wide as soon as one part of it is.
pub fn of(hook: &Hook, bounds: &Bounds) -> Reach {
    let mut reasons: Vec<WideReason> = Vec::new();
    let mut credentials = BTreeSet::new();
    for entry in &hook.collectors {
        reasons.extend(of_entry(entry, bounds));
        if let Ok(parsed) = collectors::parse(&entry.collector, &entry.params) {
            credentials.extend(parsed.credential().map(str::to_owned));
        }
    }
    if credentials.len() > 1 {
        reasons.push(WideReason::Credentials(credentials.into_iter().collect()));
    }
    if hook.template.is_some() {
        reasons.push(WideReason::Template);
    }
    let mut seen = BTreeSet::new();
    reasons.retain(|reason| seen.insert(reason.clone()));
    if reasons.is_empty() {
        Reach::Ordinary
    } else {
        Reach::Wide(reasons)
    }
}

/// Why one section alone is wide; nothing when it is ordinary.
pub fn of_entry(entry: &CollectorEntry, bounds: &Bounds) -> Vec<WideReason> {
    match collectors::parse(&entry.collector, &entry.params) {
        Ok(parsed) => parsed.reach(bounds),
        Err(ParamsError::Unknown(name)) => vec![WideReason::Unknown(name)],
        Err(error @ ParamsError::Field { .. }) => {
            vec![WideReason::Unreadable {
                section: entry.section.to_string(),
                why: error.to_string(),
            }]
        }
    }
}
