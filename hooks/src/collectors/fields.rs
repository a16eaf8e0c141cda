//! The fields of a collector's parameters: what each may hold, in a table that parsing, lint and authoring share.
use bson::{Bson, Document};

use super::ParamsError;
use crate::explain::text::short;

/// Longest text in parameters, in characters.
const MAX_TEXT: usize = 4_096;
/// Longest list in parameters.
const MAX_LIST: usize = 256;

/// One parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    pub name: &'static str,
    pub kind: Kind,
    pub required: bool,
}

impl Field {
    pub(super) const fn new(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            kind,
            required: false,
        }
    }

    pub(super) const fn required(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            kind,
            required: true,
        }
    }
}

/// What a parameter holds. In the payload sizes are bytes and durations seconds; people write "5 MiB" and "7d".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Flag,
    /// An integer of at least and at most.
    Count(u64, u64),
    /// 1 byte to 1 TiB.
    Bytes,
    /// 1 second to at most.
    Seconds(u64),
    Text,
    Texts,
    /// Exit statuses, 0 to 255.
    Codes,
    OneOf(&'static [&'static str]),
    SomeOf(&'static [&'static str]),
}

pub const MAX_BYTES: u64 = 1 << 40;

impl Kind {
    /// What would be right, in words.
    pub fn expected(self) -> String {
        match self {
            Self::Flag => "true or false".into(),
            Self::Count(least, most) => format!("an integer from {least} to {most}"),
            Self::Bytes => "a size such as \"5 MiB\", at least 1 byte and at most 1 TiB".into(),
            Self::Seconds(most) => {
                format!("a duration such as \"90s\" or \"7d\", at least 1 second and at most {} hours", most / 3600)
            }
            Self::Text => "text without control characters, of 1 to 4096 characters".into(),
            Self::Texts => "a list of at most 256 texts without control characters, each of 1 to 4096 characters".into(),
            Self::Codes => "a list of at most 256 exit statuses from 0 to 255".into(),
            Self::OneOf(names) => format!("one of {}", names.join(", ")),
            Self::SomeOf(names) => format!("a list of any of {}", names.join(", ")),
        }
    }

    fn holds(self, value: &Bson) -> bool {
        let within =
            |least: u64, most: u64| integer(value).is_some_and(|n| (least..=most).contains(&n));
        let list = |each: &dyn Fn(&Bson) -> bool| {
            value
                .as_array()
                .is_some_and(|all| all.len() <= MAX_LIST && all.iter().all(each))
        };
        match self {
            Self::Flag => value.as_bool().is_some(),
            Self::Count(least, most) => within(least, most),
            Self::Bytes => within(1, MAX_BYTES),
            Self::Seconds(most) => within(1, most),
            Self::Text => is_text(value),
            Self::Texts => list(&is_text),
            Self::Codes => list(&|each| integer(each).is_some_and(|n| n <= 255)),
            Self::OneOf(names) => value.as_str().is_some_and(|text| names.contains(&text)),
            Self::SomeOf(names) => {
                list(&|each| each.as_str().is_some_and(|text| names.contains(&text)))
            }
        }
    }
}

fn is_text(value: &Bson) -> bool {
    value.as_str().is_some_and(|text| {
        !text.is_empty() && text.chars().count() <= MAX_TEXT && !text.chars().any(char::is_control)
    })
}

/// Numbers are Int32 or Int64, never floats.
fn integer(value: &Bson) -> Option<u64> {
    match value {
        Bson::Int32(n) => u64::try_from(*n).ok(),
        Bson::Int64(n) => u64::try_from(*n).ok(),
        _ => None,
    }
}

/// Every fault of `params` against the table.
pub(super) fn faults(table: &'static [Field], params: &Document) -> Vec<ParamsError> {
    let fault = |(name, value): (&String, &Bson)| match table.iter().find(|f| f.name == name) {
        None => Some(ParamsError::Field {
            field: short(name, 60),
            found: "a parameter that this collector does not have".into(),
            expected: format!(
                "one of {}",
                table.iter().map(|f| f.name).collect::<Vec<_>>().join(", ")
            ),
        }),
        Some(field) if !field.kind.holds(value) => Some(ParamsError::Field {
            field: name.clone(),
            found: found(value),
            expected: field.kind.expected(),
        }),
        Some(_) => None,
    };
    let missing = table
        .iter()
        .filter(|field| field.required && !params.contains_key(field.name));
    let missing = missing.map(|field| ParamsError::Field {
        field: field.name.into(),
        found: "nothing".into(),
        expected: field.kind.expected(),
    });
    missing.chain(params.iter().filter_map(fault)).collect()
}

fn found(value: &Bson) -> String {
    short(&value.to_string(), 120)
}

/// A fault of one field, by the collector itself.
pub(super) fn wrong(
    field: &'static str,
    found: impl AsRef<str>,
    expected: impl Into<String>,
) -> ParamsError {
    ParamsError::Field {
        field: field.into(),
        found: short(found.as_ref(), 120),
        expected: expected.into(),
    }
}
