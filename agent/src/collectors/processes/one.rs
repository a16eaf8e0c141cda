//! One process as /proc tells it: little of each at first, more of those that are sent.
use std::{fs::File, io::Read, os::unix::fs::MetadataExt, path::Path};

use boathook_hooks::time::Time;
use serde::Serialize;

use super::users::Users;
use crate::child::out::plain_line;

/// Read of a file of /proc at most.
const MOST: u64 = 256 << 10;
/// Longest command line that is sent, in bytes: arguments beyond it are left out.
const LONGEST_LINE: usize = 4 << 10;

/// What holds for all processes.
pub struct System {
    pub users: Users,
    page: u64,
    ticks: u64,
    /// Seconds since 1970 at which the clock of start times began.
    booted: i64,
    /// Why there may be more than we see.
    pub hidden: Option<&'static str>,
}

impl System {
    pub fn read() -> Self {
        let stat = text("/proc/stat").unwrap_or_default();
        let booted = stat
            .lines()
            .find_map(|l| l.strip_prefix("btime ")?.trim().parse().ok());
        let mounts = text("/proc/self/mounts").unwrap_or_default();
        Self {
            users: Users::read(),
            page: rustix::param::page_size() as u64,
            ticks: rustix::param::clock_ticks_per_second().max(1),
            booted: booted.unwrap_or(0),
            hidden: hides(&mounts).then_some(
                "/proc is mounted with hidepid: only the agent's own user's processes are seen",
            ),
        }
    }
}

/// Whether `/proc` shows a user its own processes only. Root is shown all.
fn hides(mounts: &str) -> bool {
    let proc = mounts
        .lines()
        .find(|line| line.split(' ').nth(1) == Some("/proc"));
    let options = proc
        .and_then(|line| line.split(' ').nth(3))
        .unwrap_or_default();
    let hides = options.split(',').any(|o| {
        matches!(
            o,
            "hidepid=1"
                | "hidepid=2"
                | "hidepid=4"
                | "hidepid=noaccess"
                | "hidepid=invisible"
                | "hidepid=ptraceable"
        )
    });
    hides && !rustix::process::geteuid().is_root()
}

/// Enough to choose by.
#[derive(Clone, Copy)]
pub struct Seen {
    pub pid: i32,
    pub uid: u32,
    pub threads: u64,
    pub resident_bytes: u64,
    pub cpu_ticks: u64,
    state: char,
    parent: i32,
    nice: i64,
    virtual_bytes: u64,
    start_ticks: u64,
}

impl Seen {
    /// With the command's name.
    pub fn read(pid: i32, system: &System) -> Option<(Self, String)> {
        let uid = std::fs::metadata(format!("/proc/{pid}")).ok()?.uid();
        parse(pid, uid, &text(format!("/proc/{pid}/stat"))?, system.page)
    }

    pub fn state_word(&self) -> &'static str {
        // proc_pid_stat(5).
        match self.state {
            'R' => "running",
            'S' => "sleeping",
            'D' => "disk",
            'Z' => "zombie",
            'T' => "stopped",
            't' => "traced",
            'I' => "idle",
            'X' | 'x' => "dead",
            _ => "other",
        }
    }
}

/// `/proc/PID/stat`; the name in parentheses may hold anything.
fn parse(pid: i32, uid: u32, stat: &str, page: u64) -> Option<(Seen, String)> {
    let (begin, end) = (stat.find('(')?, stat.rfind(')')?);
    let name = stat.get(begin + 1..end)?.to_owned();
    let fields: Vec<&str> = stat.get(end + 1..)?.split_ascii_whitespace().collect();
    // Numbered as in proc_pid_stat(5), where the state is field 3.
    let field = |number: usize| fields.get(number - 3).copied();
    let number = |n: usize| field(n)?.parse::<u64>().ok();
    let seen = Seen {
        pid,
        uid,
        state: field(3)?.chars().next()?,
        parent: field(4)?.parse().ok()?,
        cpu_ticks: number(14)?.saturating_add(number(15)?),
        nice: field(19)?.parse().ok()?,
        threads: number(20)?,
        start_ticks: number(22)?,
        virtual_bytes: number(23)?,
        resident_bytes: number(24)?.saturating_mul(page),
    };
    Some((seen, name))
}

/// The name of a process's program by its command line: the kernel's own name has 15 bytes at most.
pub fn program(pid: i32) -> Option<String> {
    let line = bytes(format!("/proc/{pid}/cmdline"))?;
    let first = line.split(|b| *b == 0).next()?;
    let path = String::from_utf8_lossy(first);
    Some(path.rsplit('/').next().unwrap_or_default().to_owned())
}

/// One process of `processes.json`.
#[derive(Serialize)]
pub struct Details {
    pub pid: i32,
    pub parent: i32,
    pub uid: u32,
    pub user: String,
    pub name: String,
    pub state: &'static str,
    pub threads: u64,
    nice: i64,
    pub resident_bytes: u64,
    virtual_bytes: u64,
    swapped_bytes: Option<u64>,
    /// Spent in user and system mode since it began.
    pub cpu_seconds: f64,
    /// RFC 3339.
    pub started_at: String,
    cgroup: Option<String>,
    /// None where it is not readable.
    open_files: Option<u64>,
    /// Arguments with blanks between them; none for threads of the kernel.
    pub command_line: Option<String>,
}

impl Details {
    /// None when it is gone.
    pub fn read(of: &Seen, arguments: bool, system: &System) -> Option<Self> {
        let (now, name) =
            Seen::read(of.pid, system).filter(|(now, _)| now.start_ticks == of.start_ticks)?;
        let at = |file: &str| format!("/proc/{}/{file}", of.pid);
        let status = text(at("status")).unwrap_or_default();
        let swapped = status.lines().find_map(|l| {
            l.strip_prefix("VmSwap:")?
                .trim()
                .strip_suffix(" kB")?
                .parse::<u64>()
                .ok()
        });
        let started = system
            .booted
            .saturating_add(i64::try_from(now.start_ticks / system.ticks).unwrap_or(0));
        #[allow(clippy::cast_precision_loss, reason = "seconds for people")]
        let cpu_seconds = now.cpu_ticks as f64 / system.ticks as f64;
        Some(Self {
            pid: now.pid,
            parent: now.parent,
            uid: now.uid,
            user: system.users.name(now.uid),
            name,
            state: now.state_word(),
            threads: now.threads,
            nice: now.nice,
            resident_bytes: now.resident_bytes,
            virtual_bytes: now.virtual_bytes,
            swapped_bytes: swapped.map(|kib| kib * 1024),
            cpu_seconds,
            started_at: Time::from_ms(started.saturating_mul(1000)).to_string(),
            cgroup: text(at("cgroup")).and_then(|c| cgroup(&c)),
            open_files: std::fs::read_dir(at("fd"))
                .ok()
                .map(|all| all.count() as u64),
            command_line: if arguments {
                bytes(at("cmdline")).and_then(|line| command_line(&line))
            } else {
                None
            },
        })
    }
}

/// The one hierarchy of cgroup v2, else systemd's of v1, else the first.
fn cgroup(text: &str) -> Option<String> {
    let path = |mark: &str| {
        text.lines()
            .find_map(|l| l.split_once(mark).map(|(_, path)| path))
    };
    let found = text
        .lines()
        .find_map(|l| l.strip_prefix("0::"))
        .filter(|path| *path != "/");
    let found = found
        .or_else(|| path(":name=systemd:"))
        .or_else(|| text.lines().next()?.splitn(3, ':').nth(2));
    found.map(ToOwned::to_owned)
}

/// One line of it, since redaction sees a password after its option's name only where both stand on one line. An argument
/// with a blank is quoted.
fn command_line(line: &[u8]) -> Option<String> {
    let whole = String::from_utf8_lossy(line);
    let args = whole.trim_end_matches('\0').split('\0');
    let quoted = args.map(|arg| {
        let blank = arg.is_empty() || arg.contains([' ', '\t']);
        if blank && !arg.contains('\'') {
            format!("'{arg}'")
        } else {
            arg.to_owned()
        }
    });
    let mut line = String::new();
    let mut more = 0;
    for arg in quoted {
        // Each argument is whole or not there: half a secret looks like none.
        if more > 0 || line.len() + arg.len() > LONGEST_LINE {
            more += arg.len() + 1;
            continue;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&plain_line(&arg));
    }
    if line == "''" {
        return None;
    }
    if more > 0 {
        line.push_str(&format!(" [{more} bytes more]"));
    }
    Some(line)
}

fn text(path: impl AsRef<Path>) -> Option<String> {
    bytes(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn bytes(path: impl AsRef<Path>) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    File::open(path)
        .ok()?
        .take(MOST)
        .read_to_end(&mut out)
        .ok()?;
    Some(out)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_strange_name_does_not_confuse_and_fields_are_the_right_ones() {
        let stat = "9 (a) R (b) S 4 9 9 0 -1 0 1 2 3 4 150 50 7 8 20 -5 3 0 1234 4096 10 0\n";
        let (seen, name) = parse(9, 0, stat, 4096).unwrap();
        assert_eq!(
            (name.as_str(), seen.state_word(), seen.parent),
            ("a) R (b", "sleeping", 4)
        );
        assert_eq!(
            (seen.cpu_ticks, seen.nice, seen.threads, seen.start_ticks),
            (200, -5, 3, 1234)
        );
        assert_eq!((seen.virtual_bytes, seen.resident_bytes), (4096, 40_960));
        assert!(parse(9, 0, "9 (short) S 1", 4096).is_none());
    }

    #[test]
    fn we_see_ourselves() {
        let system = System::read();
        let me = i32::try_from(std::process::id()).unwrap();
        let (seen, _) = Seen::read(me, &system).unwrap();
        let details = Details::read(&seen, true, &system).unwrap();
        assert!(details.resident_bytes > 1 << 20 && details.open_files > Some(2));
        assert!(details.command_line.unwrap().contains("boathook"));
        assert!(
            details.started_at.starts_with("20"),
            "{}",
            details.started_at
        );
        assert!(
            Details::read(&seen, false, &system)
                .unwrap()
                .command_line
                .is_none()
        );
        let other = Seen {
            start_ticks: seen.start_ticks + 1,
            ..seen
        };
        assert!(
            Details::read(&other, true, &system).is_none(),
            "another process under the same pid is not told as this one"
        );
    }

    #[test]
    fn a_command_line_is_one_line() {
        assert_eq!(
            command_line(b"app\0--name\0two words\0\0a\nb\0").unwrap(),
            "app --name 'two words' '' a b"
        );
        assert_eq!(command_line(b""), None);
        let long = [b"app\0".as_slice(), &[b'x'; 5000], b"\0-v\0"].concat();
        assert_eq!(command_line(&long).unwrap(), "app [5004 bytes more]");
    }

    #[test]
    fn the_cgroup_of_both_versions_is_found() {
        assert_eq!(
            cgroup("0::/system.slice/app.service\n").unwrap(),
            "/system.slice/app.service"
        );
        assert_eq!(
            cgroup("5:cpu:/x\n1:name=systemd:/system.slice/a\n0::/\n").unwrap(),
            "/system.slice/a"
        );
        assert_eq!(cgroup("5:cpu:/docker/1\n").unwrap(), "/docker/1");
    }

    #[test]
    fn a_proc_that_hides_is_noticed() {
        let me = rustix::process::geteuid().is_root();
        assert_eq!(hides("proc /proc proc rw,nosuid,hidepid=2 0 0\n"), !me);
        assert!(!hides("proc /proc proc rw,nosuid 0 0\n"));
        assert!(!hides("proc /proc proc rw,hidepid=0 0 0\n"));
    }
}
