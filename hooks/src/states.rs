//! The states of a hook's revision and the legal moves between them: one match, asked by every verb that moves one.
use serde::{Deserialize, Serialize};

use crate::ids::PersonId;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum HookState {
    Draft,
    InReview,
    /// Back at its author, with words.
    SentBack {
        by: PersonId,
        words: String,
    },
    /// Enough people signed; about to be published or held.
    Signed,
    /// Signed, not yet published.
    Held {
        by: PersonId,
    },
    Published,
    Stopped {
        by: StoppedBy,
        why: String,
    },
    Expired,
    /// All places hold accepted packets.
    Full,
    /// A newer revision was published.
    Superseded {
        revision: u32,
    },
}

/// A person, or boathook itself (overruns, errors).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoppedBy {
    Person(PersonId),
    Overruns,
    Errors,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Move {
    Submit,
    SendBack {
        by: PersonId,
        words: String,
    },
    /// The last signature that was missing.
    LastSignature,
    Hold {
        by: PersonId,
    },
    Publish,
    Stop {
        by: StoppedBy,
        why: String,
    },
    Expire,
    Fill,
    Supersede {
        revision: u32,
    },
    /// A new text of the same revision, before anyone signed.
    Edit,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a hook that is {from} cannot be {to}")]
pub struct IllegalMove {
    pub from: &'static str,
    pub to: &'static str,
}

impl HookState {
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::InReview => "in review",
            Self::SentBack { .. } => "sent back",
            Self::Signed => "signed",
            Self::Held { .. } => "held",
            Self::Published => "published",
            Self::Stopped { .. } => "stopped",
            Self::Expired => "expired",
            Self::Full => "full",
            Self::Superseded { .. } => "superseded",
        }
    }

    /// Instances may be offered it.
    pub const fn is_active(&self) -> bool {
        matches!(self, Self::Published)
    }

    /// Instances have been offered it, and its end is the revision's own: by `stop` or `expire`.
    pub const fn can_be_running(&self) -> bool {
        matches!(self, Self::Published | Self::Full | Self::Superseded { .. })
    }

    /// It is over: no instance begins with it, and it never comes back. What is full or superseded can still be stopped,
    /// as runs that began under it may go on.
    pub const fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Stopped { .. } | Self::Expired | Self::Full | Self::Superseded { .. }
        )
    }

    /// The state after `step`, or why there is none.
    pub fn after(&self, step: Move) -> Result<Self, IllegalMove> {
        use HookState as S;
        let to = match (self, step) {
            (S::Draft | S::SentBack { .. } | S::InReview, Move::Edit) => S::Draft,
            (S::Draft | S::SentBack { .. }, Move::Submit) => S::InReview,
            (S::InReview | S::Held { .. }, Move::SendBack { by, words }) => {
                S::SentBack { by, words }
            }
            (S::InReview, Move::LastSignature) => S::Signed,
            (S::InReview | S::Signed, Move::Hold { by }) => S::Held { by },
            (S::Signed | S::Held { .. }, Move::Publish) => S::Published,
            (
                S::Draft
                | S::InReview
                | S::SentBack { .. }
                | S::Signed
                | S::Held { .. }
                | S::Published
                | S::Full
                | S::Superseded { .. },
                Move::Stop { by, why },
            ) => S::Stopped { by, why },
            (S::InReview | S::Signed | S::Held { .. } | S::Published, Move::Expire) => S::Expired,
            (S::Published, Move::Fill) => S::Full,
            (
                S::Draft
                | S::InReview
                | S::SentBack { .. }
                | S::Signed
                | S::Held { .. }
                | S::Published,
                Move::Supersede { revision },
            ) => S::Superseded { revision },
            (from, step) => {
                return Err(IllegalMove {
                    from: from.word(),
                    to: step.word(),
                });
            }
        };
        Ok(to)
    }
}

impl Move {
    const fn word(&self) -> &'static str {
        match self {
            Self::Submit => "sent to review",
            Self::SendBack { .. } => "sent back",
            Self::LastSignature => "signed",
            Self::Hold { .. } => "held",
            Self::Publish => "published",
            Self::Stop { .. } => "stopped",
            Self::Expire => "expired",
            Self::Fill => "full",
            Self::Supersede { .. } => "superseded",
            Self::Edit => "edited",
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn person() -> PersonId {
        "ada".parse().unwrap()
    }

    #[test]
    fn the_main_way_leads_from_draft_to_published() {
        let published = HookState::Draft
            .after(Move::Submit)
            .and_then(|s| s.after(Move::LastSignature))
            .and_then(|s| s.after(Move::Publish));
        assert_eq!(published, Ok(HookState::Published));
    }

    #[test]
    fn a_draft_is_never_published_without_signatures() {
        for state in [HookState::Draft, HookState::InReview] {
            assert!(state.after(Move::Publish).is_err());
        }
    }

    #[test]
    fn what_was_signed_cannot_be_edited() {
        for state in [
            HookState::Signed,
            HookState::Held { by: person() },
            HookState::Published,
        ] {
            assert!(state.after(Move::Edit).is_err());
        }
    }

    fn every_move() -> [Move; 10] {
        [
            Move::Submit,
            Move::SendBack {
                by: person(),
                words: String::new(),
            },
            Move::LastSignature,
            Move::Hold { by: person() },
            Move::Publish,
            stop(),
            Move::Expire,
            Move::Fill,
            Move::Supersede { revision: 3 },
            Move::Edit,
        ]
    }

    fn stop() -> Move {
        Move::Stop {
            by: StoppedBy::Errors,
            why: String::new(),
        }
    }

    #[test]
    fn nothing_leads_out_of_stopped_and_expired() {
        let stopped = HookState::Stopped {
            by: StoppedBy::Overruns,
            why: String::new(),
        };
        for state in [stopped, HookState::Expired] {
            assert!(state.is_final() && !state.can_be_running());
            for step in every_move() {
                assert!(state.after(step).is_err());
            }
        }
    }

    #[test]
    fn what_is_full_or_superseded_can_only_be_stopped() {
        for state in [HookState::Full, HookState::Superseded { revision: 2 }] {
            assert!(state.is_final() && state.can_be_running());
            for step in every_move() {
                let after = state.after(step.clone());
                assert_eq!(after.is_ok(), step == stop(), "{state:?} {step:?}");
            }
        }
    }
}
