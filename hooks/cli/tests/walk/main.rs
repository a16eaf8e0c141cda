//! The binary as people run it, without a server: keys, root, roster, signatures, and what it says when it refuses.
#![allow(clippy::unwrap_used)]
mod files;
mod house;

use house::House;
use serde_json::Value;

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
fn a_root_is_signed_by_its_holders_only_and_once() {
    let house = House::with_root();
    house.good("keygen carl.pem --person carl");
    let root = || std::fs::read(house.path().join("root-1.bson")).unwrap();
    let before = root();
    let (code, said) = house.bad("root sign root-1.bson --key carl.pem --yes");
    assert!(
        code == 1 && said.contains("carl's key is none of this root's") && said.contains("next: "),
        "{said}"
    );
    let said = house.good("root sign root-1.bson --key ada.pem");
    assert!(said.contains("you have signed this already"), "{said}");
    assert_eq!(root(), before);

    // A holder of the root before signs the next one, too.
    house.good("root new --previous root-1.bson --root carl.pub --root ben.pub");
    let (_, said) = house.bad("root sign root-2.bson --key ada.pem --yes");
    assert!(said.contains("--root FILE"), "{said}");
    house.good("root sign root-2.bson --key ada.pem --yes --root root-1.bson");
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
    let (code, said) = house.bad("keygen ada.pem");
    assert!(code == 1 && said.contains("it is there already") && said.contains("FILE.pem"));
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
