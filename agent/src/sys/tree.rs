//! The tree of processes, as /proc shows it.
use std::{
    collections::HashMap,
    fs,
    hash::{Hash, Hasher},
    io,
    path::Path,
};

use rustix::process::Pid;

/// One process. Pid and start together name it for ever; a pid alone is given out again.
#[derive(Clone, Copy, Debug)]
pub struct Process {
    pub pid: i32,
    /// Clock ticks since boot.
    pub start: u64,
    pub parent: i32,
    pub dead: bool,
}

/// Equal are two looks at the same process, though its parent or state changed.
impl PartialEq for Process {
    fn eq(&self, other: &Self) -> bool {
        (self.pid, self.start) == (other.pid, other.start)
    }
}

impl Eq for Process {}

impl Hash for Process {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.pid, self.start).hash(state);
    }
}

impl Process {
    pub fn rustix_pid(self) -> Option<Pid> {
        Pid::from_raw(self.pid)
    }

    /// Whether this very process still runs.
    pub fn is_alive(self) -> bool {
        one(self.pid).is_ok_and(|now| now.start == self.start && !now.dead)
    }
}

/// The process `pid` as it is now.
pub fn one(pid: i32) -> io::Result<Process> {
    let text = fs::read(format!("/proc/{pid}/stat"))?;
    parse(pid, &text)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "/proc/PID/stat does not read"))
}

/// The processes of this PID namespace at one time, as far as /proc can tell them.
#[derive(Debug, Default)]
pub struct Snapshot {
    pub processes: Vec<Process>,
    /// None that was listed ended before it was looked at. One that did may have started others after the listing: so
    /// only of a whole snapshot it can be said that something is not there.
    pub whole: bool,
}

/// All processes of this PID namespace.
pub fn all() -> io::Result<Snapshot> {
    let mut out = Snapshot {
        processes: Vec::new(),
        whole: true,
    };
    for entry in fs::read_dir(Path::new("/proc"))? {
        let Ok(entry) = entry else { continue };
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        match one(pid) {
            Ok(process) => out.processes.push(process),
            Err(_) => out.whole = false,
        }
    }
    Ok(out)
}

/// The children of `pid` by what the kernel keeps of each, far quicker than a look at all processes. None where the
/// kernel does not tell (it is built without `CONFIG_PROC_CHILDREN`) or `pid` is gone.
pub fn children(pid: i32) -> Option<Vec<Process>> {
    let mut out = Vec::new();
    for task in fs::read_dir(format!("/proc/{pid}/task")).ok()? {
        let text = fs::read_to_string(task.ok()?.path().join("children")).ok()?;
        out.extend(
            text.split_ascii_whitespace()
                .filter_map(|child| one(child.parse().ok()?).ok()),
        );
    }
    Some(out)
}

/// Everything beneath `root`, without `root` itself.
pub fn beneath(root: i32, all: &[Process]) -> Vec<Process> {
    let mut children: HashMap<i32, Vec<Process>> = HashMap::new();
    for process in all {
        children.entry(process.parent).or_default().push(*process);
    }
    let mut out = Vec::new();
    let mut todo = vec![root];
    while let Some(pid) = todo.pop() {
        // Removed, so that a snapshot that is not a tree (pids given out again while it was taken) ends too.
        for child in children.remove(&pid).unwrap_or_default() {
            out.push(child);
            todo.push(child.pid);
        }
    }
    out
}

/// Threads of all processes of the user `uid`.
pub fn threads_of_user(uid: u32) -> io::Result<u64> {
    use std::os::unix::fs::MetadataExt;
    let mut count = 0;
    for entry in fs::read_dir("/proc")? {
        let Ok(entry) = entry else { continue };
        let is_process = entry
            .file_name()
            .to_str()
            .is_some_and(|name| name.parse::<i32>().is_ok());
        if is_process && entry.metadata().is_ok_and(|m| m.uid() == uid) {
            count +=
                fs::read_dir(entry.path().join("task")).map_or(1, |tasks| tasks.count() as u64);
        }
    }
    Ok(count)
}

/// The fields of `/proc/PID/stat` that count. The name in parentheses may hold anything, parentheses and blanks too.
fn parse(pid: i32, text: &[u8]) -> Option<Process> {
    let after = text.iter().rposition(|b| *b == b')')? + 1;
    let rest = std::str::from_utf8(&text[after..]).ok()?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    // proc(5): state is field 3, starttime field 22.
    let start = fields.nth(17)?.parse().ok()?;
    Some(Process {
        pid,
        start,
        parent,
        dead: matches!(state, "Z" | "X" | "x"),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_and_blanks_does_not_confuse() {
        let text = b"7 (a) R 1 (x) S 42 7 7 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 999 1 2\n";
        let read = parse(7, text).unwrap();
        assert_eq!(
            (read.pid, read.start, read.parent, read.dead),
            (7, 999, 42, false)
        );
    }

    #[test]
    fn we_stand_in_the_tree_beneath_our_parent() {
        let me = one(i32::try_from(std::process::id()).unwrap()).unwrap();
        let all = all().unwrap().processes;
        assert!(beneath(me.parent, &all).contains(&me));
        assert!(me.is_alive());
        assert!(
            !Process {
                start: me.start + 1,
                ..me
            }
            .is_alive(),
            "another process of the same pid is not this one"
        );
    }

    #[test]
    fn a_snapshot_with_a_ring_ends() {
        let at = |pid, parent| Process {
            pid,
            parent,
            start: 1,
            dead: false,
        };
        assert_eq!(
            beneath(1, &[at(2, 1), at(3, 2), at(2, 3), at(1, 3)]).len(),
            4
        );
    }
}
