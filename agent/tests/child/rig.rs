//! One run in a few words: entries, grants, and what came of it.
use std::{
    collections::BTreeMap,
    convert::Infallible,
    future::{Future, pending},
    path::PathBuf,
    time::{Duration, Instant},
};

use boathook_agent::{
    child::{
        Run, RunEnd, run_child,
        wire::{Frame, Job, RunKind, SectionEnd},
    },
    policy::grants::{CommandGrant, Grants},
};
use boathook_hooks::{
    documents::hook::{
        Audience, CollectorEntry, Hook, HookCustomers, Reask, RedactionProfile, Subject,
    },
    ids::{Blob, HookId},
    packet::Outcome,
    strict,
    time::Time,
};
use bson::Document;

pub fn exe() -> PathBuf {
    env!("CARGO_BIN_EXE_boathook-agent").into()
}

/// A run as an unsigned trial of these collectors.
pub struct Rig {
    pub entries: Vec<CollectorEntry>,
    pub grants: Grants,
    pub run_ms: u64,
    pub total_bytes: u64,
}

impl Rig {
    pub fn new() -> Self {
        Self {
            entries: Vec::new(),
            grants: Grants::default(),
            run_ms: 30_000,
            total_bytes: 64 << 20,
        }
    }

    pub fn section(mut self, name: &str, collector: &str, params: Document) -> Self {
        self.entries.push(CollectorEntry {
            section: name.parse().unwrap(),
            collector: collector.into(),
            seconds: 20,
            bytes: 8 << 20,
            params,
        });
        self
    }

    /// Limits of the last section.
    pub fn within(mut self, seconds: u32, bytes: u64) -> Self {
        let last = self.entries.last_mut().unwrap();
        (last.seconds, last.bytes) = (seconds, bytes);
        self
    }

    pub fn directory(mut self, path: impl Into<PathBuf>) -> Self {
        self.grants.directories.push(path.into());
        self
    }

    pub fn command(mut self, path: &str, args: &[&str]) -> Self {
        let args = args.iter().map(|a| (*a).to_owned()).collect();
        self.grants.commands.push(CommandGrant {
            path: path.into(),
            args,
        });
        self
    }

    pub fn run_ms(mut self, ms: u64) -> Self {
        self.run_ms = ms;
        self
    }

    pub fn job(&self) -> Job {
        let at = Time::from_ms(1_800_000_000_000);
        let hook = Hook {
            format: 1,
            min_agent: None,
            id: HookId::fresh(),
            revision: 1,
            author: "ann".parse().unwrap(),
            subject: Subject::Ticket {
                system: "jira".into(),
                key: "MM-1".into(),
                url: None,
            },
            customers: HookCustomers::Only(vec!["acme".parse().unwrap()]),
            audience: Audience {
                everyone: true,
                ..Audience::default()
            },
            title: "a trial".into(),
            reason: "to see what it does".into(),
            not_before: at,
            expires_at: at.plus_ms(3_600_000),
            places: 1,
            packet_bytes: 64 << 20,
            total_bytes: 64 << 20,
            attempts: 1,
            stop_after_overruns: 2,
            stop_error_percent: None,
            retention_days: 30,
            reask: Reask::None,
            collectors: self.entries.clone(),
            redaction: RedactionProfile::default(),
            template: None,
            checks: vec![],
            when: None,
        };
        Job {
            kind: RunKind::Trial,
            work: Blob(strict::encode(&hook).unwrap()),
            trust: Blob::default(),
            me: None,
            now: Time::wall_clock(),
            grants: self.grants.clone(),
            credentials: vec![],
            run_ms: self.run_ms,
            total_bytes: self.total_bytes,
            skip: vec![],
        }
    }

    pub async fn run(self) -> Ran {
        self.run_until(pending()).await
    }

    pub async fn run_until(self, stop: impl Future<Output = ()>) -> Ran {
        let run = Run {
            exe: exe(),
            expected: self.entries.clone(),
            job: self.job(),
        };
        run_job(run, stop).await
    }
}

pub async fn run_job(run: Run, stop: impl Future<Output = ()>) -> Ran {
    let begun = Instant::now();
    let mut ran = Ran {
        end: RunEnd::Finished,
        took: Duration::ZERO,
        sections: BTreeMap::new(),
        privileges: vec![],
    };
    let mut open = None;
    let mut file = None;
    let end = run_child::<Infallible>(run, stop, |frame| {
        match frame {
            Frame::Begun(begun) => ran.privileges = begun.privileges,
            Frame::SectionBegin(head) => open = Some((head.section.to_string(), BTreeMap::new())),
            Frame::FileBegin(head) => file = Some((head.path, Vec::new())),
            Frame::Data(bytes) => file.as_mut().unwrap().1.extend(bytes),
            Frame::FileEnd | Frame::FileCut => {
                let (path, bytes) = file.take().unwrap();
                open.as_mut().unwrap().1.insert(path, bytes);
            }
            Frame::SectionEnd(end) => {
                let (name, files) = open.take().unwrap();
                ran.sections.insert(name, Section { end, files });
            }
            Frame::Done | Frame::Refused(_) => unreachable!("the supervisor's own"),
        }
        Ok(())
    });
    let Ok(end) = end.await;
    assert!(open.is_none() && file.is_none(), "nothing is left open");
    ran.end = end;
    ran.took = begun.elapsed();
    ran
}

#[derive(Debug)]
pub struct Ran {
    pub end: RunEnd,
    pub took: Duration,
    pub sections: BTreeMap<String, Section>,
    pub privileges: Vec<String>,
}

#[derive(Debug)]
pub struct Section {
    pub end: SectionEnd,
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Ran {
    pub fn section(&self, name: &str) -> &Section {
        self.sections
            .get(name)
            .unwrap_or_else(|| panic!("no section {name} in {self:?}"))
    }

    #[track_caller]
    pub fn is(&self, name: &str, outcome: Outcome) -> &Section {
        let section = self.section(name);
        assert_eq!(section.end.outcome, outcome, "{name}: {:?}", section.end);
        section
    }
}

impl Section {
    #[track_caller]
    pub fn text(&self, path: &str) -> String {
        let found = self
            .files
            .get(path)
            .unwrap_or_else(|| panic!("no {path} among {:?}", self.files.keys()));
        String::from_utf8(found.clone()).unwrap()
    }

    pub fn bytes(&self) -> usize {
        self.files.values().map(Vec::len).sum()
    }

    #[track_caller]
    pub fn says(&self, words: &str) {
        let all: Vec<&str> = self
            .end
            .left_out
            .iter()
            .map(|l| l.text.as_str())
            .chain([self.end.reason.as_str()])
            .collect();
        assert!(
            all.iter().any(|text| text.contains(words)),
            "{words:?} is not in {all:?}"
        );
    }
}

/// A word for a command's line that no other run of these tests has.
pub fn own_mark(word: &str) -> String {
    format!("{word}-{:x}-", std::process::id())
}

/// Whether a process whose command line holds `mark` is alive.
pub fn lives(mark: &str) -> bool {
    marked(mark).next().is_some()
}

/// Ends what a test could not.
pub fn kill_marked(mark: &str) {
    for pid in marked(mark).filter_map(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}

fn marked(mark: &str) -> impl Iterator<Item = i32> + '_ {
    let mark = mark.as_bytes();
    std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(move |entry| {
            let line = std::fs::read(entry.path().join("cmdline")).ok()?;
            let holds = line.windows(mark.len()).any(|part| part == mark);
            entry.file_name().to_str()?.parse().ok().filter(|_| holds)
        })
}
