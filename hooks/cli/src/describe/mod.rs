//! What a document says, in words and as JSON, whoever signed it.
mod trust;
mod words;

use boathook_hooks::{
    documents::{
        Document,
        hook::Hook,
        hook_list::HookList,
        receipt::Receipt,
        revocation::Revocation,
        root::{Bounds, Root},
        roster::Roster,
    },
    envelope::Envelope,
    packet::{PACKET_PAYLOAD_TYPE, Statement},
};
use serde_json::{Value, json};

use crate::{
    error::{Error, Result},
    trust::unverified,
};

/// A document that was read; its signatures were not looked at.
#[derive(Clone, Debug)]
pub enum Parsed {
    Root(Box<Root>),
    Roster(Box<Roster>),
    Hook(Box<Hook>),
    Revocation(Box<Revocation>),
    HookList(Box<HookList>),
    Receipt(Box<Receipt>),
    Statement(Box<Statement>),
}

impl Parsed {
    pub fn of(envelope: &Envelope) -> Result<Self> {
        let kind = envelope.payload_type.as_str();
        Ok(match kind {
            Root::PAYLOAD_TYPE => Self::Root(Box::new(unverified(envelope)?)),
            Roster::PAYLOAD_TYPE => Self::Roster(Box::new(unverified(envelope)?)),
            Hook::PAYLOAD_TYPE => Self::Hook(Box::new(unverified(envelope)?)),
            Revocation::PAYLOAD_TYPE => Self::Revocation(Box::new(unverified(envelope)?)),
            HookList::PAYLOAD_TYPE => Self::HookList(Box::new(unverified(envelope)?)),
            Receipt::PAYLOAD_TYPE => Self::Receipt(Box::new(unverified(envelope)?)),
            PACKET_PAYLOAD_TYPE => {
                let statement = Statement::from_json(&envelope.payload.0).map_err(|e| {
                    Error::failed(e.to_string(), "the packet was not made by a sound agent")
                })?;
                Self::Statement(Box::new(statement))
            }
            other => {
                let other: String = other.chars().take(100).collect();
                return Err(Error::failed(
                    format!("the envelope holds {other:?}, which this version does not know"),
                    "a newer `boathook` may know it",
                ));
            }
        })
    }

    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Root(_) => "root",
            Self::Roster(_) => "roster",
            Self::Hook(_) => "hook",
            Self::Revocation(_) => "revocation",
            Self::HookList(_) => "hook list",
            Self::Receipt(_) => "receipt",
            Self::Statement(_) => "packet statement",
        }
    }

    /// Whether people sign it; the rest is signed by servers and instances.
    pub const fn is_for_people(&self) -> bool {
        matches!(
            self,
            Self::Root(_) | Self::Roster(_) | Self::Hook(_) | Self::Revocation(_)
        )
    }

    pub fn json(&self) -> Value {
        let value = match self {
            Self::Root(d) => serde_json::to_value(d),
            Self::Roster(d) => serde_json::to_value(d),
            Self::Hook(d) => serde_json::to_value(d),
            Self::Revocation(d) => serde_json::to_value(d),
            Self::HookList(d) => serde_json::to_value(d),
            Self::Receipt(d) => serde_json::to_value(d),
            Self::Statement(d) => serde_json::to_value(d),
        };
        value.unwrap_or(Value::Null)
    }

    /// One line each. `bounds` decide a hook's reach; without them the usual ones do.
    pub fn words(&self, bounds: Option<&Bounds>) -> Vec<String> {
        match self {
            Self::Root(d) => trust::root(d),
            Self::Roster(d) => trust::roster(d),
            Self::Hook(d) => words::hook(d, bounds),
            Self::Revocation(d) => trust::revocation(d),
            Self::HookList(d) => words::hook_list(d),
            Self::Receipt(d) => words::receipt(d),
            Self::Statement(d) => words::statement(d),
        }
    }
}

/// Signatures as they stand there; a keyid is only a hint.
pub fn signatures(envelope: &Envelope) -> Value {
    let rows = envelope
        .signatures
        .iter()
        .map(|s| json!({"keyid": s.keyid, "sig": s.sig}));
    Value::Array(rows.collect())
}
