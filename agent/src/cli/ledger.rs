//! `ledger`: what ran here, and what left the machine.
use boathook_hooks::explain::printable;

use super::{Out, size};
use crate::{
    config::Config,
    ledger::{End, Fate, Ledger, Record, Said},
};

#[derive(clap::Args)]
pub struct Args {
    /// Only the last lines.
    #[arg(long, value_name = "LINES")]
    last: Option<usize>,
}

pub fn run(config: &Config, args: &Args, out: Out) -> anyhow::Result<()> {
    let mut records = Ledger::read_all(&config.state_dir)?;
    if let Some(last) = args.last {
        records.drain(..records.len().saturating_sub(last));
    }
    out.say(&records, || {
        if records.is_empty() {
            return "Nothing ran here, and nothing was answered.".to_owned();
        }
        records
            .iter()
            .map(|r| format!("{}  {}\n", r.at(), printable(&words(r))))
            .collect()
    })
}

fn words(record: &Record) -> String {
    match record {
        Record::Begun(b) => format!(
            "run {} began: {:?} (hook {} revision {}, run {} of {})",
            b.run, b.title, b.hook, b.revision, b.attempt, b.attempts
        ),
        Record::Ended { run, end, .. } => match end {
            End::Packed {
                bytes,
                sha256,
                name,
                interrupted,
            } => format!(
                "run {run} made {name}, {}{} (sha256 {sha256})",
                size(*bytes),
                if *interrupted { ", interrupted" } else { "" }
            ),
            End::Failed { reason } => format!("run {run} failed: {reason}"),
            End::Interrupted => format!("run {run} was cut off with nothing finished"),
            End::Stopped { reason } => {
                format!("run {run} was killed: {reason}; nothing of it was sent")
            }
        },
        Record::Settled { run, fate, .. } => match fate {
            Fate::Accepted { .. } => {
                format!("run {run}: its packet left this machine; the server's receipt is here")
            }
            Fate::Rejected { reason } => {
                format!("run {run}: the server rejected its packet: {reason}")
            }
            Fate::Gone { reason } => format!("run {run}: its packet was not taken: {reason}"),
        },
        Record::Answered(a) => format!(
            "hook {} was answered {}: {}",
            a.digest.short(),
            a.kind,
            a.reason
        ),
        Record::Consent {
            digest,
            said: Said::Approved { by },
            ..
        } => {
            format!("hook {} was approved by {by}", digest.short())
        }
        Record::Consent {
            digest,
            said: Said::Declined { by, reason },
            ..
        } => {
            format!("hook {} was declined by {by}: {reason}", digest.short())
        }
    }
}
