//! The binary as people run it, without a server: keys, root, roster, signatures, and what it says when it refuses.
#![allow(clippy::unwrap_used)]
use std::{
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::Value;

struct House {
    folder: tempfile::TempDir,
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

impl House {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn run(&self, line: &str) -> Output {
        Command::new(env!("CARGO_BIN_EXE_boathook"))
            .args(line.split_whitespace())
            .current_dir(self.path())
            .env_remove("BOATHOOK_KEY")
            .env("BOATHOOK_CONFIG_DIR", self.path().join("config"))
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    fn good(&self, line: &str) -> String {
        let output = self.run(line);
        assert!(output.status.success(), "{line}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.good(&format!("--json {line}"))).unwrap()
    }

    /// Exit code and what was said on stderr.
    fn bad(&self, line: &str) -> (i32, String) {
        let output = self.run(line);
        assert!(!output.status.success(), "{line} went well");
        (output.status.code().unwrap(), text(&output.stderr))
    }

    /// Ada and Ben hold all kinds of keys; root 1 is signed by both.
    fn with_root() -> Self {
        let house = Self::new();
        for person in ["ada", "ben", "server"] {
            house.good(&format!("keygen {person}.pem --person {person}"));
        }
        let online = house.json("keygen online.pem")["public_key"]
            .as_str()
            .unwrap()
            .to_owned();
        house.good(&format!(
            "root new --holder ada.pub --holder ben.pub --online {online}"
        ));
        house.good("root sign root-1.bson --key ada.pem --yes");
        house.good("root sign root-1.bson --key ben.pem --yes");
        house
    }
}

#[test]
fn two_people_make_root_and_roster_and_the_next_of_each() {
    let house = House::with_root();
    let root = house.json("root show root-1.bson");
    assert_eq!(root["standing"]["enough"], true);
    assert_eq!(root["document"]["version"], 1);

    house.good("roster new");
    house.good(
        "roster add roster-1.bson ada --role author --role reviewer --customer acme --key ada.pub",
    );
    house.good("roster add roster-1.bson ben --role reviewer --all-customers --key ben.pub");
    let one = house.json("roster sign roster-1.bson --key ada.pem --yes --root root-1.bson");
    assert_eq!(
        (&one["standing"]["enough"], &one["standing"]["needed"]),
        (&false.into(), &2.into())
    );
    let two = house.json("roster sign roster-1.bson --key ben.pem --yes --root root-1.bson");
    assert_eq!(two["standing"]["enough"], true);

    let (code, said) =
        house.bad("roster add roster-1.bson server --role author --all-customers --key server.pub");
    assert!(
        code == 2 && said.contains("--out roster-2.bson"),
        "a signed roster is never changed: {said}"
    );
    house.good("roster renew roster-1.bson");
    assert_eq!(
        house.json("roster show roster-2.bson")["document"]["version"],
        2
    );

    house.good("root new --previous root-1.bson --hook-people 3");
    house.good("root sign root-2.bson --key ada.pem --yes");
    let next = house.json("root sign root-2.bson --key ben.pem --yes --root root-1.bson");
    assert_eq!(next["standing"]["enough"], true);
    assert_eq!(
        house.json("root show root-2.bson")["document"]["bounds"]["hook_people"],
        3
    );
}

#[test]
fn the_signed_root_is_one_that_the_verifier_takes() {
    let house = House::with_root();
    let bytes = std::fs::read(house.path().join("root-1.bson")).unwrap();
    let digest = house.json("root show root-1.bson")["digest"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    boathook_hooks::verify::TrustStore::pin(&bytes, digest).unwrap();
}

#[test]
fn nothing_is_signed_without_a_yes() {
    let house = House::with_root();
    house.good("roster new");
    let before = std::fs::read(house.path().join("roster-1.bson")).unwrap();
    let (code, said) = house.bad("roster sign roster-1.bson --key ada.pem");
    assert!(code == 2 && said.contains("--yes"), "{said}");
    assert_eq!(
        std::fs::read(house.path().join("roster-1.bson")).unwrap(),
        before
    );
}

#[test]
fn what_will_be_signed_is_shown_with_its_digest() {
    let house = House::with_root();
    house.good("roster new");
    house.good("roster add roster-1.bson ada --role author --customer acme --key ada.pub");
    let said = house.good("roster sign roster-1.bson --key ada.pem --yes");
    let digest = house.json("roster show roster-1.bson")["digest"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        said.contains("author for acme") && said.contains(&digest),
        "{said}"
    );
}

#[test]
fn no_key_and_no_document_is_overwritten() {
    let house = House::with_root();
    let before = std::fs::read(house.path().join("ada.pem")).unwrap();
    assert_eq!(house.bad("keygen ada.pem").0, 1);
    assert_eq!(std::fs::read(house.path().join("ada.pem")).unwrap(), before);
    house.good("roster new");
    let (code, said) = house.bad("roster new");
    assert!(code == 1 && said.contains("next: "), "{said}");
}

#[test]
fn a_root_of_one_person_is_refused_before_anyone_signs() {
    let house = House::new();
    house.good("keygen ada.pem --person ada");
    house.good("keygen online.pem --person online");
    let (code, said) = house.bad("root new --holder ada.pub --online online.pub");
    assert!(code == 2 && said.contains("2 people must sign"), "{said}");
    let (code, said) = house.bad("root new --holder ada.pub");
    assert!(code == 2 && said.contains("--online"), "{said}");
}

#[test]
fn dsse_json_is_read_signed_and_written_like_bson() {
    let house = House::with_root();
    house.good("roster new --dsse-json -o roster.json");
    house.good("roster add roster.json ada --role author --customer acme --key ada.pub");
    house.good("sign roster.json --key ada.pem --yes");
    let file: Value =
        serde_json::from_slice(&std::fs::read(house.path().join("roster.json")).unwrap()).unwrap();
    assert_eq!(
        file["payloadType"],
        "application/vnd.boathook.roster.v1+bson"
    );
    assert_eq!(file["signatures"].as_array().unwrap().len(), 1);
}

#[test]
fn errors_have_their_exit_code_and_are_json_with_json() {
    let house = House::new();
    let (code, said) = house.bad("--json root show missing.bson");
    let error: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, &error["error"]["code"]), (1, &"file".into()));
    assert!(!error["error"]["next"].as_str().unwrap().is_empty());
    assert_eq!(house.bad("root show").0, 2);
    assert_eq!(house.bad("frobnicate").0, 2);
    let (code, said) = house.bad("ticket list");
    assert!(code == 1 && said.contains("boathook login"), "{said}");
}

#[test]
fn every_command_has_help_and_the_main_ones_have_examples() {
    let house = House::new();
    for command in [
        "", "keygen", "root new", "roster", "sign", "revoke", "lint", "explain", "inspect",
        "verify", "login", "ticket", "hook", "packet", "instance", "trust", "audit",
    ] {
        let said = house.good(&format!("{command} --help"));
        assert!(said.contains("boathook"), "{command}: {said}");
    }
}

const HOOK: &str = r#"
title = "Slow since the upgrade"
reason = "We want to see what it waits for."
customers = ["acme"]
expires = "2d"
[ticket]
system = "jira"
key = "SUP-1"
[audience]
everyone = true
[[collect]]
section = "host"
collector = "host"
"#;

#[test]
fn lint_tells_line_field_and_what_would_be_right_and_fails() {
    let house = House::new();
    let file = |text: &str| std::fs::write(house.path().join("slow.toml"), text).unwrap();
    file(HOOK);
    assert!(house.good("lint slow.toml").contains("boathook explain"));
    file(
        &HOOK
            .replace("\"host\"\n", "\"hst\"\n")
            .replace("2d", "soon"),
    );
    let said = house.run("lint slow.toml");
    let told = text(&said.stdout);
    assert_eq!(said.status.code(), Some(1));
    assert!(told.contains("line 5") && told.contains("expires") && told.contains("expected"));
    let value: Value = serde_json::from_slice(&house.run("--json lint slow.toml").stdout).unwrap();
    assert!(value["errors"].as_u64().unwrap() >= 1, "{value}");
}

#[test]
fn a_hook_is_explained_from_its_text_and_asks_for_what_is_not_said() {
    let house = House::new();
    std::fs::write(house.path().join("slow.toml"), HOOK).unwrap();
    let said = house.good("explain slow.toml");
    assert!(
        said.contains("Slow since the upgrade") && said.contains("SUP-1"),
        "{said}"
    );
    assert_eq!(
        house.json("explain slow.toml")["reach"]["reach"],
        "ordinary"
    );
    let nobody = HOOK.replace("customers = [\"acme\"]\n", "");
    std::fs::write(house.path().join("slow.toml"), nobody).unwrap();
    let (_, said) = house.bad("explain slow.toml");
    assert!(said.contains("--customer"), "{said}");
    house.good("explain slow.toml --customer acme");
}

#[test]
fn a_revocation_is_numbered_signed_and_judged_by_the_root() {
    let house = House::with_root();
    let (code, said) = house.bad("revoke person ben --reason left --key ada.pem --yes");
    assert!(code == 2 && said.contains("--number 1"), "{said}");
    house.good("revoke person ben --reason left --key ada.pem --yes --number 1 -o one.bson");
    let two = house.json(
        "revoke key ben.pub --reason stolen --key ada.pem --yes --after one.bson -o two.bson",
    );
    assert_eq!(two["number"], 2);
    house.good("verify one.bson --root root-1.bson");
    // The second alone leaves a gap.
    assert!(
        house
            .bad("verify two.bson --root root-1.bson")
            .1
            .contains("expected")
    );
    house.good("verify two.bson --root root-1.bson --revocation one.bson");
    house.good("revoke person ben --reason x --key server.pem --yes --number 1 -o stranger.bson");
    house.bad("verify stranger.bson --root root-1.bson");
}

#[test]
fn verify_says_what_holds_and_fails_when_it_does_not() {
    let house = House::with_root();
    let said = house.good("verify root-1.bson");
    assert!(
        said.contains("2 of 2 people") && said.contains("--fingerprint"),
        "{said}"
    );
    let digest = house.json("root show root-1.bson")["digest"]
        .as_str()
        .unwrap()
        .to_owned();
    house.good(&format!("verify root-1.bson --fingerprint {digest}"));
    let other = digest.replace(['0', '1', '2', '3'], "f");
    house.bad(&format!("verify root-1.bson --fingerprint {other}"));
    house.good("roster new");
    house.good("roster add roster-1.bson ada --role author --customer acme --key ada.pub");
    house.good("roster sign roster-1.bson --key ada.pem --yes");
    let (code, said) = house.bad("verify roster-1.bson --root root-1.bson");
    assert!(code == 1 && said.contains("next: "), "{said}");
    assert_eq!(house.bad("verify roster-1.bson").0, 2, "needs a root");
    assert_eq!(house.bad("verify ada.pub").0, 1);
}

#[test]
fn inspect_tells_what_each_kind_of_file_is() {
    let house = House::with_root();
    std::fs::write(house.path().join("slow.toml"), HOOK).unwrap();
    for (file, words) in [
        ("root-1.bson", "root 1"),
        ("ada.pub", "public key of ada"),
        ("ada.pem", "secret key"),
        ("slow.toml", "boathook lint"),
    ] {
        let said = house.good(&format!("inspect {file}"));
        assert!(said.contains(words), "{file}: {said}");
        house.json(&format!("inspect {file}"));
    }
    assert!(
        !house.good("inspect ada.pem").contains("BEGIN"),
        "no secret is shown"
    );
}
