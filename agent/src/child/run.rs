//! The child's main: confine, read the job, verify it again, then one collector after the other.
use std::{
    io::{self, Read},
    panic::{self, AssertUnwindSafe},
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use boathook_hooks::{documents::hook::CollectorEntry, packet::Outcome};

use super::{
    isolation,
    launch::{self, LAUNCH},
    out::{self, Section, SharedPipe, Stop},
    verify_again::reverify,
    wire::{Begun, Frame, Job, Refused, SectionEnd, WireError},
};
use crate::{collectors, sys::sweep};

/// What a collector may be late before it is given up. They look at the clock themselves; this meets those that hang
/// in the system, such as in a dead network file system.
const LATENESS: Duration = Duration::from_secs(2);
/// What a collector's leftovers may take to die.
const SWEEP: Duration = Duration::from_secs(2);
/// What all may take to die once the daemon is gone: nobody waits for it.
const LAST_SWEEP: Duration = Duration::from_secs(60);

/// `boathook-agent child`: the process of one run. For the daemon and for `launch` only.
pub fn child_main() -> ExitCode {
    let mut args = std::env::args_os().skip(2);
    match args.next() {
        Some(arg) if arg == LAUNCH => launch::launch_main(args),
        Some(_) => ExitCode::FAILURE,
        None => match run() {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
    }
}

fn run() -> Result<(), WireError> {
    let started = Instant::now();
    let privileges = isolation::confine_child()?;
    let job = Job::read(&mut io::stdin().lock());
    let total = job.as_ref().map_or(0, |job| job.total_bytes);
    let pipe = out::shared(
        Box::new(io::BufWriter::with_capacity(16 << 10, io::stdout())),
        total,
    );
    let refuse = |why: Refused| out::lock(&pipe).say(&Frame::Refused(why));
    let job = match job {
        Ok(job) => job,
        Err(error) => {
            return refuse(Refused {
                code: "job".into(),
                text: error.to_string(),
            });
        }
    };
    isolation::limit_cpu(job.run_ms / 1000 + 1)?;
    die_with_the_daemon()?;
    let entries = match reverify(&job) {
        Ok(entries) => entries,
        Err(why) => return refuse(why),
    };
    out::lock(&pipe).say(&Frame::Begun(Begun { privileges }))?;
    // Ends before the daemon's own deadline, so that sections have their own last words.
    let until = started + Duration::from_millis(job.run_ms - (job.run_ms / 5).min(2_500));
    let job = Arc::new(job);
    for entry in entries
        .into_iter()
        .filter(|e| !job.skip.contains(&e.section))
    {
        wait_for_the_end_if_alone();
        one(&job, &pipe, entry, until, started)?;
    }
    wait_for_the_end_if_alone();
    out::lock(&pipe).say(&Frame::Done)
}

/// One section, whatever its collector does.
fn one(
    job: &Arc<Job>,
    pipe: &SharedPipe,
    entry: CollectorEntry,
    run_until: Instant,
    started: Instant,
) -> Result<(), WireError> {
    let now = Instant::now();
    let until = run_until.min(now + Duration::from_secs(entry.seconds.into()));
    let at = job
        .now
        .plus_ms(i64::try_from(started.elapsed().as_millis()).unwrap_or(i64::MAX));
    let mut section = Section::begin(
        pipe,
        entry.section.clone(),
        &entry.collector,
        entry.bytes,
        until,
        at,
    )?;
    if now >= run_until {
        let late = Stop::TimedOut("the run's time was over before this section began".into());
        return out::lock(pipe).end_section(&section.finish(Err(late)));
    }
    let (tell, hear) = mpsc::sync_channel(1);
    let job = Arc::clone(job);
    let name = entry.section.to_string();
    let spawned = thread::Builder::new()
        .name(name)
        .stack_size(1 << 20)
        .spawn(move || {
            let result = panic::catch_unwind(AssertUnwindSafe(|| {
                collectors::collect(&job, &entry, &mut section)
            }));
            let result = result.unwrap_or_else(|_| {
                Err(Stop::Failed(
                    "the collector broke off by a fault of its own".into(),
                ))
            });
            // Nobody listens to one that was given up.
            let _ = tell.send(section.finish(result));
        });
    let end = match spawned {
        Err(error) => given_up(
            Outcome::Failed,
            &format!("no thread for the collector: {}", out::plain(&error)),
            now,
        ),
        Ok(_) => hear
            .recv_timeout(until.saturating_duration_since(Instant::now()) + LATENESS)
            .unwrap_or_else(|_| {
                sweep::kill_all_mine(Instant::now() + SWEEP);
                given_up(
                    Outcome::TimedOut,
                    "the collector hung and was given up",
                    now,
                )
            }),
    };
    out::lock(pipe).end_section(&end)
}

fn given_up(outcome: Outcome, reason: &str, began: Instant) -> SectionEnd {
    let elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    SectionEnd {
        outcome,
        reason: reason.to_owned(),
        left_out: Vec::new(),
        elapsed_ms,
    }
}

/// The daemon is gone, and what is left of the run is being killed.
static ALONE: AtomicBool = AtomicBool::new(false);

/// The daemon holds our standard input open as long as we may run. A death signal would end this process alone, and
/// leave what its commands started.
fn die_with_the_daemon() -> io::Result<()> {
    let watch = || {
        let mut byte = [0];
        while matches!(io::stdin().lock().read(&mut byte), Err(e) if e.kind() == io::ErrorKind::Interrupted)
        {
        }
        ALONE.store(true, Ordering::SeqCst);
        sweep::kill_all_mine(Instant::now() + LAST_SWEEP);
        std::process::exit(1);
    };
    thread::Builder::new()
        .name("daemon".into())
        .stack_size(256 << 10)
        .spawn(watch)?;
    Ok(())
}

/// A command that was killed because the daemon is gone must not let the run go on, nor this process end before all is
/// killed.
fn wait_for_the_end_if_alone() {
    while ALONE.load(Ordering::SeqCst) {
        thread::park();
    }
}
