//! The audit: events in chains, one a customer and one of the house.
use std::{borrow::Cow, fmt, str::FromStr};

use boathook_hooks::{
    ids::{Blob, ClaimId, CustomerId, Digest, HookId, InstanceId},
    time::Time,
};
use bson::Document;
use serde::{Deserialize, Serialize};

use crate::{
    records::{Head, TicketRef},
    write::Actor,
};

/// `house`, or `customer:ID`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Chain {
    House,
    Customer(CustomerId),
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::House => f.write_str("house"),
            Self::Customer(id) => write!(f, "customer:{id}"),
        }
    }
}

impl FromStr for Chain {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "house" => Ok(Self::House),
            Some(("customer", id)) => id.parse().map(Self::Customer),
            _ => Err("expected house or customer:ID".to_owned()),
        }
    }
}

/// What happened, as a stable word. A server may bring its own for reads and refusals.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventKind(pub Cow<'static, str>);

macro_rules! kinds {
    ($($name:ident = $word:literal),* $(,)?) => {
        impl EventKind { $(pub const $name: Self = Self(Cow::Borrowed($word));)* }
    };
}

kinds! {
    CUSTOMER_PUT = "customer_put",
    JOIN_TOKEN_ADDED = "join_token_added",
    TOKEN_USED = "token_used",
    NAME_RESERVED = "name_reserved",
    INSTANCE_ENROLLED = "instance_enrolled",
    INSTANCE_CONFIRMED = "instance_confirmed",
    INSTANCE_SUSPENDED = "instance_suspended",
    INSTANCE_RESUMED = "instance_resumed",
    INSTANCE_RETIRED = "instance_retired",
    FACTS_CHANGED = "facts_changed",
    SESSION_FORKED = "session_forked",
    TICKET_PUT = "ticket_put",
    DRAFT_PUT = "draft_put",
    HOOK_MOVED = "hook_moved",
    HOOK_SIGNED = "hook_signed",
    HOOK_PUBLISHED = "hook_published",
    HOOK_STOPPED = "hook_stopped",
    HOOK_LOWERED = "hook_lowered",
    HOOK_WIDENED = "hook_widened",
    HOOK_EXPIRED = "hook_expired",
    HOOK_FULL = "hook_full",
    HOOK_SUPERSEDED = "hook_superseded",
    CLAIMS_GRANTED = "claims_granted",
    CLAIM_SIZED = "claim_sized",
    CLAIM_RELEASED = "claim_released",
    CLAIM_REJECTED = "claim_rejected",
    CLAIM_OVERRUN = "claim_overrun",
    LEASES_RETURNED = "leases_returned",
    PACKET_ACCEPTED = "packet_accepted",
    PACKET_JUDGED = "packet_judged",
    ANSWER_GIVEN = "answer_given",
    ROOT_ADDED = "root_added",
    ROSTER_ADDED = "roster_added",
    REVOCATION_ADDED = "revocation_added",
    ADMISSION_ASKED = "admission_asked",
    ADMISSION_DROPPED = "admission_dropped",
    PERSON_PUT = "person_put",
    SIGN_IN_OPENED = "sign_in_opened",
    SIGN_INS_ENDED = "sign_ins_ended",
    SET_UP_LINK_MADE = "set_up_link_made",
    SET_UP_LINK_USED = "set_up_link_used",
    API_TOKEN_ADDED = "api_token_added",
    API_TOKEN_ENDED = "api_token_ended",
    HEADS_DIGESTED = "heads_digested",
    SECRET_SEALED = "secret_sealed",
    ERASURE_BEGUN = "erasure_begun",
    PACKET_ERASED = "packet_erased",
    INSTANCE_ERASED = "instance_erased",
    // For `record_event`.
    PACKET_READ = "packet_read",
    PACKET_SEARCHED = "packet_searched",
    AUTHORITY_REFUSED = "authority_refused",
    SIGN_IN_REFUSED = "sign_in_refused",
    AUDIT_EXPORTED = "audit_exported",
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an event is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refs {
    pub hook: Option<HookId>,
    pub revision: Option<Digest>,
    pub claim: Option<ClaimId>,
    pub instance: Option<InstanceId>,
    pub ticket: Option<TicketRef>,
}

/// An event to be recorded. `details` are for ever; what names people or addresses goes into `personal`, which is
/// chained by its salted digest, so that it can be erased one day without breaking the chain. A person who acts is personal by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NewEvent {
    pub kind: EventKind,
    pub refs: Refs,
    pub details: Document,
    pub personal: Document,
    /// How many things it tells of: a group of claims is one event. Counted by day statistics.
    pub count: u32,
    pub bytes: u64,
}

impl NewEvent {
    pub fn new(kind: EventKind) -> Self {
        Self {
            kind,
            refs: Refs::default(),
            details: Document::new(),
            personal: Document::new(),
            count: 1,
            bytes: 0,
        }
    }
}

/// A recorded event.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub chain: Chain,
    /// 1, 2, 3, … within its chain.
    pub number: u64,
    /// SHA-256(previous hash ‖ number, u64 big-endian ‖ stored bytes).
    pub hash: Digest,
    pub at: Time,
    pub kind: EventKind,
    /// None when a person acted whose details were erased.
    pub actor: Option<Actor>,
    pub refs: Refs,
    pub details: Document,
    /// None when there was nothing personal, or it was erased.
    pub personal: Option<Document>,
    pub count: u32,
    pub bytes: u64,
    /// The bytes that are hashed.
    pub stored: Blob,
}

/// Which events, and in which order. Of what is said all must hold.
#[derive(Clone, Debug, Default)]
pub struct EventFilter {
    pub kind: Option<EventKind>,
    pub person: Option<boathook_hooks::ids::PersonId>,
    pub ticket: Option<TicketRef>,
    pub hook: Option<HookId>,
    /// What names it, alone or among up to 1,024.
    pub instance: Option<InstanceId>,
    /// From then on.
    pub from: Option<Time>,
    /// Before then.
    pub before: Option<Time>,
    /// By falling number, else by rising.
    pub newest_first: bool,
}

/// What `verify_chain` found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChainVerdict {
    Whole {
        head: Head,
    },
    Broken {
        /// The first number that does not fit.
        at: u64,
        why: BrokenChain,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BrokenChain {
    #[error("an event is missing")]
    Missing,
    #[error("the hash does not follow from the event and the one before")]
    Hash,
    #[error(
        "the personal details are gone, and no erasure tells so, or not those that the event was made with"
    )]
    Personal,
    #[error("it is listed as another event than its bytes tell of")]
    Listed,
    #[error("the stored head is not the last event")]
    Head,
    #[error("the chain does not hold the head it is compared with")]
    Against,
}

/// A chain's head with its chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainHead {
    pub chain: Chain,
    pub head: Head,
}

/// One chain's day in numbers, made from its events alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayStat {
    pub chain: Chain,
    /// A UTC day, `2026-11-21`.
    pub day: String,
    pub kind: EventKind,
    pub count: u64,
    pub bytes: u64,
}

/// Hooks of one UTC day, each counted once, and the packets that came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HookDay {
    /// `2026-11-21`.
    pub day: String,
    /// Published at any moment of it.
    pub active: u64,
    /// Active, and nobody claimed, sent or failed.
    pub inactive: u64,
    /// With at least one packet in which no section failed.
    pub working: u64,
    /// With at least one run that failed or was interrupted; may be working too.
    pub failed: u64,
    pub packets: u64,
}
