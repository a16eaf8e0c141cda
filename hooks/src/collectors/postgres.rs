//! `postgres`: built-in read-only queries over one named credential.
use std::net::IpAddr;

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
    /// Name in the agent's `credentials.toml`, which holds user and password.
    pub credential: String,
    /// Host name or address. Not used with `socket_dir`.
    #[serde(default = "loopback")]
    pub host: String,
    #[serde(default = "port")]
    pub port: u16,
    #[serde(default = "database")]
    pub database: String,
    /// Directory of the server's Unix socket, such as `/run/postgresql`, instead of a host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub socket_dir: Option<String>,
    /// Empty is all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sections: Vec<Section>,
    /// Longest time of one query, in seconds.
    #[serde(default = "timeout")]
    pub statement_timeout: u64,
    /// Most rows of one query.
    #[serde(default = "rows")]
    pub rows: u32,
}

fn loopback() -> String {
    "127.0.0.1".into()
}

fn port() -> u16 {
    5432
}

fn database() -> String {
    "postgres".into()
}

fn timeout() -> u64 {
    5
}

fn rows() -> u32 {
    1_000
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Section {
    Version,
    Settings,
    Activity,
    Databases,
    Tables,
    Sizes,
}

impl Section {
    pub const ALL: [Section; 6] = [
        Section::Version,
        Section::Settings,
        Section::Activity,
        Section::Databases,
        Section::Tables,
        Section::Sizes,
    ];

    pub fn name(self) -> &'static str {
        NAMES[self as usize]
    }
}

const NAMES: &[&str] = &[
    "version",
    "settings",
    "activity",
    "databases",
    "tables",
    "sizes",
];

pub const FIELDS: &[Field] = &[
    Field::required("credential", Kind::Text),
    Field::new("host", Kind::Text),
    Field::new("port", Kind::Count(1, 65_535)),
    Field::new("database", Kind::Text),
    Field::new("socket_dir", Kind::Text),
    Field::new("sections", Kind::SomeOf(NAMES)),
    Field::new("statement_timeout", Kind::Seconds(3_600)),
    Field::new("rows", Kind::Count(1, 1_000_000)),
];

/// Where the system's own server has its sockets: these very directories, not what lies beneath. One elsewhere could
/// be anybody's: `/run/lock` is everyone's to write, and `/run/user/…` a user's own.
pub const SOCKETS: &[&str] = &["/run/postgresql", "/var/run/postgresql"];

/// Whether `host` can only be this machine. A name other than `localhost` may lead anywhere; the agent checks what
/// `localhost` resolves to.
pub fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

impl Params {
    /// The sections that are wanted, in their fixed order, each once.
    pub fn wanted(&self) -> Vec<Section> {
        let wanted =
            |section: &Section| self.sections.is_empty() || self.sections.contains(section);
        Section::ALL.into_iter().filter(wanted).collect()
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 63
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

/// No comma (libpq's list of hosts) and no slash (libpq's socket directory).
fn is_host(text: &str) -> bool {
    text.len() <= 253
        && !text.starts_with('-')
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || ".-:_".contains(c))
}

impl Describe for Params {
    fn faults(&self) -> Vec<ParamsError> {
        let mut faults = Vec::new();
        if !is_name(&self.credential) {
            faults.push(wrong(
                "credential",
                &self.credential,
                "a credential's name of letters, digits, '.', '_', '-', never the credential itself",
            ));
        }
        if !is_host(&self.host) {
            faults.push(wrong(
                "host",
                &self.host,
                "one host name or address, such as \"127.0.0.1\"",
            ));
        }
        if let Some(dir) = self
            .socket_dir
            .as_deref()
            .filter(|dir| !is_clean_absolute(dir))
        {
            faults.push(wrong(
                "socket_dir",
                dir,
                "an absolute directory such as \"/run/postgresql\"",
            ));
        }
        if self.socket_dir.is_some() && self.host != loopback() {
            faults.push(wrong("host", &self.host, "either host or socket_dir"));
        }
        faults
    }

    fn lint(&self) -> Vec<Advice> {
        if self.statement_timeout <= 60 {
            return Vec::new();
        }
        vec![Advice {
            field: "statement_timeout",
            message: "a query may load the database for more than a minute".into(),
            expected: "at most \"60s\"".into(),
        }]
    }

    fn reach(&self, _bounds: &Bounds) -> Vec<WideReason> {
        match &self.socket_dir {
            Some(dir) if SOCKETS.contains(&dir.as_str()) => Vec::new(),
            Some(dir) => vec![WideReason::Socket(dir.clone())],
            None if is_loopback(&self.host) => Vec::new(),
            None => vec![WideReason::Host(self.host.clone())],
        }
    }

    fn words(&self) -> Words {
        let place = match &self.socket_dir {
            Some(dir) => Message::new("postgres.socket").with("dir", dir),
            None => Message::new("postgres.host")
                .with("host", &self.host)
                .with("port", self.port),
        };
        let names: Vec<_> = self.wanted().into_iter().map(Section::name).collect();
        let contact = place
            .with("database", &self.database)
            .with("credential", &self.credential);
        let elsewhere = self.socket_dir.is_none() && !is_loopback(&self.host);
        Words {
            contacts: vec![contact],
            reads: vec![Message::new("postgres.reads").with("sections", names.join(", "))],
            limits: vec![
                Message::new("postgres.limits")
                    .with("timeout", human::duration(self.statement_timeout))
                    .with("rows", self.rows),
            ],
            dangers: if elsewhere {
                vec![Message::new("danger.host").with("host", &self.host)]
            } else {
                Vec::new()
            },
            ..Words::default()
        }
    }
}
