//! The `journal` collector against a journald of our own, in a mount namespace where nothing else is seen.
use std::{os::unix::fs::PermissionsExt, path::Path, process::Command};

use boathook_agent::child::Run;
use boathook_hooks::packet::Outcome;
use bson::doc;
use serde_json::Value;
use tempfile::TempDir;

use crate::rig::{Ran, Rig, exe, run_job};

const JOURNALD: &str = "/lib/systemd/systemd-journald";
/// As journald takes it: fields, and an empty line after each entry.
const START: &str = r#"
mkdir -p /run/systemd/journal /run/log/journal
"$JOURNALD" >/dev/null 2>&1 </dev/null &
n=0; until [ -S /run/systemd/journal/socket ] || [ $n -gt 1000 ]; do n=$((n+1)); sleep 0.02; done
say() { printf 'MESSAGE=%s\nPRIORITY=%s\nSYSLOG_IDENTIFIER=app\nOBJECT_SYSTEMD_UNIT=%s\n' "$1" "$2" "$3" | logger --journald; }
"#;
/// Waits until what was said last can be read.
const SETTLE: &str = r#"
n=0; until journalctl -q -t app -n 1 -o cat 2>/dev/null </dev/null | grep -q 'the last' || [ $n -gt 1000 ]; do n=$((n+1)); sleep 0.02; done
"#;

/// A stand-in for the agent's binary that becomes it in a namespace of its own, after `script`. None where namespaces
/// may not be made, as in some containers.
#[allow(
    clippy::print_stderr,
    reason = "who reads a test's output must know what was not tried"
)]
fn agent_after(script: &str) -> Option<(TempDir, Run, Rig)> {
    let root = rustix::process::geteuid().is_root();
    let options: &[&str] = if root {
        &["--mount"]
    } else {
        &["--mount", "--map-root-user"]
    };
    if !Command::new("unshare")
        .args(options)
        .arg("true")
        .status()
        .is_ok_and(|s| s.success())
        || !Path::new(JOURNALD).exists()
    {
        eprintln!("not tried: no mount namespaces or no journald here");
        return None;
    }
    let dir = tempfile::tempdir().unwrap();
    let inner = dir.path().join("inner");
    let text = format!(
        "set -e\nmount -t tmpfs none /run\nmount -t tmpfs none /var/log\nJOURNALD={JOURNALD}\n{script}\nexec {} \"$@\"\n",
        exe().display()
    );
    std::fs::write(&inner, text).unwrap();
    let outer = dir.path().join("agent");
    let text = format!(
        "#!/bin/sh\nexport PATH=/usr/bin:/bin\nexec unshare {} sh {} \"$@\"\n",
        options.join(" "),
        inner.display()
    );
    std::fs::write(&outer, text).unwrap();
    std::fs::set_permissions(&outer, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut rig = Rig::new();
    rig.grants.journal = true;
    let run = Run {
        exe: outer,
        expected: vec![],
        job: rig.job(),
    };
    Some((dir, run, rig))
}

async fn collect(script: &str, sections: impl FnOnce(Rig) -> Rig) -> Option<Ran> {
    let (_dir, mut run, rig) = agent_after(script)?;
    let rig = sections(rig);
    run.job = rig.job();
    run.expected = rig.entries;
    Some(run_job(run, std::future::pending()).await)
}

#[tokio::test]
async fn lines_are_found_by_unit_priority_age_and_number_and_come_oldest_first() {
    let script = format!(
        "{START}say 'all is well' 6 app.service; say 'it broke' 3 app.service; say 'another' 6 other.service
         say 'the last' 6 app.service\n{SETTLE}"
    );
    let ran = collect(&script, |rig| {
        rig.section("unit", "journal", doc! {"units": ["app.service"]})
            .section(
                "both",
                "journal",
                doc! {"units": ["app.service", "other.service"]},
            )
            .section(
                "grave",
                "journal",
                doc! {"units": ["app.service"], "priority": "err"},
            )
            .section(
                "newest",
                "journal",
                doc! {"units": ["app.service"], "lines": 2},
            )
            .section("nothing", "journal", doc! {"units": ["absent.service"]})
            .section(
                "old",
                "journal",
                doc! {"units": ["app.service"], "since": 1},
            )
    })
    .await;
    let Some(ran) = ran else { return };
    let messages = |name: &str| -> Vec<String> {
        let text = ran.section(name).text("journal.log");
        text.lines()
            .map(|l| l.split_once(": ").unwrap().1.to_owned())
            .collect()
    };
    ran.is("unit", Outcome::Ok);
    assert_eq!(
        messages("unit"),
        ["all is well", "err: it broke", "the last"]
    );
    assert_eq!(
        messages("both"),
        ["all is well", "err: it broke", "another", "the last"]
    );
    assert_eq!(messages("grave"), ["err: it broke"]);
    ran.is("newest", Outcome::Truncated)
        .says("the newest 2 lines are sent, as many as asked for");
    assert_eq!(messages("newest"), ["err: it broke", "the last"]);
    let nothing = ran.is("nothing", Outcome::Ok);
    nothing.says("nothing in the journal matches");
    assert_eq!(nothing.files.keys().collect::<Vec<_>>(), ["journal.json"]);
    let summary: Value = serde_json::from_str(&ran.section("unit").text("journal.json")).unwrap();
    assert_eq!(
        (&summary["lines"], &summary["by_priority"]["err"]),
        (&3.into(), &1.into()),
        "{summary}"
    );
}

#[tokio::test]
async fn a_journal_larger_than_the_section_brings_its_newest_lines_whole() {
    let many = "i=0; while [ $i -lt 400 ]; do i=$((i+1)); echo \"line $i of many words so that it is long\"; done | systemd-cat -t many";
    let script = format!(
        "{START}{many}
         n=0; until journalctl -q -t many -n 1 -o cat </dev/null | grep -q 'line 400' || [ $n -gt 500 ]; do n=$((n+1)); sleep 0.02; done
         say 'the last' 6 app.service\n{SETTLE}"
    );
    let ran = collect(&script, |rig| {
        rig.section("j", "journal", doc! {}).within(20, 24 << 10)
    })
    .await;
    let Some(ran) = ran else { return };
    let section = ran.is("j", Outcome::Truncated);
    section.says("as many as fit");
    let text = section.text("journal.log");
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines.last().unwrap().ends_with("the last"),
        "{:?}",
        lines.last()
    );
    assert!(
        lines.len() > 20 && text.len() <= 8 << 10,
        "{} lines, {} bytes",
        lines.len(),
        text.len()
    );
    assert!(
        lines[0].contains(" of many words"),
        "the first line is whole: {}",
        lines[0]
    );
    let numbers: Vec<u32> = lines
        .iter()
        .filter_map(|l| l.split_once("line ")?.1.split(' ').next()?.parse().ok())
        .collect();
    assert!(
        numbers.is_sorted() && numbers.last() == Some(&400),
        "{numbers:?}"
    );
}

#[tokio::test]
async fn a_machine_without_a_journal_says_so() {
    let Some(ran) = collect("", |rig| rig.section("j", "journal", doc! {})).await else {
        return;
    };
    let section = ran.is("j", Outcome::Unsupported);
    section.says("keeps no systemd journal");
    assert!(section.files.is_empty());
}

#[tokio::test]
async fn a_machine_without_journalctl_says_so() {
    let hide = "mount -t tmpfs none /mnt; touch /mnt/x; mkdir -p /run/empty; \
        for f in /usr/bin/journalctl /bin/journalctl; do [ -e $f ] || continue; mkdir -p /run/u /run/w; \
        mount -t overlay none -o lowerdir=/usr/bin,upperdir=/run/u,workdir=/run/w /usr/bin; rm -f /usr/bin/journalctl; break; done";
    let Some(ran) = collect(hide, |rig| rig.section("j", "journal", doc! {})).await else {
        return;
    };
    ran.is("j", Outcome::Unsupported)
        .says("journalctl is not there");
}

#[tokio::test]
async fn a_journalctl_that_never_ends_is_killed_in_time() {
    // In the place of the real one, for this namespace only.
    let hang = "mkdir -p /run/x; printf '#!/bin/sh\\ntrap \"\" TERM\\nsetsid sleep 300 & sleep 300\\n' >/run/x/j; chmod 755 /run/x/j; \
        mount --bind /run/x/j \"$(readlink -f /usr/bin/journalctl)\"";
    let ran = collect(hang, |rig| {
        rig.section("j", "journal", doc! {})
            .within(2, 1 << 20)
            .section("host", "host", doc! {"parts": ["os"]})
    });
    let Some(ran) = ran.await else { return };
    ran.is("j", Outcome::TimedOut);
    ran.is("host", Outcome::Ok);
    assert!(
        ran.took < std::time::Duration::from_secs(15),
        "{:?}",
        ran.took
    );
}

#[tokio::test]
async fn a_journalctl_that_talks_without_end_is_cut() {
    let flood = "mkdir -p /run/x; printf '#!/bin/sh\\nexec tr \"\\\\000\" x </dev/zero\\n' >/run/x/j; chmod 755 /run/x/j; \
        mount --bind /run/x/j \"$(readlink -f /usr/bin/journalctl)\"";
    let Some(ran) = collect(flood, |rig| {
        rig.section("j", "journal", doc! {}).within(2, 1 << 20)
    })
    .await
    else {
        return;
    };
    ran.is("j", Outcome::TimedOut);
    assert!(
        ran.took < std::time::Duration::from_secs(15),
        "{:?}",
        ran.took
    );
}
