//! The main way whole: a ticket, a hook that two people signed, a redacted packet on that ticket; and what the
//! customer's administrator sees of it.
use std::process::Command;

use boathook_tests::{
    postgres::{self, Postgres},
    world::{World, text::HookText},
};
use serde_json::Value;

const SECRET: &str = "s3cr3t-of-this-test";

fn policy(logs: &str) -> String {
    format!(
        "consent = \"auto\"\n[allow]\ndirectories = [\"{logs}\"]\n[[allow.commands]]\npath = \"/bin/uname\"\nargs = [\"-a\"]\n\
         [agent]\nallow_root = true\n"
    )
}

fn hook(logs: &str, port: u16) -> String {
    HookText::new("Everything once")
        .everything(&format!("{logs}/*.log"), port, postgres::DATABASE)
        .to_string()
}

#[tokio::test]
async fn two_signatures_bring_one_redacted_packet_onto_the_ticket() {
    let world = World::start().await.unwrap();
    let database = Postgres::start().unwrap();
    let logs = world.path().join("app/log");
    std::fs::create_dir_all(&logs).unwrap();
    let text =
        format!("INFO up\nERROR postgres://app:{SECRET}@db/app\nAuthorization: Bearer {SECRET}\n");
    std::fs::write(logs.join("app.log"), text).unwrap();
    let logs = logs.to_str().unwrap();
    let mut agent = world.enrolled("app", &policy(logs)).await.unwrap();
    let credentials = format!(
        "[shop]\nuser = \"{}\"\npassword = \"{}\"\n",
        postgres::ROLE,
        postgres::PASSWORD
    );
    agent.credentials(&credentials).unwrap();
    agent.start().unwrap();

    let toml = hook(logs, database.port);
    let published = world.publish(&toml).await.unwrap();
    let packet = world.packet(&published).await.unwrap();
    let statement = &packet["statement"];
    let outcome = |name: &str| {
        let sections = statement["sections"].as_array().unwrap();
        sections
            .iter()
            .find(|s| s["name"] == name)
            .map(|s| s["outcome"].clone())
            .unwrap_or_default()
    };
    for section in ["host", "logs", "kernel", "processes", "database"] {
        assert_eq!(outcome(section), "ok", "{section}: {statement:#}");
    }
    // Many a machine that tests run on keeps no journal, and the section says so.
    let journal = outcome("journal");
    assert!(
        ["ok", "truncated", "unsupported"]
            .iter()
            .any(|o| journal == *o),
        "{journal}"
    );
    assert_eq!(statement["hook"]["digest"], published.digest.to_string());
    assert_eq!(statement["signed_by"], serde_json::json!(["ada", "ben"]));

    let ticket = world.ada.get("tickets/jira/SUP-1").await.unwrap();
    assert!(
        ticket
            .to_string()
            .contains(packet["name"].as_str().unwrap()),
        "{ticket:#}"
    );

    let claim = packet["claim_id"].as_str().unwrap();
    let zip = world.path().join("packet.zip");
    let bytes = world
        .ada
        .bytes(&format!("packets/{claim}/zip"))
        .await
        .unwrap();
    std::fs::write(&zip, &bytes).unwrap();
    let listed = Command::new("unzip").arg("-l").arg(&zip).output().unwrap();
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    for entry in [
        "packet.json",
        "packet.dsse.json",
        "redactions.json",
        "host/host.json",
        "kernel/stdout.txt",
    ] {
        assert!(listed.contains(entry), "{entry}: {listed}");
    }
    let whole = Command::new("unzip")
        .arg("-p")
        .arg(&zip)
        .output()
        .unwrap()
        .stdout;
    let holds = |secret: &str| whole.windows(secret.len()).any(|w| w == secret.as_bytes());
    assert!(!holds(SECRET) && !holds(postgres::PASSWORD));
    assert!(
        holds("listening") || holds("INFO up"),
        "the rest of the log is there"
    );

    let status = agent.command(&["status"], "").unwrap();
    assert!(
        status.contains("The agent runs") && status.contains("customer acme"),
        "{status}"
    );
    let ledger = agent.command(&["ledger"], "").unwrap();
    assert!(ledger.contains("Everything once"), "{ledger}");
    let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while !agent
        .command(&["ledger"], "")
        .unwrap()
        .contains("left this machine")
    {
        assert!(
            std::time::Instant::now() < until,
            "the receipt stands in the ledger"
        );
    }
}

#[tokio::test]
async fn an_administrator_tries_a_hook_without_sending_anything() {
    let world = World::start().await.unwrap();
    let logs = world.path().join("log");
    std::fs::create_dir_all(&logs).unwrap();
    std::fs::write(
        logs.join("a.log"),
        format!("password={SECRET}\nhello there\n"),
    )
    .unwrap();
    let logs = logs.to_str().unwrap();
    let agent = world.enrolled("app", &policy(logs)).await.unwrap();
    let file = world.path().join("hook.toml");
    std::fs::write(&file, hook(logs, 1)).unwrap();
    let file = file.to_str().unwrap();

    let shown = agent.command(&["test", file, "--contents"], "").unwrap();
    assert!(
        shown.contains("Nothing was sent") && shown.contains("hello there"),
        "{shown}"
    );
    assert!(!shown.contains(SECRET), "{shown}");
    assert!(
        shown.contains("database (postgres): denied_by_policy"),
        "no credential is named shop: {shown}"
    );
    let json: Value =
        serde_json::from_str(&agent.command(&["--json", "test", file], "").unwrap()).unwrap();
    assert_eq!(json["mode"], "trial");
    assert_eq!(json["claim"], Value::Null);
    assert_eq!(
        agent.command(&["ledger"], "").unwrap().trim(),
        "Nothing ran here, and nothing was answered."
    );
    let packets = world.ada.get("packets?ticket=jira/SUP-1").await.unwrap();
    assert_eq!(
        packets["items"].as_array().map_or(0, Vec::len),
        0,
        "{packets}"
    );
}

#[tokio::test]
async fn the_policy_is_checked_and_explained_in_plain_words() {
    let world = World::start().await.unwrap();
    let agent = world.enrolled("app", &policy("/var/log")).await.unwrap();
    assert!(
        agent
            .command(&["policy", "check"], "")
            .unwrap()
            .contains("is sound")
    );
    let words = agent.command(&["policy", "explain"], "").unwrap();
    assert!(
        words.contains("Command: /bin/uname -a") && words.contains("beneath /var/log"),
        "{words}"
    );
    let broken = world.path().join("broken.toml");
    std::fs::write(&broken, "[allow]\ncolour = 1\n").unwrap();
    let refused = agent
        .command(&["policy", "check", broken.to_str().unwrap()], "")
        .unwrap_err()
        .to_string();
    assert!(refused.contains("colour"), "{refused}");
    let file = world.path().join("hook.toml");
    std::fs::write(&file, hook("/etc", 1)).unwrap();
    let said = agent
        .command(&["policy", "explain", file.to_str().unwrap()], "")
        .unwrap();
    assert!(said.contains("Denied: logs:"), "{said}");
}

#[test]
fn the_systemd_unit_is_sound() {
    let unit = include_str!("../../agent/boathook-agent.service");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("boathook-agent.service");
    std::fs::write(&path, unit.replace("/usr/bin/boathook-agent", "/bin/true")).unwrap();
    let said = Command::new("systemd-analyze")
        .arg("verify")
        .arg("--man=no")
        .arg(&path)
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(
        said.status.success() && !words.contains("Unknown"),
        "{words}"
    );
}
