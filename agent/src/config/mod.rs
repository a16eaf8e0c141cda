//! `agent.toml`: parsed once, unknown keys refused, secrets hidden in Debug. The server's origin is not in it: that
//! comes from the join string.
mod facts;
pub mod units;

use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Deserialize;
use zeroize::Zeroizing;

pub use facts::FactSettings;
use units::{Size, Span};

/// Where `agent.toml` is unless `--config` says otherwise.
pub const DEFAULT_CONFIG: &str = "/etc/boathook/agent.toml";

/// Largest settings file that is read, in bytes.
pub const MAX_FILE: u64 = 1 << 20;

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("reading {path}")]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{path}: {what}")]
    Parse { path: PathBuf, what: String },
}

#[derive(Clone, Debug)]
pub struct Config {
    pub state_dir: PathBuf,
    pub spool_dir: PathBuf,
    /// In bytes.
    pub spool_size: u64,
    pub keep_sent: Duration,
    pub policy: PathBuf,
    pub credentials: PathBuf,
    pub log: LogLevel,
    pub facts: FactSettings,
    pub network: Network,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
}

#[derive(Clone, PartialEq, Eq)]
pub struct Network {
    pub proxy: Option<String>,
    pub proxy_user: Option<String>,
    pub proxy_password: Option<Zeroizing<String>>,
    pub extra_ca: Option<PathBuf>,
    pub connect_timeout: Duration,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            proxy: None,
            proxy_user: None,
            proxy_password: None,
            extra_ca: None,
            connect_timeout: Duration::from_secs(10),
        }
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network")
            .field("proxy", &self.proxy.as_ref().map(|_| "hidden"))
            .field("extra_ca", &self.extra_ca)
            .finish_non_exhaustive()
    }
}

/// The file's own shape.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileForm {
    #[serde(default = "state_dir")]
    state_dir: PathBuf,
    spool_dir: Option<PathBuf>,
    #[serde(default = "spool_size")]
    spool_size: Size,
    #[serde(default = "keep_sent")]
    keep_sent: Span,
    #[serde(default = "policy")]
    policy: PathBuf,
    #[serde(default = "credentials")]
    credentials: PathBuf,
    #[serde(default)]
    log: LogLevel,
    #[serde(default)]
    facts: FactSettings,
    #[serde(default)]
    network: NetworkForm,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct NetworkForm {
    proxy: Option<String>,
    proxy_user: Option<String>,
    proxy_password: Option<String>,
    extra_ca: Option<PathBuf>,
    connect_timeout: Option<Span>,
}

fn state_dir() -> PathBuf {
    "/var/lib/boathook".into()
}

fn policy() -> PathBuf {
    "/etc/boathook/policy.toml".into()
}

fn credentials() -> PathBuf {
    "/etc/boathook/credentials.toml".into()
}

const fn spool_size() -> Size {
    Size(50 << 20)
}

const fn keep_sent() -> Span {
    Span(Duration::ZERO)
}

impl Config {
    /// Relative paths are taken from the file's own directory.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = read_text(path)?;
        let base = std::path::absolute(path).map_err(|source| ConfigError::Read {
            path: path.into(),
            source,
        })?;
        Self::parse(&text, base.parent().unwrap_or(Path::new("/"))).map_err(|what| {
            ConfigError::Parse {
                path: path.into(),
                what,
            }
        })
    }

    pub fn parse(text: &str, base: &Path) -> Result<Self, String> {
        let form: FileForm = toml::from_str(text).map_err(|e| e.to_string())?;
        let state_dir = base.join(form.state_dir);
        if form.spool_size.0 < 64 * 1024 {
            return Err("spool_size must be 64 KiB or more".into());
        }
        if let Some(proxy) = &form.network.proxy {
            check_proxy(proxy)?;
        }
        if form.network.proxy_user.is_some() != form.network.proxy_password.is_some() {
            return Err("network: proxy_user and proxy_password come together".into());
        }
        Ok(Self {
            spool_dir: form
                .spool_dir
                .map_or_else(|| state_dir.join("spool"), |dir| base.join(dir)),
            state_dir,
            spool_size: form.spool_size.0,
            keep_sent: form.keep_sent.0,
            policy: base.join(form.policy),
            credentials: base.join(form.credentials),
            log: form.log,
            facts: form.facts,
            network: Network {
                proxy: form.network.proxy,
                proxy_user: form.network.proxy_user,
                proxy_password: form.network.proxy_password.map(Zeroizing::new),
                extra_ca: form.network.extra_ca.map(|p| base.join(p)),
                connect_timeout: form
                    .network
                    .connect_timeout
                    .map_or(Duration::from_secs(10), |s| s.0),
            },
        })
    }
}

fn check_proxy(proxy: &str) -> Result<(), String> {
    let refuse =
        "network.proxy must be http://host:port or https://host:port, with user and password apart";
    let url = url::Url::parse(proxy).map_err(|_| refuse)?;
    let plain = url.username().is_empty() && url.password().is_none();
    if matches!(url.scheme(), "http" | "https") && url.has_host() && plain {
        Ok(())
    } else {
        Err(refuse.into())
    }
}

/// A settings file of bounded size.
pub fn read_text(path: &Path) -> Result<String, ConfigError> {
    use std::io::Read as _;
    let read = || {
        let mut text = String::new();
        std::fs::File::open(path)?
            .take(MAX_FILE)
            .read_to_string(&mut text)?;
        Ok(text)
    };
    read().map_err(|source| ConfigError::Read {
        path: path.into(),
        source,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const SAMPLE: &str = include_str!("../../agent.toml");

    #[test]
    fn the_sample_names_every_key_with_its_default() {
        let sample = Config::parse(SAMPLE, Path::new("/etc/boathook")).unwrap();
        let empty = Config::parse("", Path::new("/etc/boathook")).unwrap();
        assert_eq!(sample.state_dir, empty.state_dir);
        assert_eq!(sample.spool_dir, empty.spool_dir);
        assert_eq!(
            (sample.spool_size, sample.keep_sent),
            (empty.spool_size, empty.keep_sent)
        );
        assert_eq!(
            (sample.policy, sample.credentials),
            (empty.policy, empty.credentials)
        );
        assert_eq!(
            sample.network.connect_timeout,
            empty.network.connect_timeout
        );
        assert_eq!(sample.facts.products[0].name, "mattermost");
    }

    #[test]
    fn an_unknown_key_is_refused_wherever_it_stands() {
        for text in [
            "server = \"https://x\"",
            "[facts]\ncolour = 1",
            "[network]\nverify = false",
        ] {
            assert!(Config::parse(text, Path::new("/")).is_err(), "{text}");
        }
    }

    #[test]
    fn debug_hides_the_proxys_password() {
        let config = Config::parse(SAMPLE, Path::new("/")).unwrap();
        assert!(!format!("{config:?}").contains("from-your-proxy"));
    }

    #[test]
    fn a_password_within_the_proxys_url_is_refused() {
        let text = "[network]\nproxy = \"http://u:p@h:1\"";
        assert!(
            Config::parse(text, Path::new("/"))
                .unwrap_err()
                .contains("apart")
        );
    }
}
