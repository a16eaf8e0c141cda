//! What must never leave, in the forms that real files have.
#![allow(clippy::unwrap_used)]
use super::*;

fn floor() -> &'static Redactor {
    static FLOOR: std::sync::OnceLock<Redactor> = std::sync::OnceLock::new();
    FLOOR.get_or_init(|| Redactor::builder().build().unwrap())
}

const JWT: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U";

#[test]
fn every_secret_of_the_list_is_hidden() {
    // (text, what must not survive)
    let cases: &[(&str, &str)] = &[
        (r#"{"user":"bob","password":"hunter2x"}"#, "hunter2x"),
        (r#"{"password": "hun\"ter2x", "a": 1}"#, "ter2x"),
        (r#"{"password": "hun\\", "b": "kept"}"#, "hun"),
        (
            r#"{"msg":"{\"password\":\"hun\\\"ter2x\",\"u\":1}"}"#,
            "ter2x",
        ),
        (r#"{"password":12345678,"user":"bob"}"#, "12345678"),
        (r#"{"passwords": ["one1one", "two2two"]}"#, "two2two"),
        ("password: hunter2x", "hunter2x"),
        ("  db_password: correct horse battery", "battery"),
        ("password = \"hunter2x\"", "hunter2x"),
        ("password=hunter2x", "hunter2x"),
        ("export FOO_SECRET=hunter2x", "hunter2x"),
        ("FOO_SECRET='hunter 2x'", "2x"),
        ("<connection password=\"hunter2x\" user='bob'/>", "hunter2x"),
        ("<password>hunter2x</password>", "hunter2x"),
        (
            "<server><ns:password a=\"b\">hunter2x</ns:password></server>",
            "hunter2x",
        ),
        (
            "<property name=\"db.password\" value=\"hunter2x\"/>",
            "hunter2x",
        ),
        ("<entry key=\"password\">hunter2x</entry>", "hunter2x"),
        ("<key>password</key><string>hunter2x</string>", "hunter2x"),
        (r#"{"name":"DB_PASSWORD","value":"hunter2x"}"#, "hunter2x"),
        ("- name: DB_PASSWORD\n  value: hunter2x\n", "hunter2x"),
        ("app --password hunter2x --port 1", "hunter2x"),
        ("app --password=hunter2x --port 1", "hunter2x"),
        (r#"["app","--password","hunter2x"]"#, "hunter2x"),
        ("curl -u bob:hunter2x https://h/", "hunter2x"),
        ("curl --user bob:hunter2x https://h/", "hunter2x"),
        ("curl -ubob:hunter2x https://h/", "hunter2x"),
        ("curl -u 'bob:hunter 2x' https://h/", "2x"),
        (r#"["curl","-u","bob:hunter2x"]"#, "hunter2x"),
        ("GET /x?user=bob&password=hunter2x&y=1 HTTP/1.1", "hunter2x"),
        ("GET /x?access_token=hunter2x HTTP/1.1", "hunter2x"),
        ("postgres://bob:hunter2x@db/app", "hunter2x"),
        ("postgres://bob:hun@ter2x@db:5432/app", "ter2x"),
        ("postgres://bob:hun/ter2x@db:5432/app", "ter2x"),
        ("postgres://bob:h#n?ter2x@db:5432/app", "ter2x"),
        ("redis://:hunter2x@cache:6379/0", "hunter2x"),
        ("mongodb://bob:hunter2x@a:1,b:2/db", "hunter2x"),
        (
            r#"{"DataSource":"postgres://mmuser:hunter2x@localhost/mattermost?sslmode=disable"}"#,
            "hunter2x",
        ),
        ("mmuser:hunter2x@tcp(localhost:3306)/mm", "hunter2x"),
        ("bob:hunter2x@db.example.com:5432/app", "hunter2x"),
        ("host=db user=bob password=hunter2x dbname=app", "hunter2x"),
        ("host=db password='hunter 2x' dbname=app", "2x"),
        ("password=hunter2x host=db", "hunter2x"),
        (
            "jdbc:postgresql://db/app?user=bob&password=hunter2x&ssl=true",
            "hunter2x",
        ),
        (
            "jdbc:sqlserver://db;user=sa;password=hunter2x;encrypt=true",
            "hunter2x",
        ),
        ("jdbc:oracle:thin:scott/hunter2x@//db:1521/x", "hunter2x"),
        ("jdbc:mysql://bob:hunter2x@db/app", "hunter2x"),
        (
            "https://abcdefabcdefabcdefabcdef@sentry.example.com/1",
            "abcdefabcdef",
        ),
        ("Authorization: Bearer hunter2x", "hunter2x"),
        ("authorization: basic Ym9iOmh1bnRlcjJ4", "Ym9iOmh1bnRlcjJ4"),
        (
            "curl -H 'Authorization: Bearer hunter2x' https://h",
            "hunter2x",
        ),
        (r#"{"Authorization":["Bearer hunter2x"]}"#, "hunter2x"),
        ("sent header bearer hunter2xyz", "hunter2xyz"),
        ("token: Bearer hunter2x", "hunter2x"),
        ("Cookie: sid=hunter2x; theme=dark", "hunter2x"),
        ("id AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE"),
        ("id ASIAIOSFODNN7EXAMPLE", "ASIAIOSFODNN7EXAMPLE"),
        (
            "AKIAIOSFODNN7EXAMPLE:wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "wJalrXUtnFEMI",
        ),
        (
            "AKIAIOSFODNN7EXAMPLE\nwJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "wJalrXUtnFEMI",
        ),
        (
            "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "wJalrXUtnFEMI",
        ),
        ("x ghp_abcdefghijklmnopqrstuvwxyz0123456789 y", "ghp_abcdef"),
        (
            "x github_pat_11ABCDEFG0abcdefghijkl_mnopqrstuv y",
            "github_pat_11",
        ),
        ("x xoxb-1234567890-abcdefghijkl y", "xoxb-1234567890"),
        (
            "https://hooks.slack.com/services/T000/B000/XXXXhunter2x",
            "hunter2x",
        ),
        (JWT, "eyJhbGci"),
        ("requirepass hunter2x", "hunter2x"),
        ("ALTER USER bob PASSWORD 'hunter2x'", "hunter2x"),
        ("CREATE USER 'bob' IDENTIFIED BY 'hunter2x'", "hunter2x"),
        ("machine h login bob password hunter2x", "hunter2x"),
        ("mysql -h db -u bob -phunter2x app", "hunter2x"),
        ("sshpass -p hunter2x ssh h", "hunter2x"),
        ("db.example.com:5432:app:bob:hunter2x", "hunter2x"),
        ("Config{user=bob, password=hunter2x, host=db}", "hunter2x"),
        (
            "Config { user: \"bob\", password: Some(\"hunter 2x\") }",
            "2x",
        ),
        ("'password' => 'hunter2x',", "hunter2x"),
        ("user[password]=hunter2x", "hunter2x"),
        ("user%5Bpassword%5D=hunter2x&a=b", "hunter2x"),
        ("body=\"password=hunter2x\" next", "hunter2x"),
        (
            "bob:$6$saltsalt$abcdefghijklmnop:19000:0",
            "abcdefghijklmnop",
        ),
        ("password: |\n  hunter2x\n  more2x\nuser: bob\n", "more2x"),
        (
            "passwords:\n  - hunter2x\n  - more2x\nuser: bob\n",
            "more2x",
        ),
        ("password:\n  hunter2x\nuser: bob\n", "hunter2x"),
        ("\"password\":\n    \"hunter2x\",\n", "hunter2x"),
        (
            "\"passwords\": [\n    \"hunter2x\",\n \"more2x\"],\n",
            "more2x",
        ),
        ("password = \"\"\"\nhunter2x\n\"\"\"\nuser = 1", "hunter2x"),
        ("<password>\n  hunter2x\n</password>", "hunter2x"),
        ("# password = hunter2x", "hunter2x"),
        ("[\"password\", \"hunter2x\"]", "hunter2x"),
        ("password=ab,cd2x user=x", "cd2x"),
        ("password=ab\"cd2x user=x", "cd2x"),
        ("password=ab)cd2x user=x", "cd2x"),
    ];
    let mut failed = Vec::new();
    for (text, secret) in cases {
        let redacted = floor().redact_text(text);
        if redacted.text.contains(secret) || redacted.counts.is_empty() {
            failed.push(format!("{text:?} -> {:?}", redacted.text));
        }
        let again = floor().redact_text(&redacted.text);
        if again.text != redacted.text {
            failed.push(format!(
                "not idempotent: {text:?} -> {:?} -> {:?}",
                redacted.text, again.text
            ));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn what_is_no_secret_is_left_alone() {
    for text in [
        "user=bob host=db",
        "compass: north",
        "PWD=/root",
        "password authentication failed for user \"bob\"",
        "https://host:8080/@scope/package",
        "https://github.com/rust-lang/rust",
        "ssh://git@github.com/x/y",
        "docker run -u 1000:1000 image",
        "image: repo:tag@sha256:0123456789abcdef",
        "mail bob@example.com",
        "Basic authentication is required",
        "requirePassword: true",
        "password: ${DB_PASSWORD}",
        "token_count: 15",
        "2026-01-01T00:00:00Z INFO accepted connection 0x1234",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
        "secretName: tls",
    ] {
        assert_eq!(floor().redact_text(text).text, text);
    }
}

#[test]
fn what_surrounds_a_secret_is_kept() {
    for (text, expected) in [
        (
            r#"{"password":"x1","user":"bob"}"#,
            r#"{"password":"[redacted:password]","user":"bob"}"#,
        ),
        (
            "postgres://bob:p@ss@db:5432/app",
            "postgres://bob:[redacted:url-password]@db:5432/app",
        ),
        (
            "host=db password=x1 dbname=app",
            "host=db password=[redacted:password] dbname=app",
        ),
        (
            "GET /x?password=a1&y=1 HTTP/1.1",
            "GET /x?password=[redacted:password]&y=1 HTTP/1.1",
        ),
        (
            "curl -u bob:pw1 https://h/",
            "curl -u bob:[redacted:password] https://h/",
        ),
        (
            "Authorization: Bearer abcdefgh\r\nHost: h\r\n",
            "Authorization: [redacted:authorization]\r\nHost: h\r\n",
        ),
    ] {
        assert_eq!(floor().redact_text(text).text, expected);
    }
}

/// What is passed on of `text` when more came behind it, and the report.
fn cut_off(redactor: &Redactor, text: &str) -> (String, StreamReport) {
    let mut stream = redactor.stream(StreamLimits::default());
    let mut out = Vec::new();
    stream.push(text.as_bytes(), &mut out);
    let report = stream.finish_cut(&mut out);
    assert_eq!(report.bytes_out, out.len() as u64);
    (String::from_utf8(out).unwrap(), report)
}

#[test]
fn a_secret_that_the_end_cut_in_two_is_left_out_with_its_line() {
    let redactor = Redactor::builder()
        .literals(["hunter2-of-the-shop"])
        .build()
        .unwrap();
    for half in ["login hunter2-of-the-sh", "key AKIAIOSFODNN7EX"] {
        let (text, report) = cut_off(&redactor, &format!("all is well\n{half}"));
        assert!(text.starts_with("all is well\n[cut: "), "{text}");
        assert!(!text.contains(&half[6..]), "{text}");
        assert_eq!(report.unended_bytes, half.len() as u64);
        assert_eq!(report.left_out_bytes(), half.len() as u64);
        assert!(report.left_out().unwrap().contains("last line"));
        let long = format!("{}{half}", "words and ".repeat(2_000));
        let (text, report) = cut_off(&redactor, &long);
        assert!(
            text.starts_with("words and words"),
            "a long line's beginning stays"
        );
        assert!(!text.contains(&half[6..]), "{}", &text[text.len() - 100..]);
        assert!((4_096..5_000).contains(&report.unended_bytes));
    }
}

#[test]
fn whole_lines_stay_when_the_end_is_cut() {
    let (text, report) = cut_off(floor(), "one\ntwo\n");
    assert_eq!((text.as_str(), report.left_out()), ("one\ntwo\n", None));
}

#[test]
fn a_text_that_was_cut_before_it_came_shows_no_half_of_a_secret() {
    let redactor = Redactor::builder()
        .literals(["the-shops-own-secret-value"])
        .build()
        .unwrap();
    for before in ["connecting with ".to_owned(), "word ".repeat(3_000)] {
        let text = format!("{before}the-shops-own-sec");
        let passed = redactor.redact_text(&text).text;
        assert!(passed.contains("the-shops"), "nothing is wrong with it");
        let cut = redactor.redact_text(&format!("{text}{CUT_MARK}")).text;
        assert!(!cut.contains("the-shops") && cut.contains("cut"), "{cut}");
    }
}

#[test]
fn a_key_whose_two_marks_are_cut_off_is_hidden() {
    let body = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7\n".repeat(3);
    let (text, report) = cut_off(floor(), &format!("text\n{body}"));
    assert_eq!(text, "text\n[redacted:private-key]\n");
    assert_eq!(report.counts.iter().map(|(_, n)| n).sum::<u64>(), 1);
}

#[test]
fn what_only_looks_like_the_header_of_a_yaml_block_is_a_password() {
    for secret in ["|#a!aAA!!!", "|12345x", "|1234567", "|-#aAbB1234"] {
        let text = floor().redact_text(&format!("DB_PASSWORD={secret}")).text;
        assert!(!text.contains(&secret[1..]), "{text}");
    }
}

#[test]
fn a_password_that_looks_like_an_empty_object_or_an_elements_end_is_hidden_whole() {
    for secret in ["{}}0AAA!Aa", "{},0AAA!Aa", "\"\"/>!AA!!a", "\"\"?>!AA!!a"] {
        let text = floor()
            .redact_text(&format!("DB_PASSWORD={secret}\nOTHER=1\n"))
            .text;
        assert_eq!(text, "DB_PASSWORD=[redacted:password]\nOTHER=1\n");
    }
    for kept in ["{\"password\":{},\"user\":\"bob\"}", "<db password=\"\"/>"] {
        assert_eq!(floor().redact_text(kept).text, kept);
    }
}

#[test]
fn a_password_that_looks_like_the_begin_of_a_call_is_hidden_whole() {
    for secret in ["aaAAa('A0A", "aaAAa(\"A0A", "aaAAa('A0'x"] {
        let text = floor().redact_text(&format!("DB_PASSWORD={secret}")).text;
        assert!(!text.contains("aaAAa"), "{text}");
    }
    let call = floor()
        .redact_text("password = Some(\"hunter2hunter2\")")
        .text;
    assert_eq!(call, "password = Some(\"[redacted:password]\")");
}

/// Lines of a key of width `width`, by a generator that is always the same.
fn key_lines(count: usize, width: usize) -> Vec<String> {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut x = 0x9e37_79b9_u32;
    let mut next = || {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        char::from(alphabet[(x >> 7) as usize % 64])
    };
    (0..count)
        .map(|_| (0..width).map(|_| next()).collect())
        .collect()
}

fn logged(lines: &[String]) -> String {
    lines
        .iter()
        .map(|l| format!("Nov 21 10:39:37 host app[7]: {l}\n"))
        .collect()
}

#[test]
fn a_key_in_a_log_whose_begin_is_cut_away_is_hidden_behind_the_logs_words() {
    for width in [64, 70, 76] {
        let body = key_lines(6, width);
        let end = "Nov 21 10:39:38 host app[7]: started\n";
        let text = floor().redact_text(&format!("{}{end}", logged(&body))).text;
        let hidden = "Nov 21 10:39:37 host app[7]: [redacted:private-key]\n".repeat(6);
        assert_eq!(text, format!("{hidden}{end}"));
    }
    // Its end mark tells it however few lines are left, and hides the short last one.
    let mut body = key_lines(1, 64);
    body.push("Qm9vdGhvb2s=".into());
    body.push("-----END PRIVATE KEY-----".into());
    let text = floor().redact_text(&logged(&body)).text;
    assert!(!text.contains(&body[0]) && !text.contains("Qm9v"), "{text}");
    assert_eq!(text.lines().count(), 3, "{text}");
}

#[test]
fn a_key_in_a_log_is_hidden_between_lines_of_others_and_within_json() {
    let body = key_lines(4, 64);
    let mixed: String = body
        .iter()
        .map(|l| format!("app: {l}\nkernel: eth0 is up\n"))
        .collect();
    let json: String = body
        .iter()
        .map(|l| format!("{{\"log\":\"{l}\\n\",\"stream\":\"stderr\"}}\n"))
        .collect();
    for log in [mixed, json] {
        let text = floor().redact_text(&log).text;
        assert!(body.iter().all(|l| !text.contains(l.as_str())), "{text}");
        assert_eq!(text.lines().count(), log.lines().count());
    }
}

#[test]
fn what_stands_before_a_keys_line_does_not_save_it_from_its_end_mark() {
    let body = key_lines(1, 64).remove(0);
    let long = key_lines(1, 90).remove(0);
    for line in [
        format!("literal-of-somebody-{body}"),
        format!("{}{body}", "a".repeat(40)),
        format!("name={body}={body}."),
        format!("app: {long}"),
    ] {
        let text = floor()
            .redact_text(&format!("{line}\n-----END PRIVATE KEY-----\n"))
            .text;
        assert!(!text.contains(&body) && !text.contains(&long), "{text}");
    }
    for text in [
        format!("{body} -----END PRIVATE KEY-----\n"),
        format!("{body}\n\n-----END PRIVATE KEY-----\n"),
        format!("{body} -----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n"),
    ] {
        let text = floor().redact_text(&text).text;
        assert!(!text.contains(&body), "{text}");
    }
}

#[test]
fn a_key_in_a_log_whose_begin_and_end_are_cut_away_is_hidden_from_its_first_line() {
    let body = key_lines(1, 64);
    let (text, _) = cut_off(floor(), &logged(&body));
    assert!(!text.contains(&body[0]), "{text}");
}

#[test]
fn logs_with_words_that_look_like_base64_stay_as_they_are() {
    let hex = |n: u64| format!("{:064x}", u128::from(n) * 0x1234_5678_9abc_def1_u128);
    let hashes: String = (1..9)
        .map(|n| format!("pulled layer sha256:{}\n", hex(n)))
        .collect();
    let two = logged(&key_lines(2, 64));
    let paths =
        "GET /Api/V1/Customers/Acme/Orders/2026/11/21/Items/Details/Lines/77 200\n".repeat(5);
    let tokens: String = key_lines(5, 64)
        .iter()
        .map(|l| format!("id {l}.{l}\n"))
        .collect();
    let certificate = format!(
        "app: -----BEGIN CERTIFICATE-----\n{}app: -----END CERTIFICATE-----\n",
        logged(&key_lines(5, 64))
    );
    let urls = "loaded libraries from pool 0123456789 in 5 ms\n".repeat(5);
    for log in [hashes, two, paths, tokens, certificate, urls] {
        assert_eq!(floor().redact_text(&log).text, log);
    }
}
