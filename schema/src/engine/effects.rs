//! What follows from a change: projections, events, control entries, changes of other aggregates. The embedded store
//! does them in the same transaction; CQL writes them with the change, does them after it, and a runner finishes what
//! a crash left. So each can be done twice.
use boathook_hooks::{
    ids::{Blob, Digest, HookId},
    states::HookState,
    time::Time,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    events::EventEntry,
    keys::{Home, List, Table},
    stop::Stop,
    tx::Tx,
};
use crate::{Actor, Change, Head, Packet, Revision, Write};

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Effect {
    List {
        list: List,
        part: String,
        sort: String,
        /// None takes the entry away.
        body: Option<Blob>,
        /// None: the version of the aggregate that says so.
        stamp: Option<u64>,
    },
    Event {
        chain: String,
        entry: Box<EventEntry>,
    },
    Control {
        change: Change,
        /// The revision that notes the number.
        note: Option<Digest>,
    },
    Then(Box<Step>),
}

/// A change of another aggregate.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Step {
    /// The hook was published: its revision opens.
    OpenRevision { revision: Box<Revision> },
    /// A newer revision was published.
    Supersede { digest: Digest, by: u32 },
    /// What a published revision's state became, told to its hook.
    Follow {
        hook: HookId,
        revision: u32,
        state: HookState,
    },
    /// The control number of a revision's last change.
    Note { digest: Digest, control: u64 },
    /// A claim was accepted: its packet is there. The statement was written before.
    PutPacket { packet: Box<Packet> },
}

impl Step {
    pub(crate) fn home(&self) -> Home {
        match self {
            Self::OpenRevision { revision } => Home::new(Table::Revisions, revision.digest),
            Self::Supersede { digest, .. } | Self::Note { digest, .. } => {
                Home::new(Table::Revisions, digest)
            }
            Self::Follow { hook, .. } => Home::new(Table::Hooks, hook),
            Self::PutPacket { packet } => Home::new(Table::Packets, &packet.claim),
        }
    }

    pub(crate) const fn verb(&self) -> &'static str {
        match self {
            Self::OpenRevision { .. } => "open_revision",
            Self::Supersede { .. } => "supersede",
            Self::Follow { .. } => "follow",
            Self::Note { .. } => "note",
            Self::PutPacket { .. } => "put_packet",
        }
    }

    pub(crate) fn run(&self, tx: &mut Tx<'_>) -> Result<(), Stop> {
        use crate::aggregates::{hooks, packets, revisions};
        match self {
            Self::OpenRevision { revision } => revisions::open_revision(tx, revision),
            Self::Supersede { by, .. } => revisions::supersede(tx, *by),
            Self::Follow {
                revision, state, ..
            } => hooks::follow(tx, *revision, state),
            Self::Note { control, .. } => revisions::note(tx, *control),
            Self::PutPacket { packet } => packets::put_packet(tx, packet),
        }
    }
}

/// A write's effects as they are kept until they are done.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Outbox {
    pub(crate) op: Blob,
    pub(crate) actor: Actor,
    pub(crate) at: Time,
    /// When it was made by its server's clock, microseconds since 1970: who finds it later knows whether that one may
    /// still be at it.
    pub(crate) made_us: u64,
    /// The aggregate's version that this change made.
    pub(crate) version: u64,
    pub(crate) effects: Vec<Effect>,
}

/// What a write's effects brought that its answer tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Applied {
    pub(crate) control: Option<u64>,
    /// Of the last event.
    pub(crate) head: Option<Head>,
}

/// The op id of the `n`th thing that follows from a write: the same each time it is done.
pub(crate) fn derived(op: Uuid, n: usize) -> Uuid {
    use sha2::{Digest as _, Sha256};
    let mut hash = Sha256::new();
    hash.update(op.as_bytes());
    hash.update((n as u64).to_be_bytes());
    let hash = hash.finalize();
    let mut bytes = *op.as_bytes();
    // The time in front stays: op ids are forgotten by age.
    bytes[6..].copy_from_slice(&hash[..10]);
    uuid::Builder::from_bytes(bytes)
        .with_version(uuid::Version::SortRand)
        .with_variant(uuid::Variant::RFC4122)
        .into_uuid()
}

impl Write {
    /// The write of a step that follows from this one.
    pub(crate) fn following(&self, n: usize) -> Self {
        Self {
            op_id: crate::OpId(derived(self.op_id.0, n)),
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_has_an_op_id_of_its_own_that_is_the_same_each_time_and_as_old() {
        let op = Uuid::now_v7();
        assert_eq!(derived(op, 1), derived(op, 1));
        assert_ne!(derived(op, 1), derived(op, 2));
        assert_eq!(derived(op, 1).as_bytes()[..6], op.as_bytes()[..6]);
        assert_eq!(derived(op, 1).get_version_num(), 7);
    }
}
