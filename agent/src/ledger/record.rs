//! One line of the ledger, and what all lines of one run say together.
use boathook_hooks::{
    ids::{Blob, ClaimId, Digest, HookId},
    protocol::AnswerKind,
    time::Time,
};
use serde::{Deserialize, Serialize};

/// A run's own id: `r` and a UUID v7, also the name of its files in the spool.
pub type RunId = String;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case", deny_unknown_fields)]
pub enum Record {
    /// Synced before anything runs.
    Begun(Begun),
    Ended {
        at: Time,
        run: RunId,
        end: End,
    },
    /// The server's last word on a packet.
    Settled {
        at: Time,
        run: RunId,
        fate: Fate,
    },
    /// What was answered to a hook instead of a packet.
    Answered(Answered),
    /// What the administrator said to a hook that waits.
    Consent {
        at: Time,
        digest: Digest,
        said: Said,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Begun {
    pub at: Time,
    pub run: RunId,
    pub digest: Digest,
    pub hook: HookId,
    pub revision: u32,
    pub title: String,
    /// 1 for the first run of this revision.
    pub attempt: u32,
    /// The hook's `attempts`.
    pub attempts: u32,
    pub claim: ClaimId,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "snake_case", deny_unknown_fields)]
pub enum End {
    /// In the spool.
    Packed {
        bytes: u64,
        sha256: Digest,
        name: String,
        interrupted: bool,
    },
    Failed {
        reason: String,
    },
    /// A crash cut it off, and nothing was finished.
    Interrupted,
    /// Killed: the hook was stopped or revoked.
    Stopped {
        reason: String,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fate", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fate {
    /// With the receipt's envelope, verified.
    Accepted {
        receipt: Blob,
    },
    Rejected {
        reason: String,
    },
    /// The claim is gone: its lease ran out, or the hook ended.
    Gone {
        reason: String,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answered {
    pub at: Time,
    pub digest: Digest,
    pub kind: AnswerKind,
    pub reason: String,
    /// The run that this is the answer of.
    pub run: Option<RunId>,
    /// What it was decided on (see [`super::Mark`]): changed, a refusal is thought over.
    pub mark: Digest,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "said", rename_all = "snake_case", deny_unknown_fields)]
pub enum Said {
    Approved { by: String },
    Declined { by: String, reason: String },
}

impl Record {
    pub fn at(&self) -> Time {
        match self {
            Self::Begun(b) => b.at,
            Self::Answered(a) => a.at,
            Self::Ended { at, .. } | Self::Settled { at, .. } | Self::Consent { at, .. } => *at,
        }
    }
}
