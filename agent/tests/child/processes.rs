//! The `processes` collector on this very machine.
use std::process::{Child, Command};

use boathook_hooks::packet::Outcome;
use bson::{Document, doc};
use serde_json::Value;

use crate::rig::{Ran, Rig};

async fn collect(params: Document) -> Ran {
    let mut rig = Rig::new().section("p", "processes", params);
    rig.grants.processes = true;
    rig.run().await
}

/// A process that is known by its argument and holds a secret in its environment.
struct Sleeper(Child);

impl Sleeper {
    fn start(mark: &str) -> Self {
        let mut shell = Command::new("/bin/sh");
        shell
            .args(["-c", "read x", mark])
            .env("SECRET", "in-the-environment")
            .stdin(std::process::Stdio::piped());
        Self(shell.spawn().unwrap())
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn what_runs_is_told_and_environments_are_not() {
    let sleeper = Sleeper::start("boathook-test-process-41b7");
    let ran = collect(doc! {}).await;
    let section = ran.is("p", Outcome::Ok);
    let all: Value = serde_json::from_str(&section.text("processes.json")).unwrap();
    let found = all["processes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|p| p["pid"] == sleeper.0.id())
        .unwrap();
    assert_eq!(found["name"], "sh");
    assert_eq!(
        found["command_line"],
        "/bin/sh -c 'read x' boathook-test-process-41b7"
    );
    assert_eq!(
        (&found["parent"], &found["threads"]),
        (&Value::from(std::process::id()), &Value::from(1))
    );
    assert!(
        found["resident_bytes"].as_u64() > Some(0)
            && found["started_at"].as_str().unwrap().starts_with("20")
    );
    assert!(
        all["summary"]["processes"].as_u64()
            >= Some(all["processes"].as_array().unwrap().len() as u64)
    );
    assert!(
        section
            .text("processes.txt")
            .contains("boathook-test-process-41b7")
    );
    assert!(
        section
            .files
            .values()
            .all(|f| !String::from_utf8_lossy(f).contains("in-the-environment"))
    );
}

#[tokio::test]
async fn without_arguments_only_names_are_sent() {
    let _sleeper = Sleeper::start("boathook-test-process-7c20");
    let ran = collect(doc! {"arguments": false}).await;
    let section = ran.is("p", Outcome::Ok);
    assert!(
        section
            .files
            .values()
            .all(|f| !String::from_utf8_lossy(f).contains("7c20"))
    );
}

#[tokio::test]
async fn the_greatest_come_first_and_the_rest_is_counted() {
    let ran = collect(doc! {"top": 2}).await;
    let section = ran.is("p", Outcome::Ok);
    let all: Value = serde_json::from_str(&section.text("processes.json")).unwrap();
    let sizes: Vec<u64> = all["processes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["resident_bytes"].as_u64().unwrap())
        .collect();
    assert!(sizes.len() == 2 && sizes[0] >= sizes[1], "{sizes:?}");
    section.says("beyond the 2 greatest by memory");
    assert_eq!(section.text("processes.txt").lines().count(), 3);
}

#[tokio::test]
async fn names_choose() {
    let _sleeper = Sleeper::start("x");
    let ran = collect(doc! {"names": ["sh"]}).await;
    let text = ran.is("p", Outcome::Ok).text("processes.json");
    let all: Value = serde_json::from_str(&text).unwrap();
    assert!(!all["processes"].as_array().unwrap().is_empty());
    let none = collect(doc! {"names": ["no-such-program-anywhere"]}).await;
    let all: Value =
        serde_json::from_str(&none.is("p", Outcome::Ok).text("processes.json")).unwrap();
    assert!(all["processes"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn without_the_policys_word_nothing_is_read() {
    let ran = Rig::new()
        .section("p", "processes", doc! {})
        .section("j", "journal", doc! {})
        .run()
        .await;
    assert!(ran.is("p", Outcome::DeniedByPolicy).files.is_empty());
    assert!(ran.is("j", Outcome::DeniedByPolicy).files.is_empty());
}

#[tokio::test]
async fn secrets_of_command_lines_are_such_as_redaction_finds() {
    let secret = "Pr0cess-Secret-88";
    let mut sleepers = Vec::new();
    for args in [
        vec!["--password", secret],
        vec![&*format!("--db-password={secret}")],
        vec![&*format!("postgres://app:{secret}@db/shop")],
        vec!["-H", &*format!("Authorization: Bearer {secret}")],
    ] {
        let mut shell = Command::new("/bin/sh");
        shell
            .args(["-c", "read x", "app"])
            .args(args)
            .stdin(std::process::Stdio::piped());
        sleepers.push(Sleeper(shell.spawn().unwrap()));
    }
    let ran = collect(doc! {}).await;
    let section = ran.is("p", Outcome::Ok);
    let redactor = boathook_hooks::redaction::Redactor::builder()
        .build()
        .unwrap();
    for file in ["processes.json", "processes.txt"] {
        let text = section.text(file);
        assert!(text.contains(secret), "it was there");
        let redacted = redactor.redact_text(&text).text;
        let left: Vec<&str> = redacted.lines().filter(|l| l.contains(secret)).collect();
        assert!(left.is_empty(), "{file}: {left:?}");
    }
}
