//! The audit: what is active, what happened, and its proof. Nothing here can change anything.
mod csv;
mod days;
mod events;
mod kept_days;
mod now;

pub use self::csv::{events_csv, hook_days_csv};
pub use days::{by_day, days, hook_days, span};
pub use events::{EventView, chain, events, export, export_lines, heads, ticket};
pub use kept_days::KeptDays;
pub use now::{ActiveHook, active, now};

pub(crate) use self::csv::{__path_events_csv, __path_hook_days_csv};
pub(crate) use days::{__path_days, __path_hook_days};
pub(crate) use events::{__path_events, __path_export, __path_heads};
pub(crate) use now::__path_now;
