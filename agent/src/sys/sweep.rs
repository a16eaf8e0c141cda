//! Killing whole: every descendant, those too that left the group and the session, or whose parents are gone.
//!
//! Orphans come to the nearest living subreaper. The child is one for what its collectors start, so that its tree stays
//! together while it lives; the daemon is one for what is left when the child died first.
use std::{
    collections::HashSet,
    io,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rustix::process::{self, Pid, PidfdFlags, Signal, WaitOptions};

use super::tree::{self, Process};

/// Passes without a pause; a program that forks in a loop must not win time.
const BUSY_PASSES: u32 = 1_000;
/// Every so many passes all processes are looked at.
const FULL_LOOK: u32 = 100;
/// Passes when a run is dropped before its end.
const DROP_PASSES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(2);

/// Whether all children of this process are children of runs, see [`become_reaper`].
static ONLY_RUNS: AtomicBool = AtomicBool::new(false);

/// For the daemon's main: orphans of runs come to this process, and it starts nothing else than runs. Then a child
/// of this process that no run knows is an orphan, and is killed.
pub fn become_reaper() -> io::Result<()> {
    adopt_orphans()?;
    ONLY_RUNS.store(true, Ordering::Relaxed);
    Ok(())
}

/// Makes this process the one to which orphans beneath it come.
pub fn adopt_orphans() -> io::Result<()> {
    // Any pid but none means "yes".
    Ok(process::set_child_subreaper(Some(process::getpid()))?)
}

/// What a sweep found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Swept {
    /// Something ran and was killed.
    pub killed: bool,
    /// Nothing is left.
    pub clean: bool,
}

/// Kills all that runs beneath this process and reaps it, until `until` at the latest.
///
/// Only for the child: the caller has no child whose exit status it still wants.
pub fn kill_all_mine(until: Instant) -> Swept {
    let me = process::getpid().as_raw_nonzero().get();
    let mut passes = 0;
    let mut killed = false;
    loop {
        // No child means no descendant: an orphan would be our child. A look at /proc could miss one that has just begun.
        if !reap_any() {
            return Swept {
                killed,
                clean: true,
            };
        }
        if Instant::now() >= until {
            return Swept {
                killed,
                clean: false,
            };
        }
        // Whoever dies leaves its children to us, so that killing our own children goes through to the last.
        let some = kill_children(me);
        if some.is_none() || passes % FULL_LOOK == 0 {
            let Ok(all) = tree::all() else {
                return Swept {
                    killed,
                    clean: false,
                };
            };
            for process in tree::beneath(me, &all.processes)
                .into_iter()
                .filter(|p| !p.dead)
            {
                kill(process);
                killed = true;
            }
        }
        killed |= some == Some(true);
        passes += 1;
        if passes > BUSY_PASSES {
            std::thread::sleep(PAUSE);
        }
    }
}

/// Kills the children of `parent`: this process, or one that is stopped, so that none of their pids is given out again
/// before it is reaped. Whether one was alive; none where the kernel does not tell. What forks in a loop must be killed
/// quicker than it forks, and a look at all processes is not quick enough.
fn kill_children(parent: i32) -> Option<bool> {
    let mut killed = false;
    for child in tree::children(parent)?.into_iter().filter(|c| !c.dead) {
        if let Some(pid) = child.rustix_pid() {
            let _ = process::kill_process(pid, Signal::KILL);
            killed = true;
        }
    }
    Some(killed)
}

/// Waits for all that ended. Whether there is a child still.
fn reap_any() -> bool {
    loop {
        match process::wait(WaitOptions::NOHANG) {
            Ok(None) => return true,
            Err(rustix::io::Errno::CHILD) => return false,
            // One was reaped, or a signal came.
            Ok(Some(_)) | Err(_) => {}
        }
    }
}

/// SIGKILL to this very process; a pid that was given out again is let alone.
fn kill(target: Process) {
    let Some(pid) = target.rustix_pid() else {
        return;
    };
    match process::pidfd_open(pid, PidfdFlags::empty()) {
        // The descriptor holds the process that the pid names now; the start says whether it is the one we mean.
        Ok(handle) if target.is_alive() => {
            let _ = process::pidfd_send_signal(handle, Signal::KILL);
        }
        Ok(_) | Err(rustix::io::Errno::SRCH) => {}
        // Kernels before 5.3 have no pidfd.
        Err(_) if target.is_alive() => {
            let _ = process::kill_process(pid, Signal::KILL);
        }
        Err(_) => {}
    }
}

/// What is known of one run's processes, in the daemon.
#[derive(Debug)]
pub struct RunTree {
    child: Process,
    /// Found beneath the child while it lived.
    seen: HashSet<Process>,
}

impl RunTree {
    /// Starts a run's child. `spawn` gives what it started and its pid.
    pub fn spawn<T>(spawn: impl FnOnce() -> io::Result<(T, u32)>) -> io::Result<(T, Self)> {
        // Held while it starts: no other run's sweep may take a child for an orphan that is not noted yet.
        let mut running = running();
        let (started, pid) = spawn()?;
        let child = tree::one(i32::try_from(pid).map_err(io::Error::other)?)?;
        running.push(child.pid);
        Ok((
            started,
            Self {
                child,
                seen: HashSet::new(),
            },
        ))
    }

    /// One pass: kills all beneath the child, then, when nothing is left there or by `force`, the child and its
    /// orphans. True when nothing of the run is alive.
    pub fn kill_pass(&mut self, force: bool) -> bool {
        // Stopped first: it must not start more while it is swept. Orphans come to it all the same.
        if self.child.is_alive()
            && let Some(pid) = self.child.rustix_pid()
        {
            let _ = process::kill_process(pid, Signal::STOP);
        }
        // It cannot reap while it stands still, so that its children keep their pids.
        let mut passes = 0;
        while self.child.is_alive()
            && passes < BUSY_PASSES
            && kill_children(self.child.pid) == Some(true)
        {
            passes += 1;
        }
        let Ok(tree::Snapshot {
            processes: all,
            whole,
        }) = tree::all()
        else {
            return false;
        };
        let me = process::getpid().as_raw_nonzero().get();
        // Once it was waited for, its pid may be another's.
        let stands = all.contains(&self.child);
        let mut found = if stands {
            tree::beneath(self.child.pid, &all)
        } else {
            Vec::new()
        };
        let orphans = self.orphans(me, &all);
        // Those that ended by themselves: nobody else waits for them, and dead ones use up the system's pids.
        for process in all.iter().filter(|p| p.dead && orphans.contains(&p.pid)) {
            let _ = process::waitpid(Pid::from_raw(process.pid), WaitOptions::NOHANG);
        }
        for process in &all {
            if self.seen.contains(process) || orphans.contains(&process.pid) {
                found.push(*process);
                found.extend(tree::beneath(process.pid, &all));
            }
        }
        let alive: HashSet<Process> = found
            .into_iter()
            .filter(|p| !p.dead && p.pid != me)
            .collect();
        alive.iter().copied().for_each(kill);
        let none_left = alive.is_empty() && whole;
        self.seen.extend(alive);
        if none_left || force {
            kill(self.child);
        }
        self.reap_orphans(me);
        none_left && !self.child.is_alive()
    }

    fn orphans(&self, me: i32, all: &[Process]) -> HashSet<i32> {
        if !ONLY_RUNS.load(Ordering::Relaxed) {
            return HashSet::new();
        }
        let running = running();
        all.iter()
            .filter(|p| p.parent == me && !running.contains(&p.pid))
            .map(|p| p.pid)
            .collect()
    }

    /// Orphans that came to this process and died are waited for by their pids, so that no other child's status is lost.
    fn reap_orphans(&mut self, me: i32) {
        self.seen.retain(|process| match tree::one(process.pid) {
            Ok(now) if now.start == process.start => {
                if now.dead && now.parent == me {
                    let _ = process::waitpid(Pid::from_raw(process.pid), WaitOptions::NOHANG);
                }
                true
            }
            // Gone.
            _ => false,
        });
    }
}

impl Drop for RunTree {
    fn drop(&mut self) {
        // A run that is dropped half-way (the daemon stops) leaves nothing behind either.
        for _ in 0..DROP_PASSES {
            if self.kill_pass(true) {
                break;
            }
            std::thread::sleep(PAUSE);
        }
        running().retain(|pid| *pid != self.child.pid);
    }
}

/// The children of all runs of this process, by pid.
fn running() -> MutexGuard<'static, Vec<i32>> {
    static RUNNING: Mutex<Vec<i32>> = Mutex::new(Vec::new());
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}
