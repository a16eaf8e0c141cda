//! `command`: one program with fixed arguments, without a shell and with a cleared environment. Always wide.
use serde::{Deserialize, Serialize};

use super::{
    Advice, Describe, ParamsError, Words,
    fields::{Field, Kind, wrong},
    file::is_clean_absolute,
};
use crate::{authoring::human, documents::root::Bounds, explain::Message, reach::WideReason};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Absolute path of the program.
    pub path: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Exit statuses that are no failure.
    #[serde(default = "only_zero")]
    pub exit_codes: Vec<u8>,
    /// Most bytes kept of standard output; what comes after is dropped and said.
    #[serde(default = "default_stdout")]
    pub stdout_bytes: u64,
    #[serde(default = "default_stderr")]
    pub stderr_bytes: u64,
}

fn only_zero() -> Vec<u8> {
    vec![0]
}

fn default_stdout() -> u64 {
    1 << 20
}

fn default_stderr() -> u64 {
    64 << 10
}

pub const FIELDS: &[Field] = &[
    Field::required("path", Kind::Text),
    Field::new("args", Kind::Texts),
    Field::new("exit_codes", Kind::Codes),
    Field::new("stdout_bytes", Kind::Bytes),
    Field::new("stderr_bytes", Kind::Bytes),
];

/// Programs that run what their arguments say: a pattern of arguments hardly binds them.
const INTERPRETERS: &[&str] = &[
    "sh", "bash", "dash", "zsh", "ksh", "busybox", "python", "python3", "perl", "ruby", "node",
    "awk", "gawk", "env", "xargs", "sudo", "su", "doas", "find", "ssh", "curl", "wget", "nc",
    "socat",
];

impl Params {
    fn program(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// The command as a person would type it, each argument quoted where it must be.
    pub fn line(&self) -> String {
        let mut words = vec![quoted(&self.path)];
        words.extend(self.args.iter().map(|arg| quoted(arg)));
        words.join(" ")
    }
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

impl Describe for Params {
    fn faults(&self) -> Vec<ParamsError> {
        let mut faults = Vec::new();
        if !is_clean_absolute(&self.path) {
            faults.push(wrong(
                "path",
                &self.path,
                "an absolute path such as \"/usr/bin/uptime\", without \".\", \"..\" or empty parts",
            ));
        }
        if self.exit_codes.is_empty() {
            faults.push(wrong(
                "exit_codes",
                "an empty list",
                "at least one exit status, such as [0]",
            ));
        }
        faults
    }

    fn lint(&self) -> Vec<Advice> {
        if !INTERPRETERS.contains(&self.program()) {
            return Vec::new();
        }
        vec![Advice {
            field: "path",
            message: format!(
                "{} runs whatever its arguments say, so that few customers will allow it",
                self.program()
            ),
            expected: "the program itself, with its arguments".into(),
        }]
    }

    fn reach(&self, _bounds: &Bounds) -> Vec<WideReason> {
        vec![WideReason::Command(self.path.clone())]
    }

    fn words(&self) -> Words {
        let mut dangers = vec![Message::new("command.danger").with("path", &self.path)];
        if INTERPRETERS.contains(&self.program()) {
            dangers.push(Message::new("command.interpreter").with("path", &self.path));
        }
        Words {
            runs: vec![Message::new("command.runs").with("line", self.line())],
            sends: vec![
                Message::new("command.sends")
                    .with("stdout", human::about(self.stdout_bytes))
                    .with("stderr", human::about(self.stderr_bytes)),
            ],
            dangers,
            ..Words::default()
        }
    }
}
