//! boathook's agent: the daemon that polls, verifies, redacts and sends, and the child process that collects.
pub mod child;
pub mod policy;
