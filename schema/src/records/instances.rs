//! Instances: key, facts, state, and the value that tells a session from a clone's.
use boathook_hooks::{
    documents::identity::Facts,
    ids::{CustomerId, InstanceId},
    keys::{KeyId, PublicKey},
    time::Time,
};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    pub id: InstanceId,
    pub customer: CustomerId,
    pub key: PublicKey,
    pub facts: Facts,
    pub state: InstanceState,
    pub enrolled_at: Time,
    /// Written at most every 15 minutes.
    pub last_seen: Time,
    pub session: SessionChain,
    pub version: u64,
}

impl Instance {
    /// What a person compares before confirming.
    pub fn fingerprint(&self) -> KeyId {
        self.key.id()
    }

    /// Whether it may be offered hooks and may claim.
    pub fn may_work(&self) -> bool {
        self.state == InstanceState::Confirmed
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InstanceState {
    Unconfirmed,
    Confirmed,
    Suspended {
        reason: SuspendReason,
        /// Whether it was confirmed before, and is again when resumed.
        confirmed: bool,
    },
    Retired {
        why: String,
    },
}

impl InstanceState {
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Unconfirmed => "unconfirmed",
            Self::Confirmed => "confirmed",
            Self::Suspended { .. } => "suspended",
            Self::Retired { .. } => "retired",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SuspendReason {
    /// Sent more bytes than it declared.
    Overrun,
    /// Two agents under one key.
    Cloned,
    /// A person's words.
    Words(String),
}

/// The values of an instance's sessions: each is given once and spent once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionChain {
    /// What the next session must bring; empty before the first.
    pub value: String,
    /// The value that was spent last, and the nonce it was spent with.
    pub spent: Option<SpentValue>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpentValue {
    pub value: String,
    pub nonce: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewInstance {
    pub id: InstanceId,
    pub customer: CustomerId,
    pub key: PublicKey,
    pub facts: Facts,
    /// From the token: whether a person must confirm it.
    pub confirm: bool,
}

/// What an instance brings to renew its session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionAsk {
    pub instance: InstanceId,
    /// The value that the last session gave; empty for the first.
    pub value: String,
    pub nonce: String,
    /// A fresh random value, to be given if this ask wins.
    pub fresh: String,
    pub facts: Facts,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionStep {
    /// The value to give for the next session. A retry gets the one that was given before.
    Next {
        value: String,
        retry: bool,
        /// Whether facts changed (and the control log says so).
        facts_changed: bool,
    },
    /// A spent value with another nonce: two agents under one key. Recorded; suspending is the caller's next verb.
    Fork,
}

/// Some instances out of all, taken by a hash of their ids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceSample {
    pub items: Vec<Instance>,
    /// About how many instances each of them stands for: 1 when these are all.
    pub each: u64,
}

/// Which instances a list holds.
#[derive(Clone, Debug, Default)]
pub struct InstanceFilter {
    pub customer: Option<CustomerId>,
    /// An [`InstanceState::word`].
    pub state: Option<String>,
}
