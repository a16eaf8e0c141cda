//! The ways in which a verb's body stops.
use boathook_hooks::states::IllegalMove;

use super::look::Need;
use crate::{Refused, StoreError};

/// Why a body ends early. Everything that it wrote is undone.
#[derive(Debug)]
pub(crate) enum Stop {
    Refused(Refused),
    Error(StoreError),
    /// These must be read first; then the body runs again from its beginning.
    Load(Vec<Need>),
}

impl Stop {
    pub(crate) fn into_error(self, operation: &'static str) -> StoreError {
        match self {
            Self::Error(e) => e,
            Self::Refused(reason) => StoreError::Backend {
                operation,
                source: Box::new(reason),
            },
            Self::Load(_) => StoreError::TryAgain { operation },
        }
    }
}

impl From<Refused> for Stop {
    fn from(reason: Refused) -> Self {
        Self::Refused(reason)
    }
}

impl From<IllegalMove> for Stop {
    fn from(e: IllegalMove) -> Self {
        Self::Refused(e.into())
    }
}

impl From<StoreError> for Stop {
    fn from(e: StoreError) -> Self {
        Self::Error(e)
    }
}

/// A refusal unless `allowed`.
pub(crate) fn ensure(allowed: bool, reason: Refused) -> Result<(), Stop> {
    if allowed {
        Ok(())
    } else {
        Err(Stop::Refused(reason))
    }
}

pub(crate) fn not_found(what: &str) -> Stop {
    Stop::Refused(Refused::NotFound(what.to_owned()))
}
