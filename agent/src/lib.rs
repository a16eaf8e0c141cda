//! boathook's agent: the daemon that polls, verifies, redacts and sends, and the child process that collects.
pub mod child;
pub mod cli;
pub mod client;
mod collectors;
pub mod config;
pub mod consent;
pub mod daemon;
pub mod door;
pub mod durable;
pub mod enroll;
mod files;
pub mod identity;
pub mod ledger;
pub mod policy;
pub mod poll;
pub mod run;
pub mod session;
pub mod spool;
pub mod status;
pub mod sys;
pub mod trust;
pub mod upload;

/// This agent's version (semver).
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
