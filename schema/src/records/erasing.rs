//! What is kept of a thing that was erased, and the receipt of its erasing.
use std::{fmt, str::FromStr};

use boathook_hooks::{
    ids::{ClaimId, CustomerId, Digest},
    time::Time,
};
use serde::{Deserialize, Serialize};

use crate::{objects::Folder, records::Head};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErasedKind {
    Packet,
    Instance,
}

impl ErasedKind {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Packet => "packet",
            Self::Instance => "instance",
        }
    }
}

impl fmt::Display for ErasedKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for ErasedKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "packet" => Ok(Self::Packet),
            "instance" => Ok(Self::Instance),
            _ => Err("expected packet or instance".to_owned()),
        }
    }
}

/// What stands in place of a thing from the moment that its erasing begins, for ever. Who asked for it is told by the
/// audit alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    pub kind: ErasedKind,
    /// A packet's is its claim's.
    pub id: String,
    pub customer: CustomerId,
    /// 1 to 1,000 characters. They are kept, so they should name nobody.
    pub why: String,
    pub begun: Time,
    /// None: some of it may be there still.
    pub finished: Option<Time>,
    /// The customer's chain after the event that says it is finished.
    pub head: Option<Head>,
    /// Of a packet.
    pub packet: Option<ErasedPacket>,
}

/// What is kept of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasedPacket {
    /// Of the zip.
    pub bytes: u64,
    /// Of the zip.
    pub sha256: Digest,
    /// Chunk objects that it was made of.
    pub chunks: u32,
    pub received_at: Time,
    /// Its month is part of the chunks' path.
    pub reserved_at: Time,
}

impl Erasure {
    /// Where the chunks of a packet lie that are to be deleted.
    pub fn folder(&self) -> Option<Folder> {
        let (packet, claim) = (self.packet.as_ref()?, self.id.parse::<ClaimId>().ok()?);
        Some(Folder::new(&self.customer, packet.reserved_at, &claim))
    }

    /// Once it is finished, and that was recorded.
    pub fn receipt(&self) -> Option<ErasureReceipt> {
        Some(ErasureReceipt {
            finished: self.finished?,
            head: self.head.clone()?,
            ..self.unrecorded()
        })
    }

    pub(crate) fn unrecorded(&self) -> ErasureReceipt {
        ErasureReceipt {
            kind: self.kind,
            id: self.id.clone(),
            customer: self.customer.clone(),
            begun: self.begun,
            finished: self.finished.unwrap_or(self.begun),
            chunks: self.packet.map_or(0, |packet| packet.chunks),
            head: Head::default(),
        }
    }
}

/// That it is gone: the same each time that it is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasureReceipt {
    pub kind: ErasedKind,
    /// A packet's is its claim's.
    pub id: String,
    pub customer: CustomerId,
    pub begun: Time,
    pub finished: Time,
    /// Chunk objects of a packet that were deleted.
    pub chunks: u32,
    /// The customer's chain after the event that says so.
    pub head: Head,
}

/// What one turn of `erase_answers` came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErasedAnswers {
    /// Where the next turn goes on; none is the end.
    pub next: Option<String>,
    /// Packets that were accepted from the instance and that are not erased to the end. One that is not there yet is on its
    /// way.
    pub packets: Vec<ClaimId>,
}
