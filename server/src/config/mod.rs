//! The config file `boathook-server.toml`: parsed once, unknown keys refused, secrets kept elsewhere.
mod sections;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use boathook_schema::{ObjectsConfig, ObjectsConfigError};
use serde::{Deserialize, Serialize};

pub use sections::{Agents, Limits, Log, LogFormat, Oidc, Ops, People, Tls, Waves};

/// All settings. Every key has a default but `data_dir` and `origin`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub data_dir: PathBuf,
    /// `https://host[:port]`.
    pub origin: String,
    #[serde(default = "default_listen")]
    pub listen: SocketAddr,
    #[serde(default)]
    pub store: String,
    #[serde(default)]
    pub operator_secret: PathBuf,
    #[serde(default)]
    pub objects: ObjectsConfig,
    #[serde(default)]
    pub tls: Tls,
    #[serde(default)]
    pub ops: Ops,
    #[serde(default)]
    pub limits: Limits,
    #[serde(default)]
    pub agents: Agents,
    #[serde(default)]
    pub waves: Waves,
    #[serde(default)]
    pub people: People,
    #[serde(default)]
    pub oidc: Oidc,
    #[serde(default)]
    pub log: Log,
}

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read the config file {path}")]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("the config file {path} is wrong: {message}")]
    Parse { path: PathBuf, message: String },
    #[error("the config file's {key} is {found:?}: expected {expected}")]
    Value {
        key: &'static str,
        found: String,
        expected: &'static str,
    },
    #[error("the config file's {0}")]
    Objects(#[from] ObjectsConfigError),
}

fn default_listen() -> SocketAddr {
    SocketAddr::from((std::net::Ipv6Addr::UNSPECIFIED, 8443))
}

impl Config {
    /// The settings for a server whose everything lies in `data_dir`; all else by default.
    pub fn new(data_dir: impl Into<PathBuf>, origin: &str) -> Self {
        Self {
            data_dir: data_dir.into(),
            origin: origin.to_owned(),
            listen: default_listen(),
            store: String::new(),
            operator_secret: PathBuf::new(),
            objects: ObjectsConfig::default(),
            tls: Tls::default(),
            ops: Ops::default(),
            limits: Limits::default(),
            agents: Agents::default(),
            waves: Waves::default(),
            people: People::default(),
            oidc: Oidc::default(),
            log: Log::default(),
        }
    }

    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        let mut config = Self::parse(&text, path)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        for relative in [
            &mut config.data_dir,
            &mut config.operator_secret,
            &mut config.tls.certificate,
            &mut config.tls.key,
            &mut config.tls.ca,
            &mut config.objects.credentials,
            &mut config.objects.endpoint_ca,
            &mut config.oidc.client_secret_file,
            &mut config.oidc.ca,
        ] {
            if !relative.as_os_str().is_empty() && relative.is_relative() {
                *relative = folder.join(&relative);
            }
        }
        Ok(config)
    }

    /// `path` is for messages only.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text).map_err(|e| ConfigError::Parse {
            path: path.to_owned(),
            message: e.to_string(),
        })?;
        config.validate()?;
        Ok(config)
    }

    /// Whether the store is a cluster, which several servers share.
    pub fn is_cluster(&self) -> bool {
        self.store.starts_with("cql://")
    }

    /// Where the store lies: `sqlite:///DIRECTORY` or `cql://HOST/KEYSPACE`.
    pub fn store_url(&self) -> String {
        if self.store.is_empty() {
            let folder = self.data_dir.join("store");
            let folder = std::path::absolute(&folder).unwrap_or(folder);
            format!("sqlite://{}", folder.display())
        } else {
            self.store.clone()
        }
    }

    pub fn validate(&self) -> Result<(), ConfigError> {
        let host = self.origin.strip_prefix("https://").unwrap_or_default();
        let bad = |key, found: &dyn ToString, expected| {
            Err(ConfigError::Value {
                key,
                found: found.to_string(),
                expected,
            })
        };
        if host.is_empty() || host.contains(['/', '@', '?', '#', ' ']) {
            return bad("origin", &self.origin, "https://HOST[:PORT] without a path");
        }
        if !self.store.is_empty() && !self.store.starts_with("sqlite:///") && !self.is_cluster() {
            let expected = "sqlite:///DIRECTORY or cql://HOST[:PORT][,HOST…]/KEYSPACE?OPTION=…";
            return bad("store", &without_secrets(&self.store), expected);
        }
        self.objects.check()?;
        if let Some((key, found, expected)) = self.oidc.fault() {
            return bad(key, &found, expected);
        }
        let (a, w) = (&self.agents, &self.waves);
        let ranges = [
            (
                "agents.bearer_seconds",
                a.bearer_seconds,
                60,
                3_600,
                "60 to 3600",
            ),
            (
                "agents.list_seconds",
                a.list_seconds,
                60,
                86_400,
                "60 to 86400",
            ),
            (
                "agents.lease_seconds",
                a.lease_seconds,
                1,
                3_600,
                "1 to 3600",
            ),
            (
                "agents.hold_seconds",
                u64::from(a.hold_seconds),
                1,
                600,
                "1 to 600",
            ),
            (
                "agents.every_seconds",
                u64::from(a.every_seconds),
                1,
                86_400,
                "1 to 86400",
            ),
            ("agents.control_ms", a.control_ms, 1, 250, "1 to 250"),
            (
                "waves.first_times",
                u64::from(w.first_times),
                1,
                1_000,
                "1 to 1000",
            ),
            (
                "waves.first_least",
                w.first_least,
                1,
                1_000_000_000,
                "1 to 1000000000",
            ),
            (
                "waves.widen_times",
                u64::from(w.widen_times),
                2,
                1_000,
                "2 to 1000",
            ),
            (
                "waves.pause_seconds",
                u64::from(w.pause_seconds),
                1,
                86_400,
                "1 to 86400",
            ),
            (
                "waves.look_seconds",
                u64::from(w.look_seconds),
                1,
                300,
                "1 to 300",
            ),
            (
                "limits.request_seconds",
                self.limits.request_seconds,
                1,
                3_600,
                "1 to 3600",
            ),
            (
                "limits.drain_poll_seconds",
                self.limits.drain_poll_seconds,
                0,
                60,
                "0 to 60",
            ),
            (
                "limits.body_bytes",
                self.limits.body_bytes as u64,
                1_024,
                64 << 20,
                "1024 to 67108864",
            ),
            (
                "people.sign_in_hours",
                self.people.sign_in_hours,
                1,
                24 * 90,
                "1 to 2160",
            ),
        ];
        for (key, found, least, most, expected) in ranges {
            if !(least..=most).contains(&found) {
                return bad(key, &found, expected);
            }
        }
        let l = &self.limits;
        let rates = [
            ("limits.sign_in_per_minute", l.sign_in_per_minute),
            ("limits.sign_in_burst", l.sign_in_burst),
            ("limits.enroll_per_minute", l.enroll_per_minute),
            ("limits.enroll_burst", l.enroll_burst),
            ("limits.session_per_minute", l.session_per_minute),
            ("limits.session_burst", l.session_burst),
        ];
        match rates.into_iter().find(|(_, n)| *n == 0) {
            Some((key, found)) => bad(key, &found, "1 or more"),
            None => Ok(()),
        }
    }
}

/// What stands before an @ may be a password.
fn without_secrets(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://…@{rest}"),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests;
