//! `boathook-agent`'s command line: what the customer's administrator types.
#![allow(
    clippy::print_stdout,
    reason = "the commands' answers go to standard output"
)]
mod consent;
mod enroll;
mod ledger;
mod logging;
mod policy;
mod run;
mod status;
mod test;
mod trust;

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use serde::Serialize;

use crate::{
    child,
    config::{Config, DEFAULT_CONFIG},
};

/// Not for people: how the daemon starts the process of one run.
const CHILD: &str = "child";

/// Collects support packets for signed, expiring hooks, within this machine's own policy.
#[derive(Parser)]
#[command(name = "boathook-agent", version, propagate_version = true)]
struct Args {
    /// Settings of this instance.
    #[arg(long, global = true, value_name = "FILE", default_value = DEFAULT_CONFIG, env = "BOATHOOK_AGENT_CONFIG")]
    config: PathBuf,
    /// Answer in JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Enrol this instance with the join string that support gave you.
    Enroll(enroll::Args),
    /// Poll for hooks, run them and send their packets, until told to stop.
    Run,
    /// What the agent is doing, whom it trusts, and which hooks wait for you.
    Status,
    /// Try a hook here: collect and redact, show what a packet would hold, and send nothing.
    Test(test::Args),
    /// What ran here, and what left this machine.
    Ledger(ledger::Args),
    /// Let a waiting hook run.
    Approve(consent::Approve),
    /// Say no to a waiting hook. Its author sees the reason.
    Decline(consent::Decline),
    /// This instance's own rules.
    #[command(subcommand)]
    Policy(policy::Command),
    /// Roots, rosters and revocations by hand, where the server is not reached or not trusted.
    #[command(subcommand)]
    Trust(trust::Command),
}

/// How answers are given: lines for people, or one JSON value.
#[derive(Clone, Copy)]
struct Out {
    json: bool,
}

impl Out {
    fn say(self, value: &impl Serialize, text: impl FnOnce() -> String) -> anyhow::Result<()> {
        if self.json {
            println!("{}", serde_json::to_string_pretty(value)?);
        } else {
            println!("{}", text().trim_end());
        }
        Ok(())
    }
}

/// Runs the command line.
pub fn main() -> ExitCode {
    if std::env::args_os().nth(1).is_some_and(|arg| arg == CHILD) {
        return child::child_main();
    }
    match run(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            use std::io::Write as _;
            // Nothing more can be done when that fails.
            let _ = writeln!(std::io::stderr(), "boathook-agent: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args) -> anyhow::Result<()> {
    let out = Out { json: args.json };
    let config = if args.config.exists() || args.config != *DEFAULT_CONFIG {
        Config::load(&args.config)?
    } else {
        // Every key has a default.
        Config::parse("", std::path::Path::new("/")).map_err(anyhow::Error::msg)?
    };
    let file = args.config;
    match args.command {
        Command::Enroll(args) => block_on(enroll::run(&config, &file, args, out)),
        Command::Run => run::run(config, file),
        Command::Status => status::run(&config, &file, out),
        Command::Test(args) => block_on(test::run(&config, &file, args, out)),
        Command::Ledger(args) => ledger::run(&config, &args, out),
        Command::Approve(args) => consent::approve(&config, &args, out),
        Command::Decline(args) => consent::decline(&config, args, out),
        Command::Policy(command) => policy::run(&config, &file, command, out),
        Command::Trust(trust::Command::Import(args)) => trust::import(&config, &args, out),
    }
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start")
}

fn block_on(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    runtime()?.block_on(work)
}

/// A short count of bytes for people.
fn size(bytes: u64) -> String {
    boathook_hooks::authoring::human::about(bytes)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        super::Args::command().debug_assert();
    }
}
