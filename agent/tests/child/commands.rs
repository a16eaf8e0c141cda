//! The `command` collector: its output, its grants, and its end.
use std::time::Duration;

use boathook_agent::child::RunEnd;
use boathook_hooks::packet::Outcome;
use bson::doc;

use crate::rig::{Rig, kill_marked, lives, own_mark};

/// A shell is a poor grant; here it is the one that can misbehave in every way.
fn shell(script: &str) -> Rig {
    Rig::new()
        .section(
            "c",
            "command",
            doc! {"path": "/bin/sh", "args": ["-c", script]},
        )
        .command("/bin/sh", &["-c", "(?s).*"])
}

#[tokio::test]
async fn output_error_and_exit_status_come_apart() {
    let ran = shell("echo to out; echo to err >&2").run().await;
    let section = ran.is("c", Outcome::Ok);
    assert_eq!(section.text("stdout.txt"), "to out\n");
    assert_eq!(section.text("stderr.txt"), "to err\n");
    let report: serde_json::Value = serde_json::from_str(&section.text("command.json")).unwrap();
    assert_eq!(
        (&report["exit_status"], &report["timed_out"]),
        (&0.into(), &false.into())
    );
    assert!(matches!(ran.end, RunEnd::Finished));
    assert!(
        ran.privileges.contains(&"no_new_privs".to_owned()),
        "{:?}",
        ran.privileges
    );
}

#[tokio::test]
async fn another_exit_status_than_the_hook_allows_is_a_failure_with_its_output() {
    let ran = shell("echo partly; exit 3").run().await;
    let section = ran.is("c", Outcome::Failed);
    section.says("exit status was 3");
    assert_eq!(section.text("stdout.txt"), "partly\n");
    let mut allowed = shell("exit 3");
    allowed.entries[0].params.insert("exit_codes", vec![0, 3]);
    allowed.run().await.is("c", Outcome::Ok);
}

#[tokio::test]
async fn what_the_policy_does_not_allow_is_not_started() {
    let ran = Rig::new()
        .section("path", "command", doc! {"path": "/bin/true"})
        .section(
            "args",
            "command",
            doc! {"path": "/bin/echo", "args": ["-n", "20; id"]},
        )
        .section(
            "good",
            "command",
            doc! {"path": "/bin/echo", "args": ["-n", "20"]},
        )
        .command("/bin/echo", &["-n", "[0-9]+"])
        .run()
        .await;
    ran.is("path", Outcome::DeniedByPolicy)
        .says("does not allow /bin/true");
    ran.is("args", Outcome::DeniedByPolicy)
        .says("with these arguments");
    assert_eq!(ran.is("good", Outcome::Ok).text("stdout.txt"), "20");
}

#[tokio::test]
async fn a_command_that_is_not_there_says_so() {
    let ran = Rig::new()
        .section("c", "command", doc! {"path": "/no/such"})
        .command("/no/such", &[])
        .run()
        .await;
    ran.is("c", Outcome::Failed)
        .says("starting /no/such failed: no such file");
}

#[tokio::test]
async fn the_environment_holds_nothing_of_ours_and_input_is_empty() {
    let ran = shell("env; cat; echo end").run().await;
    let text = ran.is("c", Outcome::Ok).text("stdout.txt");
    let names: Vec<&str> = text.lines().map(|l| l.split('=').next().unwrap()).collect();
    for name in names {
        assert!(
            ["PATH", "LC_ALL", "PWD", "OLDPWD", "SHLVL", "_", "end"].contains(&name),
            "{text}"
        );
    }
}

#[tokio::test]
async fn streams_are_cut_at_their_own_limits() {
    let mut rig = shell("head -c 100000 /dev/zero; head -c 5000 /dev/zero >&2");
    rig.entries[0]
        .params
        .extend(doc! {"stdout_bytes": 1000, "stderr_bytes": 10});
    let ran = rig.run().await;
    let section = ran.is("c", Outcome::Truncated);
    assert_eq!(
        (
            section.files["stdout.txt"].len(),
            section.files["stderr.txt"].len()
        ),
        (1000, 10)
    );
    let out: Vec<u64> = section.end.left_out.iter().map(|l| l.bytes).collect();
    assert_eq!(out, [99_000, 4_990]);
}

#[tokio::test]
async fn a_command_without_end_is_ended_in_time_and_what_it_said_is_kept() {
    let ran = shell("echo first; while :; do :; done")
        .within(1, 1 << 20)
        .run()
        .await;
    let section = ran.is("c", Outcome::TimedOut);
    assert_eq!(section.text("stdout.txt"), "first\n");
    assert!(section.text("command.json").contains("\"timed_out\": true"));
    assert!(ran.took < Duration::from_secs(15), "{:?}", ran.took);
}

#[tokio::test]
async fn a_command_that_forks_leaves_its_session_and_ignores_signals_is_killed_whole() {
    // Twice forked, in a session of its own, deaf to TERM, HUP and INT, and holding the pipes open.
    let mark = &own_mark("boathook-test-deaf");
    let script = format!(
        "setsid sh -c 'trap \"\" TERM HUP INT; (sh -c \"trap \\\"\\\" TERM; sleep 300; : {mark}\" &) ; sleep 300; : {mark}' & echo on; wait"
    );
    let ran = shell(&script).within(1, 1 << 20).run().await;
    ran.is("c", Outcome::TimedOut);
    assert!(ran.took < Duration::from_secs(15), "{:?}", ran.took);
    assert!(!lives(mark), "nothing is left");
}

#[tokio::test]
async fn what_a_command_leaves_in_the_background_does_not_hold_it_up_and_is_killed() {
    let mark = &own_mark("boathook-test-background");
    let script = format!("(setsid sh -c 'sleep 300; : {mark}' &); echo done");
    let ran = shell(&script).run().await;
    let section = ran.is("c", Outcome::Ok);
    assert_eq!(section.text("stdout.txt"), "done\n");
    assert!(
        section
            .text("command.json")
            .contains("\"left_others_running\": true")
    );
    assert!(ran.took < Duration::from_secs(15), "{:?}", ran.took);
    assert!(!lives(mark));
}

#[tokio::test]
async fn a_chain_of_forks_that_never_stands_still_is_killed_too() {
    let mark = &own_mark("boathook-test-chain");
    // Each link starts the next in a session of its own and ends.
    let script = format!("S='setsid sh -c \"$S\" {mark} & exit'; export S; sh -c \"$S\" {mark}");
    let ran = shell(&script).within(2, 1 << 20).run().await;
    assert!(ran.took < Duration::from_secs(15), "{:?}", ran.took);
    std::thread::sleep(Duration::from_millis(50));
    assert!(!lives(mark), "nothing is left: {ran:?}");
}

#[tokio::test]
async fn a_command_that_kills_its_collector_costs_only_its_section() {
    let mark = &own_mark("boathook-test-parricide");
    let script = format!("(setsid sh -c 'sleep 300; : {mark}' &); kill -9 $PPID; sleep 300");
    let ran = shell(&script)
        .section("host", "host", doc! {"parts": ["os"]})
        .run()
        .await;
    ran.is("c", Outcome::Failed).says("ended early");
    ran.is("host", Outcome::Ok);
    assert!(matches!(ran.end, RunEnd::Finished));
    // A daemon kills the orphans that come to it; the tests' own process has other children, too.
    kill_marked(mark);
}
