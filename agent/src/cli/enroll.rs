//! `enroll`: the join string against an instance id.
use std::{io::Read as _, path::Path};

use anyhow::Context as _;
use boathook_hooks::{protocol::JoinString, time::Time};
use serde_json::json;
use zeroize::Zeroizing;

use super::Out;
use crate::{
    config::Config,
    daemon, enroll,
    policy::{Credentials, Policy},
};

/// Longest join string that is read, in bytes.
const MAX_JOIN: u64 = 128 << 10;

#[derive(clap::Args)]
pub struct Args {
    /// A file that holds the join string, or `-` for standard input. (Not the string itself: others could read it in the
    /// list of processes.)
    #[arg(value_name = "FILE")]
    join: String,
    /// Give up the present enrolment: a new key, a new instance. The old ledger is put aside.
    #[arg(long)]
    again: bool,
}

pub async fn run(config: &Config, file: &Path, args: Args, out: Out) -> anyhow::Result<()> {
    let policy = Policy::load(config, file)?;
    daemon::check_user(&policy, rustix::process::geteuid().is_root())?;
    let door = policy.door(&Credentials::load(&config.credentials)?)?;
    let join = read(&args.join)?;
    let welcome = enroll::enroll(config, &door, &join, args.again, Time::wall_clock()).await?;
    let enrolled = &welcome.enrolled;
    let value = json!({
        "instance": enrolled.instance,
        "customer": enrolled.customer,
        "origin": enrolled.origin,
        "root": enrolled.root,
        "fingerprint": welcome.fingerprint,
        "confirmed": welcome.confirmed,
    });
    out.say(&value, || {
        let next = if welcome.confirmed {
            "Start it with `boathook-agent run`, or `systemctl enable --now boathook-agent`.".to_owned()
        } else {
            format!(
                "It gets no hooks before a person at {} has confirmed this fingerprint; tell it by another way than the \
                 network:\n  {}\nThen start it with `boathook-agent run`, or `systemctl enable --now boathook-agent`.",
                enrolled.origin, welcome.fingerprint
            )
        };
        format!(
            "This machine is instance {} of customer {} at {}.\nIt trusts the root {}.\n{next}",
            enrolled.instance, enrolled.customer, enrolled.origin, enrolled.root
        )
    })
}

fn read(from: &str) -> anyhow::Result<JoinString> {
    let mut text = Zeroizing::new(String::new());
    if from == "-" {
        std::io::stdin()
            .take(MAX_JOIN)
            .read_to_string(&mut text)
            .context("reading standard input")?;
    } else if from.starts_with("boathook1.") {
        anyhow::bail!(
            "a join string on the command line can be read by others: put it into a file, or pipe it to `boathook-agent enroll -`"
        );
    } else {
        std::fs::File::open(from)
            .and_then(|f| f.take(MAX_JOIN).read_to_string(&mut text))
            .with_context(|| format!("reading {from}"))?;
    }
    text.parse().map_err(anyhow::Error::msg)
}
