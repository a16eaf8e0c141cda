//! Processors, memory, disks, mounts.
use std::fs;

use serde_json::{Map, Value, json};

use super::{text, value};

pub fn cpu() -> Value {
    let info = text("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = info
            .lines()
            .find(|l| l.split(':').next().is_some_and(|n| n.trim() == name));
        line.and_then(|l| l.split_once(':'))
            .map(|(_, v)| v.trim().to_owned())
    };
    let stat = text("/proc/stat").unwrap_or_default();
    let processors = stat
        .lines()
        .filter(|l| l.starts_with("cpu") && !l.starts_with("cpu "))
        .count();
    // proc(5): user, nice, system, idle, iowait, irq, softirq, steal, in ticks.
    let ticks: Vec<u64> = stat
        .lines()
        .next()
        .unwrap_or_default()
        .split_ascii_whitespace()
        .skip(1)
        .flat_map(str::parse)
        .collect();
    let names = [
        "user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal",
    ];
    let since_boot: Map<String, Value> = names
        .iter()
        .zip(ticks)
        .map(|(n, t)| ((*n).to_owned(), t.into()))
        .collect();
    json!({
        "processors": processors,
        "model": field("model name").or_else(|| field("Model")),
        "cores_a_socket": field("cpu cores"),
        "mhz": field("cpu MHz"),
        "cache": field("cache size"),
        "microcode": field("microcode"),
        "flags": field("flags").or_else(|| field("Features")),
        "ticks_since_boot": since_boot,
    })
}

pub fn memory() -> Value {
    let info = text("/proc/meminfo").unwrap_or_default();
    let bytes = |name: &str| {
        let line = info
            .lines()
            .find_map(|l| l.strip_prefix(name)?.strip_prefix(':'))?;
        line.split_ascii_whitespace()
            .next()?
            .parse::<u64>()
            .ok()
            .map(|kib| kib * 1024)
    };
    json!({
        "total_bytes": bytes("MemTotal"),
        "available_bytes": bytes("MemAvailable"),
        "free_bytes": bytes("MemFree"),
        "buffers_bytes": bytes("Buffers"),
        "cached_bytes": bytes("Cached"),
        "slab_bytes": bytes("Slab"),
        "dirty_bytes": bytes("Dirty"),
        "swap_total_bytes": bytes("SwapTotal"),
        "swap_free_bytes": bytes("SwapFree"),
        "committed_bytes": bytes("Committed_AS"),
        "huge_pages_total": bytes("HugePages_Total").map(|n| n / 1024),
        "swaps": text("/proc/swaps").map(|s| s.lines().skip(1).map(str::to_owned).collect::<Vec<_>>()),
    })
}

pub fn disks() -> Value {
    let mut disks = Vec::new();
    for entry in fs::read_dir("/sys/block").into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let at = |rest: &str| format!("/sys/block/{name}/{rest}");
        // Sizes there are in units of 512 bytes, whatever the disk's own.
        let bytes = value(&at("size")).as_u64().map(|n| n * 512);
        if bytes == Some(0) || name.starts_with("ram") {
            continue;
        }
        let stat = text(&at("stat")).unwrap_or_default();
        let stat: Vec<u64> = stat.split_ascii_whitespace().flat_map(str::parse).collect();
        disks.push(json!({
            "name": name,
            "bytes": bytes,
            "model": text(&at("device/model")),
            "rotational": value(&at("queue/rotational")) == 1,
            "read_only": value(&at("ro")) == 1,
            "scheduler": text(&at("queue/scheduler")),
            "reads": stat.first(),
            "read_bytes": stat.get(2).map(|n| n * 512),
            "writes": stat.get(4),
            "written_bytes": stat.get(6).map(|n| n * 512),
            "busy_ms": stat.get(9),
        }));
    }
    json!({ "disks": disks })
}

/// File systems whose size is never asked for: they are not real, or another machine might not answer.
const NOT_ASKED: &[&str] = &[
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "9p",
    "ceph",
    "glusterfs",
    "afs",
    "autofs",
    "proc",
    "sysfs",
    "devpts",
    "cgroup",
    "cgroup2",
    "securityfs",
    "debugfs",
    "tracefs",
    "pstore",
    "bpf",
    "mqueue",
    "fusectl",
    "configfs",
    "binfmt_misc",
    "nsfs",
];

pub fn mounts() -> Value {
    let info = text("/proc/self/mountinfo").unwrap_or_default();
    let rows: Vec<Value> = info.lines().filter_map(mount).collect();
    json!({ "mounts": rows })
}

/// One line of mountinfo (proc(5)): `36 35 98:0 /root /mount options tags… - kind source super-options`.
fn mount(line: &str) -> Option<Value> {
    let (left, right) = line.split_once(" - ")?;
    let left: Vec<&str> = left.split(' ').collect();
    let right: Vec<&str> = right.split(' ').collect();
    let (path, options) = (unescape(left.get(4)?), left.get(5)?);
    let (kind, source) = (*right.first()?, unescape(right.get(1)?));
    let mut row = json!({ "path": path, "kind": kind, "source": source, "options": options });
    let asked = !NOT_ASKED.contains(&kind) && !kind.starts_with("fuse.");
    if let Some(stat) = asked
        .then(|| rustix::fs::statvfs(path.as_str()).ok())
        .flatten()
        && let Some(map) = row.as_object_mut()
    {
        map.insert("bytes".into(), (stat.f_blocks * stat.f_frsize).into());
        map.insert("free_bytes".into(), (stat.f_bavail * stat.f_frsize).into());
        map.insert("inodes".into(), stat.f_files.into());
        map.insert("free_inodes".into(), stat.f_favail.into());
    }
    Some(row)
}

/// Blanks and backslashes stand there as `\040` and `\134`.
fn unescape(text: &str) -> String {
    text.replace("\\040", " ")
        .replace("\\011", "\t")
        .replace("\\012", "\n")
        .replace("\\134", "\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_with_blanks_and_tags_reads() {
        let row =
            mount("36 35 98:0 / /mnt/a\\040b rw,noatime shared:1 master:2 - proc /dev/x\\040y rw");
        assert_eq!(
            row,
            Some(
                json!({"path": "/mnt/a b", "kind": "proc", "source": "/dev/x y", "options": "rw,noatime"})
            )
        );
        assert_eq!(mount("nonsense"), None);
    }
}
