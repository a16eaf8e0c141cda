//! The authoring form: a hook as TOML that people write, turned into the payload and back without loss.
//!
//! ```toml
//! title = "Slow logins since the upgrade"
//! reason = "We want to see what the login service waits for."
//! customers = ["acme"]
//! expires = "7d"                       # or a time
//!
//! [ticket]
//! system = "jira"
//! key = "SUP-1"
//!
//! [[collect]]
//! section = "logs"
//! collector = "file"
//! paths = ["/var/log/app/*.log"]       # parameters of the collector stand beside its limits
//! tail_bytes = "1 MiB"
//! ```
mod collect;
mod draft;
mod fault;
pub mod human;
mod lint;
mod params;
mod read;
mod reader;
mod whom;
mod write;

pub use draft::{Draft, Expires, Fills};
pub use fault::{Fault, Severity};
pub use lint::{lint, lint_at};
pub use read::parse;
pub use write::write;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
