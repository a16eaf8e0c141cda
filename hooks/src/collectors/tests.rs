use bson::{Document, doc};

use super::*;

fn field_of(kind: &str, params: Document) -> String {
    match parse(kind, &params).unwrap_err() {
        ParamsError::Field { field, .. } => field,
        ParamsError::Unknown(kind) => panic!("{kind} is unknown"),
    }
}

#[test]
fn an_unknown_collector_is_told_apart_from_bad_fields() {
    assert_eq!(
        parse("ldap", &doc! {}),
        Err(ParamsError::Unknown("ldap".into()))
    );
    assert_eq!(field_of("host", doc! {"x": 1}), "x");
}

#[test]
fn every_known_collector_has_a_table_and_parses() {
    for kind in KNOWN {
        assert!(table(kind).is_some(), "{kind}");
        assert!(
            !matches!(parse(kind, &doc! {}), Err(ParamsError::Unknown(_))),
            "{kind}"
        );
    }
}

#[test]
fn the_names_in_the_tables_are_those_that_serde_reads() {
    for (kind, base) in [
        ("host", doc! {}),
        ("file", doc! {"paths": ["/var/log/a"]}),
        ("command", doc! {"path": "/bin/true"}),
        ("journal", doc! {}),
        ("processes", doc! {}),
        ("postgres", doc! {"credential": "pg"}),
    ] {
        parse(kind, &base).unwrap();
        for field in table(kind).unwrap() {
            let values: Vec<bson::Bson> = match field.kind {
                fields::Kind::Flag => vec![true.into()],
                fields::Kind::Count(least, _) => vec![(least as i64).into(), (least as i32).into()],
                fields::Kind::Bytes | fields::Kind::Seconds(_) => vec![1i64.into(), 7i32.into()],
                fields::Kind::Text if field.name.ends_with("_dir") || field.name == "path" => {
                    vec!["/run/x".into()]
                }
                fields::Kind::Text => vec!["name".into()],
                fields::Kind::Texts if field.name == "units" || field.name == "args" => {
                    vec![vec!["a.service"].into()]
                }
                fields::Kind::Texts => vec![vec!["/var/log/x"].into()],
                fields::Kind::Codes => vec![vec![0i64, 3].into(), vec![255i32].into()],
                fields::Kind::OneOf(names) => names.iter().map(|n| (*n).into()).collect(),
                fields::Kind::SomeOf(names) => names.iter().map(|n| vec![*n].into()).collect(),
            };
            for value in values {
                let mut params = base.clone();
                params.insert(field.name, value);
                parse(kind, &params).unwrap_or_else(|e| panic!("{kind}: {e}"));
            }
        }
    }
}

#[test]
fn names_of_parts_are_those_of_the_tables() {
    for part in host::Part::ALL {
        assert_eq!(
            bson::serialize_to_bson(&part).unwrap().as_str(),
            Some(part.name())
        );
    }
    for section in postgres::Section::ALL {
        assert_eq!(
            bson::serialize_to_bson(&section).unwrap().as_str(),
            Some(section.name())
        );
    }
}

#[test]
fn wrong_types_and_values_out_of_range_name_their_field() {
    assert_eq!(field_of("journal", doc! {"lines": -1}), "lines");
    assert_eq!(field_of("journal", doc! {"lines": 1.5}), "lines");
    assert_eq!(field_of("journal", doc! {"lines": 0}), "lines");
    assert_eq!(field_of("journal", doc! {"since": "7d"}), "since");
    assert_eq!(field_of("host", doc! {"parts": ["os", "soul"]}), "parts");
    assert_eq!(field_of("file", doc! {}), "paths");
    assert_eq!(field_of("file", doc! {"paths": []}), "paths");
    assert_eq!(field_of("command", doc! {}), "path");
    assert_eq!(
        field_of("command", doc! {"path": "/bin/x", "exit_codes": [256]}),
        "exit_codes"
    );
    assert_eq!(
        field_of("command", doc! {"path": "/bin/x", "exit_codes": []}),
        "exit_codes"
    );
    assert_eq!(
        field_of("postgres", doc! {"credential": "pg", "port": 65_536}),
        "port"
    );
}

#[test]
fn control_characters_and_endless_texts_and_lists_are_refused() {
    assert_eq!(
        field_of("command", doc! {"path": "/bin/x", "args": ["a\nb"]}),
        "args"
    );
    assert_eq!(
        field_of("command", doc! {"path": "/bin/x", "args": ["a\0b"]}),
        "args"
    );
    assert_eq!(
        field_of(
            "command",
            doc! {"path": "/bin/x", "args": ["a".repeat(5_000)]}
        ),
        "args"
    );
    assert_eq!(
        field_of("command", doc! {"path": "/bin/x", "args": vec!["a"; 257]}),
        "args"
    );
}

#[test]
fn every_fault_of_the_fields_is_told_at_once() {
    let faults = parse_all("file", &doc! {"path": "/x", "raw": 1, "max_files": 0}).unwrap_err();
    assert_eq!(faults.len(), 4, "{faults:?}");
}

#[test]
fn relative_and_climbing_paths_are_refused() {
    for bad in [
        "var/log/x",
        "",
        "/var/log/../../etc/passwd",
        "/var/log/./x",
        "/var//log",
        "/var/log/",
        "/",
        "/var/log/{a,../../etc}/x",
        "/var/log/{..}/x",
        "/var/log/[a",
    ] {
        assert_eq!(field_of("file", doc! {"paths": [bad]}), "paths", "{bad:?}");
    }
    assert_eq!(field_of("command", doc! {"path": "uptime"}), "path");
    assert_eq!(
        field_of("command", doc! {"path": "/usr/../bin/uptime"}),
        "path"
    );
    assert_eq!(
        field_of("postgres", doc! {"credential": "pg", "socket_dir": "run"}),
        "socket_dir"
    );
}

#[test]
fn a_unit_that_reads_as_an_option_or_a_pattern_is_refused() {
    for bad in ["--all", "nginx*", "a b", "a;b"] {
        assert_eq!(field_of("journal", doc! {"units": [bad]}), "units", "{bad}");
    }
    parse(
        "journal",
        &doc! {"units": ["getty@tty1.service", "dev-disk-by\\x2duuid.swap"]},
    )
    .unwrap();
}

#[test]
fn a_credential_must_be_a_name_and_a_host_must_be_one_host() {
    assert_eq!(
        field_of("postgres", doc! {"credential": "postgres://u:p@h/"}),
        "credential"
    );
    assert_eq!(
        field_of(
            "postgres",
            doc! {"credential": "pg", "host": "127.0.0.1,evil.example"}
        ),
        "host"
    );
    assert_eq!(
        field_of("postgres", doc! {"credential": "pg", "host": "/tmp"}),
        "host"
    );
    let both = doc! {"credential": "pg", "host": "db", "socket_dir": "/run/postgresql"};
    assert_eq!(field_of("postgres", both), "host");
}

#[test]
fn both_bytes_and_lines_of_one_end_contradict_each_other() {
    assert_eq!(
        field_of(
            "file",
            doc! {"paths": ["/a/b"], "tail_bytes": 1, "tail_lines": 1}
        ),
        "tail_lines"
    );
    parse(
        "file",
        &doc! {"paths": ["/a/b"], "tail_bytes": 1, "head_lines": 1},
    )
    .unwrap();
}

#[test]
fn the_fixed_directory_ends_before_the_first_special_part() {
    for (glob, dir) in [
        ("/var/log/syslog", "/var/log"),
        ("/var/log/*.log", "/var/log"),
        ("/var/log/**/x", "/var/log"),
        ("/var/log*/x", "/var"),
        ("/var/lo[g]/x", "/var"),
        ("/var/{log,lib}/x", "/var"),
        ("/var/log\\/x", "/var"),
        ("/*", ""),
        ("/x", ""),
        ("/**/x/y", ""),
    ] {
        assert_eq!(file::fixed_directory(glob), dir, "{glob}");
    }
}

#[test]
fn a_star_stays_within_one_part_of_a_path() {
    let matcher = file::glob("/var/log/*.log").unwrap().compile_matcher();
    assert!(matcher.is_match("/var/log/a.log"));
    assert!(!matcher.is_match("/var/log/b/a.log"));
}

#[test]
fn a_command_line_is_shown_with_quotes_where_it_must_be() {
    let params = doc! {"path": "/bin/df", "args": ["-h", "/my disk", "it's"]};
    let Parsed::Command(parsed) = parse("command", &params).unwrap() else {
        panic!()
    };
    assert_eq!(parsed.line(), r"/bin/df -h '/my disk' 'it'\''s'");
}

fn advised(kind: &str, params: Document) -> Vec<&'static str> {
    parse(kind, &params)
        .unwrap()
        .lint()
        .into_iter()
        .map(|a| a.field)
        .collect()
}

#[test]
fn the_unwise_is_warned_of_and_the_wise_is_not() {
    assert_eq!(
        advised(
            "file",
            doc! {"paths": ["/var/log/a.log"], "tail_bytes": 100}
        ),
        Vec::<&str>::new()
    );
    assert_eq!(
        advised("file", doc! {"paths": ["/var/log/a.log"]}),
        ["paths"],
        "no tail"
    );
    assert_eq!(
        advised("file", doc! {"paths": ["/**/core"]}),
        ["paths"],
        "from the root"
    );
    for secret in [
        "/etc/shadow",
        "/root/.ssh/id_rsa",
        "/etc/ssl/x.pem",
        "/srv/app/.env",
        "/proc/*/environ",
    ] {
        assert_eq!(
            advised("file", doc! {"paths": [secret]}),
            ["paths"],
            "{secret}"
        );
    }
    assert_eq!(
        advised("command", doc! {"path": "/bin/sh", "args": ["-c", "id"]}),
        ["path"]
    );
    assert_eq!(
        advised("command", doc! {"path": "/usr/bin/uptime"}),
        Vec::<&str>::new()
    );
    assert_eq!(advised("journal", doc! {"since": 30 * 86_400}), ["units"]);
}
