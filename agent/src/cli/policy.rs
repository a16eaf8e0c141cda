//! `policy check` and `policy explain`: what the administrator's own rules say, before anything depends on them.
use std::path::{Path, PathBuf};

use boathook_hooks::{documents::root::Bounds, explain::printable, time::Time};
use serde_json::json;

use super::{Out, size, test};
use crate::{
    config::{Config, read_text},
    policy::{Credentials, Decision, Policy, Used, decide},
    trust,
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Whether policy and credentials read, and the redaction rules compile.
    Check {
        /// Another policy file than the one in force.
        file: Option<PathBuf>,
    },
    /// In plain words: what hooks may do here; or what the policy says to one hook.
    Explain {
        /// A hook as TOML.
        hook: Option<PathBuf>,
    },
}

pub fn run(config: &Config, file: &Path, command: Command, out: Out) -> anyhow::Result<()> {
    let credentials = Credentials::load(&config.credentials)?;
    match command {
        Command::Check { file: None } => {
            let policy = Policy::load(config, file)?;
            policy.door(&credentials)?;
            let from = config.policy.exists().then_some(&config.policy);
            checked(from.map(PathBuf::as_path), &policy, &credentials, out)
        }
        Command::Check { file: Some(other) } => {
            let policy = Policy::parse(&read_text(&other)?)
                .map_err(|what| anyhow::anyhow!("{}: {what}", other.display()))?;
            policy.door(&credentials)?;
            checked(Some(&other), &policy, &credentials, out)
        }
        Command::Explain { hook: None } => {
            let policy = Policy::load(config, file)?;
            let lines = marked(words(&policy), &words(&Policy::shipped()?), &credentials);
            out.say(&json!({"policy": lines}), || lines.join("\n"))
        }
        Command::Explain { hook: Some(hook) } => one(config, file, &hook, &credentials, out),
    }
}

fn checked(
    from: Option<&Path>,
    policy: &Policy,
    credentials: &Credentials,
    out: Out,
) -> anyhow::Result<()> {
    let names: Vec<&str> = credentials.names().collect();
    let missing: Vec<_> = policy
        .grants
        .directories
        .iter()
        .filter(|d| !d.is_dir())
        .collect();
    let value = json!({
        "file": from,
        "digest": policy.digest,
        "credentials": names,
        "missing_directories": missing,
    });
    out.say(&value, || {
        let mut text = match from {
            Some(path) => format!("{} is sound.\n", path.display()),
            None => {
                "There is no policy file: the shipped policy holds, which is closed.\n".to_owned()
            }
        };
        text += &format!("Its digest, as packets state it: {}\n", policy.digest);
        text += &format!(
            "Credentials: {}\n",
            if names.is_empty() {
                "none".into()
            } else {
                names.join(", ")
            }
        );
        for directory in missing {
            text += &format!(
                "Warning: the allowed directory {} is not there.\n",
                directory.display()
            );
        }
        text
    })
}

/// `lines` with those marked that are as in the policy that is shipped, and the credentials.
fn marked(lines: Vec<String>, shipped: &[String], credentials: &Credentials) -> Vec<String> {
    let mark = |line: String| {
        if shipped.contains(&line) {
            format!("{line} (default)")
        } else {
            line
        }
    };
    let names: Vec<&str> = credentials.names().collect();
    let names = if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    };
    let mut lines: Vec<String> = lines.into_iter().map(mark).collect();
    lines.push(format!("Credentials that hooks may name: {names}."));
    lines
}

/// The policy in plain words, a line for each value.
fn words(policy: &Policy) -> Vec<String> {
    let grants = &policy.grants;
    let list = |items: Vec<String>| {
        if items.is_empty() {
            "none".to_owned()
        } else {
            items.join(", ")
        }
    };
    let yes = |allowed: bool| if allowed { "allowed" } else { "not allowed" };
    let limits = &policy.limits;
    let mut lines = vec![
        format!("Hooks of ordinary reach: {}.", policy.ordinary.word()),
        format!("Hooks of wide reach: {}.", policy.wide.word()),
        format!(
            "Files: beneath {}; never the agent's own keys and state, /etc/shadow, private keys, /proc/*/environ and mem.",
            list(
                grants
                    .directories
                    .iter()
                    .map(|d| d.display().to_string())
                    .collect()
            )
        ),
        format!("The journal: {}.", yes(grants.journal)),
        format!("Processes: {}.", yes(grants.processes)),
        format!("HTTP on this machine: {}.", yes(grants.loopback_http)),
        format!("Other hosts: {}.", list(grants.hosts.clone())),
        format!("Files without redaction: {}.", yes(grants.raw)),
    ];
    if grants.commands.is_empty() {
        lines.push("Commands: none.".to_owned());
    }
    for command in &grants.commands {
        lines.push(
            format!(
                "Command: {} {}",
                command.path.display(),
                command.args.join(" ")
            )
            .trim_end()
            .to_owned(),
        );
    }
    lines.extend([
        format!("A day: at most {} runs.", limits.runs_per_day),
        format!("A day: at most {}.", size(limits.bytes_per_day)),
        format!("A packet: at most {}.", size(limits.packet_size)),
        format!("A run: at most {} seconds.", limits.run_time.as_secs()),
    ]);
    lines.push(match &policy.quiet {
        Some(quiet) => format!("No run begins during the quiet hours, {quiet}."),
        None => "Quiet hours: none.".to_owned(),
    });
    lines.push(format!("The agent as root: {}.", yes(policy.allow_root)));
    lines
}

fn one(
    config: &Config,
    file: &Path,
    hook: &Path,
    credentials: &Credentials,
    out: Out,
) -> anyhow::Result<()> {
    let policy = Policy::load(config, file)?;
    let now = Time::wall_clock();
    let hook = test::read(hook, now)?;
    let bounds = trust::load(&config.state_dir)
        .map_or_else(|_| Bounds::default(), |t| t.root().bounds.clone());
    // No hour is quiet and no ceiling reached in the abstract.
    let policy = Policy {
        quiet: None,
        ..policy
    };
    match decide(
        &hook,
        &bounds,
        &policy,
        credentials,
        Used::default(),
        now,
        0,
    ) {
        Decision::Refused(reason) | Decision::NotNow { reason, .. } => out
            .say(&json!({"decision": "refused", "reason": reason}), || {
                format!("Refused: {}", printable(&reason))
            }),
        Decision::Run(ready) => {
            let denied: Vec<_> = ready
                .denied
                .iter()
                .map(|(section, why)| json!({"section": section, "reason": why}))
                .collect();
            let value = json!({
                "decision": ready.consent.word(),
                "packet_bytes": ready.packet_bytes,
                "run_ms": ready.run_ms,
                "denied": denied,
            });
            out.say(&value, || {
                let mut text = format!(
                    "Consent: {}. At most {} and {} seconds.\n",
                    ready.consent.word(),
                    size(ready.packet_bytes),
                    ready.run_ms / 1_000
                );
                for (section, why) in &ready.denied {
                    text += &format!("Denied: {section}: {}\n", printable(why));
                }
                text
            })
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_as_shipped_is_marked_and_what_the_administrator_set_is_not() {
        let explained = |text: &str| {
            let shipped = words(&Policy::shipped().unwrap());
            marked(
                words(&Policy::parse(text).unwrap()),
                &shipped,
                &Credentials::default(),
            )
        };
        let all = explained("");
        let (own, defaults) = all.split_last().unwrap();
        assert_eq!(own, "Credentials that hooks may name: none.");
        assert!(
            defaults.iter().all(|l| l.ends_with(" (default)")),
            "{all:?}"
        );
        let set = explained("[consent]\nwide = \"auto\"\n[limits]\nruns_per_day = 7\n");
        for line in [
            "Hooks of ordinary reach: auto. (default)",
            "Hooks of wide reach: auto.",
            "A day: at most 7 runs.",
            "The journal: allowed. (default)",
        ] {
            assert!(set.iter().any(|l| l == line), "{line}: {set:?}");
        }
    }
}
