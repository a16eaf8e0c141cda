//! The collectors: their parameters, with lint, reach and plain words. What they describe here, the agent does in
//! its files of the same names.
pub mod command;
pub mod fields;
pub mod file;
pub mod host;
pub mod journal;
pub mod postgres;
pub mod processes;
pub mod secrets;

use bson::Document;
use serde::{Serialize, de::DeserializeOwned};

use crate::{documents::root::Bounds, explain::Message, reach::WideReason};
use fields::Field;

/// Parameters of a known collector. Defaults of what is not said are part of format 1: they never change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed {
    Host(host::Params),
    File(file::Params),
    Command(command::Params),
    Journal(journal::Params),
    Processes(processes::Params),
    Postgres(postgres::Params),
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParamsError {
    /// The section is *unsupported*, and the hook's reach wide.
    #[error("the collector {0:?} is not known to this version")]
    Unknown(String),
    #[error("{field}: found {found}; expected {expected}")]
    Field {
        field: String,
        found: String,
        expected: String,
    },
}

/// Something unwise but allowed in a collector's parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    pub field: &'static str,
    pub message: String,
    pub expected: String,
}

/// What one section does, in plain words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Words {
    pub reads: Vec<Message>,
    pub runs: Vec<Message>,
    pub contacts: Vec<Message>,
    pub sends: Vec<Message>,
    pub limits: Vec<Message>,
    /// What a reader must not miss.
    pub dangers: Vec<Message>,
}

/// Names of all collectors of this build.
pub const KNOWN: &[&str] = &[
    "command",
    "file",
    "host",
    "journal",
    "postgres",
    "processes",
];

/// The parameters that a collector has; none for an unknown one.
pub fn table(kind: &str) -> Option<&'static [Field]> {
    match kind {
        "host" => Some(host::FIELDS),
        "file" => Some(file::FIELDS),
        "command" => Some(command::FIELDS),
        "journal" => Some(journal::FIELDS),
        "processes" => Some(processes::FIELDS),
        "postgres" => Some(postgres::FIELDS),
        _ => None,
    }
}

/// The parameters of collector `kind`, or the first fault in them.
pub fn parse(kind: &str, params: &Document) -> Result<Parsed, ParamsError> {
    parse_all(kind, params).map_err(|mut faults| faults.swap_remove(0))
}

/// The parameters of collector `kind`, or every fault in them (never an empty list).
pub fn parse_all(kind: &str, params: &Document) -> Result<Parsed, Vec<ParamsError>> {
    let Some(table) = table(kind) else {
        return Err(vec![ParamsError::Unknown(kind.to_owned())]);
    };
    let faults = fields::faults(table, params);
    if !faults.is_empty() {
        return Err(faults);
    }
    match kind {
        "host" => read(params).map(Parsed::Host),
        "file" => read(params).map(Parsed::File),
        "command" => read(params).map(Parsed::Command),
        "journal" => read(params).map(Parsed::Journal),
        "processes" => read(params).map(Parsed::Processes),
        "postgres" => read(params).map(Parsed::Postgres),
        _ => Err(vec![ParamsError::Unknown(kind.to_owned())]),
    }
}

/// What each collector's parameters tell of themselves.
pub trait Describe {
    /// Contradictions that the table of fields cannot see; all of them.
    fn faults(&self) -> Vec<ParamsError>;
    /// What is allowed but unwise.
    fn lint(&self) -> Vec<Advice>;
    /// Why this is wide; nothing when it is ordinary.
    fn reach(&self, bounds: &Bounds) -> Vec<WideReason>;
    fn words(&self) -> Words;
}

fn read<P: DeserializeOwned + Describe>(params: &Document) -> Result<P, Vec<ParamsError>> {
    let parsed: P = bson::deserialize_from_document(params.clone()).map_err(|e| {
        vec![ParamsError::Field {
            field: "params".into(),
            found: "parameters that do not fit".into(),
            expected: crate::explain::text::short(&e.to_string(), 200),
        }]
    })?;
    let faults = parsed.faults();
    if faults.is_empty() {
        Ok(parsed)
    } else {
        Err(faults)
    }
}

impl Parsed {
    fn inner(&self) -> &dyn Describe {
        match self {
            Self::Host(p) => p,
            Self::File(p) => p,
            Self::Command(p) => p,
            Self::Journal(p) => p,
            Self::Processes(p) => p,
            Self::Postgres(p) => p,
        }
    }

    pub fn lint(&self) -> Vec<Advice> {
        self.inner().lint()
    }

    pub fn reach(&self, bounds: &Bounds) -> Vec<WideReason> {
        self.inner().reach(bounds)
    }

    pub fn words(&self) -> Words {
        self.inner().words()
    }

    /// The credential of `credentials.toml` that this section needs.
    pub fn credential(&self) -> Option<&str> {
        match self {
            Self::Postgres(p) => Some(&p.credential),
            Self::Host(_)
            | Self::File(_)
            | Self::Command(_)
            | Self::Journal(_)
            | Self::Processes(_) => None,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
