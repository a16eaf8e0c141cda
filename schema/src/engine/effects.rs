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
    events::{self, EventEntry},
    keys::{Home, List, Table},
    stop::Stop,
    tx::Tx,
};
use crate::{Actor, Change, ErasedKind, Head, Packet, Revision, Write, aggregates::erasing};

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
        /// What was erased and notes the head.
        #[serde(default)]
        note: Option<Box<ErasureNote>>,
    },
    Control {
        change: Change,
        /// The revision that notes the number.
        note: Option<Digest>,
    },
    Then(Box<Step>),
}

/// Who notes the head after the event of an erasure, and what goes from beside the chain once that event tells of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ErasureNote {
    pub(crate) kind: ErasedKind,
    pub(crate) id: String,
    pub(crate) chain: String,
    /// Numbers of that chain's events.
    pub(crate) personal: Vec<u64>,
}

impl ErasureNote {
    pub(crate) fn step(&self, head: Head) -> Step {
        Step::NoteErasure {
            note: self.clone(),
            head,
        }
    }
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
    /// The event of an erasure is in its chain.
    NoteErasure { note: ErasureNote, head: Head },
    /// What lies beside these events goes; all are of one partition of the chain.
    ErasePersonal { chain: String, numbers: Vec<u64> },
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
            Self::NoteErasure { note, .. } => erasing::home(note.kind, &note.id),
            Self::ErasePersonal { chain, numbers } => {
                let first = numbers.first().copied().unwrap_or(1);
                events::bucket(chain, events::bucket_of(first))
            }
        }
    }

    pub(crate) const fn verb(&self) -> &'static str {
        match self {
            Self::OpenRevision { .. } => "open_revision",
            Self::Supersede { .. } => "supersede",
            Self::Follow { .. } => "follow",
            Self::Note { .. } => "note",
            Self::PutPacket { .. } => "put_packet",
            Self::NoteErasure { .. } => "note_erasure",
            Self::ErasePersonal { .. } => "erase_personal",
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
            Self::NoteErasure { note, head } => erasing::note(tx, note, head),
            Self::ErasePersonal { chain, numbers } => events::erase(tx, chain, numbers),
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
