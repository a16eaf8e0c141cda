//! One entry of `journalctl --output=json`, and its line in `journal.log`.
use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::Value;

use super::reader::Line;

/// A message of many lines ends with the line that reaches so many bytes.
const LONGEST: usize = 64 << 10;
/// Longest name of a host, a unit or a program; a longer one is left out, as half a secret looks like none.
const LONGEST_NAME: usize = 256;
const TOO_LONG: &str = "[a name that is too long]";

/// What counts of an entry. A value is a text, a list of bytes (where it is not UTF-8), a list of several values of one
/// name, or null (systemd.journal-fields(7), Journal JSON Format).
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Entry {
    #[serde(rename = "__CURSOR")]
    pub cursor: Option<String>,
    #[serde(rename = "__REALTIME_TIMESTAMP")]
    realtime: Value,
    #[serde(rename = "MESSAGE")]
    message: Value,
    #[serde(rename = "PRIORITY")]
    priority: Value,
    #[serde(rename = "SYSLOG_IDENTIFIER")]
    identifier: Value,
    #[serde(rename = "SYSLOG_PID")]
    syslog_pid: Value,
    #[serde(rename = "_PID")]
    pid: Value,
    #[serde(rename = "_COMM")]
    comm: Value,
    #[serde(rename = "_SYSTEMD_UNIT")]
    unit: Value,
    #[serde(rename = "UNIT")]
    about: Value,
    #[serde(rename = "_HOSTNAME")]
    host: Value,
    #[serde(skip)]
    broken: bool,
}

const PRIORITIES: [&str; 8] = [
    "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug",
];

impl Entry {
    /// A line that cannot be read becomes an entry that says so.
    pub fn read(line: Line) -> Self {
        let broken = Self {
            broken: true,
            ..Self::default()
        };
        match line {
            Line::Whole(bytes) => serde_json::from_slice(&bytes).unwrap_or(broken),
            Line::TooLong => broken,
        }
    }

    /// Too long, or not to be understood.
    pub fn too_long(&self) -> bool {
        self.broken || self.cursor.is_none()
    }

    /// When it was written, RFC 3339 in UTC with microseconds.
    pub fn at(&self) -> Option<String> {
        let micros: i64 = self.realtime.as_str()?.parse().ok()?;
        let at = jiff::Timestamp::from_microsecond(micros).ok()?;
        Some(format!("{at:.6}"))
    }

    pub fn priority(&self) -> &'static str {
        let level = self
            .priority
            .as_str()
            .and_then(|level| level.parse::<usize>().ok());
        level
            .and_then(|level| PRIORITIES.get(level))
            .copied()
            .unwrap_or("none")
    }

    /// The unit that wrote it, or that it is about; empty for neither.
    pub fn unit(&self) -> &str {
        let unit = [&self.about, &self.unit]
            .into_iter()
            .find_map(Value::as_str)
            .unwrap_or_default();
        if unit.len() > LONGEST_NAME {
            TOO_LONG
        } else {
            unit
        }
    }

    /// `text` becomes the entry's line or lines: time, host, program and pid, priority where it is grave, message.
    pub fn write(&self, text: &mut String) {
        text.clear();
        if self.too_long() {
            text.push_str("[an entry that is too long to be read]\n");
            return;
        }
        let name = |value: &Value| name_of(&first(value));
        let or = |a: &Value, b: &Value| if a.is_null() { name(b) } else { name(a) };
        let (at, host) = (self.at().unwrap_or_default(), name(&self.host));
        let (program, pid) = (
            or(&self.identifier, &self.comm),
            or(&self.syslog_pid, &self.pid),
        );
        let pid = if pid.is_empty() {
            pid
        } else {
            format!("[{pid}]")
        };
        let grave = match self.priority() {
            grave @ ("emerg" | "alert" | "crit" | "err" | "warning") => format!("{grave}: "),
            _ => String::new(),
        };
        // Writing to a String cannot fail.
        let _ = write!(text, "{at} {host} {program}{pid}: {grave}");
        let message = first(&self.message);
        // A cut within a line could leave half of a secret, which redaction would not know.
        let end = message
            .as_bytes()
            .get(LONGEST..)
            .and_then(|rest| rest.iter().position(|b| *b == b'\n'));
        let kept = end.map_or(message.as_str(), |n| &message[..LONGEST + n]);
        // Lines that follow are not indented: a key or a trace must look like itself to redaction and to readers.
        for (n, line) in kept.lines().enumerate() {
            if n > 0 {
                text.push('\n');
            }
            text.extend(
                line.chars()
                    .map(|c| if c.is_control() && c != '\t' { ' ' } else { c }),
            );
        }
        if kept.len() < message.len() {
            let _ = write!(text, " [{} bytes more]", message.len() - kept.len());
        }
        text.push('\n');
    }
}

/// A value as text; of several the first.
fn first(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(list) => match list.first() {
            Some(Value::Number(_)) | None => {
                let bytes: Vec<u8> = list
                    .iter()
                    .filter_map(|b| u8::try_from(b.as_u64()?).ok())
                    .collect();
                String::from_utf8_lossy(&bytes).into_owned()
            }
            Some(first_of_all) => first(first_of_all),
        },
        _ => String::new(),
    }
}

fn name_of(text: &str) -> String {
    if text.len() > LONGEST_NAME {
        return TOO_LONG.to_owned();
    }
    crate::child::out::plain_line(text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn line(json: &str) -> String {
        let mut text = String::new();
        Entry::read(Line::Whole(json.as_bytes().to_vec())).write(&mut text);
        text
    }

    #[test]
    fn an_entry_reads_as_a_line_of_a_log() {
        let json = r#"{"__CURSOR":"c","__REALTIME_TIMESTAMP":"1795247535366515","MESSAGE":"it broke","PRIORITY":"3",
            "SYSLOG_IDENTIFIER":"app","_PID":"7","_HOSTNAME":"h","_SYSTEMD_UNIT":"app.service"}"#;
        assert_eq!(
            line(json),
            "2026-11-21T07:52:15.366515Z h app[7]: err: it broke\n"
        );
        assert_eq!(Entry::read(Line::Whole(json.into())).unit(), "app.service");
    }

    #[test]
    fn bytes_several_values_and_nothing_are_understood() {
        let entry = |message: &str| {
            line(&format!(
                r#"{{"__CURSOR":"c","__REALTIME_TIMESTAMP":"0","MESSAGE":{message}}}"#
            ))
        };
        assert_eq!(
            entry("[97,255,98]"),
            "1970-01-01T00:00:00.000000Z  : a\u{fffd}b\n"
        );
        assert_eq!(
            entry(r#"["one","two"]"#),
            "1970-01-01T00:00:00.000000Z  : one\n"
        );
        assert_eq!(entry("null"), "1970-01-01T00:00:00.000000Z  : \n");
    }

    #[test]
    fn lines_of_a_message_stay_lines_and_other_control_characters_do_not() {
        let text = line(
            r#"{"__CURSOR":"c","__REALTIME_TIMESTAMP":"0","MESSAGE":"a\u001b[2J\nb\r\nc\td"}"#,
        );
        assert!(text.ends_with(": a [2J\nb\nc\td\n"), "{text:?}");
    }

    #[test]
    fn what_cannot_be_read_says_so_and_a_long_message_is_cut_between_its_lines() {
        assert_eq!(line("{broken"), "[an entry that is too long to be read]\n");
        let long = "x".repeat(LONGEST + 9);
        let text = line(&format!(
            r#"{{"__CURSOR":"c","MESSAGE":"{long}\n12345678"}}"#
        ));
        assert!(text.ends_with("x [9 bytes more]\n"));
        assert!(text.contains(&long), "a line is whole, or not there");
        let name = line(&format!(
            r#"{{"__CURSOR":"c","SYSLOG_IDENTIFIER":"{long}"}}"#
        ));
        assert!(name.len() < 100 && name.contains(TOO_LONG), "{name}");
        let unit = format!(r#"{{"__CURSOR":"c","_SYSTEMD_UNIT":"{long}"}}"#);
        assert_eq!(Entry::read(Line::Whole(unit.into())).unit(), TOO_LONG);
    }
}
