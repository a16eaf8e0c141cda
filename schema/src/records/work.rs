//! The house's own work: who does what is done by one server at a time, and which servers live.
use boathook_hooks::time::Time;
use serde::{Deserialize, Serialize};

/// A lease that its holder has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkLease {
    /// Higher with each new holder: who comes with a lower one was replaced.
    pub fencing: u64,
    pub until: Time,
}

/// What became of a lease that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Leased {
    Yours(WorkLease),
    Held { by: String, until: Time },
}

/// A server that lives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    pub id: String,
    pub address: String,
    pub started: Time,
    pub seen: Time,
}

/// A server that is silent so long is not shown.
pub const SERVER_SILENT_MS: i64 = 60_000;
/// Longest lease.
pub const MAX_LEASE_MS: i64 = 24 * 60 * 60 * 1000;
