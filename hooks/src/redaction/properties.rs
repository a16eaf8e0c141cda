//! What holds for any text: borders of pieces, planted secrets, and redaction twice.
#![allow(clippy::unwrap_used)]
use base64::{Engine as _, engine::general_purpose::STANDARD};
use proptest::{prelude::*, test_runner::RngSeed};

use super::*;

/// The same cases each time, so that a change is what a failure tells of. Others are looked for by
/// `PROPTEST_RNG_SEED=random PROPTEST_CASES=400000 cargo test -p boathook-hooks --lib redaction`: what that finds gets a
/// test of its own.
fn cases(count: u32) -> ProptestConfig {
    let seed = std::env::var("PROPTEST_RNG_SEED").unwrap_or_else(|_| "20261121".into());
    ProptestConfig {
        rng_seed: seed.parse().unwrap_or(RngSeed::Random),
        ..ProptestConfig::with_cases(count)
    }
}

fn floor() -> &'static Redactor {
    static FLOOR: std::sync::OnceLock<Redactor> = std::sync::OnceLock::new();
    FLOOR.get_or_init(|| Redactor::builder().build().unwrap())
}

fn with_literal() -> &'static Redactor {
    static BUILT: std::sync::OnceLock<Redactor> = std::sync::OnceLock::new();
    BUILT.get_or_init(|| {
        Redactor::builder()
            .literals(["planted-literal", "x1x"])
            .build()
            .unwrap()
    })
}

fn whole(redactor: &Redactor, bytes: &[u8], limits: StreamLimits) -> (Vec<u8>, StreamReport) {
    let mut out = Vec::new();
    let report = redactor.redact_stream(bytes, &mut out, limits).unwrap();
    (out, report)
}

const KEY_LINE: &str = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj";

/// Pieces of real files, some with secrets, some broken off.
const PIECES: &[&str] = &[
    "-----BEGIN RSA PRIVATE KEY-----",
    "-----END RSA PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\\nMIIE\\n-----END PRIVATE KEY-----",
    KEY_LINE,
    "AgEAAoIBAQC7VJTUt9Us8cKjMzEfYyjiWA4R4ypbmVpzvBvn",
    "shortbase64==",
    "password: |",
    "  indented",
    "password:",
    "\"password\": \"x\\\"y\"",
    "\"tokens\": [",
    "\"one\",",
    "]",
    "password=",
    "secret=a b c",
    "- name: DB_PASSWORD",
    "  value: x1x",
    "<password>",
    "</password>",
    "postgres://u:p@ss@h/db",
    "Authorization: Bearer abcdef123456",
    "AKIAIOSFODNN7EXAMPLE",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "curl -u a:b",
    "\"\"\"",
    "token = \"\"\"",
    "[redacted:password]",
    "[redacted:",
    "eyJhbGciOi.eyJzdWIi.abc",
    "planted-literal",
    "plain words",
    "Cookie: a=b",
    "größe",
    " ",
    "\t",
    "\"",
    "'",
    ":",
    "=",
    ",",
    "@",
    "{",
    "}",
    "&",
    "\\",
];

fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        6 => proptest::sample::select(PIECES).prop_map(str::to_owned),
        4 => Just("\n".to_owned()),
        1 => Just("\r\n".to_owned()),
        1 => "\\PC{0,12}",
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|p| p.concat())
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn borders_of_pieces_change_nothing(text in text(), cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..12), bad in proptest::option::of(any::<prop::sample::Index>())) {
        let mut bytes = text.into_bytes();
        if let Some(bad) = bad {
            let at = bad.index(bytes.len() + 1);
            bytes.insert(at, 0xFF);
        }
        let redactor = with_literal();
        let limits = StreamLimits::default();
        let expected = whole(redactor, &bytes, limits);
        let mut at: Vec<usize> = cuts.iter().map(|c| c.index(bytes.len() + 1)).collect();
        at.sort_unstable();
        let mut stream = redactor.stream(limits);
        let mut out = Vec::new();
        let mut from = 0;
        for cut in at {
            stream.push(&bytes[from..cut], &mut out);
            from = cut;
        }
        stream.push(&bytes[from..], &mut out);
        let report = stream.finish(&mut out);
        prop_assert_eq!(String::from_utf8_lossy(&out), String::from_utf8_lossy(&expected.0));
        prop_assert_eq!(report.bytes_out, out.len() as u64);
        prop_assert_eq!(report, expected.1);
    }

    #[test]
    fn redaction_twice_is_redaction_once(text in text()) {
        // What is stuck to a key's line makes it wider until it is hidden itself: a second time more lines are as wide as
        // each other, and may be taken for a key's.
        let text = text.replace(KEY_LINE, &format!(" {KEY_LINE} "));
        let redactor = with_literal();
        let once = redactor.redact_text(&text);
        let twice = redactor.redact_text(&once.text);
        prop_assert_eq!(&twice.text, &once.text);
    }

    #[test]
    fn a_planted_literal_never_survives(literal in "\\PC{4,30}", before in text(), after in text(), form in 0usize..9, pad in "[a-z]{0,3}") {
        prop_assume!(literal.trim().len() >= SHORT_LITERAL && !"[redacted:literal] [left out".contains(literal.trim()));
        let literal = literal.trim().to_owned();
        let redactor = Redactor::builder().literals([&literal]).build().unwrap();
        let json = json(&literal);
        let url: String = literal.bytes().map(|b| format!("%{b:02X}")).collect();
        let url_common: String = literal.bytes().map(|b| if b.is_ascii_alphanumeric() || b"-_.~".contains(&b) { (b as char).to_string() } else { format!("%{b:02X}") }).collect();
        let planted = match form {
            0 => literal.clone(),
            1 => json,
            2 => self::json(&json),
            3 if literal.bytes().all(|b| !b.is_ascii_alphanumeric()) => url,
            3 | 4 => url_common,
            5 => STANDARD.encode(&literal),
            6 if literal.len() >= 8 => STANDARD.encode(format!("{pad}:{literal}")),
            7 if literal.len() >= 8 => STANDARD.encode(format!("{literal}{pad}")),
            8 => literal.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;"),
            _ => literal.clone(),
        };
        let redacted = redactor.redact_text(&format!("{before}{planted}{after}"));
        prop_assert!(!redacted.text.contains(&planted), "{:?} in {:?}", planted, redacted.text);
        prop_assert!(!redacted.text.contains(&literal), "{:?} in {:?}", literal, redacted.text);
    }

    #[test]
    fn any_bytes_are_passed_as_text(bytes in proptest::collection::vec(any::<u8>(), 0..400), text_only in any::<bool>()) {
        let (out, _) = whole(floor(), &bytes, StreamLimits { text_only, ..StreamLimits::default() });
        prop_assert!(String::from_utf8(out).is_ok());
    }
}

/// A text around a password, and how the password is written there.
type Place = (&'static str, &'static str, fn(&str) -> String);

/// Where passwords stand in real files.
const PLACES: &[Place] = &[
    ("{\"user\":\"bob\",\"password\":\"", "\",\"x\":1}", json),
    (
        "{\n  \"SqlSettings\": {\n    \"SMTPPassword\": \"",
        "\",\n    \"x\": true\n",
        json,
    ),
    (
        "2026-01-01 INFO body={\\\"client_secret\\\":\\\"",
        "\\\",\\\"x\\\":1} done",
        json_twice,
    ),
    (
        "{\"log\":\"{\\\"api_key\\\": \\\"",
        "\\\"}\\n\",\"stream\":\"stdout\"}",
        json_twice,
    ),
    ("  password: '", "'\n", |p| p.replace('\'', "''")),
    ("  password: \"", "\"\n", json),
    ("DB_PASSWORD='", "'\n", |p| p.replace('\'', "'\\''")),
    ("DB_PASSWORD=", "\nOTHER=1\n", as_is),
    ("db.password = ", "\n", as_is),
    ("host=db user=bob password='", "' dbname=x", |p| {
        p.replace('\\', "\\\\").replace('\'', "\\'")
    }),
    ("dsn \"host=db password=", " dbname=x\"", url),
    ("GET /login?user=bob&password=", "&next=%2F HTTP/1.1", url),
    (
        "postgres://bob:",
        "@db.example.com:5432/app?sslmode=disable",
        url,
    ),
    ("\"DataSource\": \"postgres://bob:", "@db/app\",", url),
    ("export DATABASE_URL=mysql://bob:", "@db/app\n", url),
    ("curl -u 'bob:", "' https://h", |p| p.replace('\'', "")),
    ("curl --user bob:", " https://h", plain),
    ("<password>", "</password>", xml),
    ("<add key=\"Password\" value=\"", "\" />", xml),
    ("<datasource password=\"", "\" user=\"bob\"/>", xml),
    ("Authorization: Bearer ", "\nHost: x", url),
    ("Authorization: Basic ", "\nHost: x", |p| {
        STANDARD.encode(format!("bob:{p}"))
    }),
    ("-H \"Authorization: Bearer ", "\" https://h", url),
    (
        "headers: map[Authorization:[Bearer ",
        "] Accept:[*/*]]",
        url,
    ),
    ("app --password ", " --verbose", plain),
    ("app --db-password=", " --verbose", plain),
    ("[\"app\", \"--password\", \"", "\", \"-v\"]", json),
    ("ALTER USER bob WITH PASSWORD '", "';", |p| {
        p.replace('\'', "''")
    }),
    (
        "jdbc:postgresql://db/app?user=bob&password=",
        "&ssl=true",
        url,
    ),
    (
        "jdbc:sqlserver://db:1433;user=sa;password=",
        ";encrypt=true",
        plain,
    ),
    ("- name: DB_PASSWORD\n  value: \"", "\"\n- name: x\n", json),
    ("{\"name\":\"DB_PASSWORD\",\"value\":\"", "\"}", json),
    ("'password' => '", "',", |p| {
        p.replace('\\', "\\\\").replace('\'', "\\'")
    }),
    ("requirepass ", "\n", plain),
    ("level=info msg=\"connect\" token=", " user=bob", plain),
    ("level=info msg=\"connect\" token=\"", "\" user=bob", json),
    (
        "Config { user: \"bob\", password: \"",
        "\", port: 1 }",
        json,
    ),
    ("[mail]\nsmtp_passwd: ", "\n", plain),
    ("password = \"\"\"\n", "\n\"\"\"\n", plain),
    ("db.example.com:5432:app:bob:", "\n", plain),
];

fn as_is(p: &str) -> String {
    p.to_owned()
}

fn json(p: &str) -> String {
    let text = serde_json::to_string(p).unwrap();
    text[1..text.len() - 1].to_owned()
}

fn json_twice(p: &str) -> String {
    json(&json(p))
}

fn url(p: &str) -> String {
    p.bytes()
        .map(|b| {
            if b.is_ascii_alphanumeric() || b"-_.~".contains(&b) {
                (b as char).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect()
}

fn xml(p: &str) -> String {
    p.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// Only characters that never need quoting.
fn plain(p: &str) -> String {
    p.chars()
        .filter(|c| c.is_ascii_alphanumeric() || "_-.!%^*+@#/~".contains(*c))
        .collect::<String>()
        .trim_start_matches(['-', '#'])
        .to_owned()
}

proptest! {
    #![proptest_config(cases(20_000))]

    #[test]
    fn no_part_of_a_password_survives_in_any_place(place in 0..PLACES.len(), password in "[!-~]{10,24}") {
        let (before, after, written) = PLACES[place];
        let mut password = written(&password);
        if password.len() < 8 || password.starts_with("//") {
            // Too short to be told from what surrounds it; and `bob://x` would be a URL.
            password = format!("aB3xY9kQ{password}");
        }
        let text = format!("{before}{password}{after}");
        let redacted = floor().redact_text(&text).text;
        for at in 0..=password.len() - 6 {
            let part = &password[at..at + 6];
            prop_assert!(before.contains(part) || after.contains(part) || !redacted.contains(part), "{:?} of {:?} in {:?}", part, text, redacted);
        }
        prop_assert_eq!(floor().redact_text(&redacted).text, redacted);
    }

    #[test]
    fn raw_passwords_with_signs_do_not_survive_in_urls(
        first in "[a-zA-Z]",
        rest in "[a-zA-Z0-9@/:#!$&*+=%^~.;,_-]{10,20}|[a-zA-Z0-9/:#?!$&*+=%^~.;,_-]{10,20}",
        scheme in "postgres|mysql|https|amqp|redis|mongodb\\+srv",
    ) {
        // A password that begins like a port, or holds `@host?key=`, is told apart by nothing but luck.
        let password = format!("{first}{}", rest.replace("://", ""));
        let text = format!("connect {scheme}://bob:{password}@db.example.com:5432/app failed");
        let redacted = floor().redact_text(&text).text;
        prop_assert!(redacted.contains("[redacted:"), "{}", redacted);
        for at in 0..=password.len() - 6 {
            prop_assert!(!redacted.contains(&password[at..at + 6]), "{:?} in {:?}", text, redacted);
        }
    }
}
