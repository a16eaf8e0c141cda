//! What the store keeps, one aggregate a file. Records are BSON; unknown fields survive a rewrite (`codec`).
mod claims;
mod control;
mod customers;
mod events;
mod hooks;
mod instances;
mod lists;
mod packets;
mod people;
mod revisions;
mod sealed;
mod tickets;
mod trust;

pub use boathook_hooks::documents::hook_list::{Head, Heads};
pub use claims::*;
pub use control::*;
pub use customers::*;
pub use events::*;
pub use hooks::*;
pub use instances::*;
pub use lists::*;
pub use packets::*;
pub use people::*;
pub use revisions::*;
pub use sealed::*;
pub use tickets::*;
pub use trust::*;
