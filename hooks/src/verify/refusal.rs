//! Why something was not accepted: one variant a cause, each with its own words and a stable code.
use crate::{
    envelope::EnvelopeError,
    ids::{CustomerId, Digest, InstanceId, PersonId},
    protocol::AnswerKind,
    strict::StrictError,
    time::Time,
};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("{0}")]
    Envelope(#[from] EnvelopeError),
    #[error("the {document} cannot be read: {source}")]
    Unreadable {
        document: &'static str,
        source: StrictError,
    },
    #[error("the {document} is not sound: {what}")]
    Unsound {
        document: &'static str,
        what: String,
    },
    #[error("the {document} needs the extension {name:?}, which this version does not know")]
    CriticalExtension {
        document: &'static str,
        name: String,
    },

    #[error("the root's fingerprint is {found}, but {expected} was pinned")]
    OtherRoot { expected: Digest, found: Digest },
    #[error("expected root version {expected}, found {found}")]
    RootVersion { expected: u64, found: u64 },
    #[error(
        "root {version} has the signatures of {found} of the {needed} people that root {by} asks for"
    )]
    RootPeople {
        version: u64,
        by: u64,
        needed: u32,
        found: u32,
    },
    #[error("the root expired at {0}")]
    RootExpired(Time),

    #[error(
        "there is no roster that counts: none came yet, or a revocation or a new root took its holders away"
    )]
    NoRoster,
    #[error("the roster has the signatures of {found} of the {needed} admission holders it needs")]
    RosterPeople { needed: u32, found: u32 },
    #[error("roster {found} is older than roster {seen}, which was seen already")]
    RosterRollback { seen: u64, found: u64 },
    #[error("another roster {0} was seen already")]
    RosterFork(u64),
    #[error("the roster expired at {0}")]
    RosterExpired(Time),

    #[error("the revocation is not signed by a revoker that a root names")]
    NotARevoker,
    #[error("expected revocation {expected} of this revoker, found {found}")]
    RevocationGap { expected: u64, found: u64 },
    #[error(
        "revocation {found} is by a revoker whom the root dropped: the last of theirs that counts is {last}"
    )]
    BeyondLastRevocation { last: u64, found: u64 },
    #[error("another revocation {0} of this revoker was seen already")]
    RevocationFork(u64),
    #[error("{missing} revocations that the hook list names are not here yet")]
    RevocationsMissing { missing: u64 },

    #[error("the hook list is not signed by an online key of the root")]
    UnknownOnlineKey,
    #[error("the hook list is for instance {found}, and this is {mine}")]
    ListOfAnother { mine: InstanceId, found: InstanceId },
    #[error("the hook list is for customer {found}, and this is {mine}")]
    ListOfAnotherCustomer { mine: CustomerId, found: CustomerId },
    #[error(
        "the hook list was issued at {issued}, more than a day ahead of this machine's clock ({now})"
    )]
    ListFromFuture { issued: Time, now: Time },
    #[error("hook list {found} is older than hook list {seen}, which was seen already")]
    ListRollback { seen: u64, found: u64 },
    #[error("the hook list ended at {0}")]
    ListStale(Time),
    #[error("there is no hook list yet")]
    NoList,
    #[error("the hook list asks for root {wanted}, and only root {have} is here")]
    RootMissing { wanted: u64, have: u64 },
    #[error("the hook list asks for roster {wanted}, and only roster {have} is here")]
    RosterMissing { wanted: u64, have: u64 },

    #[error("no one of the roster signed the hook")]
    NoRosterSignature,
    #[error("the hook's format is {found}, and this version understands up to {known}")]
    FormatTooNew { found: u32, known: u32 },
    #[error("the hook needs version {needed} of the agent, and this is {mine}")]
    AgentTooOld { needed: String, mine: String },
    #[error("the hook uses {0}, which format 1 does not allow")]
    NotInFormat(&'static str),
    #[error("the hook's author {0} has not signed it")]
    AuthorMissing(PersonId),
    #[error("{0} is not an author for this customer")]
    NotAnAuthor(PersonId),
    #[error(
        "the hook needs {needed} people, its author and reviewers of this customer, and {found} signed"
    )]
    TooFewPeople { needed: u32, found: u32 },
    #[error("the hook needs {needed} people, and {person} alone signed it, with {keys} keys")]
    SamePerson {
        person: PersonId,
        keys: usize,
        needed: u32,
    },
    #[error(
        "the hook needs {needed} people, its author and reviewers of this customer, and {person}, who signed it, is not one of them"
    )]
    NotAReviewer { person: PersonId, needed: u32 },
    #[error(
        "the hook's reach is wide ({reasons}), and all its signatures are by keys kept in a browser"
    )]
    WideNeedsOtherKey { reasons: String },
    #[error("the hook is not for customer {0}")]
    NotForCustomer(CustomerId),
    #[error("this instance is not in the hook's audience: {0}")]
    NotForInstance(String),
    #[error("the hook begins at {0}")]
    NotYet(Time),
    #[error("the hook expired at {0}")]
    Expired(Time),
    #[error("the hook was revoked: {0}")]
    HookRevoked(String),
    #[error("{person}, or the key {person} signed with, was revoked: {reason}")]
    SignerRevoked { person: PersonId, reason: String },
    #[error("the hook passes a bound of the root: {field} is {found}, at most {bound} is allowed")]
    BeyondBounds {
        field: &'static str,
        found: u64,
        bound: u64,
    },
    #[error("the hook is not in the hook list")]
    NotListed,
    #[error("the hook was stopped")]
    Stopped,
}

impl Refusal {
    /// A stable word for logs, JSON and tests.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Envelope(_) => "envelope",
            Self::Unreadable { .. } => "unreadable",
            Self::Unsound { .. } => "unsound",
            Self::CriticalExtension { .. } => "critical_extension",
            Self::OtherRoot { .. } => "other_root",
            Self::RootVersion { .. } => "root_version",
            Self::RootPeople { .. } => "root_people",
            Self::RootExpired(_) => "root_expired",
            Self::NoRoster => "no_roster",
            Self::RosterPeople { .. } => "roster_people",
            Self::RosterRollback { .. } => "roster_rollback",
            Self::RosterFork(_) => "roster_fork",
            Self::RosterExpired(_) => "roster_expired",
            Self::NotARevoker => "not_a_revoker",
            Self::RevocationGap { .. } => "revocation_gap",
            Self::BeyondLastRevocation { .. } => "beyond_last_revocation",
            Self::RevocationFork(_) => "revocation_fork",
            Self::RevocationsMissing { .. } => "revocations_missing",
            Self::UnknownOnlineKey => "unknown_online_key",
            Self::ListOfAnother { .. } | Self::ListOfAnotherCustomer { .. } => "list_of_another",
            Self::ListFromFuture { .. } => "list_from_future",
            Self::ListRollback { .. } => "list_rollback",
            Self::ListStale(_) => "list_stale",
            Self::NoList => "no_list",
            Self::RootMissing { .. } => "root_missing",
            Self::RosterMissing { .. } => "roster_missing",
            Self::NoRosterSignature => "no_roster_signature",
            Self::FormatTooNew { .. } => "format_too_new",
            Self::AgentTooOld { .. } => "agent_too_old",
            Self::NotInFormat(_) => "not_in_format",
            Self::AuthorMissing(_) => "author_missing",
            Self::NotAnAuthor(_) => "not_an_author",
            Self::TooFewPeople { .. } => "too_few_people",
            Self::SamePerson { .. } => "same_person",
            Self::NotAReviewer { .. } => "not_a_reviewer",
            Self::WideNeedsOtherKey { .. } => "wide_needs_other_key",
            Self::NotForCustomer(_) => "not_for_customer",
            Self::NotForInstance(_) => "not_for_instance",
            Self::NotYet(_) => "not_yet",
            Self::Expired(_) => "expired",
            Self::HookRevoked(_) => "hook_revoked",
            Self::SignerRevoked { .. } => "signer_revoked",
            Self::BeyondBounds { .. } => "beyond_bounds",
            Self::NotListed => "not_listed",
            Self::Stopped => "stopped",
        }
    }

    /// What an instance answers to a hook that it does not run for this reason.
    pub fn answer(&self) -> AnswerKind {
        match self {
            Self::FormatTooNew { .. } | Self::AgentTooOld { .. } | Self::NotInFormat(_) => {
                AnswerKind::Unsupported
            }
            _ => AnswerKind::Refused,
        }
    }

    /// Whether the same bytes may be accepted later, so that no final answer is due yet.
    pub fn may_pass_later(&self) -> bool {
        matches!(
            self,
            Self::NotYet(_)
                | Self::NoRoster
                | Self::RosterExpired(_)
                | Self::RootExpired(_)
                | Self::RootMissing { .. }
                | Self::RosterMissing { .. }
                | Self::RevocationsMissing { .. }
                | Self::NoList
                | Self::NotListed
                | Self::ListStale(_)
        )
    }
}
