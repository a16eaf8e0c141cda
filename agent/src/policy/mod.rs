//! The customer's own rules.
pub mod grants;
