//! The commands, one file each, and what they share.
pub mod keygen;
pub mod root;
pub mod roster;
pub mod sign;

use std::path::PathBuf;

use boathook_hooks::time::Time;

use crate::out::Out;

/// What every command is given.
pub struct Ctx {
    pub out: Out,
    /// Where sign-ins are kept.
    pub config_dir: PathBuf,
    pub now: Time,
}
