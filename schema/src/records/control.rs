//! The control log: what every server must know at once, and nothing else.
use boathook_hooks::{
    ids::{CustomerId, Digest, HookId, InstanceId},
    time::Time,
    waves::Wave,
};
use serde::{Deserialize, Serialize};

use crate::records::Revision;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlEntry {
    /// max(head + 1, unix milliseconds): a restored or copied store never goes back.
    pub number: u64,
    pub at: Time,
    pub change: Change,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    Publish {
        digest: Digest,
        hook: HookId,
        supersedes: Option<Digest>,
    },
    Stop {
        digest: Digest,
    },
    Lower {
        digest: Digest,
    },
    Expire {
        digest: Digest,
    },
    Full {
        digest: Digest,
    },
    /// More instances are offered the hook.
    Wave {
        digest: Digest,
        wave: Wave,
    },
    /// A root, roster or revocation came.
    Trust,
    /// An instance's facts changed, or it may work from now on.
    Facts {
        instance: InstanceId,
    },
    /// An instance may work no more.
    Deny {
        instance: InstanceId,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlPage {
    /// The log's last number, beyond this page perhaps.
    pub head: u64,
    /// In order, each above the number that was asked for.
    pub entries: Vec<ControlEntry>,
}

/// What a server holds in memory, as of one control number.
#[derive(Clone, Debug, PartialEq)]
pub struct ActiveHooks {
    pub number: u64,
    /// Published, not expired at the time asked about.
    pub hooks: Vec<Revision>,
    /// Stopped, and alive otherwise.
    pub stopped: Vec<StoppedHook>,
    /// Listed by bytes that cannot be read: their own records may tell more. For the house alone.
    pub unreadable: Vec<Digest>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoppedHook {
    pub digest: Digest,
    pub customers: Vec<CustomerId>,
    pub opted_in: bool,
    /// When it would have expired anyway.
    pub until: Time,
}

/// What one turn of the runner came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FinishedLeft {
    /// Writes whose effects were done.
    pub finished: u32,
    /// Those that could not be done now; the next turn tries again.
    pub failed: u32,
}
