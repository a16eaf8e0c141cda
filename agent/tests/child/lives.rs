//! A run's life: its deadline, its being stopped, its daemon's death, a child that lies or breaks off.
use std::{
    os::unix::fs::PermissionsExt,
    process::Stdio,
    time::{Duration, Instant},
};

use boathook_agent::child::{
    Run, RunEnd,
    wire::{Credential, RunKind},
};
use boathook_hooks::packet::Outcome;
use bson::doc;

use crate::rig::{Rig, exe, lives, own_mark, run_job};

#[tokio::test]
async fn the_machine_itself_is_collected() {
    let ran = Rig::new().section("host", "host", doc! {}).run().await;
    let section = ran.is("host", Outcome::Ok);
    let json: serde_json::Value = serde_json::from_str(&section.text("host.json")).unwrap();
    assert!(json["cpu"]["processors"].as_u64() > Some(0));
    assert!(section.text("host.txt").contains("release: "));
}

#[tokio::test]
async fn an_unknown_collector_is_unsupported_and_the_rest_still_runs() {
    let ran = Rig::new()
        .section("new", "from-the-future", doc! {})
        .section("host", "host", doc! {"parts": ["os"]})
        .run()
        .await;
    ran.is("new", Outcome::Unsupported).says("not known");
    ran.is("host", Outcome::Ok);
}

#[tokio::test]
async fn parameters_that_do_not_fit_are_a_section_that_failed() {
    let ran = Rig::new()
        .section("host", "host", doc! {"bogus": 1})
        .run()
        .await;
    ran.is("host", Outcome::Failed).says("bogus");
}

#[tokio::test]
async fn at_the_deadline_everything_is_killed_and_every_section_is_told() {
    let mark = &own_mark("boathook-test-deadline");
    let args = [
        "-c".to_owned(),
        format!("echo begun; trap '' TERM; setsid sleep 300; : {mark}"),
    ];
    let ran = Rig::new()
        .section(
            "slow",
            "command",
            doc! {"path": "/bin/sh", "args": &args[..]},
        )
        .within(60, 1 << 20)
        .section("after", "host", doc! {})
        .command("/bin/sh", &["-c", "(?s).*"])
        .run_ms(2_000)
        .run()
        .await;
    ran.is("slow", Outcome::TimedOut);
    ran.is("after", Outcome::TimedOut)
        .says("before this section began");
    assert_eq!(
        ran.section("slow").text("stdout.txt"),
        "begun\n",
        "what was said is kept"
    );
    assert!(ran.took < Duration::from_secs(7), "{:?}", ran.took);
    assert!(!lives(mark));
}

#[tokio::test]
async fn a_run_that_is_stopped_is_killed_at_once() {
    let mark = &own_mark("boathook-test-stopped");
    let args = ["-c".to_owned(), format!("sleep 300; : {mark}")];
    let stop = tokio::time::sleep(Duration::from_millis(500));
    let ran = Rig::new()
        .section(
            "slow",
            "command",
            doc! {"path": "/bin/sh", "args": &args[..]},
        )
        .command("/bin/sh", &["-c", ".*"])
        .run_until(stop)
        .await;
    assert!(matches!(ran.end, RunEnd::Stopped), "{ran:?}");
    ran.is("slow", Outcome::Failed).says("the hook was stopped");
    assert!(ran.took < Duration::from_secs(15), "{:?}", ran.took);
    assert!(!lives(mark));
}

/// A script that stands in for the agent's binary.
async fn with_binary(script: &str) -> crate::rig::Ran {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("agent");
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let rig = Rig::new().section("host", "host", doc! {}).run_ms(2_000);
    let run = Run {
        exe: path,
        expected: rig.entries.clone(),
        job: rig.job(),
    };
    run_job(run, std::future::pending()).await
}

#[tokio::test]
async fn a_child_that_lies_about_a_length_is_not_listened_to() {
    let ran = with_binary(r"printf '\004\377\377\377\377'; sleep 300").await;
    assert!(
        matches!(&ran.end, RunEnd::Crashed(why) if why.contains("protocol")),
        "{ran:?}"
    );
    ran.is("host", Outcome::Failed);
    assert!(ran.took < Duration::from_secs(15));
}

#[tokio::test]
async fn a_child_that_floods_is_stopped_by_the_first_wrong_frame() {
    let ran = with_binary("exec yes").await;
    assert!(matches!(ran.end, RunEnd::Crashed(_)), "{ran:?}");
}

#[tokio::test]
async fn a_child_that_says_nothing_is_ended_at_the_deadline() {
    let ran = with_binary("trap '' TERM; setsid sleep 300 & sleep 300").await;
    assert!(matches!(ran.end, RunEnd::TimedOut), "{ran:?}");
    ran.is("host", Outcome::TimedOut);
    assert!(ran.took < Duration::from_secs(7), "{:?}", ran.took);
}

#[tokio::test]
async fn a_child_that_ends_at_once_is_a_crash_and_not_tried_for_ever() {
    let ran = with_binary("exit 7").await;
    assert!(
        matches!(&ran.end, RunEnd::Crashed(why) if why.contains("ended early")),
        "{ran:?}"
    );
    ran.is("host", Outcome::Failed).says("ended early");
}

#[tokio::test]
async fn the_child_verifies_again_and_refuses_unsigned_bytes() {
    let rig = Rig::new().section("host", "host", doc! {});
    for kind in [RunKind::Verified, RunKind::Offline] {
        let mut job = rig.job();
        job.kind = kind;
        let run = Run {
            exe: exe(),
            expected: rig.entries.clone(),
            job,
        };
        let ran = run_job(run, std::future::pending()).await;
        assert!(
            matches!(&ran.end, RunEnd::Refused(why) if why.code == "job"),
            "{ran:?}"
        );
        assert!(ran.sections.is_empty());
    }
}

#[tokio::test]
async fn other_sections_than_the_daemon_verified_are_refused() {
    let rig = Rig::new().section("host", "host", doc! {});
    let mut expected = rig.entries.clone();
    expected[0].collector = "processes".into();
    let run = Run {
        exe: exe(),
        expected,
        job: rig.job(),
    };
    let ran = run_job(run, std::future::pending()).await;
    assert!(matches!(ran.end, RunEnd::Crashed(_)), "{ran:?}");
}

#[tokio::test]
async fn when_the_daemon_dies_the_child_and_its_commands_die() {
    let mark = &own_mark("boathook-test-orphan");
    let args = [
        "-c".to_owned(),
        format!("(setsid sh -c 'sleep 300; : {mark}' &); sleep 300; : {mark}"),
    ];
    let rig = Rig::new()
        .section("c", "command", doc! {"path": "/bin/sh", "args": &args[..]})
        .command("/bin/sh", &["-c", "(?s).*"]);
    let mut child = std::process::Command::new(exe())
        .arg("child")
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, &rig.job().to_bytes().unwrap()).unwrap();
    // The child runs at the lowest priority.
    let until = Instant::now() + Duration::from_secs(60);
    while !lives(mark) && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(lives(mark));
    // As the kernel does for a daemon that is gone.
    drop(stdin);
    assert!(!child.wait().unwrap().success());
    assert!(!lives(mark));
}

#[tokio::test]
async fn a_child_has_only_what_its_pipe_gave_it() {
    let script = "cat /proc/$PPID/environ 2>&1; ls -l /proc/$PPID/fd 2>&1";
    let mut rig = Rig::new()
        .section(
            "c",
            "command",
            doc! {"path": "/bin/sh", "args": ["-c", script]},
        )
        .command("/bin/sh", &["-c", "(?s).*"]);
    rig.grants.raw = false;
    let mut job = rig.job();
    job.credentials = vec![Credential {
        name: "db".into(),
        user: "u".into(),
        password: "p".into(),
    }];
    let run = Run {
        exe: exe(),
        expected: rig.entries.clone(),
        job,
    };
    let ran = run_job(run, std::future::pending()).await;
    let text = ran.section("c").text("stdout.txt");
    assert!(!text.contains("CARGO"), "the environment is empty: {text}");
}
