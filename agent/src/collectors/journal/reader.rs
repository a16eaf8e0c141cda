//! `journalctl` as a process: its lines one by one, within a time, and its end.
use std::{
    io::{self, Read},
    path::Path,
    process::{Child, ChildStdout, ExitStatus},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::{
    child::{launch, out::Stop},
    sys::sweep,
};

/// Longest line that is read; the rest of it is dropped.
const LONGEST: usize = 1 << 20;
const BUFFER: usize = 64 << 10;
/// Kept of standard error.
const STDERR: u64 = 4 << 10;
/// What it may take to end by itself, once its output has ended.
const FAREWELL: Duration = Duration::from_millis(500);
const SWEEP: Duration = Duration::from_secs(1);

pub struct Reader {
    child: Child,
    stdout: ChildStdout,
    stderr: Option<JoinHandle<Vec<u8>>>,
    buffer: Vec<u8>,
    /// Where the next line begins, and how far its end was searched for.
    from: usize,
    searched: usize,
    skipping: bool,
    over: bool,
}

/// A line of output, without its end.
pub enum Line {
    Whole(Vec<u8>),
    TooLong,
}

/// How it ended.
pub struct Ended {
    /// None when it was killed by us.
    pub status: Option<ExitStatus>,
    pub stderr: String,
}

impl Reader {
    pub fn start(program: &Path, args: &[String]) -> Result<Self, Stop> {
        let failed = |error: io::Error| Stop::system("starting journalctl", &error);
        let (mut command, hear) =
            launch::prepare(&program.to_string_lossy(), args).map_err(failed)?;
        let mut child = command.spawn().map_err(failed)?;
        drop(command);
        if let Err(error) = launch::started(hear) {
            let _ = child.wait();
            return Err(failed(error));
        }
        let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(Stop::Failed("a pipe is missing".into()));
        };
        let keep = move || {
            let mut stderr = stderr;
            let mut kept = Vec::new();
            let _ = (&mut stderr).take(STDERR).read_to_end(&mut kept);
            let _ = io::copy(&mut stderr, &mut io::sink());
            kept
        };
        let stderr = std::thread::Builder::new()
            .stack_size(256 << 10)
            .spawn(keep)
            .map_err(failed)?;
        Ok(Self {
            child,
            stdout,
            stderr: Some(stderr),
            buffer: Vec::new(),
            from: 0,
            searched: 0,
            skipping: false,
            over: false,
        })
    }

    /// The next line, none at the end; an error of kind `TimedOut` at `until`.
    pub fn line(&mut self, until: Instant) -> io::Result<Option<Line>> {
        loop {
            if let Some(found) = self.buffer[self.searched..]
                .iter()
                .position(|b| *b == b'\n')
            {
                let end = self.searched + found;
                let line = self.buffer[self.from..end].to_vec();
                self.from = end + 1;
                self.searched = self.from;
                return Ok(Some(if std::mem::take(&mut self.skipping) {
                    Line::TooLong
                } else {
                    Line::Whole(line)
                }));
            }
            if self.over {
                return Ok(None);
            }
            self.buffer.drain(..self.from);
            self.from = 0;
            self.skipping |= self.buffer.len() > LONGEST;
            if self.skipping {
                self.buffer.clear();
            }
            self.searched = self.buffer.len();
            self.fill(until)?;
        }
    }

    fn fill(&mut self, until: Instant) -> io::Result<()> {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let timeout = Timespec::try_from(left).map_err(io::Error::other)?;
        let mut fds = [PollFd::new(&self.stdout, PollFlags::IN)];
        match poll(&mut fds, Some(&timeout)) {
            Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => return Ok(()),
            Err(errno) => return Err(errno.into()),
        }
        let old = self.buffer.len();
        self.buffer.resize(old + BUFFER, 0);
        let read = self.stdout.read(&mut self.buffer[old..]);
        self.buffer.truncate(old + *read.as_ref().unwrap_or(&0));
        match read {
            Ok(0) => self.over = true,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Ends it: by itself when its output has ended, else it is killed.
    pub fn end(mut self) -> Ended {
        let mut status = None;
        let until = Instant::now() + FAREWELL;
        while self.over && status.is_none() && Instant::now() < until {
            status = self.child.try_wait().ok().flatten();
            if status.is_none() {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        let swept = sweep::kill_all_mine(Instant::now() + SWEEP);
        // What cannot be killed may hold standard error open for ever.
        let said = if swept.clean {
            self.stderr.take().and_then(|thread| thread.join().ok())
        } else {
            None
        };
        Ended {
            status,
            stderr: String::from_utf8_lossy(&said.unwrap_or_default()).into_owned(),
        }
    }
}
