use bson::doc;

use super::*;
use crate::{
    documents::hook::{
        Audience, HookCustomers, OsRelease, ProductRange, RedactionProfile, Subject, VersionScheme,
    },
    verify::sample::{Sample, entry},
};

fn sample() -> Hook {
    Sample::new(Time::from_ms(1_800_000_000_000)).hook()
}

fn with(sections: Vec<(&str, bson::Document)>) -> Hook {
    let entries = sections
        .into_iter()
        .enumerate()
        .map(|(n, (kind, params))| entry(&format!("s{n}"), kind, params));
    Hook {
        collectors: entries.collect(),
        ..sample()
    }
}

fn all() -> Hook {
    let hook = with(vec![
        ("host", doc! {}),
        (
            "file",
            doc! {"paths": ["/var/log/app/*.log", "/etc/app/tls.pem"], "exclude": ["/var/log/app/x"], "tail_bytes": 65_536,
            "head_lines": 10, "max_age": 3_600, "total_bytes": 1 << 20, "raw": true},
        ),
        (
            "command",
            doc! {"path": "/bin/bash", "args": ["-c", "id; uname"]},
        ),
        (
            "journal",
            doc! {"units": ["app.service"], "priority": "err"},
        ),
        ("journal", doc! {}),
        ("processes", doc! {"names": ["java"]}),
        ("processes", doc! {"arguments": false}),
        ("postgres", doc! {"credential": "pg", "host": "db.example"}),
        (
            "postgres",
            doc! {"credential": "other", "socket_dir": "/run/postgresql"},
        ),
        ("ldap", doc! {"dn": "dc=x"}),
        ("file", doc! {"paths": ["relative"]}),
    ]);
    Hook {
        revision: 2,
        min_agent: Some("0.2.0".into()),
        attempts: 3,
        stop_error_percent: Some(50),
        subject: Subject::Problem {
            signature: "abc".into(),
        },
        customers: HookCustomers::OptedIn,
        audience: Audience {
            everyone: false,
            instances: vec!["app-01".parse().unwrap()],
            products: vec![
                ProductRange {
                    name: "a".into(),
                    versions: None,
                    scheme: VersionScheme::Semver,
                },
                ProductRange {
                    name: "b".into(),
                    versions: Some("<2".into()),
                    scheme: VersionScheme::Semver,
                },
                ProductRange {
                    name: "c".into(),
                    versions: Some("<< 2".into()),
                    scheme: VersionScheme::Debian,
                },
            ],
            os: vec![OsRelease {
                id: "debian".into(),
                release: Some("12".into()),
            }],
            labels: [("env".to_owned(), "prod".to_owned())].into(),
            problem: Some("abc".into()),
            package: Some("p".into()),
        },
        redaction: RedactionProfile {
            keys: vec!["pin".into()],
            patterns: vec!["[0-9]{16}".into()],
        },
        checks: vec![doc! {}],
        ..hook
    }
}

#[test]
fn a_plain_hook_reads_as_plain_text() {
    let hook = with(vec![
        ("host", doc! {"parts": ["os", "memory"]}),
        (
            "file",
            doc! {"paths": ["/var/log/app.log"], "tail_bytes": 1 << 20},
        ),
    ]);
    let hook = Hook {
        id: "0190".parse().unwrap(),
        ..hook
    };
    let text = explain(&hook, Some(&Bounds::default())).to_string();
    assert_eq!(
        text,
        "Host facts
hook 0190, revision 1, by ada

Why, in the author's words
  Slow since the upgrade

For
  the ticket SUP-1 in jira
  the customers acme
  every instance of these customers

Until when, and how much
  from 2027-01-15T08:00:00.000Z until 2027-01-22T08:00:00.000Z (7d)
  at most 10 packets, one of each instance
  at most 1 MiB a packet, 10 MiB in all
  runs once on an instance
  stops at 2 instances that send more than they declared
  its packets are kept 30 days

Reach and signatures
  ordinary: nothing beyond facts, processes, the journal, the ordinary directories and built-in queries on this machine
  needs the signatures of 2 people, the author among them

Section s0, by the collector host
  reads     facts of the machine: os, memory
  sends     what was read, after redaction
  within    at most 10s and 1 MiB

Section s1, by the collector file
  reads     files that match /var/log/app.log
  sends     the last 1 MiB of each file
  within    at most 200 files, the newest first, and 10 MiB of each
            at most 10s and 1 MiB

Redaction
  every text is redacted by the rules of the instance's policy before it leaves
"
    );
}

#[test]
fn a_wide_hook_says_why_and_which_key_it_asks_for() {
    let explanation = explain(
        &with(vec![("command", doc! {"path": "/bin/df"})]),
        Some(&Bounds::default()),
    );
    assert_eq!(explanation.reach.reach, "wide");
    let text = explanation.to_string();
    assert!(text.contains("it runs the command /bin/df"), "{text}");
    assert!(
        text.contains("by a key that is not kept in a browser"),
        "{text}"
    );
    assert!(
        text.contains("! mind      a program runs: /bin/df"),
        "{text}"
    );
}

#[test]
fn every_parameter_of_every_collector_is_told() {
    let text = explain(&all(), None).to_string();
    for said in [
        "/var/log/app/*.log",
        "/etc/app/tls.pem is where private keys",
        "but not /var/log/app/x",
        "the last 64 KiB",
        "the first 10 lines",
        "in the last 1h",
        "1 MiB of all files together",
        "without redaction",
        "/bin/bash -c 'id; uname'",
        "runs whatever its arguments say",
        "app.service",
        "priority err",
        "the whole system journal",
        "java",
        "no command lines",
        "db.example port 5432",
        "credential pg",
        "socket in /run/postgresql",
        "more than one credential: other, pg",
        "does not know the collector ldap",
        "dc=x",
        "cannot be read",
        "relative",
        "every customer who opted in",
        "only the instances app-01",
        "a, any version; b <2; c << 2 (Debian versions)",
        "debian 12",
        "env = prod",
        "the problem abc",
        "the package p",
        "at most 3 runs",
        "50 %",
        "0.2.0 or newer",
        "not asked again",
        "pin",
        "[0-9]{16}",
        "reckoned with /var/log",
        "checks or a condition",
    ] {
        assert!(text.contains(said), "{said}\n{text}");
    }
}

#[test]
fn every_message_has_its_words_and_all_their_places_are_filled() {
    let sources = [
        include_str!("mod.rs"),
        include_str!("who.rs"),
        include_str!("show.rs"),
        include_str!("../reach.rs"),
        include_str!("../audience.rs"),
        include_str!("../collectors/host.rs"),
        include_str!("../collectors/file.rs"),
        include_str!("../collectors/command.rs"),
        include_str!("../collectors/journal.rs"),
        include_str!("../collectors/processes.rs"),
        include_str!("../collectors/postgres.rs"),
    ];
    let known: Vec<_> = english::TABLE.iter().map(|(key, _)| *key).collect();
    for source in sources {
        for found in source.split("Message::new(\"").skip(1) {
            let key = &found[..found.find('"').unwrap()];
            assert!(known.contains(&key), "{key} has no words");
        }
    }
    for key in &known {
        assert!(
            sources
                .iter()
                .any(|source| source.contains(&format!("\"{key}\""))),
            "{key} is never said"
        );
    }
    for hook in [all(), sample()] {
        let text = explain(&hook, None).to_string();
        assert!(
            !text.contains("no words yet") && !text.contains('?'),
            "{text}"
        );
    }
}

#[test]
fn hostile_text_is_shown_escaped_everywhere() {
    let evil = "x\u{1b}[2J\u{202e}\u{200b}\r\ny";
    let mut hook = all();
    hook.title = evil.into();
    hook.reason = format!("first\n{evil}");
    hook.subject = Subject::Ticket {
        system: evil.into(),
        key: evil.into(),
        url: Some(evil.into()),
    };
    hook.audience.labels = [(evil.to_owned(), evil.to_owned())].into();
    hook.audience.products[1].name = evil.into();
    hook.audience.os[0].id = evil.into();
    hook.redaction.keys = vec![evil.into()];
    hook.collectors.push(entry("evil", evil, doc! {evil: evil}));
    hook.collectors.push(entry(
        "evil2",
        "file",
        doc! {"paths": ["/var/log/\u{202e}x"], evil: evil},
    ));
    hook.collectors.push(entry(
        "evil3",
        "file",
        doc! {"paths": ["/var/log/\u{202e}x"]},
    ));
    let explanation = explain(&hook, None);
    let text = explanation.to_string();
    let json = serde_json::to_string(&explanation).unwrap();
    for shown in [&text.replace('\n', ""), &json] {
        assert_eq!(printable(shown), *shown);
        assert!(!shown.contains("\\u001b"), "{shown}");
    }
    assert!(
        text.contains("marks of direction, shown as their codes"),
        "{text}"
    );
    assert!(
        !text.lines().any(|line| line == "y"),
        "a text of the hook cannot begin a line of its own"
    );
}

#[test]
fn a_hook_for_all_who_opted_in_is_marked() {
    let hook = Hook {
        customers: HookCustomers::OptedIn,
        ..sample()
    };
    assert_eq!(explain(&hook, None).dangers[0].key, "danger.everyone");
    assert!(explain(&sample(), None).dangers.is_empty());
}

#[test]
fn as_json_each_message_has_key_parameters_and_text() {
    let json = serde_json::to_value(explain(&sample(), Some(&Bounds::default()))).unwrap();
    assert_eq!(json["who"][0]["key"], "for.ticket");
    assert_eq!(json["who"][0]["params"]["key"], "SUP-1");
    assert_eq!(json["who"][0]["text"], "the ticket SUP-1 in jira");
    assert_eq!(json["sections"][0]["reads"][0]["key"], "host.reads");
    assert_eq!(json["reach"]["reach"], "ordinary");
    assert_eq!(json["expires_at"], "2027-01-22T08:00:00.000Z");
}
