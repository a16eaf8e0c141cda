//! `command`: one granted program, without a shell; its output apart, its end told, and nothing of it left behind.
use std::{
    io::{self, Read},
    os::unix::process::ExitStatusExt,
    process::{Child, ChildStderr, ChildStdout, ExitStatus},
    time::{Duration, Instant},
};

use boathook_hooks::collectors::command::Params;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, pidfd_open},
};
use serde::Serialize;

use crate::{
    child::{
        launch,
        out::{Section, Stop},
    },
    policy::grants::Grants,
    sys::sweep,
};

/// Kept of standard error at most, since it waits in memory until standard output has ended.
const STDERR_MOST: u64 = 1 << 20;
/// A command that says this much more than is kept is killed.
const DROPPED_MOST: u64 = 256 << 20;
/// What comes from the pipes of a command that has ended: others may hold them open.
const AFTERMATH: Duration = Duration::from_millis(200);
/// What its leftovers may take to die, where the section's own time is over.
const SWEEP: Duration = Duration::from_secs(1);

/// `command.json`.
#[derive(Serialize)]
struct Report<'a> {
    command: String,
    path: &'a str,
    args: &'a [String],
    /// None when a signal ended it.
    exit_status: Option<i32>,
    signal: Option<i32>,
    timed_out: bool,
    elapsed_ms: u64,
    /// It had started others that ran on; they were killed.
    left_others_running: bool,
    stdout_bytes: u64,
    stdout_dropped: u64,
    stderr_bytes: u64,
    stderr_dropped: u64,
}

pub fn collect(params: &Params, grants: &Grants, section: &mut Section) -> Result<(), Stop> {
    let granted =
        |g: &&crate::policy::grants::CommandGrant| g.path.as_os_str() == params.path.as_str();
    if !grants
        .commands
        .iter()
        .filter(granted)
        .any(|g| g.allows(&params.args))
    {
        let known = if grants.commands.iter().any(|g| granted(&g)) {
            "with these arguments"
        } else {
            "at all"
        };
        return Err(Stop::DeniedByPolicy(format!(
            "the policy does not allow {} {known}",
            params.path
        )));
    }
    let began = Instant::now();
    let (child, stdout, stderr) = start(params)?;
    let mut run = Running {
        child,
        stdout: Some(stdout),
        stderr: Some(stderr),
        out: Kept::new(params.stdout_bytes),
        err: Vec::new(),
        err_dropped: 0,
    };
    section.begin_file("stdout.txt", false)?;
    let flow = run.flow(params.stderr_bytes.min(STDERR_MOST), section);
    // The status first: the sweep reaps whatever it finds.
    let status = run.child.try_wait().ok().flatten();
    let swept = sweep::kill_all_mine(section.until().max(Instant::now() + SWEEP));
    flow?;
    let timed_out = status.is_none() && run.out.dropped < DROPPED_MOST;
    report(params, &run, status, timed_out, swept, began, section)?;
    outcome(params, &run, status, timed_out, swept, section)
}

fn start(params: &Params) -> Result<(Child, ChildStdout, ChildStderr), Stop> {
    let failed = |error: io::Error| Stop::system(&format!("starting {}", params.path), &error);
    let (mut command, hear) = launch::prepare(&params.path, &params.args).map_err(failed)?;
    let mut child = command.spawn().map_err(failed)?;
    // Its copy of the pipe's other end goes with it: only the command's own holds it open now.
    drop(command);
    if let Err(error) = launch::started(hear) {
        let _ = child.wait();
        return Err(failed(error));
    }
    match (child.stdout.take(), child.stderr.take()) {
        (Some(stdout), Some(stderr)) => Ok((child, stdout, stderr)),
        _ => Err(Stop::Failed("a pipe is missing".into())),
    }
}

/// How much of standard output was passed on.
struct Kept {
    left: u64,
    passed: u64,
    dropped: u64,
    full: bool,
}

impl Kept {
    fn new(left: u64) -> Self {
        Self {
            left,
            passed: 0,
            dropped: 0,
            full: false,
        }
    }

    fn take(&mut self, bytes: &[u8], section: &mut Section) -> Result<(), Stop> {
        let room = if self.full {
            0
        } else {
            self.left.min(section.room())
        };
        let fits = bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX));
        self.full |= fits < bytes.len();
        self.dropped += (bytes.len() - fits) as u64;
        self.left -= fits as u64;
        self.passed += fits as u64;
        if fits == 0 {
            Ok(())
        } else {
            section.write(&bytes[..fits])
        }
    }
}

struct Running {
    child: Child,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    out: Kept,
    err: Vec<u8>,
    err_dropped: u64,
}

impl Running {
    /// Reads both pipes until both have ended, the command has, or the time is over.
    fn flow(&mut self, err_most: u64, section: &mut Section) -> Result<(), Stop> {
        let ended = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let ended = ended.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
        let mut until = section.until();
        let mut gone = false;
        let mut buffer = vec![0; 64 << 10];
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || self.out.dropped >= DROPPED_MOST {
                return Ok(());
            }
            if self.stdout.is_none() && self.stderr.is_none() && gone {
                return Ok(());
            }
            // It may say nothing more until it is killed, and we with it.
            section.flush()?;
            let (out, err, now_gone) = self.wait(ended.as_ref().filter(|_| !gone), left)?;
            if out {
                read(&mut self.stdout, &mut buffer, |bytes| {
                    self.out.take(bytes, section)
                })?;
            }
            if err {
                read(&mut self.stderr, &mut buffer, |bytes| {
                    let room = usize::try_from(err_most)
                        .unwrap_or(usize::MAX)
                        .saturating_sub(self.err.len());
                    let fits = bytes.len().min(room);
                    self.err.extend_from_slice(&bytes[..fits]);
                    self.err_dropped += (bytes.len() - fits) as u64;
                    Ok(())
                })?;
            }
            if now_gone && !gone {
                gone = true;
                until = until.min(Instant::now() + AFTERMATH);
            }
        }
    }

    /// Which pipe has something (its end counts), and whether the command has ended.
    fn wait(
        &mut self,
        ended: Option<&std::os::fd::OwnedFd>,
        left: Duration,
    ) -> Result<(bool, bool, bool), Stop> {
        // Without a pidfd the command is looked at now and then.
        let left = if ended.is_none() {
            left.min(Duration::from_millis(20))
        } else {
            left
        };
        let timeout =
            Timespec::try_from(left).map_err(|_| Stop::Failed("a time out of range".into()))?;
        let mut fds = Vec::with_capacity(3);
        fds.extend(
            self.stdout
                .as_ref()
                .map(|fd| PollFd::new(fd, PollFlags::IN)),
        );
        fds.extend(
            self.stderr
                .as_ref()
                .map(|fd| PollFd::new(fd, PollFlags::IN)),
        );
        fds.extend(ended.map(|fd| PollFd::new(fd, PollFlags::IN)));
        match poll(&mut fds, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(Stop::system("waiting for the command", &errno.into())),
        }
        let mut ready = fds.iter().map(|fd| !fd.revents().is_empty());
        let out = self.stdout.is_some() && ready.next().unwrap_or(false);
        let err = self.stderr.is_some() && ready.next().unwrap_or(false);
        let gone = match ended {
            Some(_) => ready.next().unwrap_or(false),
            None => self.child.try_wait().is_ok_and(|status| status.is_some()),
        };
        Ok((out, err, gone))
    }
}

/// Reads once; a pipe that has ended is dropped.
fn read<P: Read>(
    pipe: &mut Option<P>,
    buffer: &mut [u8],
    take: impl FnOnce(&[u8]) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let Some(open) = pipe else { return Ok(()) };
    match open.read(buffer) {
        Ok(0) => {
            *pipe = None;
            Ok(())
        }
        Ok(n) => take(&buffer[..n]),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
        Err(error) => Err(Stop::system("reading what the command says", &error)),
    }
}

fn report(
    params: &Params,
    run: &Running,
    status: Option<ExitStatus>,
    timed_out: bool,
    swept: sweep::Swept,
    began: Instant,
    section: &mut Section,
) -> Result<(), Stop> {
    // What a killed command was saying was on its way still.
    let killed = timed_out || status.is_none_or(|s| s.signal().is_some());
    if killed || run.out.dropped > 0 || run.stdout.is_some() {
        section.cut_file()?;
    }
    let err_cut = killed || run.err_dropped > 0 || run.stderr.is_some();
    section.end_file()?;
    let report = Report {
        command: params.line(),
        path: &params.path,
        args: &params.args,
        exit_status: status.and_then(|s| s.code()),
        signal: status.and_then(|s| s.signal()),
        timed_out,
        elapsed_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        left_others_running: status.is_some() && swept.killed,
        stdout_bytes: run.out.passed,
        stdout_dropped: run.out.dropped,
        stderr_bytes: run.err.len() as u64,
        stderr_dropped: run.err_dropped,
    };
    let json = serde_json::to_vec_pretty(&report).map_err(|e| Stop::Failed(e.to_string()))?;
    // Both are small beside standard output; a section that is full says so by itself.
    for (name, bytes, cut) in [
        ("command.json", json.as_slice(), false),
        ("stderr.txt", run.err.as_slice(), err_cut),
    ] {
        match section.cut_or_whole(name, bytes, cut) {
            Ok(()) => {}
            Err(Stop::Full) => break,
            Err(stop) => return Err(stop),
        }
    }
    Ok(())
}

fn outcome(
    params: &Params,
    run: &Running,
    status: Option<ExitStatus>,
    timed_out: bool,
    swept: sweep::Swept,
    section: &mut Section,
) -> Result<(), Stop> {
    for (stream, dropped) in [
        ("standard output", run.out.dropped),
        ("standard error", run.err_dropped),
    ] {
        if dropped > 0 {
            section.truncate(&format!("more {stream} than is kept"));
            section.leave_out(&format!("the rest of {stream}"), dropped, 0);
        }
    }
    const LEFT: &str = "something that the command started could not be killed";
    if timed_out {
        let killed = if swept.clean {
            "it was killed with all that it had started"
        } else {
            LEFT
        };
        return Err(Stop::TimedOut(format!(
            "not finished after {:.1} s; {killed}",
            section.until_seconds()
        )));
    }
    if !swept.clean {
        return Err(Stop::Failed(LEFT.into()));
    }
    match status.map(|s| (s.code(), s.signal())) {
        Some((Some(code), _)) if params.exit_codes.iter().any(|ok| i32::from(*ok) == code) => {
            Ok(())
        }
        Some((Some(code), _)) => Err(Stop::Failed(format!("its exit status was {code}"))),
        Some((None, signal)) => Err(Stop::Failed(format!(
            "it was ended by signal {}",
            signal.unwrap_or(0)
        ))),
        None => Err(Stop::Full),
    }
}
