//! Accepted packets: an ordered list of chunk objects, and what the statement says.
use boathook_hooks::{
    ids::{Blob, ClaimId, CustomerId, Digest, HookId, InstanceId, PersonId},
    time::Time,
};
use bson::Document;
use serde::{Deserialize, Serialize};

use crate::{objects::Folder, records::TicketRef};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Packet {
    pub claim: ClaimId,
    pub hook: HookId,
    pub revision: u32,
    pub customer: CustomerId,
    pub ticket: Option<TicketRef>,
    /// File name for people.
    pub name: String,
    /// Bytes of the zip.
    pub bytes: u64,
    /// SHA-256 of the zip.
    pub sha256: Digest,
    pub received_at: Time,
    /// When the place was reserved: its month is part of the chunks' path.
    pub reserved_at: Time,
    pub chunks: Vec<Chunk>,
    /// packet.json's bytes.
    pub statement: Blob,
    /// How many there are of them: they lie in pieces beside the record.
    #[serde(default)]
    pub statement_bytes: u64,
    /// A summary a section, as the server made it.
    pub sections: Vec<Document>,
    /// DSSE `receipt.v1`, once made.
    pub receipt: Option<Blob>,
    /// How many people said how far it answered what was asked.
    #[serde(default, skip_serializing_if = "Verdicts::is_empty")]
    pub verdicts: Verdicts,
    /// The starting text of its hook, once somebody said that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
}

/// Whether a packet answered what it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Helped {
    Yes,
    Partly,
    No,
}

impl Helped {
    pub const ALL: [Self; 3] = [Self::Yes, Self::Partly, Self::No];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::Partly => "partly",
            Self::No => "no",
        }
    }
}

/// What one person said of a packet; it stands until they say something else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    pub person: PersonId,
    pub answered: Helped,
    /// Up to [`LONGEST_NOTE`] characters, or none.
    pub note: String,
    pub at: Time,
}

/// Characters of a verdict's note.
pub const LONGEST_NOTE: usize = 300;

/// Verdicts, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdicts {
    pub yes: u32,
    pub partly: u32,
    pub no: u32,
}

impl Verdicts {
    pub fn of(answers: impl IntoIterator<Item = Helped>) -> Self {
        let mut counts = Self::default();
        for answer in answers {
            counts.add(answer);
        }
        counts
    }

    fn add(&mut self, answer: Helped) {
        let count = match answer {
            Helped::Yes => &mut self.yes,
            Helped::Partly => &mut self.partly,
            Helped::No => &mut self.no,
        };
        *count = count.saturating_add(1);
    }

    pub const fn all(&self) -> u32 {
        self.yes.saturating_add(self.partly).saturating_add(self.no)
    }

    pub const fn is_empty(&self) -> bool {
        self.all() == 0
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            yes: self.yes.saturating_add(other.yes),
            partly: self.partly.saturating_add(other.partly),
            no: self.no.saturating_add(other.no),
        }
    }
}

impl Packet {
    pub fn instance(&self) -> &InstanceId {
        &self.claim.instance
    }

    pub fn folder(&self) -> Folder {
        Folder::new(&self.customer, self.reserved_at, &self.claim)
    }
}

/// One chunk object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    pub offset: u64,
    pub bytes: u64,
}

/// A packet whose chunks are durable and were checked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CommitPacket {
    pub claim: ClaimId,
    pub name: String,
    pub bytes: u64,
    pub sha256: Digest,
    pub chunks: Vec<Chunk>,
    pub statement: Blob,
    pub sections: Vec<Document>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Committed {
    Accepted(Box<Packet>),
    /// The same bytes were accepted before.
    Same(Box<Packet>),
}

impl Committed {
    pub fn packet(&self) -> &Packet {
        match self {
            Self::Accepted(packet) | Self::Same(packet) => packet,
        }
    }
}

/// Which packets a list holds, newest first.
#[derive(Clone, Debug)]
pub enum PacketsBy {
    Ticket(TicketRef),
    Hook(HookId),
    Instance(InstanceId),
    /// A UTC day, `2026-11-21`.
    Day(String),
}
