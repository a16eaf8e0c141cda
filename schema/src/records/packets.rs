//! Accepted packets: an ordered list of chunk objects, and what the statement says.
use boathook_hooks::{
    ids::{Blob, ClaimId, CustomerId, Digest, HookId, InstanceId},
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
