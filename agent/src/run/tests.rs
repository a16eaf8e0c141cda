#![allow(clippy::unwrap_used)]
use std::io::Cursor;

use boathook_hooks::{
    documents::hook::RedactionProfile, packet::LeftOut, redaction::Redactor, verify::sample::Sample,
};

use super::*;
use crate::child::wire::{Begun, FileBegin, Frame, SectionBegin, SectionEnd};

fn packer(limit: u64) -> Packer<Cursor<Vec<u8>>> {
    let facts = RunFacts {
        mode: Mode::Verified,
        hook: None,
        subject: None,
        claim: None,
        instance: None,
        customer: None,
        policy: boathook_hooks::ids::Digest::of(b"policy"),
        consent: Consent::Auto,
        signed_by: vec![],
        privileges: vec![],
        agent_version: "0.1.0".into(),
        started_at: Time::from_ms(0),
    };
    Packer::new(Cursor::new(Vec::new()), facts, limit, || {
        Redactor::builder()
            .profile(&RedactionProfile::default())
            .literals(["hunter2-of-the-shop"])
            .build()
    })
}

fn frames() -> Vec<Frame> {
    let end = SectionEnd {
        outcome: boathook_hooks::packet::Outcome::Failed,
        reason: "login as hunter2-of-the-shop failed".into(),
        left_out: vec![LeftOut {
            text: "rows of hunter2-of-the-shop".into(),
            bytes: 1,
            items: 1,
        }],
        elapsed_ms: 4,
    };
    vec![
        Frame::Begun(Begun {
            privileges: vec!["runs as hunter2-of-the-shop".into()],
        }),
        Frame::SectionBegin(SectionBegin {
            section: "logs".parse().unwrap(),
            collector: "file".into(),
            at: Time::from_ms(1),
        }),
        Frame::FileBegin(FileBegin {
            path: "var/log/hunter2-of-the-shop.log".into(),
            raw: false,
        }),
        Frame::Data(b"password=hunter2-of-the".to_vec()),
        Frame::Data(b"-shop\nall is well\n".to_vec()),
        Frame::FileEnd,
        Frame::SectionEnd(end),
        Frame::Done,
    ]
}

#[test]
fn every_string_of_a_run_passes_the_door() {
    let mut packer = packer(1 << 20);
    frames().into_iter().for_each(|f| packer.take(f).unwrap());
    let key = Sample::new(Time::from_ms(0)).instance_key;
    let (zip, finished) = packer.finish(Time::from_ms(9), false, &key).unwrap();
    let mut zip = zip::ZipArchive::new(zip).unwrap();
    for at in 0..zip.len() {
        let mut file = zip.by_index(at).unwrap();
        let mut text = String::new();
        std::io::Read::read_to_string(&mut file, &mut text).unwrap();
        let name = file.name().unwrap().into_owned();
        assert!(
            !text.contains("hunter2") && !name.contains("hunter2"),
            "{name}: {text}"
        );
    }
    assert_eq!(finished.statement.sections[0].files.len(), 1);
    assert!(finished.statement.privileges[0].starts_with("runs as"));
}

#[test]
fn rules_that_do_not_compile_stop_the_packet_before_its_first_byte() {
    let facts = packer(1).start_facts();
    let broken = RedactionProfile {
        patterns: vec!["(".into()],
        ..RedactionProfile::default()
    };
    let mut packer = Packer::new(Cursor::new(Vec::new()), facts, 1 << 20, move || {
        Redactor::builder().profile(&broken).build()
    });
    assert!(matches!(
        packer.take(frames().remove(0)),
        Err(PackError::Redaction(_))
    ));
    assert!(packer.take(frames().remove(1)).is_err(), "nor after it");
}

#[test]
fn what_a_limit_cut_in_two_does_not_reach_the_packet() {
    for half in ["login hunter2-of-the-sh", "key AKIAIOSFODNN7EX"] {
        let mut packer = packer(1 << 20);
        for frame in frames() {
            packer
                .take(match frame {
                    Frame::Data(bytes) if bytes.starts_with(b"password") => {
                        Frame::Data(b"well\n".to_vec())
                    }
                    Frame::Data(_) => Frame::Data(half.as_bytes().to_vec()),
                    Frame::FileEnd => Frame::FileCut,
                    other => other,
                })
                .unwrap();
        }
        let key = Sample::new(Time::from_ms(0)).instance_key;
        let (zip, finished) = packer.finish(Time::from_ms(9), false, &key).unwrap();
        let mut zip = zip::ZipArchive::new(zip).unwrap();
        let name = finished.statement.sections[0].files[0].path.clone();
        let mut text = String::new();
        let mut file = zip.by_name(&name).unwrap();
        std::io::Read::read_to_string(&mut file, &mut text).unwrap();
        assert!(text.contains("well\n[cut: "), "{text}");
        assert!(!text.contains(&half[6..]), "{text}");
        let told = &finished.statement.sections[0].left_out;
        assert!(
            told.iter().any(|l| l.text.contains("last line")),
            "{told:?}"
        );
    }
}
