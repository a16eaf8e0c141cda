//! The audit: what is active, what happened, and its proof. Nothing here can change anything.
mod events;
mod now;

pub use events::{EventView, chain, events, export, export_lines, heads, ticket};
pub use now::{ActiveHook, active, days, now};

pub(crate) use events::{__path_events, __path_export, __path_heads};
pub(crate) use now::{__path_days, __path_now};
