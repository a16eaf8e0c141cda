//! How a verb ends: done, refused for a reason that the caller can act on, or an error of the store itself.
use boathook_hooks::{ids::ClaimId, states::IllegalMove, time::Time};
use serde::{Deserialize, Serialize};

/// A write's end. `TryAgain` and the other errors mean: nothing is known to have changed; repeat with the same op id.
pub type Answer<T> = Result<Outcome<T>, StoreError>;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use = "a write may be refused"]
pub enum Outcome<T> {
    Done(T),
    Refused(Refused),
}

impl<T> Outcome<T> {
    pub fn done(self) -> Result<T, Refused> {
        match self {
            Self::Done(value) => Ok(value),
            Self::Refused(reason) => Err(reason),
        }
    }

    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Outcome<U> {
        match self {
            Self::Done(value) => Outcome::Done(f(value)),
            Self::Refused(reason) => Outcome::Refused(reason),
        }
    }
}

/// Why a write changed nothing. What the caller may not see is *not found*, as what is not there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Refused {
    #[error("there is no such {0}")]
    NotFound(String),
    #[error("that is outside what this caller may change")]
    OutOfScope,
    #[error("it was changed meanwhile: it is at version {found} now")]
    Version { found: u64 },
    #[error("{0} exists already")]
    Exists(String),
    #[error("a hook that is {from} cannot be {to}")]
    IllegalMove { from: String, to: String },
    #[error("the join token is unknown")]
    TokenUnknown,
    #[error("the join token is used up")]
    TokenSpent,
    #[error("the join token ended at {at}")]
    TokenEnded { at: Time },
    #[error("the instance is {state}")]
    InstanceState { state: String },
    #[error("another key or fingerprint is on record")]
    OtherKey,
    #[error("the signature or packet is over other bytes than those on record")]
    OtherBytes,
    #[error("people have signed it: send it back first")]
    Signed,
    #[error("it has ended: {state}")]
    Ended { state: String },
    /// A late upload found all places taken (410).
    #[error("its lease has run out and no place is free")]
    NoPlace,
    /// The claim is not the instance's current one, or is final.
    #[error("the claim {0} is not open")]
    ClaimClosed(ClaimId),
    #[error("{limit} bytes at most")]
    TooLarge { limit: u64 },
    #[error("{places} places are in use")]
    InUse { places: u32 },
    #[error("it can be lowered only")]
    Raises,
    #[error("a wave grows only")]
    Narrows,
    #[error("the next number is {expected}")]
    NotNext { expected: u64 },
    #[error("another document has that number")]
    OtherDocument,
    /// It was there once (410).
    #[error("it was erased at {at}")]
    Erased { at: Time },
    #[error("the instance is {state}: only one that is retired is erased")]
    NotRetired { state: String },
    #[error("the instance has packets still: they are erased first")]
    PacketsLeft,
    #[error("the op id was used for another write")]
    OpReused,
    #[error("{0}")]
    Malformed(String),
}

impl From<IllegalMove> for Refused {
    fn from(e: IllegalMove) -> Self {
        Self::IllegalMove {
            from: e.from.to_owned(),
            to: e.to.to_owned(),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The same write with the same op id may be sent again.
    #[error("the store is busy: {operation}; try again")]
    TryAgain { operation: &'static str },
    #[error(
        "the store's address {url:?} is not understood: expected sqlite:///DIRECTORY or cql://HOST/KEYSPACE"
    )]
    Address { url: String },
    #[error("opening the store at {at}")]
    Open {
        at: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error(
        "the store at {at} is at version {found} and this program needs {wanted}: run `boathook-server migrate`"
    )]
    NotMigrated { at: String, found: u32, wanted: u32 },
    #[error(
        "the store at {at} is at version {found}, made by a newer boathook; it can be opened from version {compatible_from} on, and this program is version {own}"
    )]
    TooNew {
        at: String,
        found: u32,
        compatible_from: u32,
        own: u32,
    },
    #[error(
        "a migration to version {version} was cut off: run `boathook-server migrate` again, or, after a repair by hand, with `--force {version}` or `--force {before}`"
    )]
    Dirty { version: u32, before: u32 },
    #[error(
        "the store holds the begin of a copy: go on with `boathook-server store copy`, or empty it and begin again"
    )]
    HalfCopied,
    /// Another installation in one keyspace.
    #[error("the keyspace {at} has {found}: {why}")]
    Shared {
        at: String,
        found: String,
        why: &'static str,
    },
    #[error("there is no migration {asked}: this program knows versions 0 to {newest}")]
    NoSuchMigration { asked: u32, newest: u32 },
    #[error("the store failed: {operation}")]
    Backend {
        operation: &'static str,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("a stored {what} cannot be read")]
    Record {
        what: &'static str,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("a {what} cannot be stored: {why}")]
    Encode { what: &'static str, why: String },
    #[error("the list cannot go on from {cursor:?}")]
    Cursor { cursor: String },
    #[error("packet objects: {operation}")]
    Objects {
        operation: &'static str,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("the store is closed")]
    Closed,
}
