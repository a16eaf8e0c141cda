//! The binary as people run it against a real server: the way of a hook, downloads that are cut off, and what is said
//! when something is refused.
#![allow(clippy::unwrap_used)]
mod house;
mod proxy;

use house::{House, PASSWORD, until};
use proxy::Proxy;

#[test]
fn from_draft_to_stop_each_command_says_the_state_and_the_next_step() {
    let house = House::start();
    house.good("ada", "ticket put jira/SUP-1 --customer acme --title Slow");
    house.write("slow.toml", &house.hook_text());
    let hook = house.good("ada", "hook new slow.toml --quiet");
    let hook = hook.trim();
    assert!(
        house
            .bad("ben", &format!("hook sign {hook} --yes"))
            .contains("hook submit"),
        "a draft is not signed"
    );
    let explained = |who: &str| house.good(who, &format!("explain {hook}"));
    assert!(explained("ada").contains("by ada"), "a draft too");
    let said = house.good("ada", &format!("hook submit {hook}"));
    assert!(explained("ben").contains("jira"));
    assert!(
        said.contains("in review") && said.contains("hook sign"),
        "{said}"
    );
    let said = house.good("ada", &format!("hook sign {hook} --yes"));
    assert!(said.contains("signed by ada (1 of 2 people)"), "{said}");
    let said = house.good("ben", &format!("hook sign {hook} --yes --hold"));
    assert!(
        said.contains("held") && said.contains("hook publish"),
        "{said}"
    );
    house.good("ada", &format!("hook publish {hook}"));
    let seen = house.json("ada", &format!("hook show {hook} --instances"));
    assert_eq!(seen["hook"]["state"]["state"], "published");
    assert_eq!(
        house.json("ben", "hook list --state published")[0]["id"],
        hook
    );

    house.good("ada", &format!("hook export {hook} -o hook.bson"));
    let proof = house.json(
        "ada",
        "verify hook.bson --root root-1.bson --roster roster-1.bson",
    );
    assert_eq!(proof["proof"]["kind"], "hook");

    house.good("ada", &format!("hook lower {hook} --places 1"));
    assert!(
        house
            .bad("ada", &format!("hook lower {hook} --places 5"))
            .contains("lowered only")
    );
    let said = house.good("ada", &format!("hook stop {hook} --why seen~enough"));
    assert!(said.contains("stopped by ada: seen enough"), "{said}");
    assert_eq!(
        house.json("ada", "ticket show jira/SUP-1")["hooks"][0]["id"],
        hook
    );
}

#[test]
fn a_hook_that_is_sent_back_is_edited_and_signed_anew() {
    let house = House::start();
    house.good("ada", "ticket put jira/SUP-1 --customer acme --title Slow");
    house.write("slow.toml", &house.hook_text());
    let hook = house.good("ada", "hook new slow.toml --quiet");
    let hook = hook.trim();
    house.good("ada", &format!("hook submit {hook}"));
    let said = house.good("ben", &format!("hook send-back {hook} --words fewer~files"));
    assert!(said.contains("sent back by ben: fewer files"), "{said}");
    house.write("slow.toml", &house.hook_text().replace("*.log", "app.log"));
    house.good("ada", &format!("hook edit {hook} slow.toml"));
    let digest = house.json("ada", &format!("hook submit {hook}"))["digest"].clone();
    house.good("ben", &format!("sign {hook} --yes"));
    let seen = house.json("ada", &format!("sign {hook} --yes"));
    assert_eq!(
        (&seen["state"]["state"], &seen["digest"]),
        (&"published".into(), &digest)
    );
}

#[test]
fn a_packet_is_downloaded_whole_however_often_the_connection_is_cut() {
    let mut house = House::start();
    // Words that hardly compress, so that the zip is large.
    let mut seed = 7_u64;
    let mut word = || {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        format!("{:05}", (seed >> 33) % 100_000)
    };
    let line = |n: usize, words: Vec<String>| format!("{n} {}\n", words.join(" "));
    let log: String = (0..20_000)
        .map(|n| line(n, (0..12).map(|_| word()).collect()))
        .collect();
    house.write("log/app.log", &log);
    house.good("ada", "ticket put jira/SUP-1 --customer acme --title Slow");
    house.start_agent();
    house.write("slow.toml", &house.hook_text());
    let hook = house.good("ada", "hook new slow.toml --quiet");
    let hook = hook.trim();
    house.good("ada", &format!("hook submit {hook}"));
    house.good("ada", &format!("hook sign {hook} --yes"));
    house.good("ben", &format!("hook sign {hook} --yes"));
    let got = house.json(
        "ada",
        "packet get --ticket jira/SUP-1 --wait 30s --dir direct",
    );
    let bytes = got[0]["bytes"].as_u64().unwrap();
    assert!(bytes > 400_000, "the packet has {bytes} bytes");
    let claim = got[0]["claim_id"].as_str().unwrap();

    // Cut off again and again, and taken up in one run.
    let proxy = Proxy::to(house.port);
    house.sign_in("ada", proxy.port);
    proxy.cut_after(150_000);
    let resumed = house.json("ada", &format!("packet get {claim} -o cut.zip"));
    assert!(proxy.cuts() >= 2, "cut {} times", proxy.cuts());
    assert_eq!(resumed[0]["sha256"], got[0]["sha256"]);
    house.good("ada", "verify cut.zip --root root-1.bson");

    // Cut off, and the server is gone: what came is kept, and the same command goes on there.
    proxy.then_down();
    let said = house.bad("ada", &format!("packet get {claim} -o later.zip"));
    assert!(said.contains("next: "), "{said}");
    assert!(!house.path().join("later.zip").exists());
    proxy.up();
    let resumed = house.json("ada", &format!("packet get {claim} -o later.zip"));
    let at = resumed[0]["resumed_at"].as_u64().unwrap();
    assert!(at > 0 && at < bytes, "resumed at {at}");
    let zip = |name: &str| std::fs::read(house.path().join(name)).unwrap();
    assert!(zip("later.zip") == zip("cut.zip"), "the same bytes");

    // What an earlier run left is not believed: other bytes are found by the digest.
    let sha256 = got[0]["sha256"].as_str().unwrap();
    let part = format!("forged.zip.{}.part", &sha256[..12]);
    std::fs::write(house.path().join(&part), vec![b'x'; 1_000]).unwrap();
    let said = house.bad("ada", &format!("packet get {claim} -o forged.zip"));
    assert!(said.contains("SHA-256"), "{said}");
    assert!(!house.path().join("forged.zip").exists());
    house.good("ada", &format!("packet get {claim} -o forged.zip"));

    let name = got[0]["file"].as_str().unwrap();
    house.good("ada", "audit export --customer acme -o acme.jsonl");
    let line = format!("verify acme.jsonl --root root-1.bson --receipt {name}.receipt");
    assert_eq!(house.json("ada", &line)["proof"]["kind"], "audit export");
    until("the part is gone", || !house.path().join(&part).exists());
}

#[test]
fn what_is_refused_says_why_and_what_to_do() {
    let house = House::start();
    let login = format!("login https://localhost:{} --person ada", house.port);
    let password = format!("{PASSWORD}\n");
    let said = house.bad_with("eve", &login, &password);
    assert!(
        said.contains("--ca FILE"),
        "a certificate of nobody known: {said}"
    );
    let said = house.bad_with("eve", &format!("{login} --ca data/tls/ca.pem"), "wrong\n");
    assert!(said.contains("401") && said.contains("next: "), "{said}");
    let other = "0".repeat(64);
    let line = format!("{login} --ca data/tls/ca.pem --fingerprint {other}");
    assert!(
        house
            .bad_with("eve", &line, &password)
            .contains("fingerprint")
    );
    assert!(house.bad("eve", "hook list").contains("boathook login"));

    assert!(house.bad("ada", "ticket show jira/NONE").contains("404"));
    house.write("bad.toml", "title = 5\n");
    let said = house.bad("ada", "hook new bad.toml");
    assert!(
        said.contains("line 1") && said.contains("boathook lint bad.toml"),
        "{said}"
    );
    let said = house.bad("ben", "ticket put jira/SUP-9 --customer acme --title x");
    assert!(
        said.contains("403") && said.contains("login --show"),
        "{said}"
    );
    let gone = format!(
        "login https://localhost:{} --ca data/tls/ca.pem --person ada",
        house::free_port()
    );
    assert!(
        house
            .bad_with("eve", &gone, &password)
            .contains("that the server runs")
    );
}

#[test]
fn a_revocation_gets_the_revokers_next_number_and_reaches_the_server() {
    let house = House::start();
    house.good("ada", "trust fetch --dir fetched");
    assert!(house.path().join("fetched/root-1.bson").exists());
    for number in 1..=2 {
        let line = format!(
            "revoke hook {} --reason x --yes --import",
            "ab".repeat(31) + &format!("{number:02}")
        );
        assert_eq!(house.json("ada", &line)["number"], number);
    }
    let trust = house.json("ada", "trust show");
    assert_eq!(trust["server"]["revocations"].as_array().unwrap().len(), 2);
    house.good("ada", "logout");
    assert!(
        house
            .bad("ada", "trust show")
            .contains("nobody has signed in")
    );
}
