//! Any sound hook becomes text, and the text becomes the same bytes.
use bson::{Bson, Document, doc};
use proptest::prelude::*;

use super::{super::*, now};
use crate::{
    documents::{
        Document as _,
        hook::{
            Audience, CollectorEntry, Hook, HookCustomers, OsRelease, ProductRange, Reask,
            RedactionProfile, Subject, VersionScheme,
        },
    },
    time::Time,
    verify::sample::Sample,
};

/// hook → text → hook gives the same bytes, and so the same identity.
fn assert_same(hook: &Hook) {
    let text = write(hook);
    let draft = parse(&text).unwrap_or_else(|faults| panic!("{faults:?}\n{text}"));
    let mut fills = Fills::of(hook);
    (fills.subject, fills.customers, fills.now) = (None, None, Time::from_ms(0));
    let again = draft
        .into_hook(fills)
        .unwrap_or_else(|faults| panic!("{faults:?}\n{text}"));
    assert_eq!(&again, hook, "{text}");
    assert_eq!(
        again.to_payload().unwrap(),
        hook.to_payload().unwrap(),
        "{text}"
    );
}

#[test]
fn parameters_that_toml_cannot_say_keep_their_bytes() {
    for params in [
        doc! {"seconds": 5},
        doc! {"x": Bson::Null},
        doc! {"x": Bson::Int64(5)},
        doc! {"x": [1.5, {"b": "a\u{202e}\n", "a b": true}], "date": bson::DateTime::from_millis(1_234)},
        doc! {"b": 1, "a": 2, "": 3},
        doc! {"x": f64::INFINITY, "y": [], "z": {}},
    ] {
        let hook = Hook {
            collectors: vec![CollectorEntry {
                section: "x".parse().unwrap(),
                collector: "later".into(),
                seconds: 1,
                bytes: 1,
                params,
            }],
            ..Sample::new(now()).hook()
        };
        assert_same(&hook);
    }
}

fn words() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9 äß語\"'\\\\#=\\[\\]{}.,\u{202e}\u{200b}-]{0,20}[a-z]"
}

fn lines() -> impl Strategy<Value = String> {
    prop_oneof![
        words(),
        prop::collection::vec(words(), 1..4).prop_map(|l| l.join("\n")),
        Just("\n\nx\n\n".into())
    ]
}

fn slug<T: std::str::FromStr<Err = String> + std::fmt::Debug>() -> impl Strategy<Value = T> {
    "[a-z0-9][a-z0-9._-]{0,12}".prop_map(|text| text.parse().unwrap())
}

fn value() -> impl Strategy<Value = Bson> {
    let leaf = prop_oneof![
        any::<i32>().prop_map(Bson::Int32),
        any::<i64>().prop_map(Bson::Int64),
        any::<bool>().prop_map(Bson::Boolean),
        any::<f64>().prop_map(Bson::Double),
        "\\PC{0,8}|[\\x00-\\x7f]{0,8}".prop_map(Bson::String),
        Just(Bson::Null),
        (0i64..253_402_207_200_000).prop_map(|ms| Bson::DateTime(bson::DateTime::from_millis(ms))),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Bson::Array),
            prop::collection::vec(("[a-z$\" é]{0,4}", inner), 0..4)
                .prop_map(|fields| Bson::Document(fields.into_iter().collect())),
        ]
    })
}

fn unknown() -> impl Strategy<Value = (String, Document)> {
    let fields = prop::collection::vec(("[a-z_]{1,8}|[ -~]{1,6}", value()), 0..5);
    fields.prop_map(|fields| ("later".to_owned(), fields.into_iter().collect()))
}

fn known() -> impl Strategy<Value = (String, Document)> {
    prop_oneof![
        Just(("host".to_owned(), doc! {"parts": ["os", "cpu"]})),
        (1i64..1 << 40, 1i64..86_400, any::<bool>()).prop_map(|(tail, age, raw)| {
            let params =
                doc! {"tail_bytes": tail, "paths": ["/var/log/*.log"], "max_age": age, "raw": raw};
            ("file".to_owned(), params)
        }),
        prop::collection::vec("[!-~]{1,9}", 0..4)
            .prop_map(|args| ("command".to_owned(), doc! {"path": "/bin/x", "args": args})),
        (1i32..1_000_000).prop_map(|n| (
            "journal".to_owned(),
            doc! {"since": n, "lines": n, "priority": "err"}
        )),
        (1i32..3_600).prop_map(|n| (
            "postgres".to_owned(),
            doc! {"credential": "pg", "statement_timeout": n}
        )),
    ]
}

fn audience() -> impl Strategy<Value = Audience> {
    let range = || {
        prop_oneof![
            Just((None, VersionScheme::Semver)),
            Just((Some(">=1, <2"), VersionScheme::Semver)),
            Just((Some(">= 1:2~rc1"), VersionScheme::Debian))
        ]
    };
    (
        any::<bool>(),
        prop::collection::vec(slug(), 0..3),
        prop::collection::vec((words(), range()), 0..3),
        prop::collection::vec((words(), prop::option::of(words())), 0..3),
        prop::collection::btree_map(words(), words(), 0..3),
        prop::option::of(words()),
    )
        .prop_map(
            |(everyone, instances, products, os, labels, problem)| Audience {
                everyone,
                instances,
                products: products
                    .into_iter()
                    .map(|(name, (versions, scheme))| ProductRange {
                        name,
                        versions: versions.map(str::to_owned),
                        scheme,
                    })
                    .collect(),
                os: os
                    .into_iter()
                    .map(|(id, release)| OsRelease { id, release })
                    .collect(),
                labels,
                problem: problem.clone(),
                package: problem,
            },
        )
}

fn subject() -> impl Strategy<Value = Subject> {
    prop_oneof![
        (words(), words(), prop::option::of(words())).prop_map(|(system, key, url)| {
            Subject::Ticket {
                system,
                key,
                url: url.map(|url| format!("https://{url}")),
            }
        }),
        words().prop_map(|signature| Subject::Problem { signature }),
        words().prop_map(|name| Subject::Package { name }),
    ]
}

fn hooks() -> impl Strategy<Value = Hook> {
    let times = (0i64..4_000_000_000_000, 1i64..4_000_000_000_000);
    let numbers = (
        1u32..,
        4_096u64..1 << 40,
        1u32..=100,
        prop::option::of(1u32..=100),
        1u32..=3_650,
    );
    let texts = (
        words(),
        lines(),
        subject(),
        prop::collection::vec(slug(), 1..4),
    );
    let entries = prop::collection::vec(
        (
            1u32..=86_400,
            1u64..1 << 40,
            prop_oneof![known(), unknown()],
        ),
        1..5,
    );
    let redaction = (prop::collection::vec(words(), 0..3), prop::bool::ANY);
    (times, numbers, texts, audience(), entries, redaction).prop_map(
        |(
            (begin, life),
            (places, packet, attempts, percent, days),
            (title, reason, subject, customers),
            audience,
            entries,
            (keys, more),
        )| {
            let sample = Sample::new(Time::from_ms(begin)).hook();
            let opted_in = more && !matches!(subject, Subject::Ticket { .. });
            Hook {
                min_agent: more.then(|| "1.2.3-rc.1".to_owned()),
                revision: places,
                subject,
                customers: if opted_in {
                    HookCustomers::OptedIn
                } else {
                    HookCustomers::Only(customers)
                },
                audience,
                title,
                reason,
                expires_at: Time::from_ms(begin + life),
                places,
                packet_bytes: packet,
                total_bytes: packet
                    .saturating_mul(u64::from(places))
                    .min(i64::MAX as u64),
                attempts,
                stop_after_overruns: places,
                stop_error_percent: percent,
                retention_days: days,
                reask: [Reask::None, Reask::Failed, Reask::All][days as usize % 3],
                redaction: RedactionProfile {
                    keys,
                    patterns: if more {
                        vec!["a\\d+\"[^\"]".into()]
                    } else {
                        vec![]
                    },
                },
                collectors: entries
                    .into_iter()
                    .enumerate()
                    .map(
                        |(n, (seconds, bytes, (collector, params)))| CollectorEntry {
                            section: format!("s{n}").parse().unwrap(),
                            collector,
                            seconds,
                            bytes,
                            params,
                        },
                    )
                    .collect(),
                ..sample
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn a_hook_reads_back_from_its_own_text(hook in hooks()) {
        assert_same(&hook);
    }
}
