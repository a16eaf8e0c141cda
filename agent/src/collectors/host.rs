//! `host`: the machine itself, as `host.json` and for people as `host.txt`. Read from /proc and /sys alone.
mod hardware;
mod network;
mod system;

use std::{fmt::Write as _, fs, io::Read};

use boathook_hooks::collectors::host::{Params, Part};
use serde_json::{Map, Value};

use crate::child::out::{Section, Stop};

/// Read of one file of /proc or /sys at most.
const MOST: u64 = 256 << 10;

pub fn collect(params: &Params, section: &mut Section) -> Result<(), Stop> {
    let wanted = |part: &Part| params.parts.is_empty() || params.parts.contains(part);
    let mut all = Map::new();
    for part in Part::ALL.into_iter().filter(wanted) {
        section.check_time()?;
        let value = match part {
            Part::Os => system::os(),
            Part::Kernel => system::kernel(),
            Part::Cpu => hardware::cpu(),
            Part::Memory => hardware::memory(),
            Part::Disks => hardware::disks(),
            Part::Mounts => hardware::mounts(),
            Part::Network => network::network(),
            Part::Load => system::load(),
            Part::Uptime => system::uptime(),
            Part::Limits => system::limits(),
            Part::Cgroup => system::cgroup(),
        };
        all.insert(part.name().to_owned(), value);
    }
    let all = Value::Object(all);
    let json = serde_json::to_vec_pretty(&all).map_err(|e| Stop::Failed(e.to_string()))?;
    section.file("host.json", &json)?;
    let mut text = String::new();
    readable(&all, 0, &mut text);
    section.file("host.txt", text.as_bytes())
}

/// Headings and `name: value` lines; a list of small objects is a table row each.
fn readable(value: &Value, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    let Value::Object(map) = value else {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{indent}{}", flat(value));
        return;
    };
    for (name, value) in map {
        match value {
            Value::Object(_) => {
                let _ = writeln!(out, "{indent}{name}");
                readable(value, depth + 1, out);
            }
            Value::Array(list) if list.iter().any(Value::is_object) => {
                let _ = writeln!(out, "{indent}{name}");
                for row in list {
                    let _ = writeln!(out, "{indent}  {}", flat(row));
                }
            }
            other => {
                let _ = writeln!(out, "{indent}{name}: {}", flat(other));
            }
        }
        if depth == 0 {
            out.push('\n');
        }
    }
}

fn flat(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(flat).collect::<Vec<_>>().join(", "),
        Value::Object(map) => map
            .iter()
            .map(|(name, value)| format!("{name}={}", flat(value)))
            .collect::<Vec<_>>()
            .join("  "),
        other => other.to_string(),
    }
}

/// A small file as text, trimmed; none when it is not there or not readable.
fn text(path: &str) -> Option<String> {
    let mut bytes = Vec::new();
    fs::File::open(path)
        .ok()?
        .take(MOST)
        .read_to_end(&mut bytes)
        .ok()?;
    Some(String::from_utf8_lossy(&bytes).trim().to_owned())
}

/// A file as JSON: a number where it is one, null where there is none.
fn value(path: &str) -> Value {
    text(path).map_or(Value::Null, number_or_text)
}

fn number_or_text(text: String) -> Value {
    text.parse::<u64>().map_or(Value::String(text), Value::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_part_of_this_machine_tells_something() {
        for part in [
            system::os(),
            system::kernel(),
            system::load(),
            system::uptime(),
            system::limits(),
            system::cgroup(),
            hardware::cpu(),
            hardware::memory(),
            hardware::mounts(),
            network::network(),
        ] {
            assert!(part.as_object().is_some_and(|o| !o.is_empty()), "{part}");
        }
        assert!(hardware::cpu()["processors"].as_u64() > Some(0));
        assert!(hardware::memory()["total_bytes"].as_u64() > Some(1 << 20));
        assert!(
            hardware::mounts()["mounts"]
                .as_array()
                .is_some_and(|m| !m.is_empty())
        );
    }

    #[test]
    fn json_reads_as_plain_text() {
        let mut out = String::new();
        let value =
            json!({"os": {"name": "Debian", "disks": [{"name": "sda", "bytes": 5}], "none": null}});
        readable(&value, 0, &mut out);
        assert_eq!(
            out,
            "os\n  disks\n    bytes=5  name=sda\n  name: Debian\n  none: -\n\n"
        );
    }
}
