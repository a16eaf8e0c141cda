#![allow(clippy::unwrap_used)]
use std::{io::Seek as _, time::Duration};

use boathook_hooks::{
    ids::{ClaimId, Digest},
    packet::{CheckLimits, Consent, HookRef, Mode, RunFacts, Statement, check_unknown},
    verify::sample::Sample,
};

use super::*;
use crate::{
    child::wire::{Begun, FileBegin, Frame, SectionBegin, SectionEnd},
    run::Packer,
};

struct Rig {
    _dir: tempfile::TempDir,
    spool: Spool,
    door: Door,
    key: SecretKey,
    run: RunId,
}

fn facts() -> RunFacts {
    let revision = Digest::of(b"hook");
    let claim = ClaimId {
        revision,
        instance: "app-01".parse().unwrap(),
        reservation: 1,
    };
    RunFacts {
        mode: Mode::Verified,
        hook: Some(HookRef {
            digest: revision,
            id: "h-1".parse().unwrap(),
            revision: 1,
        }),
        subject: None,
        claim: Some(claim),
        instance: Some("app-01".parse().unwrap()),
        customer: Some("acme".parse().unwrap()),
        policy: Digest::of(b"policy"),
        consent: Consent::Auto,
        signed_by: vec![],
        privileges: vec![],
        agent_version: "0.1.0".into(),
        started_at: Time::from_ms(0),
    }
}

fn end(outcome: Outcome) -> Frame {
    Frame::SectionEnd(SectionEnd {
        outcome,
        reason: String::new(),
        left_out: vec![],
        elapsed_ms: 1,
    })
}

fn begin(name: &str) -> [Frame; 2] {
    let head = SectionBegin {
        section: name.parse().unwrap(),
        collector: "file".into(),
        at: Time::from_ms(1),
    };
    [
        Frame::SectionBegin(head),
        Frame::FileBegin(FileBegin {
            path: "a.log".into(),
            raw: false,
        }),
    ]
}

/// A daemon that is gone in the midst of `frames`, after its `Begun`.
fn crashed(frames: Vec<Frame>) -> Rig {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(&dir.path().join("spool"), 50 << 20, Duration::ZERO).unwrap();
    let (door, run) = (Door::default(), RunId::from("r1"));
    let file = spool.begin(&run).unwrap();
    let inner = door.clone();
    let expected = ["one", "two"]
        .map(|n| (n.parse().unwrap(), "file".to_owned()))
        .to_vec();
    let mut packer = Packer::new(file, facts(), 1 << 20, move || inner.redactor(None))
        .with_notes(spool.notes(&run), expected);
    packer
        .take(Frame::Begun(Begun {
            privileges: vec!["none".into()],
        }))
        .unwrap();
    frames.into_iter().for_each(|f| packer.take(f).unwrap());
    drop(packer);
    Rig {
        _dir: dir,
        spool,
        door,
        key: Sample::new(Time::from_ms(0)).instance_key,
        run,
    }
}

impl Rig {
    fn rescue(&self) -> Option<Entry> {
        rescue(
            &self.spool,
            &self.run,
            &self.door,
            &self.key,
            Time::from_ms(9),
        )
        .unwrap()
    }

    fn statement(&self) -> Statement {
        let mut zip = std::fs::File::open(self.spool.zip(&self.run)).unwrap();
        zip.rewind().unwrap();
        check_unknown(&mut zip, CheckLimits::zip_bytes(1 << 20))
            .unwrap()
            .statement()
            .clone()
    }
}

fn one_finished() -> Vec<Frame> {
    let [section, file] = begin("one");
    let data = Frame::Data(b"password=hunter2 and more\n".to_vec());
    let mut frames = vec![section, file, data, Frame::FileEnd, end(Outcome::Ok)];
    frames.extend(begin("two"));
    frames.push(Frame::Data(b"half of it".to_vec()));
    frames
}

#[test]
fn a_run_that_a_crash_cut_off_sends_what_was_finished() {
    let rig = crashed(one_finished());
    let entry = rig.rescue().unwrap();
    assert_eq!(rig.spool.entries().unwrap(), [entry]);
    let statement = rig.statement();
    assert!(statement.interrupted);
    assert_eq!(statement.instance_key, rig.key.public());
    let told: Vec<_> = statement
        .sections
        .iter()
        .map(|s| (s.name.as_str(), s.outcome, s.files.len()))
        .collect();
    assert_eq!(told, [("one", Outcome::Ok, 1), ("two", Outcome::Failed, 0)]);
    assert!(statement.sections[1].reason.contains("cut off"));
}

#[test]
fn a_crash_within_the_rescue_is_rescued_again() {
    let rig = crashed(one_finished());
    rig.spool.set_aside(&rig.run).unwrap();
    rig.spool.begin(&rig.run).unwrap().set_len(17).unwrap();
    assert!(rig.rescue().is_some());
    assert_eq!(rig.statement().sections.len(), 2);
}

#[test]
fn nothing_is_rescued_where_nothing_useful_was_finished() {
    assert!(crashed(vec![]).rescue().is_none());
    assert!(crashed(begin("one").to_vec()).rescue().is_none());
    let [section, _] = begin("one");
    assert!(
        crashed(vec![section, end(Outcome::TimedOut)])
            .rescue()
            .is_none()
    );
}

#[test]
fn a_section_that_the_crash_damaged_is_said_to_be() {
    let [section, file] = begin("two");
    let mut frames = one_finished();
    frames.truncate(5);
    frames.extend([
        section,
        file,
        Frame::Data(b"other words\n".to_vec()),
        Frame::FileEnd,
        end(Outcome::Ok),
    ]);
    let rig = crashed(frames);
    let part = rig.spool.notes(&rig.run).with_extension("part");
    let mut bytes = std::fs::read(&part).unwrap();
    let last = bytes.len() - 3;
    bytes[last] ^= 1;
    std::fs::write(&part, bytes).unwrap();
    rig.rescue().unwrap();
    let statement = rig.statement();
    assert_eq!(statement.sections[0].outcome, Outcome::Ok);
    assert!(
        statement.sections[1].reason.contains("damaged"),
        "{:?}",
        statement.sections[1]
    );
}
