//! The verbs' bodies: what is decided, once for all backends. One aggregate a file; see `engine` for what a body may do.
pub(crate) mod claims;
mod control;
mod customers;
pub(crate) mod erasing;
mod events;
pub(crate) mod hooks;
mod instances;
mod names;
pub(crate) mod packets;
mod people;
mod quota;
pub(crate) mod relist;
pub(crate) mod revisions;
pub(crate) mod sealed;
mod search;
mod tickets;
mod trust;
mod work;
