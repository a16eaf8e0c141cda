//! `status`: what the agent does, whom it trusts, what waits, out of what is on the disk.
use std::path::Path;

use anyhow::Context as _;
use boathook_hooks::{
    explain::printable,
    time::{DAY, HOUR, MINUTE, Time},
    verify::TrustStore,
};
use serde_json::{Value, json};

use super::{Out, size};
use crate::{
    config::Config,
    durable::Lock,
    identity::{Identity, Machine},
    ledger::{Fate, Ledger, Record},
    policy::Policy,
    spool::Spool,
    status::Status,
    trust,
};

pub fn run(config: &Config, file: &Path, out: Out) -> anyhow::Result<()> {
    let state = &config.state_dir;
    let now = Time::wall_clock();
    let Some(identity) = Identity::load_anywhere(state)? else {
        return out.say(&json!({"enrolled": null}), || {
            "Not enrolled: get a join string from your support and run `boathook-agent enroll`."
                .to_owned()
        });
    };
    let Some(enrolled) = identity.enrolled.clone() else {
        return out.say(&json!({"enrolled": null}), || {
            "Enrolment was begun and not finished: run `boathook-agent enroll` again.".to_owned()
        });
    };
    let status = Status::read(state)
        .context("reading the agent's status")?
        .unwrap_or_default();
    let running = Lock::take(&state.join("lock"))?.is_none();
    let trust = trust::load(state)?;
    let policy = Policy::load(config, file)?;
    let spool = Spool::open(&config.spool_dir, config.spool_size, config.keep_sent)?;
    let spooled = spool.entries()?.len();
    let used = spool.used()?;
    // Not opened: that is the daemon's alone.
    let records = Ledger::read_all(state)?;
    let accepted = records
        .iter()
        .filter(|r| {
            matches!(
                r,
                Record::Settled {
                    fate: Fate::Accepted { .. },
                    ..
                }
            )
        })
        .count();
    let last_run = records
        .iter()
        .rev()
        .find(|r| matches!(r, Record::Begun(_)))
        .map(Record::at);
    let moved = identity
        .check_machine(&Machine::here())
        .err()
        .map(|e| e.to_string());
    let value = json!({
        "enrolled": {
            "instance": enrolled.instance, "customer": enrolled.customer, "origin": enrolled.origin,
            "at": enrolled.at, "fingerprint": identity.key.public().id(), "machine_changed": moved,
        },
        "running": running,
        "agent": status,
        "trust": trusted(&trust, now),
        "policy": {"digest": policy.digest, "ordinary": policy.ordinary.word(), "wide": policy.wide.word()},
        "spool": {"packets": spooled, "bytes": used, "limit": spool.limit()},
        "ledger": {"packets_sent": accepted, "last_run": last_run},
    });
    out.say(&value, || {
        let mut text = format!(
            "Instance {} of customer {} at {}, since {}.\nIts key's fingerprint: {}\n",
            enrolled.instance,
            enrolled.customer,
            enrolled.origin,
            enrolled.at,
            identity.key.public().id()
        );
        if let Some(moved) = &moved {
            text += &format!("NOT WORKING: {moved}\n");
        }
        text += &daemon(&status, running, now);
        text += &trust_words(&trust, now);
        text += &format!(
            "\nPolicy {}: ordinary reach {}, wide reach {}. `boathook-agent policy explain` says more.\n",
            policy.digest.short(),
            policy.ordinary.word(),
            policy.wide.word()
        );
        text += &format!("Spool: {spooled} packets wait, {} of {}.\n", size(used), size(spool.limit()));
        text += &format!(
            "Packets that left this machine: {accepted}. Last run: {}.\n",
            last_run.map_or_else(|| "none".to_owned(), |at| at.to_string())
        );
        text += &waiting(&status);
        text
    })
}

fn daemon(status: &Status, running: bool, now: Time) -> String {
    if !running {
        return "\nThe agent does not run. What follows is what it last knew.\n".to_owned();
    }
    let mut text = format!(
        "\nThe agent runs (process {}, version {}).\n",
        status.pid,
        printable(&status.version)
    );
    text += &match status.answered_at {
        Some(at) => format!("The server answered {} ago.\n", age(now.since(at))),
        None => "The server has not answered yet.\n".to_owned(),
    };
    if status.unconfirmed {
        text += "NOT CONFIRMED YET: no hooks come before a person at the other end has compared the fingerprint above.\n";
    }
    if let Some(trouble) = &status.trouble {
        text += &format!("Trouble: {}\n", printable(trouble));
    }
    if let Some(history) = &status.history {
        text += &format!(
            "WARNING: the server's history is not the one seen before: {}\n",
            printable(history)
        );
    }
    if let Some(title) = &status.running {
        text += &format!("Running now: {}\n", printable(title));
    }
    text += &format!("Hooks listed for this instance: {}.\n", status.listed);
    if !status.privileges.is_empty() {
        text += &format!(
            "The last run's isolation and rights: {}.\n",
            printable(&status.privileges.join("; "))
        );
    }
    text
}

fn trusted(trust: &TrustStore, now: Time) -> Value {
    let root = trust.root();
    json!({
        "first_root": trust.fingerprint(),
        "root": {"version": root.version, "expires_at": root.expires_at, "expired": root.expires_at <= now},
        "roster": trust.roster().map(|r| json!({
            "version": r.version, "expires_at": r.expires_at, "expired": r.expires_at <= now,
            "people": r.people.len(),
        })),
        "revocations": trust.revocations().all().count(),
        "list": trust.list().map(|l| json!({"number": l.number, "expires_at": l.expires_at})),
    })
}

fn trust_words(trust: &TrustStore, now: Time) -> String {
    let left = |until: Time| {
        if until > now {
            format!("for {} more", age(until.since(now)))
        } else {
            "EXPIRED: nothing starts".to_owned()
        }
    };
    let root = trust.root();
    let mut text = format!(
        "\nRoot: version {}, {}.\n",
        root.version,
        left(root.expires_at)
    );
    text += &match trust.roster() {
        Some(r) => format!(
            "Roster: version {}, {}, {} people.\n",
            r.version,
            left(r.expires_at),
            r.people.len()
        ),
        None => "Roster: none yet.\n".to_owned(),
    };
    text += &format!("Revocations: {}.\n", trust.revocations().all().count());
    text
}

fn waiting(status: &Status) -> String {
    let mut text = String::new();
    for hook in &status.waiting {
        text += &format!(
            "\nWAITS FOR YOU: {} (hook {}, revision {}, digest {})\n",
            printable(&hook.title),
            hook.hook,
            hook.revision,
            hook.digest.short()
        );
        text += &format!(
            "Signed by {}; {} reach; until {}.\n",
            hook.signed_by.join(", "),
            hook.reach,
            hook.expires_at
        );
        for line in &hook.explanation {
            text += &format!("  {}\n", printable(line));
        }
        text += &format!(
            "`boathook-agent approve {}` lets it run; `boathook-agent decline {} --reason \"…\"` does not.\n",
            hook.digest.short(),
            hook.hook
        );
    }
    text
}

/// A length of time, in its largest unit.
fn age(ms: i64) -> String {
    match ms.max(0) {
        ms if ms >= 2 * DAY => format!("{} days", ms / DAY),
        ms if ms >= 2 * HOUR => format!("{} hours", ms / HOUR),
        ms if ms >= 2 * MINUTE => format!("{} minutes", ms / MINUTE),
        ms => format!("{} seconds", ms / 1_000),
    }
}
