//! Operating system, kernel, load, uptime, limits, cgroup.
use serde_json::{Map, Value, json};

use super::{number_or_text, text, value};

pub fn os() -> Value {
    let release = text("/etc/os-release")
        .or_else(|| text("/usr/lib/os-release"))
        .unwrap_or_default();
    let field = |name: &str| {
        let line = release
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.map_or(Value::Null, |v| v.trim_matches(['"', '\'']).into())
    };
    json!({
        "name": field("PRETTY_NAME"),
        "id": field("ID"),
        "version": field("VERSION_ID"),
        "like": field("ID_LIKE"),
        "timezone": text("/etc/timezone"),
        "machine": uname().4,
        "hostname": uname().1,
        "virtualization": text("/sys/class/dmi/id/sys_vendor"),
        "product": text("/sys/class/dmi/id/product_name"),
    })
}

pub fn kernel() -> Value {
    let (system, _, release, version, machine) = uname();
    json!({
        "system": system,
        "release": release,
        "version": version,
        "architecture": machine,
        "command_line": value("/proc/cmdline"),
        "tainted": value("/proc/sys/kernel/tainted"),
        "modules": text("/proc/modules").map(|m| m.lines().count()),
    })
}

fn uname() -> (String, String, String, String, String) {
    let name = rustix::system::uname();
    let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
    (
        text(name.sysname()),
        text(name.nodename()),
        text(name.release()),
        text(name.version()),
        text(name.machine()),
    )
}

pub fn load() -> Value {
    let average = text("/proc/loadavg").unwrap_or_default();
    let part = |at| {
        average
            .split_ascii_whitespace()
            .nth(at)
            .map_or(Value::Null, |v: &str| {
                v.parse::<f64>().map_or(v.into(), Value::from)
            })
    };
    let pressure = |what: &str| {
        let lines = text(&format!("/proc/pressure/{what}"));
        lines.map_or(Value::Null, |l| l.lines().collect::<Vec<_>>().into())
    };
    json!({
        "minutes_1": part(0),
        "minutes_5": part(1),
        "minutes_15": part(2),
        "running_and_all": part(3),
        "pressure_cpu": pressure("cpu"),
        "pressure_memory": pressure("memory"),
        "pressure_io": pressure("io"),
    })
}

pub fn uptime() -> Value {
    let uptime = text("/proc/uptime").unwrap_or_default();
    let seconds = uptime
        .split_ascii_whitespace()
        .next()
        .and_then(|s| s.parse::<f64>().ok());
    let stat = text("/proc/stat").unwrap_or_default();
    let booted = stat
        .lines()
        .find_map(|l| l.strip_prefix("btime "))
        .and_then(|s| s.parse::<i64>().ok());
    let booted = booted.map(|s| boathook_hooks::time::Time::from_ms(s * 1000).to_string());
    json!({ "seconds": seconds, "booted_at": booted })
}

/// The system's, not this process's: those of a run are lowered.
pub fn limits() -> Value {
    let names = [
        "fs/file-max",
        "fs/file-nr",
        "fs/nr_open",
        "fs/inotify/max_user_watches",
        "kernel/pid_max",
        "kernel/threads-max",
        "kernel/core_pattern",
        "kernel/randomize_va_space",
        "net/core/somaxconn",
        "net/ipv4/ip_local_port_range",
        "net/ipv4/tcp_keepalive_time",
        "vm/max_map_count",
        "vm/overcommit_memory",
        "vm/swappiness",
    ];
    let mut out: Map<String, Value> = names
        .iter()
        .map(|name| (name.replace('/', "."), value(&format!("/proc/sys/{name}"))))
        .collect();
    let first = text("/proc/1/limits").unwrap_or_default();
    let first: Vec<&str> = first.lines().collect();
    out.insert(
        "process_1".into(),
        if first.is_empty() {
            Value::Null
        } else {
            first.into()
        },
    );
    Value::Object(out)
}

pub fn cgroup() -> Value {
    let membership = text("/proc/self/cgroup").unwrap_or_default();
    let membership: Vec<&str> = membership.lines().collect();
    // One hierarchy (v2) says `0::PATH`.
    let own = membership.iter().find_map(|line| line.strip_prefix("0::"));
    let mut limits = Map::new();
    for name in [
        "memory.max",
        "memory.high",
        "memory.current",
        "cpu.max",
        "pids.max",
        "pids.current",
        "io.max",
    ] {
        let path = own.map(|own| format!("/sys/fs/cgroup{}/{name}", own.trim_end_matches('/')));
        if let Some(found) = path.and_then(|path| text(&path)) {
            limits.insert(name.into(), number_or_text(found));
        }
    }
    for name in [
        "memory/memory.limit_in_bytes",
        "cpu/cpu.cfs_quota_us",
        "cpu/cpu.cfs_period_us",
        "pids/pids.max",
    ] {
        if let Some(found) = text(&format!("/sys/fs/cgroup/{name}")) {
            limits.insert(name.into(), number_or_text(found));
        }
    }
    json!({ "member_of": membership, "limits": limits })
}
