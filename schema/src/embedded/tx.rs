//! One write's hands: the connection within its savepoint, who writes, and the ways in which a verb stops.
use boathook_hooks::{ids::PersonId, time::Time};
use rusqlite::Connection;

use crate::{Actor, Refused, StoreError, Write};

pub(super) struct Tx<'a> {
    pub(super) conn: &'a Connection,
    pub(super) write: &'a Write,
    /// The last control number that was appended.
    pub(super) control: Option<u64>,
}

impl<'a> Tx<'a> {
    pub(super) fn new(conn: &'a Connection, write: &'a Write) -> Self {
        Self {
            conn,
            write,
            control: None,
        }
    }

    pub(super) fn now(&self) -> Time {
        self.write.now
    }

    /// The person who writes; some verbs are for people only.
    pub(super) fn person(&self) -> Option<&PersonId> {
        match &self.write.actor {
            Actor::Person(id) => Some(id),
            _ => None,
        }
    }
}

/// Why a verb ends early. Everything that it wrote is undone.
#[derive(Debug)]
pub(super) enum Stop {
    Refused(Refused),
    Sql(rusqlite::Error),
    Error(StoreError),
}

impl Stop {
    pub(super) fn into_error(self, operation: &'static str) -> StoreError {
        match self {
            Self::Error(e) => e,
            Self::Refused(reason) => StoreError::Backend {
                operation,
                source: Box::new(reason),
            },
            Self::Sql(e) => match e.sqlite_error_code() {
                Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => {
                    StoreError::TryAgain { operation }
                }
                _ => StoreError::Backend {
                    operation,
                    source: Box::new(e),
                },
            },
        }
    }
}

impl From<Refused> for Stop {
    fn from(reason: Refused) -> Self {
        Self::Refused(reason)
    }
}

impl From<boathook_hooks::states::IllegalMove> for Stop {
    fn from(e: boathook_hooks::states::IllegalMove) -> Self {
        Self::Refused(e.into())
    }
}

impl From<rusqlite::Error> for Stop {
    fn from(e: rusqlite::Error) -> Self {
        Self::Sql(e)
    }
}

impl From<StoreError> for Stop {
    fn from(e: StoreError) -> Self {
        Self::Error(e)
    }
}

/// A refusal unless `allowed`.
pub(super) fn ensure(allowed: bool, reason: Refused) -> Result<(), Stop> {
    if allowed {
        Ok(())
    } else {
        Err(Stop::Refused(reason))
    }
}

pub(super) fn not_found(what: &str) -> Stop {
    Stop::Refused(Refused::NotFound(what.to_owned()))
}
