#![allow(clippy::unwrap_used)]
use boathook_hooks::{
    documents::hook::Hook,
    time::Time,
    verify::sample::{Sample, entry},
};
use bson::doc;

use super::*;

const NOW: i64 = 1_800_000_000_000;

fn hook(entries: Vec<boathook_hooks::documents::hook::CollectorEntry>) -> Hook {
    Hook {
        collectors: entries,
        ..Sample::new(Time::from_ms(NOW)).hook()
    }
}

fn said(
    hook: &Hook,
    policy: &Policy,
    credentials: &Credentials,
    used: Used,
    minute: u16,
) -> Decision {
    let bounds = Sample::new(Time::from_ms(NOW)).root().bounds;
    decide(
        hook,
        &bounds,
        policy,
        credentials,
        used,
        Time::from_ms(NOW),
        minute,
    )
}

fn shipped(hook: &Hook) -> Decision {
    said(
        hook,
        &Policy::shipped().unwrap(),
        &Credentials::default(),
        Used::default(),
        0,
    )
}

fn ready(decision: Decision) -> Ready {
    match decision {
        Decision::Run(ready) => ready,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_shipped_policy_names_every_key_with_its_default() {
    let (shipped, empty) = (Policy::shipped().unwrap(), Policy::parse("").unwrap());
    assert_eq!(
        Policy {
            digest: empty.digest,
            ..shipped
        },
        empty
    );
}

#[test]
fn the_shipped_policy_is_closed() {
    for closed in [
        entry("c", "command", doc! {"path": "/usr/bin/uptime"}),
        entry("f", "file", doc! {"paths": ["/etc/hosts"]}),
        entry("f", "file", doc! {"paths": ["/var/logs/x"]}),
        entry("p", "postgres", doc! {"credential": "shop"}),
    ] {
        assert!(
            matches!(shipped(&hook(vec![closed.clone()])), Decision::Refused(_)),
            "{closed:?}"
        );
    }
    for open in [
        entry("h", "host", doc! {}),
        entry("p", "processes", doc! {}),
        entry("j", "journal", doc! {}),
        entry("f", "file", doc! {"paths": ["/var/log/*.log"]}),
    ] {
        assert!(
            matches!(shipped(&hook(vec![open.clone()])), Decision::Run(_)),
            "{open:?}"
        );
    }
}

#[test]
fn a_hook_of_which_some_is_allowed_runs_and_says_what_is_denied() {
    let command = entry("c", "command", doc! {"path": "/usr/bin/uptime"});
    let some = ready(shipped(&hook(vec![entry("h", "host", doc! {}), command])));
    assert_eq!(some.denied.len(), 1);
    assert_eq!(some.denied[0].0.as_str(), "c");
}

#[test]
fn wide_asks_and_ordinary_does_not() {
    let wide = hook(vec![
        entry("h", "host", doc! {}),
        entry("c", "command", doc! {"path": "/bin/x"}),
    ]);
    assert_eq!(ready(shipped(&wide)).consent, Mode::AskRun);
    assert_eq!(
        ready(shipped(&hook(vec![entry("h", "host", doc! {})]))).consent,
        Mode::Auto
    );
    let auto = Policy::parse("consent = \"auto\"").unwrap();
    assert_eq!(
        ready(said(
            &wide,
            &auto,
            &Credentials::default(),
            Used::default(),
            0
        ))
        .consent,
        Mode::Auto
    );
}

#[test]
fn an_unknown_collector_is_the_childs_to_call_unsupported() {
    let future = hook(vec![entry("x", "from-the-future", doc! {})]);
    assert!(ready(shipped(&future)).denied.is_empty());
}

#[test]
fn opened_commands_credentials_and_hosts_are_allowed_and_no_others() {
    let policy = Policy::parse(
        "[allow]\nhosts = [\"db.example\"]\n[[allow.commands]]\npath = \"/usr/bin/df\"\nargs = [\"-[hk]\"]",
    )
    .unwrap();
    let credentials = Credentials::parse("[shop]\nuser = \"u\"\npassword = \"p\"").unwrap();
    let allowed = |e| {
        matches!(
            said(&hook(vec![e]), &policy, &credentials, Used::default(), 0),
            Decision::Run(_)
        )
    };
    assert!(allowed(entry(
        "c",
        "command",
        doc! {"path": "/usr/bin/df", "args": ["-h"]}
    )));
    assert!(!allowed(entry(
        "c",
        "command",
        doc! {"path": "/usr/bin/df", "args": ["-h", "/"]}
    )));
    assert!(!allowed(entry(
        "c",
        "command",
        doc! {"path": "/bin/df", "args": ["-h"]}
    )));
    assert!(allowed(entry("p", "postgres", doc! {"credential": "shop"})));
    assert!(allowed(entry(
        "p",
        "postgres",
        doc! {"credential": "shop", "host": "db.example"}
    )));
    assert!(!allowed(entry(
        "p",
        "postgres",
        doc! {"credential": "shop", "host": "evil.example"}
    )));
    assert!(!allowed(entry(
        "p",
        "postgres",
        doc! {"credential": "other"}
    )));
}

#[test]
fn the_policy_only_lowers() {
    let policy = Policy::parse("[limits]\npacket_size = \"8 KiB\"\nrun_time = \"3s\"").unwrap();
    let host = hook(vec![entry("h", "host", doc! {})]);
    let lowered = ready(said(
        &host,
        &policy,
        &Credentials::default(),
        Used::default(),
        0,
    ));
    assert_eq!((lowered.packet_bytes, lowered.run_ms), (8 << 10, 3_000));
    let wide_open = Policy::parse("[limits]\npacket_size = \"8 GiB\"\nrun_time = \"3h\"").unwrap();
    let same = ready(said(
        &host,
        &wide_open,
        &Credentials::default(),
        Used::default(),
        0,
    ));
    assert_eq!(
        (same.packet_bytes, same.run_ms),
        (host.packet_bytes.min(500 << 20), 10_000)
    );
}

#[test]
fn a_spent_day_and_quiet_hours_put_off() {
    let policy = Policy::parse("[limits]\nruns_per_day = 2\nbytes_per_day = \"1 MiB\"").unwrap();
    let host = hook(vec![entry("h", "host", doc! {})]);
    for used in [
        Used { runs: 2, bytes: 0 },
        Used {
            runs: 0,
            bytes: 1 << 20,
        },
    ] {
        let Decision::NotNow { until, .. } = said(&host, &policy, &Credentials::default(), used, 0)
        else {
            panic!("{used:?}")
        };
        assert!(until > Time::from_ms(NOW) && until.ms() % 86_400_000 == 0);
    }
    let nearly = Used {
        runs: 1,
        bytes: (1 << 20) - 5_000,
    };
    assert_eq!(
        ready(said(&host, &policy, &Credentials::default(), nearly, 0)).packet_bytes,
        5_000
    );
    let quiet = Policy::parse("[quiet_hours]\nfrom = \"08:00\"\nto = \"18:00\"").unwrap();
    assert!(matches!(
        said(&host, &quiet, &Credentials::default(), Used::default(), 17 * 60),
        Decision::NotNow { until, .. } if until == Time::from_ms(NOW + 3_600_000)
    ));
}

#[test]
fn ask_send_is_refused_with_words_and_unknown_keys_with_their_name() {
    assert!(
        Policy::parse("consent = \"ask-send\"")
            .unwrap_err()
            .contains("not available in this version")
    );
    assert!(
        Policy::parse("[allow]\nshell = true")
            .unwrap_err()
            .contains("shell")
    );
    assert!(Policy::parse("[agent]\nverify = false").is_err());
}

#[test]
fn a_consent_that_is_none_is_told_by_key_and_value() {
    for (text, words) in [
        (
            "[consent]\nordinary = \"x\"",
            "consent.ordinary: found \"x\", expected one of",
        ),
        ("[consent]\nwide = \"Auto\"", "consent.wide: found \"Auto\""),
        ("consent = \"yes\"", "consent: found \"yes\""),
        ("[consent]\nnarrow = \"auto\"", "narrow"),
        ("consent = 3", "ordinary and wide"),
        (
            "[quiet_hours]\nfrom = \"8\"\nto = \"18:00\"",
            "quiet_hours.from: found \"8\"",
        ),
    ] {
        let said = Policy::parse(text).unwrap_err();
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn a_socket_directory_is_refused_where_the_collector_would_refuse_it() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().to_str().unwrap();
    let hook = hook(vec![entry(
        "db",
        "postgres",
        doc! {"credential": "pg", "socket_dir": dir},
    )]);
    let credentials: Credentials =
        Credentials::parse("[pg]\nuser = \"u\"\npassword = \"a-long-password\"\n").unwrap();
    let denied = |policy: &str| {
        let policy = Policy::parse(policy).unwrap();
        let said = said(&hook, &policy, &credentials, Used::default(), 0);
        match said {
            Decision::Run(ready) => ready.denied.into_iter().map(|(_, why)| why).collect(),
            Decision::Refused(why) => vec![why],
            other => panic!("{other:?}"),
        }
    };
    let both = |dirs: &str| {
        denied(&format!(
            "consent = \"auto\"\n[allow]\ndirectories = {dirs}"
        ))
    };
    let refused = both("[\"/var/log\"]");
    assert!(
        refused.iter().any(|why| why.contains("socket directory")),
        "{refused:?}"
    );
    assert_eq!(both(&format!("[{dir:?}]")), Vec::<String>::new());
}

#[test]
fn a_grant_that_could_not_mean_anything_is_refused() {
    for bad in [
        "[allow]\ndirectories = [\"var/log\"]",
        "[allow]\ndirectories = [\"/var/log/../..\"]",
        "[[allow.commands]]\npath = \"uptime\"",
        "[[allow.commands]]\npath = \"/x\"\nargs = [\"(\"]",
    ] {
        assert!(Policy::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_fault_in_the_credentials_does_not_quote_the_secret() {
    let fault = Credentials::parse("[shop]\nuser = \"u\"\npassword = hunter2").unwrap_err();
    assert!(
        !fault.contains("hunter2") && fault.contains("line 3"),
        "{fault}"
    );
    let credentials = Credentials::parse("[shop]\nuser = \"u\"\npassword = \"hunter2\"").unwrap();
    assert!(!format!("{credentials:?}").contains("hunter2"));
    assert_eq!(credentials.named(["shop", "shop", "other"]).len(), 1);
}

#[test]
fn credentials_that_others_can_read_are_refused_and_missing_ones_are_none() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("credentials.toml");
    assert_eq!(Credentials::load(&path).unwrap().names().count(), 0);
    std::fs::write(&path, "[shop]\nuser = \"u\"\npassword = \"p\"").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(Credentials::load(&path).is_err());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert!(Credentials::load(&path).unwrap().has("shop"));
}
