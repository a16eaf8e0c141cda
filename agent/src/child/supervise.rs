//! The daemon's side of a run: starts the child, reads its frames, and kills it whole.
use std::{
    future::Future,
    io,
    path::PathBuf,
    pin::pin,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use boathook_hooks::{documents::hook::CollectorEntry, packet::Outcome, time::Time};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::{Instant, sleep, timeout, timeout_at},
};

use super::{
    frames::Frames,
    order::Order,
    wire::{Frame, Job, Refused, WireError},
};
use crate::sys::sweep::{self, RunTree};

/// The daemon waits for nothing longer than this after the deadline.
const KILL_TIME: Duration = Duration::from_secs(4);
/// After this long of sweeping the child itself goes, though more came beneath it all the time.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a child may take to end by itself after its last frame.
const FAREWELL: Duration = Duration::from_millis(500);
/// Frames that are still in the pipe of a dead child.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// For a standard error that somebody holds open still.
const STDERR_TIME: Duration = Duration::from_millis(50);
/// Kept of the child's standard error, for the daemon's log only.
const STDERR_BYTES: usize = 4096;

/// A run to be made.
#[derive(Clone, Debug)]
pub struct Run {
    /// The agent's own binary.
    pub exe: PathBuf,
    /// What the verifier let through, in order: the child must bring exactly these.
    pub expected: Vec<CollectorEntry>,
    pub job: Job,
}

impl Run {
    /// With the binary that runs now, though it was replaced on the disk meanwhile.
    pub fn new(job: Job, expected: Vec<CollectorEntry>) -> Self {
        Self {
            exe: "/proc/self/exe".into(),
            expected,
            job,
        }
    }
}

/// How a run ended. Whatever it was, the sink has had whole sections, one for each expected (except after `Refused`).
#[derive(Debug)]
pub enum RunEnd {
    Finished,
    TimedOut,
    /// `stop` came (the hook was stopped or revoked, or the daemon ends).
    Stopped,
    /// The child could not be started, broke off outside a section or did not keep to the protocol.
    Crashed(String),
    /// The child verified again and would not run the job.
    Refused(Refused),
}

/// How one child ended.
enum End {
    Done,
    Deadline,
    Stop,
    Refused(Refused),
    Eof,
    Wire(WireError),
}

/// Runs `run` and gives its frames to `sink`, at the latest until the job's `run_ms` and five seconds. A child that
/// dies within a section costs that section; another child does the rest. Fails only with the sink's own error.
pub async fn run_child<E>(
    run: Run,
    stop: impl Future<Output = ()>,
    mut sink: impl FnMut(Frame) -> Result<(), E>,
) -> Result<RunEnd, E> {
    let started = Instant::now();
    let deadline = started + Duration::from_millis(run.job.run_ms);
    let mut order = Order::new(run.expected, run.job.total_bytes, run.job.grants.raw);
    let all: Vec<_> = order.waiting().cloned().collect();
    let mut job = run.job;
    let mut stop = pin!(stop);
    let mut failed = None;
    let mut told_begun = false;
    let mut tell = |frame: Frame| {
        // Of several children the first says what held; and after an error nothing more is told.
        let again = matches!(frame, Frame::Begun(_)) && std::mem::replace(&mut told_begun, true);
        if failed.is_none() && !again {
            failed = sink(frame).err();
        }
        failed.is_none()
    };

    let end = loop {
        let left = deadline.saturating_duration_since(Instant::now());
        job.run_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
        job.total_bytes = order.total_left();
        job.skip = all
            .iter()
            .filter(|s| !order.waiting().any(|w| w == *s))
            .cloned()
            .collect();
        let mut one = match One::start(&run.exe) {
            Ok(one) => one,
            Err(error) => {
                break RunEnd::Crashed(format!(
                    "the collecting process could not be started: {error}"
                ));
            }
        };
        let end = one
            .listen(&job, deadline, stop.as_mut(), &mut order, &mut tell)
            .await;
        let finished = matches!(end, End::Done | End::Refused(_) | End::Eof);
        let status = one.end(finished, &mut order, &mut tell).await;
        match end {
            End::Done => break RunEnd::Finished,
            End::Refused(why) => break RunEnd::Refused(why),
            End::Deadline => break RunEnd::TimedOut,
            End::Stop => break RunEnd::Stopped,
            End::Wire(error) => break RunEnd::Crashed(words(&error)),
            End::Eof => {
                let why = format!("the collecting process ended early ({})", said(status));
                if !order.close_open(Outcome::Failed, &why, &mut |frame| {
                    tell(frame);
                }) {
                    break RunEnd::Crashed(why);
                }
            }
        }
    };
    if !order.is_over() {
        let (outcome, open, never) = match &end {
            RunEnd::TimedOut => (
                Outcome::TimedOut,
                "the run's time was over",
                "the run's time was over before this section began",
            ),
            RunEnd::Stopped => (
                Outcome::Failed,
                "the hook was stopped",
                "the hook was stopped before this section began",
            ),
            RunEnd::Crashed(why) => (Outcome::Failed, why.as_str(), why.as_str()),
            RunEnd::Finished | RunEnd::Refused(_) => (Outcome::Failed, "", ""),
        };
        let at = Time::wall_clock();
        order.close_open(outcome, open, &mut |frame| {
            tell(frame);
        });
        order.close_waiting(at, outcome, never, &mut |frame| {
            tell(frame);
        });
    }
    match failed {
        Some(error) => Err(error),
        None => Ok(end),
    }
}

/// One child process.
struct One {
    child: Child,
    tree: RunTree,
    /// Open as long as the child may run: the child ends when it closes.
    stdin: Option<ChildStdin>,
    frames: Frames<ChildStdout>,
    stderr: tokio::task::JoinHandle<Vec<u8>>,
}

impl One {
    fn start(exe: &std::path::Path) -> io::Result<Self> {
        sweep::adopt_orphans()?;
        let mut command = Command::new(exe);
        command
            .arg0("boathook-agent")
            .arg("child")
            .env_clear()
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let (mut child, tree) = RunTree::spawn(|| {
            let child = command.spawn()?;
            let pid = child
                .id()
                .ok_or_else(|| io::Error::other("it ended at once"))?;
            Ok((child, pid))
        })?;
        let missing = || io::Error::other("a pipe is missing");
        let stdin = child.stdin.take().ok_or_else(missing)?;
        let stdout = child.stdout.take().ok_or_else(missing)?;
        let stderr = child.stderr.take().ok_or_else(missing)?;
        Ok(Self {
            child,
            tree,
            stdin: Some(stdin),
            frames: Frames::new(stdout),
            stderr: tokio::spawn(keep_some(stderr)),
        })
    }

    /// Gives the job and passes frames on until the child, the time or `stop` ends it.
    async fn listen(
        &mut self,
        job: &Job,
        deadline: Instant,
        stop: impl Future<Output = ()>,
        order: &mut Order,
        tell: &mut impl FnMut(Frame) -> bool,
    ) -> End {
        let bytes = match job.to_bytes() {
            Ok(bytes) => bytes,
            Err(error) => return End::Wire(error),
        };
        let stdin = &mut self.stdin;
        let frames = &mut self.frames;
        let talk = async {
            if let Some(stdin) = stdin
                && stdin.write_all(&bytes).await.is_err()
            {
                return End::Eof;
            }
            loop {
                match pass_on(frames, order, tell).await {
                    Ok(None) => {}
                    Ok(Some(end)) => return end,
                    Err(error) => return End::Wire(error),
                }
                // Frames that are all there already must not keep the deadline from being seen.
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            () = stop => End::Stop,
            end = timeout_at(deadline, talk) => end.unwrap_or(End::Deadline),
        }
    }

    /// Leaves nothing of the child alive. `finished`: it may end by itself first.
    async fn end(
        mut self,
        finished: bool,
        order: &mut Order,
        tell: &mut impl FnMut(Frame) -> bool,
    ) -> Option<ExitStatus> {
        let mut status = None;
        if finished {
            // The end of its stdin is the sign to go; what it started goes with it.
            drop(self.stdin.take());
            status = timeout(FAREWELL, self.child.wait())
                .await
                .ok()
                .and_then(Result::ok);
        }
        let begun = Instant::now();
        let until = begun + KILL_TIME;
        while !self.tree.kill_pass(begun.elapsed() > PATIENCE) && Instant::now() < until {
            sleep(Duration::from_millis(1)).await;
        }
        if status.is_none() {
            status = timeout(FAREWELL, self.child.wait())
                .await
                .ok()
                .and_then(Result::ok);
        }
        if !finished {
            let _ = timeout(LAST_WORDS, async {
                while let Ok(None) = pass_on(&mut self.frames, order, tell).await {}
            })
            .await;
        }
        let said = timeout(STDERR_TIME, &mut self.stderr).await;
        self.stderr.abort();
        if let Ok(Ok(said)) = said
            && !said.is_empty()
        {
            tracing::debug!(stderr = %String::from_utf8_lossy(&said), "the collecting process said");
        }
        status
    }
}

/// One frame further; says when there is none to come.
async fn pass_on(
    frames: &mut Frames<ChildStdout>,
    order: &mut Order,
    tell: &mut impl FnMut(Frame) -> bool,
) -> Result<Option<End>, WireError> {
    let Some(frame) = frames.next().await? else {
        return Ok(Some(End::Eof));
    };
    let frame = order.doubted(frame);
    order.admit(&frame)?;
    Ok(match frame {
        Frame::Done => Some(End::Done),
        Frame::Refused(why) => Some(End::Refused(why)),
        frame => (!tell(frame)).then_some(End::Stop),
    })
}

/// Reads to the end and keeps the beginning, so that the child never waits for a full pipe.
async fn keep_some(mut pipe: impl tokio::io::AsyncRead + Unpin) -> Vec<u8> {
    let mut kept = Vec::new();
    let _ = (&mut pipe)
        .take(STDERR_BYTES as u64)
        .read_to_end(&mut kept)
        .await;
    let mut scrap = [0; 1024];
    while matches!(pipe.read(&mut scrap).await, Ok(n) if n > 0) {}
    kept
}

fn said(status: Option<ExitStatus>) -> String {
    status.map_or_else(|| "killed".to_owned(), |s| s.to_string())
}

fn words(error: &WireError) -> String {
    format!("the collecting process did not keep to its protocol: {error}")
}
