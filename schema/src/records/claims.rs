//! Claims and answers: who has a place, until when, and what became of it.
use boathook_hooks::{
    ids::{ClaimId, CustomerId, Digest, InstanceId},
    protocol::AnswerKind,
    time::Time,
};
use serde::{Deserialize, Serialize};

use crate::{objects::Folder, records::Revision};

/// One instance's claim in one revision: the newest reservation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    pub id: ClaimId,
    pub customer: CustomerId,
    pub state: ClaimState,
    /// The run that it is for, 1 for the first.
    pub attempt: u32,
    /// Bytes reserved; after accepting, the packet's.
    pub bytes: u64,
    /// Whether `size_claim` fixed the bytes.
    pub sized: bool,
    pub reserved_at: Time,
    pub lease_until: Time,
    pub ended_at: Option<Time>,
    /// Why it was rejected or failed.
    pub reason: Option<String>,
    /// The answer that gave it back.
    pub answer: Option<AnswerKind>,
    /// Whether this instance may reserve again here.
    pub is_final: bool,
    /// SHA-256 of the accepted packet.
    pub packet: Option<Digest>,
}

impl Claim {
    /// Where its chunks lie.
    pub fn folder(&self) -> Folder {
        Folder::new(&self.customer, self.reserved_at, &self.id)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClaimState {
    Reserved,
    /// Final.
    Accepted,
    /// Final.
    Rejected,
    Failed,
    Expired,
}

impl ClaimState {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Reserved => "reserved",
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
            Self::Expired => "expired",
        }
    }
}

/// One instance that wants a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimAsk {
    pub instance: InstanceId,
    pub customer: CustomerId,
    /// The run it is about to start, 1 for the first.
    pub attempt: u32,
    pub bytes: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    pub claim: ClaimId,
    pub until: Time,
    /// Bytes reserved.
    pub bytes: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClaimReply {
    /// A new reservation.
    Granted(Lease),
    /// The reservation that it holds already, its lease renewed.
    Same(Lease),
    /// It has answered, or has no run left (409).
    Answered,
    /// All places are reserved; one may come back then (503).
    Busy { until: Time },
    /// Full of accepted packets, or of claims (410).
    Full,
    /// Stopped, expired, superseded (410).
    Ended { state: String },
    /// More than one packet may have (413).
    TooLarge { limit: u64 },
    /// The revision is not for that customer, or is unknown.
    NotFound,
    /// The instance was erased (410).
    Erased { at: Time },
}

/// What an instance said to a revision without a packet. Keyed by revision and instance: the newest stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerRow {
    pub revision: Digest,
    pub instance: InstanceId,
    pub customer: CustomerId,
    pub kind: AnswerKind,
    pub reason: String,
    pub at: Time,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewAnswer {
    pub revision: Digest,
    pub instance: InstanceId,
    pub customer: CustomerId,
    pub kind: AnswerKind,
    pub reason: String,
}

/// What an instance made of one revision: its newest claim, its answer, or both.
#[derive(Clone, Debug, PartialEq)]
pub struct InstanceRun {
    pub revision: Revision,
    pub claim: Option<Claim>,
    pub answer: Option<AnswerRow>,
}

/// What an overrun led to. Suspending the instance is the next verb (`suspend_instance`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overrun {
    /// Instances so far that sent more than they declared.
    pub instances: u32,
    /// The control number, if this one stopped the hook.
    pub stopped: Option<u64>,
}
