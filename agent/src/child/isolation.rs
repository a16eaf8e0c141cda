//! What a child gives up before it reads its job, and what a command gives up before it runs.
use std::io;

use rustix::{
    fs::Mode,
    process::{self, DumpableBehavior, Resource, Rlimit, Signal},
};

/// Address space of the child: collectors stream, so that this only meets a decoder that goes wrong.
const CHILD_SPACE: u64 = 1 << 30;
/// Address space of a command. Runtimes reserve far more than they use.
const COMMAND_SPACE: u64 = 16 << 30;
/// What a command may write into one file, such as a temporary one.
const COMMAND_FILE: u64 = 64 << 20;
const CHILD_FILES: u64 = 256;
const COMMAND_FILES: u64 = 1024;
/// Processes that a command may add to those that its user has already.
const COMMAND_PROCESSES: u64 = 256;

/// Layers that hold, in the words of `packet.json`. A layer that cannot be had is an error: nothing runs without.
pub fn confine_child() -> io::Result<Vec<String>> {
    process::umask(Mode::from_raw_mode(0o077));
    rustix::thread::set_no_new_privs(true)?;
    process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    crate::sys::sweep::adopt_orphans()?;
    process::setpriority_process(None, 19)?;
    limit(Resource::Core, 0, 0)?;
    // The soft limits are the child's own; its commands may go up to the hard ones.
    limit(Resource::As, CHILD_SPACE, COMMAND_SPACE)?;
    limit(Resource::Nofile, CHILD_FILES, COMMAND_FILES)?;
    limit(Resource::Fsize, 0, COMMAND_FILE)?;
    let user = if process::geteuid().is_root() {
        "user root"
    } else {
        "an own user"
    };
    Ok([
        "no_new_privs",
        "not dumpable",
        "resource limits",
        "lowest priority",
        "killed whole",
        user,
    ]
    .map(str::to_owned)
    .into())
}

/// CPU time, once the run's own time is known.
pub fn limit_cpu(seconds: u64) -> io::Result<()> {
    limit(Resource::Cpu, seconds.max(1), seconds.max(1) + 5)
}

/// What a command of the `command` collector gets, just before it takes this process over.
pub fn confine_command() -> io::Result<()> {
    process::setsid()?;
    // Commands die with their collector, so that a daemon that is killed leaves little behind.
    process::set_parent_process_death_signal(Some(Signal::KILL))?;
    rustix::thread::set_no_new_privs(true)?;
    for resource in [Resource::As, Resource::Nofile, Resource::Fsize] {
        let hard = process::getrlimit(resource).maximum;
        process::setrlimit(
            resource,
            Rlimit {
                current: hard,
                maximum: hard,
            },
        )?;
    }
    // The limit counts all processes of the user, so that those there are must be counted in.
    let others = crate::sys::tree::threads_of_user(process::getuid().as_raw())?;
    limit(
        Resource::Nproc,
        others + COMMAND_PROCESSES,
        others + COMMAND_PROCESSES,
    )
}

/// Sets what can only be lowered: where the system's own limit is less, that one stays.
fn limit(resource: Resource, soft: u64, hard: u64) -> io::Result<()> {
    let now = process::getrlimit(resource);
    let hard = now.maximum.map_or(hard, |max| max.min(hard));
    process::setrlimit(
        resource,
        Rlimit {
            current: Some(soft.min(hard)),
            maximum: Some(hard),
        },
    )?;
    Ok(())
}
