//! The store's errors and refusals as problems: one exhaustive match each.
use axum::http::StatusCode;
use boathook_schema::{Outcome, Refused, StoreError};

use crate::errors::{Answer, Problem};

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        use StatusCode as S;
        let (status, code) = match &refused {
            // Both sound alike: whether a thing is there is nobody's business who may not see it.
            Refused::NotFound(what) => return Self::not_found(what),
            Refused::OutOfScope => return Self::not_found("thing"),
            Refused::Version { .. } => (S::CONFLICT, "version"),
            Refused::Exists(_) => (S::CONFLICT, "exists"),
            Refused::IllegalMove { .. } => (S::CONFLICT, "illegal_move"),
            Refused::TokenUnknown => (S::FORBIDDEN, "token_unknown"),
            Refused::TokenSpent => (S::FORBIDDEN, "token_spent"),
            Refused::TokenEnded { .. } => (S::FORBIDDEN, "token_ended"),
            Refused::InstanceState { .. } => (S::CONFLICT, "instance_state"),
            Refused::OtherKey => (S::CONFLICT, "other_key"),
            Refused::OtherBytes => (S::CONFLICT, "other_bytes"),
            Refused::Signed => (S::CONFLICT, "signed"),
            Refused::Ended { .. } => (S::GONE, "ended"),
            Refused::NoPlace => (S::GONE, "no_place"),
            Refused::ClaimClosed(_) => (S::GONE, "claim_closed"),
            Refused::TooLarge { .. } => (S::PAYLOAD_TOO_LARGE, "too_large"),
            Refused::InUse { .. } => (S::CONFLICT, "in_use"),
            Refused::Raises => (S::UNPROCESSABLE_ENTITY, "raises"),
            Refused::Narrows => (S::CONFLICT, "narrows"),
            Refused::NotNext { .. } => (S::CONFLICT, "not_next"),
            Refused::OtherDocument => (S::CONFLICT, "other_document"),
            Refused::Erased { .. } => (S::GONE, "erased"),
            Refused::NotRetired { .. } => (S::CONFLICT, "not_retired"),
            Refused::PacketsLeft => (S::CONFLICT, "packets_left"),
            Refused::OpReused => (S::CONFLICT, "op_reused"),
            Refused::Malformed(_) => (S::UNPROCESSABLE_ENTITY, "malformed"),
        };
        Self::new(status, code, refused.to_string())
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::TryAgain { .. } | StoreError::Closed => {
                Self::busy("the store is busy; send the same request again", 1)
            }
            StoreError::Cursor { .. } => {
                Self::field("after", error.to_string(), "the `next` of the page before")
            }
            StoreError::Objects {
                operation,
                ref source,
            } => {
                tracing::error!(operation, %source, "packet objects failed");
                Self::busy("packets cannot be reached now", 30)
            }
            StoreError::Address { .. }
            | StoreError::Open { .. }
            | StoreError::NotMigrated { .. }
            | StoreError::TooNew { .. }
            | StoreError::Dirty { .. }
            | StoreError::NoSuchMigration { .. }
            | StoreError::HalfCopied
            | StoreError::Backend { .. }
            | StoreError::Record { .. }
            | StoreError::Shared { .. }
            | StoreError::Encode { .. } => Self::internal("the store", chain(&error)),
        }
    }
}

/// An error with its sources, for the log.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}

/// What a verb did, or the problem that says why not.
pub trait IntoAnswer<T> {
    fn answer(self) -> Answer<T>;
}

impl<T> IntoAnswer<T> for Result<Outcome<T>, StoreError> {
    fn answer(self) -> Answer<T> {
        Ok(self?.done()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn out_of_scope_sounds_like_not_there() {
        let hidden = Problem::from(Refused::OutOfScope);
        assert_eq!(hidden.status, StatusCode::NOT_FOUND);
        assert!(!hidden.detail.contains("scope"));
    }

    /// An agent gives up by the status; a person reads the words.
    #[test]
    fn what_was_erased_is_gone_in_plain_words() {
        let at = boathook_hooks::time::Time::from_ms(1);
        let problem = Problem::from(Refused::Erased { at });
        assert_eq!((problem.status.as_u16(), problem.code), (410, "erased"));
        assert_eq!(problem.detail, format!("it was erased at {at}"));
    }

    #[test]
    fn a_busy_store_is_503_with_a_time_to_come_back() {
        let problem = Problem::from(StoreError::TryAgain { operation: "put" });
        assert_eq!(
            (problem.status.as_u16(), problem.retry_after),
            (503, Some(1))
        );
    }
}
