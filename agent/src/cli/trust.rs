//! `trust import`: trust documents by hand.
use std::path::PathBuf;

use anyhow::Context as _;
use boathook_hooks::{ids::Blob, strict::MAX_DOCUMENT, verify::Added};
use serde_json::json;

use super::Out;
use crate::{
    config::Config,
    consent::{self, Word},
    durable, trust,
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Take a root, a roster or a revocation out of a file (BSON or DSSE JSON).
    Import(Import),
}

#[derive(clap::Args)]
pub struct Import {
    file: PathBuf,
}

pub fn import(config: &Config, args: &Import, out: Out) -> anyhow::Result<()> {
    let bytes = durable::read(&args.file, 2 * MAX_DOCUMENT as u64)
        .and_then(|bytes| bytes.ok_or_else(|| std::io::ErrorKind::NotFound.into()))
        .with_context(|| format!("reading {}", args.file.display()))?;
    let state = &config.state_dir;
    let mut store = trust::load(state)?;
    let (what, added) = trust::import(&mut store, &bytes)?;
    let handed = match (added, durable::Lock::take(&state.join("lock"))?) {
        (Added::Known, _) => false,
        (_, Some(_lock)) => {
            trust::save(state, &store)?;
            false
        }
        // The daemon has the documents in its memory.
        (_, None) => {
            consent::say(
                state,
                &Word::Trust {
                    document: Blob(bytes),
                },
            )
            .context("handing the document to the agent")?;
            true
        }
    };
    let known = added == Added::Known;
    out.say(
        &json!({"document": what, "new": !known, "handed_to_the_agent": handed}),
        || match (known, handed) {
            (true, _) => format!("This {what} was known already."),
            (_, true) => format!("The {what} is verified and was handed to the running agent."),
            (_, false) => format!("The {what} is verified and stored."),
        },
    )
}
