//! The child's pipe, and the one section that is open in it: every byte is counted where it flows.
use std::{
    io::{self, Write},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use boathook_hooks::{
    ids::SectionName,
    packet::{LeftOut, Outcome},
    redaction::CUT_MARK,
    time::Time,
};

use super::wire::{self, FileBegin, Frame, SectionBegin, SectionEnd, WireError};

/// Things left out that a section lists one by one; the rest is summed up.
const MOST_LEFT_OUT: usize = 40;
/// Longest text of a reason or of something left out, in bytes. The daemon shortens it behind its redaction, which must
/// see more than what it leaves away where a text was cut.
const LONGEST: usize = 12 << 10;
/// Texts of all that is left out in a section, in bytes: they come in one frame.
const LEFT_OUT_BYTES: usize = 32 << 10;
/// Longest name of a file, in bytes; of a longer one the last parts are kept.
const LONGEST_PATH: usize = 4096;

/// After a section's time what was collected may still be told for so long, such as how a command was killed.
const GRACE: Duration = Duration::from_millis(1_500);

/// Why a collector must stop, or did.
#[derive(Debug)]
pub enum Stop {
    /// The section or the run may have no more bytes: *truncated*.
    Full,
    TimedOut(String),
    Failed(String),
    DeniedByPolicy(String),
    DeniedBySystem(String),
    Unsupported(String),
    /// The daemon is gone, or the section was given up.
    Closed,
}

/// The pipe to the daemon.
pub struct Pipe {
    out: Box<dyn Write + Send>,
    total_left: u64,
    /// Counts sections: a collector that was given up holds an old one, and is heard no more.
    turn: u64,
    in_file: bool,
    /// The open file is not told to its end.
    cut: bool,
}

pub type SharedPipe = Arc<Mutex<Pipe>>;

pub fn shared(out: Box<dyn Write + Send>, total_bytes: u64) -> SharedPipe {
    Arc::new(Mutex::new(Pipe {
        out,
        total_left: total_bytes,
        turn: 0,
        in_file: false,
        cut: false,
    }))
}

pub fn lock(pipe: &SharedPipe) -> MutexGuard<'_, Pipe> {
    // A panic while it was held can only have come from the writer: the stream then ends by itself.
    pipe.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pipe {
    pub fn say(&mut self, frame: &Frame) -> Result<(), WireError> {
        frame.write(&mut self.out)?;
        Ok(self.out.flush()?)
    }

    /// Ends the open file, if one is.
    fn end_file(&mut self) -> Result<(), WireError> {
        let cut = std::mem::take(&mut self.cut);
        if !std::mem::take(&mut self.in_file) {
            return Ok(());
        }
        let end = if cut { Frame::FileCut } else { Frame::FileEnd };
        end.write(&mut self.out)
    }

    /// Ends the open section, and its file if one is open: its collector did not come to its end.
    pub fn end_section(&mut self, end: &SectionEnd) -> Result<(), WireError> {
        self.turn += 1;
        self.cut = true;
        self.end_file()?;
        self.say(&Frame::SectionEnd(end.clone()))
    }
}

/// The open section, as a collector sees it.
pub struct Section {
    pipe: SharedPipe,
    turn: u64,
    left: u64,
    limit: u64,
    began: Instant,
    until: Instant,
    left_out: Vec<LeftOut>,
    /// What did not fit into the list.
    more: LeftOut,
    truncated: Option<String>,
}

impl Section {
    /// Begins a section of at most `bytes` bytes that ends at `until`.
    pub fn begin(
        pipe: &SharedPipe,
        section: SectionName,
        collector: &str,
        bytes: u64,
        until: Instant,
        at: Time,
    ) -> Result<Self, WireError> {
        let mut open = lock(pipe);
        open.turn += 1;
        let collector = cut(collector, LONGEST);
        open.say(&Frame::SectionBegin(SectionBegin {
            section,
            collector,
            at,
        }))?;
        Ok(Self {
            turn: open.turn,
            pipe: Arc::clone(pipe),
            left: bytes,
            limit: bytes,
            began: Instant::now(),
            until,
            left_out: Vec::new(),
            more: LeftOut::default(),
            truncated: None,
        })
    }

    fn with<T>(&mut self, act: impl FnOnce(&mut Pipe) -> Result<T, WireError>) -> Result<T, Stop> {
        let mut pipe = lock(&self.pipe);
        if pipe.turn != self.turn {
            return Err(Stop::Closed);
        }
        act(&mut pipe).map_err(|error| match error {
            WireError::Pipe(_) => Stop::Closed,
            other => Stop::Failed(other.to_string()),
        })
    }

    /// Begins a file; one that is open is ended first.
    pub fn begin_file(&mut self, path: &str, raw: bool) -> Result<(), Stop> {
        self.check_grace()?;
        let path = last_parts(path, LONGEST_PATH).to_owned();
        self.with(|pipe| {
            pipe.end_file()?;
            pipe.in_file = true;
            Frame::FileBegin(FileBegin { path, raw }).write(&mut pipe.out)
        })
    }

    pub fn end_file(&mut self) -> Result<(), Stop> {
        self.with(|pipe| {
            pipe.end_file()?;
            Ok(pipe.out.flush()?)
        })
    }

    /// More could have come of the open file: its last line is not passed on unless it has its end.
    pub fn cut_file(&mut self) -> Result<(), Stop> {
        self.with(|pipe| {
            pipe.cut = true;
            Ok(())
        })
    }

    /// Bytes of the open file. What does not fit into the section or the run is not written, and the answer is
    /// `Stop::Full`.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        self.check_grace()?;
        let left = self.left;
        let fits = self.with(|pipe| {
            if !pipe.in_file {
                return Err(WireError::Order("bytes outside a file"));
            }
            let room = usize::try_from(left.min(pipe.total_left)).unwrap_or(usize::MAX);
            let fits = bytes.len().min(room);
            wire::write_data(&mut pipe.out, &bytes[..fits])?;
            pipe.total_left -= fits as u64;
            pipe.cut |= fits < bytes.len();
            Ok(fits)
        })?;
        self.left -= fits as u64;
        if fits == bytes.len() {
            return Ok(());
        }
        let why = if self.left == 0 {
            format!("the section's limit of {} bytes is reached", self.limit)
        } else {
            "the limit of the whole run is reached".to_owned()
        };
        self.truncate(&why);
        self.leave_out("the rest of a file", (bytes.len() - fits) as u64, 0);
        Err(Stop::Full)
    }

    /// What was written reaches the daemon now, though the child may be killed before it writes more.
    pub fn flush(&mut self) -> Result<(), Stop> {
        self.with(|pipe| Ok(pipe.out.flush()?))
    }

    /// A small file, whole or `cut`.
    pub fn cut_or_whole(&mut self, path: &str, bytes: &[u8], cut: bool) -> Result<(), Stop> {
        self.begin_file(path, false)?;
        self.write(bytes)?;
        if cut {
            self.cut_file()?;
        }
        self.end_file()
    }

    /// A whole small file.
    pub fn file(&mut self, path: &str, bytes: &[u8]) -> Result<(), Stop> {
        self.cut_or_whole(path, bytes, false)
    }

    /// Bytes that the section may still have.
    pub fn room(&self) -> u64 {
        self.left.min(lock(&self.pipe).total_left)
    }

    /// Something that could have been here and is not. Makes the section neither better nor worse.
    pub fn leave_out(&mut self, text: &str, bytes: u64, items: u64) {
        let text = cut(text, LONGEST);
        let told: usize = self.left_out.iter().map(|l| l.text.len()).sum();
        if self.left_out.len() < MOST_LEFT_OUT && told + text.len() <= LEFT_OUT_BYTES {
            self.left_out.push(LeftOut { text, bytes, items });
        } else {
            self.more.bytes = self.more.bytes.saturating_add(bytes);
            self.more.items = self.more.items.saturating_add(items.max(1));
        }
    }

    /// The section will be *truncated*, for this reason.
    pub fn truncate(&mut self, why: &str) {
        if self.truncated.is_none() {
            self.truncated = Some(cut(why, LONGEST));
        }
    }

    fn check_grace(&self) -> Result<(), Stop> {
        if Instant::now() < self.until + GRACE {
            Ok(())
        } else {
            Err(self.late())
        }
    }

    /// Collectors ask this between pieces.
    pub fn check_time(&self) -> Result<(), Stop> {
        if Instant::now() < self.until {
            Ok(())
        } else {
            Err(self.late())
        }
    }

    pub fn late(&self) -> Stop {
        Stop::TimedOut(format!(
            "its time of {:.1} s was over",
            self.until_seconds()
        ))
    }

    pub fn time_left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    /// The section's whole time, in seconds.
    pub fn until_seconds(&self) -> f32 {
        self.until
            .saturating_duration_since(self.began)
            .as_secs_f32()
    }

    pub fn until(&self) -> Instant {
        self.until
    }

    /// How the section ends, after its collector.
    pub fn finish(mut self, result: Result<(), Stop>) -> SectionEnd {
        let (outcome, reason) = outcome(result, self.truncated.take());
        if self.more.items > 0 {
            self.more.text = "more of the same".to_owned();
            self.left_out.push(std::mem::take(&mut self.more));
        }
        SectionEnd {
            outcome,
            reason: cut(&reason, LONGEST),
            left_out: self.left_out,
            elapsed_ms: u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX),
        }
    }
}

fn outcome(result: Result<(), Stop>, truncated: Option<String>) -> (Outcome, String) {
    match result {
        Ok(()) => truncated.map_or((Outcome::Ok, String::new()), |why| {
            (Outcome::Truncated, why)
        }),
        Err(Stop::Full) => (
            Outcome::Truncated,
            truncated.unwrap_or_else(|| "its limit of bytes is reached".into()),
        ),
        Err(Stop::TimedOut(why)) => (Outcome::TimedOut, why),
        Err(Stop::Failed(why)) => (Outcome::Failed, why),
        Err(Stop::DeniedByPolicy(why)) => (Outcome::DeniedByPolicy, why),
        Err(Stop::DeniedBySystem(why)) => (Outcome::DeniedBySystem, why),
        Err(Stop::Unsupported(why)) => (Outcome::Unsupported, why),
        Err(Stop::Closed) => (Outcome::Failed, "it was given up".into()),
    }
}

impl Stop {
    /// What an error of the system means for a section; `what` was being done.
    pub fn system(what: &str, error: &io::Error) -> Self {
        // A colon right behind a name such as `passwd` would read as a password to redaction.
        let words = format!("{what} failed: {}", plain(error));
        match error.kind() {
            io::ErrorKind::PermissionDenied => Self::DeniedBySystem(words),
            io::ErrorKind::TimedOut => Self::TimedOut(words),
            _ => Self::Failed(words),
        }
    }
}

/// An error of the system without its number.
pub fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(at) => text[..at].to_lowercase(),
        None => text,
    }
}

/// `text` without control characters.
pub fn plain_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// As [`plain_line`], of at most `bytes` bytes. One that was cut says so to the redaction: half a secret looks like none.
fn cut(text: &str, bytes: usize) -> String {
    if text.len() <= bytes {
        return plain_line(text);
    }
    let end = text.floor_char_boundary(bytes.saturating_sub(CUT_MARK.len()));
    plain_line(&text[..end]) + CUT_MARK
}

/// The last parts of a path that fit into `bytes` bytes; none is cut in two, as half a secret looks like none.
fn last_parts(path: &str, bytes: usize) -> &str {
    let from = path.len().saturating_sub(bytes);
    if from == 0 {
        return path;
    }
    let whole = path.bytes().enumerate().skip(from - 1);
    let mut slashes = whole.filter(|(_, b)| *b == b'/');
    slashes
        .next()
        .map_or("a-name-that-is-too-long", |(at, _)| &path[at + 1..])
}

#[cfg(test)]
mod tests;
