//! What servers share and the store cannot read: secrets, sealed by a key that the store never has.
use boathook_hooks::{ids::Blob, time::Time};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// 1 for the first, one more at each change.
    pub version: u64,
    pub bytes: Blob,
    pub at: Time,
}

/// Longest sealed bytes.
pub const MAX_SEALED: usize = 64 * 1024;
