//! Structured logs to stderr: text for people or JSON for machines.
use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};

/// Once a process. Commands other than `serve` only warn, so that their output stays readable.
pub fn start(log: &Log, serving: bool) -> anyhow::Result<()> {
    let filter = if serving { log.filter.as_str() } else { "warn" };
    // The cluster's driver tells of every connection: only its errors, unless somebody asks for more.
    let filter = match filter.contains("scylla") {
        true => filter.to_owned(),
        false => format!("{filter},scylla=error"),
    };
    let filter = EnvFilter::try_new(filter)
        .map_err(|e| anyhow::anyhow!("the config file's log.filter is wrong: {e}"))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let started = match log.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    started.map_err(|e| anyhow::anyhow!("logs cannot start: {e}"))
}
