//! `journal`: the newest lines of the systemd journal, oldest first, as `journal.log`, and what they were as
//! `journal.json`.
//!
//! `journalctl` is asked twice: backwards, to learn where what fits begins, then forwards from there. So nothing is
//! held in memory, limits cost the oldest lines, and secrets over several lines stand in their order.
mod entry;
mod reader;
mod summary;

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use boathook_hooks::{collectors::journal::Params, time::Time};

use crate::{
    child::out::{Section, Stop},
    policy::grants::Grants,
};
use entry::Entry;
use reader::{Ended, Reader};
use summary::{Summary, write_summary};

const PLACES: [&str; 2] = ["/usr/bin/journalctl", "/bin/journalctl"];
/// All that is asked for beside what every entry has.
const FIELDS: &str = "--output-fields=MESSAGE,PRIORITY,SYSLOG_IDENTIFIER,SYSLOG_PID,_PID,_COMM,_SYSTEMD_UNIT,UNIT,_HOSTNAME";
/// Room kept for `journal.json`.
const SUMMARY_ROOM: u64 = 16 << 10;
/// For the question why there is nothing.
const PROBE: Duration = Duration::from_secs(3);

pub fn collect(params: &Params, grants: &Grants, section: &mut Section) -> Result<(), Stop> {
    if !grants.journal {
        return Err(Stop::DeniedByPolicy(
            "the policy does not allow the journal".into(),
        ));
    }
    let Some(program) = PLACES.iter().map(Path::new).find(|path| path.exists()) else {
        return Err(Stop::Unsupported(
            "this machine has no systemd journal: journalctl is not there".into(),
        ));
    };
    let journal = Journal {
        program: program.into(),
        filter: filter(params, Time::wall_clock()),
    };
    journal.collect(params.lines, section)
}

/// What is asked for, as arguments.
fn filter(params: &Params, now: Time) -> Filter {
    let since = now.ms() / 1000 - i64::try_from(params.since).unwrap_or(i64::MAX);
    let mut matches: Vec<String> = params
        .units
        .iter()
        .map(|unit| format!("--unit={unit}"))
        .collect();
    matches.extend(
        params
            .priority
            .map(|priority| format!("--priority={}", priority.level())),
    );
    Filter {
        since: format!("--since=@{}", since.max(0)),
        matches,
    }
}

struct Filter {
    since: String,
    matches: Vec<String>,
}

struct Journal {
    program: PathBuf,
    filter: Filter,
}

/// Where what fits begins, learnt backwards.
#[derive(Default)]
struct Start {
    cursor: Option<String>,
    lines: u64,
    bytes: u64,
    /// Why older ones are not sent.
    cut: Option<String>,
}

impl Journal {
    fn collect(&self, most: u64, section: &mut Section) -> Result<(), Stop> {
        let start = self.look_back(most, section)?;
        let Some(cursor) = &start.cursor else {
            match &start.cut {
                Some(cut) => section.truncate(cut),
                None => self.why_nothing(section)?,
            }
            return write_summary(&Summary::default(), section);
        };
        let mut args = vec![format!("--cursor={cursor}")];
        args.extend(self.filter.matches.iter().cloned());
        let mut reader = self.start(&args)?;
        section.begin_file("journal.log", false)?;
        let mut summary = Summary::default();
        let mut text = String::new();
        let flow = loop {
            if summary.lines == start.lines {
                break Ok(());
            }
            if let Err(late) = section.check_time() {
                break Err(late);
            }
            let line = match reader.line(section.until()) {
                Ok(Some(line)) => line,
                Ok(None) => break Ok(()),
                Err(error) => break Err(section_error(section, &error)),
            };
            let entry = Entry::read(line);
            summary.count(&entry);
            entry.write(&mut text);
            if let Err(stop) = section.write(text.as_bytes()) {
                break Err(stop);
            }
        };
        reader.end();
        section.end_file()?;
        if let Some(why) = start.cut {
            section.truncate(&why);
        }
        let summarized = write_summary(&summary, section);
        flow.and(summarized)
    }

    /// Counts backwards what fits, within half of the time that is left.
    fn look_back(&self, most: u64, section: &Section) -> Result<Start, Stop> {
        let until = Instant::now() + section.time_left() / 2;
        let room = section.room().saturating_sub(SUMMARY_ROOM);
        let mut args = vec!["--reverse".to_owned(), self.filter.since.clone()];
        args.extend(self.filter.matches.iter().cloned());
        let mut reader = self.start(&args)?;
        let mut start = Start::default();
        let mut text = String::new();
        let error = loop {
            if Instant::now() >= until {
                start.cut =
                    Some("half of the time was over before older lines were counted".into());
                break None;
            }
            let line = match reader.line(until) {
                Ok(Some(line)) => line,
                Ok(None) => break None,
                Err(error) if error.kind() == std::io::ErrorKind::TimedOut => continue,
                Err(error) => break Some(error),
            };
            let entry = Entry::read(line);
            entry.write(&mut text);
            let bytes = start.bytes + text.len() as u64;
            if start.lines == most || bytes > room {
                let limit = if start.lines == most {
                    "as many as asked for"
                } else {
                    "as many as fit"
                };
                start.cut = Some(format!(
                    "the newest {} lines are sent, {limit}; there are older ones",
                    start.lines
                ));
                break None;
            }
            // An entry too long to be read has no cursor; it is passed over on the way back too.
            let Some(cursor) = entry.cursor else { continue };
            start.cursor = Some(cursor);
            start.lines += 1;
            start.bytes = bytes;
        };
        let ended = reader.end();
        if let Some(error) = error {
            return Err(Stop::system("reading the journal", &error));
        }
        if start.lines == 0 && Instant::now() >= until {
            return Err(Stop::TimedOut(
                "journalctl found nothing within the time for it".into(),
            ));
        }
        if start.cut.is_none() && start.lines == 0 {
            ended.good()?;
        }
        Ok(start)
    }

    /// `journalctl` says nothing of a journal that is missing or closed to us when it writes JSON.
    fn why_nothing(&self, section: &mut Section) -> Result<(), Stop> {
        let mut reader = Reader::start(
            &self.program,
            &["--no-pager".to_owned(), "--lines=1".to_owned()],
        )?;
        let until = section.until().min(Instant::now() + PROBE);
        let mut said = reader.line(until);
        while matches!(said, Ok(Some(_))) {
            said = reader.line(until);
        }
        let ended = reader.end();
        if let Err(error) = said {
            return Err(section_error(section, &error));
        }
        if ended.stderr.contains("insufficient permissions") {
            let why = "the agent's user may not read the journal: make it a member of the group systemd-journal";
            return Err(Stop::DeniedBySystem(why.into()));
        }
        if ended.stderr.contains("No journal files were found") {
            return Err(Stop::Unsupported(
                "this machine keeps no systemd journal: journalctl finds no files of it".into(),
            ));
        }
        if ended
            .stderr
            .contains("not seeing messages from other users")
        {
            section.truncate("the agent's user sees its own messages only: make it a member of the group systemd-journal");
        }
        ended.good()?;
        section.leave_out("nothing in the journal matches", 0, 0);
        Ok(())
    }

    fn start(&self, args: &[String]) -> Result<Reader, Stop> {
        let mut all: Vec<String> = ["--no-pager", "--output=json", "--all", "--merge", FIELDS]
            .map(str::to_owned)
            .into();
        all.extend_from_slice(args);
        Reader::start(&self.program, &all)
    }
}

fn section_error(section: &Section, error: &std::io::Error) -> Stop {
    match error.kind() {
        std::io::ErrorKind::TimedOut => section.late(),
        _ => Stop::system("reading the journal", error),
    }
}

impl Ended {
    /// Fails where `journalctl` itself did.
    fn good(&self) -> Result<(), Stop> {
        match self.status {
            Some(status) if !status.success() => {
                let said = self.stderr.trim();
                Err(Stop::Failed(format!(
                    "journalctl failed ({status}): {said}"
                )))
            }
            _ => Ok(()),
        }
    }
}
