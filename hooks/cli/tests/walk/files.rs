//! Files: authoring, explanation, revocations, proofs, and what each kind of file is.
use serde_json::Value;

use crate::house::{House, text};

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
    file(&HOOK.replace("\"host\"\n", "\"hst\"\n"));
    assert!(house.good("lint slow.toml").contains("did you mean host?"));
    file(&HOOK.replace("collector =", "colector ="));
    let said = house.run("lint slow.toml");
    let told = text(&said.stdout);
    assert!(told.contains("colector: is not a field here") && !told.contains("not known here"));
    assert!(text(&said.stderr).contains("1 error and "), "{told}");
    let (_, said) = house.bad("verify slow.toml");
    assert!(said.contains("boathook explain"), "{said}");
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
