//! `file`: the ends of files that match globs, within limits of age, count and bytes.
use serde::{Deserialize, Serialize};

use super::{
    Advice, Describe, ParamsError, Words,
    fields::{Field, Kind, wrong},
    secrets,
};
use crate::{authoring::human, documents::root::Bounds, explain::Message, reach::WideReason};

/// Without `head_*` and `tail_*` the beginning of each file is sent, up to `file_bytes`. With both, both ends are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Absolute globs: `*` and `?` stay within one part, `**` is any number of parts, `[…]` and `{a,b}` as usual.
    pub paths: Vec<String>,
    /// Globs of what is left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head_bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tail_bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head_lines: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tail_lines: Option<u64>,
    /// Only files changed within so many seconds before the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<u64>,
    /// Most bytes of one file, after unpacking.
    #[serde(default = "default_file_bytes")]
    pub file_bytes: u64,
    /// Most bytes of all files; none is the section's own limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_bytes: Option<u64>,
    /// Most files, the newest first.
    #[serde(default = "default_max_files")]
    pub max_files: u32,
    /// Also what is not text, unredacted, if the policy allows it. Always wide.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub raw: bool,
}

fn default_file_bytes() -> u64 {
    10 << 20
}

fn default_max_files() -> u32 {
    200
}

pub const FIELDS: &[Field] = &[
    Field::required("paths", Kind::Texts),
    Field::new("exclude", Kind::Texts),
    Field::new("head_bytes", Kind::Bytes),
    Field::new("tail_bytes", Kind::Bytes),
    Field::new("head_lines", Kind::Count(1, 100_000_000)),
    Field::new("tail_lines", Kind::Count(1, 100_000_000)),
    Field::new("max_age", Kind::Seconds(3_650 * 86_400)),
    Field::new("file_bytes", Kind::Bytes),
    Field::new("total_bytes", Kind::Bytes),
    Field::new("max_files", Kind::Count(1, 100_000)),
    Field::new("raw", Kind::Flag),
];

/// Whether `path` begins at `/` and has no empty, `.` or `..` part: what is reviewed is what is opened. Parts inside
/// `{…}` of a glob count too.
pub fn is_clean_absolute(path: &str) -> bool {
    let Some(rest) = path.strip_prefix('/') else {
        return false;
    };
    if path.chars().any(char::is_control) {
        return false;
    }
    let parts_are_clean = rest.split('/').all(|part| !matches!(part, "" | "." | ".."));
    let alternatives_are_clean = rest
        .split(['/', '{', '}', ','])
        .all(|part| !matches!(part, "." | ".."));
    parts_are_clean && alternatives_are_clean
}

/// The directory that everything which matches `glob` lies beneath: its parts before the first with a special
/// character, and never its last part.
pub fn fixed_directory(glob: &str) -> &str {
    let parts_end = glob.rfind('/').unwrap_or(0);
    let special = glob
        .find(['*', '?', '[', ']', '{', '}', '\\', '!'])
        .unwrap_or(glob.len());
    let fixed = if special < parts_end {
        glob[..special].rfind('/').unwrap_or(0)
    } else {
        parts_end
    };
    &glob[..fixed]
}

/// Whether what lies in the directory `dir` lies beneath `ancestor`, compared part by part: `/var/logs` is not
/// beneath `/var/log`. A directory is beneath itself. Nothing is beneath an unclean ancestor.
pub fn beneath(dir: &str, ancestor: &str) -> bool {
    let ancestor = ancestor.strip_suffix('/').unwrap_or(ancestor);
    if ancestor.is_empty() {
        return false;
    }
    is_clean_absolute(ancestor)
        && dir
            .strip_prefix(ancestor)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A glob as the agent matches it: `/` only by itself or `**`.
pub fn glob(pattern: &str) -> Result<globset::Glob, globset::Error> {
    globset::GlobBuilder::new(pattern)
        .literal_separator(true)
        .backslash_escape(true)
        .build()
}

impl Params {
    fn is_partial(&self) -> bool {
        self.head_bytes.is_some()
            || self.tail_bytes.is_some()
            || self.head_lines.is_some()
            || self.tail_lines.is_some()
    }

    /// Which part of each file, in words of its own.
    fn ends(&self) -> Vec<Message> {
        let size = |key, bytes: Option<u64>| {
            bytes.map(|n| Message::new(key).with("bytes", human::about(n)))
        };
        let lines = |key, lines: Option<u64>| lines.map(|n| Message::new(key).with("lines", n));
        [
            size("file.head_bytes", self.head_bytes),
            lines("file.head_lines", self.head_lines),
            size("file.tail_bytes", self.tail_bytes),
            lines("file.tail_lines", self.tail_lines),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

impl Describe for Params {
    fn faults(&self) -> Vec<ParamsError> {
        let mut faults = Vec::new();
        if self.paths.is_empty() {
            faults.push(wrong(
                "paths",
                "an empty list",
                "at least one absolute glob, such as \"/var/log/*.log\"",
            ));
        }
        let all = self
            .paths
            .iter()
            .map(|p| ("paths", p))
            .chain(self.exclude.iter().map(|p| ("exclude", p)));
        for (field, pattern) in all {
            if !is_clean_absolute(pattern) {
                let right = "an absolute path or glob without \".\", \"..\" or empty parts";
                faults.push(wrong(field, pattern, right));
            } else if let Err(error) = glob(pattern) {
                faults.push(wrong(
                    field,
                    pattern,
                    format!("a glob that can be read ({})", error.kind()),
                ));
            }
        }
        for (first, second, bytes, lines) in [
            ("head_bytes", "head_lines", self.head_bytes, self.head_lines),
            ("tail_bytes", "tail_lines", self.tail_bytes, self.tail_lines),
        ] {
            if bytes.is_some() && lines.is_some() {
                faults.push(wrong(
                    second,
                    format!("both {first} and {second}"),
                    "one of the two",
                ));
            }
        }
        faults
    }

    fn lint(&self) -> Vec<Advice> {
        let mut advice = Vec::new();
        for pattern in &self.paths {
            if fixed_directory(pattern).is_empty() && pattern.contains(['*', '?', '[', '{']) {
                advice.push(Advice {
                    field: "paths",
                    message: format!("{pattern:?} searches the whole machine from /"),
                    expected: "a glob beneath one directory".into(),
                });
            }
            if let Some(what) = secrets::usually_in(pattern) {
                advice.push(Advice {
                    field: "paths",
                    message: format!(
                        "{pattern:?} is where {what} usually are; agents refuse most of these"
                    ),
                    expected: "a path without secrets, or an exclude".into(),
                });
            }
            if looks_like_log(pattern) && !self.is_partial() {
                advice.push(Advice {
                    field: "paths",
                    message: format!(
                        "{pattern:?} is a log, and without head or tail its oldest lines are sent"
                    ),
                    expected: "tail_bytes or tail_lines".into(),
                });
            }
        }
        if self
            .total_bytes
            .is_some_and(|total| total < self.file_bytes)
            && !self.is_partial()
        {
            advice.push(Advice {
                field: "total_bytes",
                message: "less than file_bytes, so that one file may take all of it".into(),
                expected: "total_bytes of several file_bytes".into(),
            });
        }
        if self.raw {
            advice.push(Advice {
                field: "raw",
                message: "raw files leave the machine unredacted, and most policies refuse them"
                    .into(),
                expected: "raw only where text will not do".into(),
            });
        }
        advice
    }

    fn reach(&self, bounds: &Bounds) -> Vec<WideReason> {
        let ordinary = |glob: &str| {
            let dir = fixed_directory(glob);
            bounds
                .ordinary_paths
                .iter()
                .any(|ancestor| beneath(dir, ancestor))
        };
        let outside = self
            .paths
            .iter()
            .filter(|glob| !is_clean_absolute(glob) || !ordinary(glob));
        let mut reasons: Vec<_> = outside.map(|glob| WideReason::Path(glob.clone())).collect();
        if self.raw {
            reasons.push(WideReason::Raw);
        }
        reasons
    }

    fn words(&self) -> Words {
        let mut reads: Vec<_> = self
            .paths
            .iter()
            .map(|path| Message::new("file.reads").with("path", path))
            .collect();
        reads.extend(
            self.exclude
                .iter()
                .map(|path| Message::new("file.exclude").with("path", path)),
        );
        let mut limits = vec![
            Message::new("file.limits")
                .with("files", self.max_files)
                .with("bytes", human::about(self.file_bytes)),
        ];
        if let Some(total) = self.total_bytes {
            limits.push(Message::new("file.total").with("bytes", human::about(total)));
        }
        if let Some(age) = self.max_age {
            limits.push(Message::new("file.age").with("age", human::duration(age)));
        }
        let mut sends = self.ends();
        if sends.is_empty() {
            sends.push(Message::new("file.whole").with("bytes", human::about(self.file_bytes)));
        }
        let mut dangers = Vec::new();
        if self.raw {
            dangers.push(Message::new("file.raw"));
        }
        for pattern in &self.paths {
            if let Some(what) = secrets::usually_in(pattern) {
                dangers.push(
                    Message::new("file.secrets")
                        .with("path", pattern)
                        .with("what", what),
                );
            }
        }
        Words {
            reads,
            sends,
            limits,
            dangers,
            ..Words::default()
        }
    }
}

fn looks_like_log(pattern: &str) -> bool {
    let last = pattern.rsplit('/').next().unwrap_or_default();
    let is_packed = [".gz", ".xz", ".zst"].iter().any(|end| last.ends_with(end));
    (pattern.contains("/log/") || pattern.contains("/logs/") || last.contains("log")) && !is_packed
}
