use bson::doc;
use proptest::prelude::*;

use super::*;
use crate::{
    documents::{hook::Hook, root::Bounds},
    time::{DAY, Time},
    verify::sample::Sample,
};

mod round_trip;

const WHOLE: &str = r#"
title = "Slow logins"
reason = "We want to see what it waits for."
customers = ["acme"]
expires = "3d"

[ticket]
system = "jira"
key = "SUP-1"

[audience]
instances = ["app-01", "app-02"]

[limits]
places = 2
packet = "5 MiB"

[[collect]]
section = "logs"
collector = "file"
seconds = "2m"
bytes = "1 MiB"
paths = ["/var/log/app/*.log"]
tail_bytes = "64 KiB"
max_age = "7d"

[[collect]]
collector = "host"
"#;

fn now() -> Time {
    Time::from_ms(1_800_000_000_123)
}

fn hook(toml: &str) -> Hook {
    let draft = parse(toml).unwrap_or_else(|faults| panic!("{faults:?}"));
    draft.into_hook(Fills::preview(now()).unwrap()).unwrap()
}

/// The text with each `from` line replaced.
fn with(from: &str, to: &str) -> String {
    assert!(WHOLE.contains(from), "{from}");
    WHOLE.replacen(from, to, 1)
}

fn faults_of(toml: &str) -> Vec<(u32, String)> {
    lint(toml, None)
        .into_iter()
        .filter(|f| f.severity == Severity::Error)
        .map(|f| (f.line, f.field))
        .collect()
}

fn warned(toml: &str) -> Vec<String> {
    let faults = lint(toml, None);
    assert!(
        faults.iter().all(|f| f.severity == Severity::Warning),
        "{faults:?}"
    );
    faults.into_iter().map(|f| f.field).collect()
}

#[test]
fn a_text_becomes_the_hook_that_it_says() {
    let hook = hook(WHOLE);
    assert_eq!(hook.expires_at, now().plus_ms(3 * DAY));
    assert_eq!(
        (hook.not_before, hook.places, hook.packet_bytes),
        (now(), 2, 5 << 20)
    );
    assert_eq!(
        (hook.total_bytes, hook.attempts, hook.stop_after_overruns),
        (10 << 20, 1, 2),
        "defaults"
    );
    let logs = &hook.collectors[0];
    assert_eq!(
        (logs.section.as_str(), logs.seconds, logs.bytes),
        ("logs", 120, 1 << 20)
    );
    let params = doc! {"paths": ["/var/log/app/*.log"], "tail_bytes": 65_536, "max_age": 604_800};
    assert_eq!(logs.params, params);
    assert_eq!(
        hook.collectors[1].section.as_str(),
        "host",
        "a section is named after its collector"
    );
    assert_eq!(
        hook.collectors[1].bytes,
        5 << 19,
        "an even share of the packet"
    );
    assert!(
        lint(WHOLE, Some(&Bounds::default())).is_empty(),
        "{:?}",
        lint(WHOLE, None)
    );
}

#[test]
fn an_authored_hook_passes_the_verifier() {
    let sample = Sample::new(now());
    let fills = Fills::of(&sample.hook());
    let hook = parse(WHOLE).unwrap().into_hook(fills).unwrap();
    let envelope = sample.signed(&hook, &[&sample.ada_file, &sample.ben_file]);
    sample
        .trust()
        .verify_offline(&envelope, None, now())
        .unwrap();
}

#[test]
fn the_least_text_is_title_reason_and_one_collector() {
    let least = "title = \"Facts\"\nreason = \"Why not\"\n[[collect]]\ncollector = \"host\"\n";
    let draft = parse(least).unwrap();
    assert_eq!(draft.expires, Expires::After(7 * 86_400));
    assert!(draft.audience.everyone);
    let missing = draft
        .clone()
        .into_hook(Fills::preview(now()).unwrap())
        .unwrap_err();
    assert_eq!(
        missing.iter().map(|f| f.field.as_str()).collect::<Vec<_>>(),
        ["ticket", "customers"]
    );
    let filled = Fills::of(&Sample::new(now()).hook());
    assert_eq!(draft.into_hook(filled).unwrap().collectors.len(), 1);
}

#[test]
fn every_fault_is_told_at_once_with_its_line() {
    let toml = with("expires = \"3d\"", "expires = \"soon\"\nexpire = \"3d\"")
        .replace("places = 2", "places = 0")
        .replace("key = \"SUP-1\"", "")
        .replace(
            "tail_bytes = \"64 KiB\"",
            "tail_bytes = \"64 Kib\"\ntail = 1",
        )
        .replace("\"/var/log/app/*.log\"", "\"var/log\", \"/a/../b\"");
    assert_eq!(
        faults_of(&toml),
        [
            (5, "expires".into()),
            (6, "expire".into()),
            (8, "ticket.key".into()),
            (16, "limits.places".into()),
            (26, "collect[0].tail".into()),
        ]
    );
    let paths = with("\"/var/log/app/*.log\"", "\"var/log\"");
    assert_eq!(faults_of(&paths), [(23, "collect[0].paths".into())]);
}

#[test]
fn a_fault_says_where_what_is_wrong_and_what_would_be_right() {
    let fault = lint(&with("places = 2", "  places = \"many\""), None).remove(0);
    assert_eq!(
        fault.to_string(),
        "line 15, column 3: error: limits.places: found \"many\"; expected an integer of 1 or more"
    );
}

#[test]
fn broken_toml_is_a_fault_with_its_line_and_hides_no_other() {
    let toml =
        with("places = 2", "places = = 2").replace("seconds = \"2m\"", "seconds = \"2 minutes\"");
    let faults = faults_of(&toml);
    assert_eq!(faults, [(15, "".into()), (21, "collect[0].seconds".into())]);
}

#[test]
fn each_rule_of_the_document_is_an_error_of_its_field() {
    for (from, to, field) in [
        ("title = \"Slow logins\"", "title = \" \"", "title"),
        ("title = \"Slow logins\"", "", "title"),
        (
            "title = \"Slow logins\"",
            "title = \"two\\nlines\"",
            "title",
        ),
        ("title = \"Slow logins\"", "title = \"\\u001b[2J\"", "title"),
        ("reason = \"We", "reason = 5 #", "reason"),
        ("customers = [\"acme\"]", "customers = []", "customers"),
        (
            "customers = [\"acme\"]",
            "customers = [\"ACME\"]",
            "customers",
        ),
        ("customers = [\"acme\"]", "customers = \"all\"", "customers"),
        (
            "customers = [\"acme\"]",
            "customers = \"opted-in\"",
            "customers",
        ),
        ("expires = \"3d\"", "expires = \"0s\"", "expires"),
        ("expires = \"3d\"", "expires = 2026-11-21", "expires"),
        (
            "expires = \"3d\"",
            "expires = 2026-11-21T12:00:00",
            "expires",
        ),
        (
            "expires = \"3d\"",
            "not_before = 2026-11-21T12:00:00Z\nexpires = 2026-11-21T12:00:00Z",
            "expires",
        ),
        ("expires = \"3d\"", "min_agent = \"new\"", "min_agent"),
        ("expires = \"3d\"", "retention = \"36h\"", "retention"),
        ("expires = \"3d\"", "reask = \"always\"", "reask"),
        ("expires = \"3d\"", "format = 2", "format"),
        ("expires = \"3d\"", "template = \"x\"", "template"),
        ("expires = \"3d\"", "checks = []", "checks"),
        ("expires = \"3d\"", "when = {}", "when"),
        ("system = \"jira\"", "system = \"\"", "ticket.system"),
        (
            "system = \"jira\"",
            "system = \"jira\"\nurl = \"javascript:x\"",
            "ticket.url",
        ),
        ("[audience]", "[problem]\nsignature = \"x\"\n[audience]", ""),
        (
            "instances = [\"app-01\"",
            "instances = [\"../x\"",
            "audience.instances",
        ),
        (
            "instances = [",
            "products = [{ name = \"x\", versions = \"five\" }]\nnot = [",
            "audience.products[0].versions",
        ),
        (
            "instances = [",
            "os = [{ release = \"12\" }]\nnot = [",
            "audience.os[0].id",
        ),
        (
            "instances = [",
            "labels = { a = 1 }\nnot = [",
            "audience.labels",
        ),
        ("packet = \"5 MiB\"", "packet = \"1 KiB\"", "limits.packet"),
        (
            "packet = \"5 MiB\"",
            "packet = \"5 MiB\"\ntotal = \"1 MiB\"",
            "limits.total",
        ),
        ("packet = \"5 MiB\"", "attempts = 101", "limits.attempts"),
        (
            "packet = \"5 MiB\"",
            "stop_after_overruns = 0",
            "limits.stop_after_overruns",
        ),
        (
            "packet = \"5 MiB\"",
            "stop_error_percent = 101",
            "limits.stop_error_percent",
        ),
        (
            "section = \"logs\"",
            "section = \"host\"",
            "collect[1].section",
        ),
        (
            "section = \"logs\"",
            "section = \"packet.json\"",
            "collect[0].section",
        ),
        (
            "section = \"logs\"",
            "section = \"a/b\"",
            "collect[0].section",
        ),
        ("collector = \"file\"", "", "collect[0].collector"),
        ("seconds = \"2m\"", "seconds = 0", "collect[0].seconds"),
        ("seconds = \"2m\"", "seconds = \"2d\"", "collect[0].seconds"),
        ("bytes = \"1 MiB\"", "bytes = 0", "collect[0].bytes"),
        (
            "collector = \"host\"",
            "collector = \"host\"\nparams_bson = \"AAAA\"",
            "collect[1].params_bson",
        ),
        (
            "[limits]",
            "[redaction]\npatterns = [\"(\"]\n[limits]",
            "redaction.patterns",
        ),
    ] {
        let faults = faults_of(&with(from, to));
        assert!(
            faults.iter().any(|(_, found)| found == field),
            "{to}: {faults:?}"
        );
        assert!(parse(&with(from, to)).is_err(), "{to}");
    }
    let no_collectors = &WHOLE[..WHOLE.find("[[collect]]").unwrap()];
    assert_eq!(faults_of(no_collectors), [(0, "collect".into())]);
    let many = format!(
        "{no_collectors}{}",
        (0..65)
            .map(|n| format!("[[collect]]\nsection = \"s{n}\"\ncollector = \"host\"\n"))
            .collect::<String>()
    );
    assert!(faults_of(&many).iter().any(|(_, field)| field == "collect"));
    assert!(!faults_of(&"#".repeat(300 * 1024)).is_empty(), "too long");
}

#[test]
fn the_unwise_is_warned_of() {
    for (from, to, field) in [
        ("tail_bytes = \"64 KiB\"", "", "collect[0].paths"),
        (
            "\"/var/log/app/*.log\"",
            "\"/**/*.txt\"",
            "collect[0].paths",
        ),
        (
            "\"/var/log/app/*.log\"",
            "\"/etc/shadow\"",
            "collect[0].paths",
        ),
        (
            "\"/var/log/app/*.log\"",
            "\"/proc/*/environ\"",
            "collect[0].paths",
        ),
        ("max_age = \"7d\"", "raw = true", "collect[0].raw"),
        ("places = 2", "places = 3", "limits.places"),
        ("expires = \"3d\"", "expires = \"30d\"", "expires"),
        ("bytes = \"1 MiB\"", "bytes = \"10 MiB\"", "limits.packet"),
        (
            "packet = \"5 MiB\"",
            "packet = \"5 MiB\"\nattempts = 50",
            "limits.attempts",
        ),
        (
            "packet = \"5 MiB\"",
            "packet = \"5 MiB\"\ntotal = \"50 MiB\"",
            "limits.total",
        ),
        (
            "instances = [\"app-01\", \"app-02\"]",
            "everyone = true",
            "audience.everyone",
        ),
        ("instances = [\"app-01\", \"app-02\"]", "", "audience"),
        (
            "instances = [\"app-01\", \"app-02\"]",
            "problem = \"x\"",
            "audience.problem",
        ),
        ("seconds = \"2m\"", "seconds = \"2h\"", "collect[0].seconds"),
        (
            "collector = \"host\"",
            "collector = \"ldap\"",
            "collect[1].collector",
        ),
        ("title = \"Slow", "title = \"\u{202e}Slow", "title"),
        ("customers = [\"acme\"]", "", "customers"),
    ] {
        assert_eq!(warned(&with(from, to)), [field], "{to}");
    }
    let second = "\n[[collect]]\nsection = \"b\"\ncollector = \"postgres\"\ncredential = \"other\"\nbytes = 9";
    let first = "collector = \"postgres\"\ncredential = \"pg\"";
    let two = with("collector = \"host\"", first).replace(
        "[[collect]]\ncollector",
        "[[collect]]\nbytes = 9\ncollector",
    );
    assert_eq!(warned(&two), Vec::<String>::new());
    assert_eq!(
        warned(&format!("{two}{second}").replace(
            "collector = \"postgres\"\ncredential = \"pg\"",
            "section = \"a\"\ncollector = \"postgres\"\ncredential = \"pg\""
        )),
        ["collect[2].credential"]
    );
}

#[test]
fn what_the_root_does_not_allow_is_an_error() {
    let bounds = Bounds {
        places: 1,
        packet_bytes: 1 << 20,
        hook_days: 2,
        ..Bounds::default()
    };
    let errors: Vec<_> = lint(WHOLE, Some(&bounds))
        .into_iter()
        .filter(|f| f.severity == Severity::Error)
        .collect();
    let fields: Vec<_> = errors.iter().map(|f| f.field.as_str()).collect();
    assert_eq!(
        fields,
        ["expires", "limits.total", "limits.places", "limits.packet"]
    );
}

#[test]
fn with_a_clock_what_has_ended_is_an_error() {
    let toml = with("expires = \"3d\"", "expires = 2020-01-01T00:00:00Z");
    assert!(
        faults_of(&toml).is_empty(),
        "without a clock nothing is past"
    );
    let faults = lint_at(&toml, None, now());
    assert_eq!(
        (faults[0].severity, faults[0].field.as_str()),
        (Severity::Error, "expires")
    );
    let far = with("expires = \"3d\"", "expires = 2030-01-01T00:00:00Z");
    assert!(
        lint_at(&far, Some(&Bounds::default()), now())
            .iter()
            .any(|f| f.severity == Severity::Error)
    );
}

#[test]
fn nesting_that_agents_would_refuse_is_an_error() {
    let deep = format!(
        "collector = \"ldap\"\nx = {}1{}",
        "[".repeat(40),
        "]".repeat(40)
    );
    assert!(!faults_of(&with("collector = \"host\"", &deep)).is_empty());
}

#[test]
fn what_format_1_does_not_have_is_written_and_refused_when_read() {
    let hook = Hook {
        checks: vec![doc! {"a": 1}],
        when: Some(doc! {}),
        ..Sample::new(now()).hook()
    };
    let faults = parse(&write(&hook)).unwrap_err();
    assert_eq!(
        faults.iter().map(|f| f.field.as_str()).collect::<Vec<_>>(),
        ["checks", "when"]
    );
}

#[test]
fn the_written_text_is_friendly() {
    let text = write(&hook(WHOLE));
    for line in [
        "tail_bytes = \"64 KiB\"",
        "max_age = \"7d\"",
        "packet = \"5 MiB\"",
        "customers = [\"acme\"]",
        "expires = 2027-01-18T08:00:00.123Z",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    assert!(lint(&text, None).is_empty(), "{text}");
}

#[test]
fn a_text_of_nothing_but_faults_is_answered_briefly() {
    let begun = std::time::Instant::now();
    let text: String = (0..30_000).map(|n| format!("k{n}=1\n")).collect();
    assert!(lint(&text, None).len() <= 400);
    assert!(parse(&text).is_err());
    assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_without_panic(text in "(\\PC|\n){0,200}") {
        let _ = lint(&text, Some(&Bounds::default()));
    }

    #[test]
    fn a_damaged_text_is_read_or_refused_without_panic(at in 0usize..900, insert in "\\PC{0,5}") {
        let at = at.min(WHOLE.len());
        let damaged = format!("{}{insert}{}", &WHOLE[..at], &WHOLE[at..]);
        let faults = lint(&damaged, None);
        let has_errors = faults.iter().any(|f| f.severity == Severity::Error);
        prop_assert!(!has_errors || !faults.is_empty());
        if parse(&damaged).is_err() { prop_assert!(has_errors); }
    }
}
