//! What both sides of boathook must agree on: documents, verification, states, audience, collectors' parameters,
//! redaction and the packet. Pure: no I/O of its own, no async runtime, and time is always an argument.
#![forbid(unsafe_code)]

pub mod audience;
pub mod authoring;
pub mod collectors;
pub mod documents;
pub mod envelope;
pub mod explain;
pub mod ids;
pub mod keys;
pub mod packet;
pub mod protocol;
pub mod reach;
pub mod redaction;
pub mod states;
pub mod strict;
pub mod time;
pub mod verify;
pub mod versions;
pub mod waves;
