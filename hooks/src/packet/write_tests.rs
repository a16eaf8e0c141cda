//! Packets that are written here and read by others.
#![allow(clippy::unwrap_used)]
use std::{
    collections::BTreeMap,
    io::{Cursor, Read as _},
};

use super::*;

pub fn facts() -> RunFacts {
    let s = crate::packet::statement::tests::sample();
    RunFacts {
        mode: s.mode,
        hook: s.hook,
        subject: s.subject,
        claim: s.claim,
        instance: s.instance,
        customer: s.customer,
        policy: s.policy,
        consent: s.consent,
        signed_by: s.signed_by,
        privileges: s.privileges,
        agent_version: s.agent_version,
        started_at: s.started_at,
    }
}

pub fn key() -> SecretKey {
    SecretKey::from_seed(&[7; 32])
}

pub fn writer(limit: u64) -> PacketWriter<Cursor<Vec<u8>>> {
    let redactor = Redactor::builder()
        .literals(["planted-literal"])
        .build()
        .unwrap();
    PacketWriter::new(
        Cursor::new(Vec::new()),
        redactor,
        facts(),
        WriteLimits::zip_bytes(limit),
    )
    .unwrap()
}

pub fn finish(writer: PacketWriter<Cursor<Vec<u8>>>) -> (Vec<u8>, Finished) {
    let (out, finished) = writer
        .finish(Time::from_ms(1_700_000_002_000), false, &key())
        .unwrap();
    (out.into_inner(), finished)
}

pub fn section(writer: &mut PacketWriter<Cursor<Vec<u8>>>, name: &str, files: &[(&str, &[u8])]) {
    writer
        .begin_section(
            name.parse().unwrap(),
            "file",
            Time::from_ms(1_700_000_000_500),
        )
        .unwrap();
    for (path, bytes) in files {
        writer.begin_file(path, Content::Text).unwrap();
        bytes.chunks(1000).for_each(|piece| {
            assert!(matches!(
                writer.write(piece).unwrap(),
                Wrote::All | Wrote::Full
            ))
        });
        writer.finish_file().unwrap();
    }
    writer.finish_section(Outcome::Ok, "", vec![], 12).unwrap();
}

/// Bytes that do not shrink, as text. Without digits: lines of random base64 would be taken for those of a key.
pub fn noise(bytes: usize, mut seed: u64) -> Vec<u8> {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz~|^*()!?;,#\n";
    (0..bytes)
        .map(|_| {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            SIGNS[(seed >> 58) as usize]
        })
        .collect()
}

fn unzip(bytes: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    (0..zip.len())
        .map(|i| {
            let mut file = zip.by_index(i).unwrap();
            let mut content = Vec::new();
            file.read_to_end(&mut content).unwrap();
            (file.name().unwrap().into_owned(), content)
        })
        .collect()
}

#[test]
fn another_zip_reader_finds_what_the_statement_lists() {
    let mut w = writer(1 << 20);
    section(
        &mut w,
        "logs",
        &[
            ("/var/log/app.log", b"one\npassword=hunter2x\n"),
            ("empty", b""),
        ],
    );
    section(&mut w, "host", &[("host.json", b"{\"os\":\"debian\"}\n")]);
    let (bytes, finished) = finish(w);
    let files = unzip(&bytes);
    assert_eq!(bytes.len() as u64, finished.bytes);
    assert_eq!(
        files["logs/var/log/app.log"],
        b"one\npassword=[redacted:password]\n"
    );
    assert_eq!(files.len(), 6);
    let statement = Statement::from_json(&files[STATEMENT]).unwrap();
    assert_eq!(statement, finished.statement);
    for file in statement.all_files() {
        assert_eq!(file.bytes, files[&file.path].len() as u64);
        assert_eq!(file.sha256, Digest::of(&files[&file.path]));
    }
    assert_eq!(statement.sections[0].files[0].redactions["password"], 1);
    let redactions: serde_json::Value = serde_json::from_slice(&files[REDACTIONS]).unwrap();
    assert_eq!(
        redactions["files"][0]["places"][0],
        serde_json::json!({"line": 2, "kind": "password", "count": 1})
    );
    let envelope = Envelope::from_json(&files[ENVELOPE], 1 << 20).unwrap();
    assert!(envelope.is_signed_by(&key().public()));
    assert_eq!(envelope.payload.0, files[STATEMENT]);
    assert_eq!(envelope.payload_type, PACKET_PAYLOAD_TYPE);
}

#[test]
fn every_text_of_the_statement_passes_the_door() {
    let mut w = writer(1 << 20);
    w.begin_section(
        "s".parse().unwrap(),
        "file planted-literal",
        Time::from_ms(0),
    )
    .unwrap();
    w.begin_file("a/planted-literal/b", Content::Text).unwrap();
    w.write(b"planted-literal").unwrap();
    w.finish_file().unwrap();
    let left = LeftOut {
        text: "not planted-literal".into(),
        bytes: 1,
        items: 1,
    };
    w.finish_section(Outcome::Failed, "no planted-literal", vec![left], 1)
        .unwrap();
    let (bytes, _) = finish(w);
    for (name, content) in unzip(&bytes) {
        assert!(!name.contains("planted-literal"));
        assert!(
            memchr::memmem::find(&content, b"planted-literal").is_none(),
            "{name}"
        );
    }
}

#[test]
fn the_limit_holds_and_what_does_not_fit_is_said() {
    for limit in [30_000, 50_000, 123_456] {
        let mut w = writer(limit);
        section(&mut w, "first", &[("a", &noise(limit as usize / 3, 1))]);
        section(
            &mut w,
            "second",
            &[("b", &noise(limit as usize * 2, 2)), ("c", b"small\n")],
        );
        section(&mut w, "third", &[("d", &noise(1000, 3))]);
        let (bytes, finished) = finish(w);
        assert!(
            bytes.len() as u64 <= limit && bytes.len() as u64 > limit / 2,
            "{} of {limit}",
            bytes.len()
        );
        let [first, second, third] = &finished.statement.sections[..] else {
            panic!()
        };
        assert_eq!(first.outcome, Outcome::Ok);
        assert_eq!(second.outcome, Outcome::Truncated);
        assert_eq!(second.files[0].bytes + second.left_out[0].bytes, limit * 2);
        assert_eq!((third.outcome, third.files.len()), (Outcome::Truncated, 0));
        assert_eq!(third.left_out[0].items, 1);
        unzip(&bytes);
    }
}

#[test]
fn what_shrinks_well_may_be_much_larger_than_the_limit() {
    let mut w = writer(64 * 1024);
    let log = b"the same line again and again\n".repeat(50_000);
    section(&mut w, "logs", &[("a", &log)]);
    let (bytes, finished) = finish(w);
    assert!(bytes.len() < 64 * 1024);
    assert_eq!(
        finished.statement.sections[0].files[0].bytes,
        log.len() as u64
    );
    assert_eq!(finished.statement.sections[0].outcome, Outcome::Ok);
}

#[test]
fn a_limit_below_the_statement_is_refused_at_once() {
    let redactor = Redactor::builder().build().unwrap();
    let made = PacketWriter::new(
        Cursor::new(Vec::new()),
        redactor,
        facts(),
        WriteLimits::zip_bytes(1000),
    );
    assert!(matches!(
        made.err(),
        Some(WriteError::TooSmall { limit: 1000, .. })
    ));
}

#[test]
fn binary_data_is_left_out_and_said_unless_it_is_raw() {
    let mut w = writer(1 << 20);
    w.begin_section("s".parse().unwrap(), "file", Time::from_ms(0))
        .unwrap();
    for content in [Content::Text, Content::Raw] {
        w.begin_file("core.bin", content).unwrap();
        w.write(b"\0\x01\x02password=hunter2x").unwrap();
        w.finish_file().unwrap();
    }
    w.finish_section(Outcome::Ok, "", vec![], 1).unwrap();
    let (bytes, finished) = finish(w);
    let section = &finished.statement.sections[0];
    assert_eq!(
        section.left_out,
        [LeftOut {
            text: "s/core.bin: all 20 bytes: binary data cannot be redacted".into(),
            bytes: 20,
            items: 1
        }]
    );
    assert_eq!(section.files.len(), 1);
    assert!(section.files[0].raw);
    assert_eq!(unzip(&bytes)["s/core.bin"].len(), 20);
}

#[test]
fn the_last_line_of_a_cut_file_is_left_out_and_said_unless_it_is_raw() {
    let mut w = writer(1 << 20);
    w.begin_section("s".parse().unwrap(), "file", Time::from_ms(0))
        .unwrap();
    for content in [Content::Text, Content::Raw] {
        w.begin_file("app.log", content).unwrap();
        w.write(b"well\nlogin planted-lite").unwrap();
        w.finish_cut_file().unwrap();
    }
    w.finish_section(Outcome::Ok, "", vec![], 1).unwrap();
    let (bytes, finished) = finish(w);
    let files = unzip(&bytes);
    let text = String::from_utf8_lossy(&files["s/app.log"]);
    assert!(text.starts_with("well\n[cut: 18 bytes"), "{text}");
    assert!(files["s/app~2.log"].ends_with(b"planted-lite"));
    assert_eq!(
        finished.statement.sections[0].left_out,
        [LeftOut {
            text: "s/app.log: 18 bytes of a last line that was cut".into(),
            bytes: 18,
            items: 0
        }]
    );
}

#[test]
fn paths_that_would_fall_together_get_numbers() {
    let mut w = writer(1 << 20);
    section(
        &mut w,
        "s",
        &[
            ("a/App.log", b"1"),
            ("a/app.log", b"2"),
            ("a/app.log", b"3"),
            ("../a\\b", b"4"),
        ],
    );
    let (_, finished) = finish(w);
    let names: Vec<_> = finished.statement.sections[0]
        .files
        .iter()
        .map(|f| f.path.as_str())
        .collect();
    assert_eq!(
        names,
        ["s/a/App.log", "s/a/app~2.log", "s/a/app~3.log", "s/__/a_b"]
    );
}

#[test]
fn a_section_that_stands_twice_is_refused() {
    let mut w = writer(1 << 20);
    section(&mut w, "s", &[]);
    assert!(matches!(
        w.begin_section("s".parse().unwrap(), "file", Time::from_ms(0)),
        Err(WriteError::SectionTwice(_))
    ));
    assert!(matches!(
        w.begin_section("packet.json".parse().unwrap(), "file", Time::from_ms(0)),
        Err(WriteError::SectionTwice(_))
    ));
}

#[test]
fn the_same_run_gives_the_same_bytes() {
    let make = || {
        let mut w = writer(1 << 20);
        section(&mut w, "s", &[("a", &noise(5000, 1))]);
        finish(w).0
    };
    assert_eq!(make(), make());
}
