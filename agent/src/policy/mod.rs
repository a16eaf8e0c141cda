//! The customer's own rules, out of `policy.toml`. They can only refuse or lower what a hook says.
pub mod credentials;
pub mod decide;
pub mod grants;
mod quiet;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use boathook_hooks::{documents::hook::RedactionProfile, ids::Digest, redaction::RedactionError};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
};

pub use credentials::Credentials;
pub use decide::{Decision, Ready, Used, decide};
pub use quiet::QuietHours;

use crate::{
    config::{
        Config, ConfigError, read_text,
        units::{Size, Span},
    },
    door::Door,
};
use grants::{CommandGrant, Grants};

/// What holds where there is no `policy.toml`.
pub const SHIPPED: &str = include_str!("../../policy.toml");

#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    #[error("reading {path}")]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("{path}: {what}")]
    Parse { path: PathBuf, what: String },
    #[error("the redaction rules of policy and credentials: {0}")]
    Redaction(#[from] RedactionError),
}

/// How runs come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Auto,
    AskRun,
}

impl Mode {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::AskRun => "ask-run",
        }
    }

    /// `field` names where it stands.
    fn read(field: &str, text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "ask-run" => Ok(Self::AskRun),
            "ask-send" => Err(format!(
                "{field}: ask-send is not available in this version; use \"ask-run\", which asks before anything runs"
            )),
            other => Err(format!(
                "{field}: found {other:?}, expected one of \"auto\", \"ask-run\""
            )),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// SHA-256 of the file, for packets.
    pub digest: Digest,
    pub ordinary: Mode,
    pub wide: Mode,
    pub grants: Grants,
    pub limits: Limits,
    pub quiet: Option<QuietHours>,
    pub redaction: RedactionProfile,
    pub allow_root: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub runs_per_day: u32,
    pub bytes_per_day: u64,
    pub packet_size: u64,
    pub run_time: Duration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct FileForm {
    consent: ConsentForm,
    allow: AllowForm,
    limits: LimitsForm,
    quiet_hours: quiet::Form,
    redaction: RedactionProfile,
    agent: AgentForm,
}

enum ConsentForm {
    Both(String),
    Each(EachForm),
}

/// By hand, since an untagged enum would not say which key of the table is wrong.
impl<'de> Deserialize<'de> for ConsentForm {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = ConsentForm;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"auto\" or \"ask-run\", or [consent] with ordinary and wide")
            }

            fn visit_str<E>(self, text: &str) -> Result<ConsentForm, E> {
                Ok(ConsentForm::Both(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ConsentForm, A::Error> {
                EachForm::deserialize(MapAccessDeserializer::new(map)).map(ConsentForm::Each)
            }
        }
        from.deserialize_any(Either)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct EachForm {
    ordinary: String,
    wide: String,
}

impl Default for EachForm {
    fn default() -> Self {
        Self {
            ordinary: Mode::Auto.word().to_owned(),
            wide: Mode::AskRun.word().to_owned(),
        }
    }
}

impl Default for ConsentForm {
    fn default() -> Self {
        Self::Each(EachForm::default())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct AllowForm {
    directories: Vec<PathBuf>,
    journal: bool,
    processes: bool,
    loopback_http: bool,
    hosts: Vec<String>,
    raw: bool,
    commands: Vec<CommandGrant>,
}

impl Default for AllowForm {
    fn default() -> Self {
        Self {
            directories: vec!["/var/log".into()],
            journal: true,
            processes: true,
            loopback_http: true,
            hosts: Vec::new(),
            raw: false,
            commands: Vec::new(),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LimitsForm {
    runs_per_day: u32,
    bytes_per_day: Size,
    packet_size: Size,
    run_time: Span,
}

impl Default for LimitsForm {
    fn default() -> Self {
        Self {
            runs_per_day: 200,
            bytes_per_day: Size(500 << 20),
            packet_size: Size(100 << 20),
            run_time: Span(Duration::from_secs(600)),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct AgentForm {
    allow_root: bool,
}

impl Policy {
    /// The file that `config` names, or the shipped policy where it is missing.
    pub fn load(config: &Config, config_file: &Path) -> Result<Self, PolicyError> {
        let mut policy = if config.policy.exists() {
            let text = read_text(&config.policy)?;
            Self::parse(&text).map_err(|what| PolicyError::Parse {
                path: config.policy.clone(),
                what,
            })?
        } else {
            Self::shipped()?
        };
        policy.grants.own = vec![
            config.state_dir.clone(),
            config.spool_dir.clone(),
            config.policy.clone(),
            config.credentials.clone(),
            std::path::absolute(config_file).unwrap_or_else(|_| config_file.to_owned()),
        ];
        Ok(policy)
    }

    pub fn shipped() -> Result<Self, PolicyError> {
        Self::parse(SHIPPED).map_err(|what| PolicyError::Parse {
            path: "the shipped policy".into(),
            what,
        })
    }

    pub fn parse(text: &str) -> Result<Self, String> {
        let form: FileForm = toml::from_str(text).map_err(|e| e.to_string())?;
        let (ordinary, wide) = match form.consent {
            ConsentForm::Both(mode) => {
                let mode = Mode::read("consent", &mode)?;
                (mode, mode)
            }
            ConsentForm::Each(each) => (
                Mode::read("consent.ordinary", &each.ordinary)?,
                Mode::read("consent.wide", &each.wide)?,
            ),
        };
        let allow = form.allow;
        check_allowed(&allow)?;
        Ok(Self {
            digest: Digest::of(text.as_bytes()),
            ordinary,
            wide,
            grants: Grants {
                directories: allow.directories,
                own: Vec::new(),
                commands: allow.commands,
                loopback_http: allow.loopback_http,
                hosts: allow.hosts,
                journal: allow.journal,
                processes: allow.processes,
                raw: allow.raw,
            },
            limits: Limits {
                runs_per_day: form.limits.runs_per_day,
                bytes_per_day: form.limits.bytes_per_day.0,
                packet_size: form.limits.packet_size.0,
                run_time: form.limits.run_time.0,
            },
            quiet: form.quiet_hours.read()?,
            redaction: form.redaction,
            allow_root: form.agent.allow_root,
        })
    }

    /// The one door of this instance.
    pub fn door(&self, credentials: &Credentials) -> Result<Door, PolicyError> {
        Ok(Door::new(self.redaction.clone(), credentials.literals())?)
    }
}

/// A rule that could never allow what its writer meant is refused rather than kept.
fn check_allowed(allow: &AllowForm) -> Result<(), String> {
    for dir in &allow.directories {
        let clean = dir.is_absolute()
            && !dir
                .components()
                .any(|c| matches!(c, std::path::Component::ParentDir));
        if !clean {
            return Err(format!(
                "allow.directories: expected an absolute directory without .., found {dir:?}"
            ));
        }
    }
    for command in &allow.commands {
        if !command.path.is_absolute() {
            return Err(format!(
                "allow.commands: expected an absolute path, found {:?}",
                command.path
            ));
        }
        for pattern in &command.args {
            if let Err(e) = grants::whole(pattern) {
                return Err(format!(
                    "allow.commands: {pattern:?} is not a regular expression: {e}"
                ));
            }
        }
    }
    Ok(())
}
