//! `run`: the daemon in the foreground.
use std::path::PathBuf;

use super::{logging, runtime};
use crate::{config::Config, daemon};

pub fn run(config: Config, file: PathBuf) -> anyhow::Result<()> {
    logging::start(config.log);
    runtime()?.block_on(daemon::run(config, file))?;
    Ok(())
}
