//! The support packet: a plain zip with a signed statement of all that it holds.
//!
//! `packet.json` is the statement, `packet.dsse.json` the DSSE envelope of those very bytes, `redactions.json` has the
//! places of what was hidden, and each section is a folder. [`PacketWriter`] makes packets; whoever reads those that
//! others made trusts nothing in them.
mod adopt;
mod check;
mod entry;
mod file_reader;
mod name;
mod salvage;
mod statement;
mod write;
mod zip_in;
mod zip_out;

pub use check::{
    CheckError, CheckLimits, CheckedPacket, Expected, OpenPacket, UNPACKED_FACTOR, check,
    check_unknown, open,
};
pub use entry::{LONGEST_NAME, MAX_ENTRIES, name_fault};
pub use file_reader::FileReader;
pub use name::packet_name;
pub use salvage::Salvage;
pub use statement::{
    Consent, FileEntry, HookRef, LeftOut, Mode, Outcome, Section, Statement, StatementError,
};
pub use write::{Content, Finished, PacketWriter, RunFacts, WriteError, WriteLimits, Wrote};

/// The DSSE payload type of `packet.json`.
pub const PACKET_PAYLOAD_TYPE: &str = "application/vnd.boathook.packet.v1+json";
/// The statement's entry.
pub const STATEMENT: &str = "packet.json";
/// The entry of the statement's signature.
pub const ENVELOPE: &str = "packet.dsse.json";
/// The entry that lists where something was hidden.
pub const REDACTIONS: &str = "redactions.json";
