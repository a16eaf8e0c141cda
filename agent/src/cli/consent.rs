//! `approve` and `decline`: the administrator's word on a hook that waits.
use anyhow::Context as _;
use serde_json::json;

use super::Out;
use crate::{
    config::Config,
    consent::{self, Waiting, Word},
    status::Status,
};

/// Fewest digits of a digest that stand for a hook: fewer could be met by trying.
const APPROVE_DIGITS: usize = 12;
/// Longest reason, in characters.
const MAX_REASON: usize = 500;

#[derive(clap::Args)]
pub struct Approve {
    /// The first 12 digits or more of the hook's digest, as `status` shows them. (Not its id: another revision could
    /// have taken the place of the one that you read.)
    digest: String,
}

#[derive(clap::Args)]
pub struct Decline {
    /// The hook's id, or the first 6 digits or more of its digest, as `status` shows them.
    hook: String,
    /// Why, for the hook's author.
    #[arg(long)]
    reason: String,
}

pub fn approve(config: &Config, args: &Approve, out: Out) -> anyhow::Result<()> {
    let found = find(config, &args.digest)?;
    anyhow::ensure!(
        args.digest.len() >= APPROVE_DIGITS && found.hook.as_str() != args.digest,
        "approve what you have read by its digest: `boathook-agent status` shows {} as {}",
        found.title,
        found.digest.short()
    );
    say(
        config,
        &Word::Approve {
            digest: found.digest,
            by: who(),
        },
    )?;
    out.say(
        &json!({"approved": found.hook, "revision": found.revision, "digest": found.digest}),
        || {
            format!(
                "Approved: {:?}, revision {}. It runs as soon as the agent has a place.",
                found.title, found.revision
            )
        },
    )
}

pub fn decline(config: &Config, args: Decline, out: Out) -> anyhow::Result<()> {
    let reason = args.reason.trim();
    anyhow::ensure!(
        !reason.is_empty() && reason.chars().count() <= MAX_REASON,
        "--reason: expected 1 to {MAX_REASON} characters"
    );
    let found = find(config, &args.hook)?;
    say(
        config,
        &Word::Decline {
            digest: found.digest,
            by: who(),
            reason: reason.to_owned(),
        },
    )?;
    out.say(
        &json!({"declined": found.hook, "revision": found.revision, "digest": found.digest}),
        || {
            format!(
                "Declined: {:?}, revision {}. Its author is told your reason.",
                found.title, found.revision
            )
        },
    )
}

fn find(config: &Config, name: &str) -> anyhow::Result<Waiting> {
    let status = Status::read(&config.state_dir)
        .with_context(|| format!("reading the status in {}", config.state_dir.display()))?
        .context("the agent did not run here yet: start it with `boathook-agent run`")?;
    consent::find(&status.waiting, name)
        .cloned()
        .map_err(anyhow::Error::msg)
}

fn say(config: &Config, word: &Word) -> anyhow::Result<()> {
    consent::say(&config.state_dir, word).with_context(|| {
        format!(
            "writing into {}",
            config.state_dir.join(consent::DIR).display()
        )
    })
}

/// For the ledger: who was at the terminal, as far as the system knows.
fn who() -> String {
    let uid = rustix::process::getuid().as_raw();
    match std::env::var("SUDO_USER") {
        Ok(user) if uid == 0 && !user.is_empty() => {
            format!("{} (by sudo)", user.chars().take(64).collect::<String>())
        }
        _ => format!("uid {uid}"),
    }
}
