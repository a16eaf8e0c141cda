//! Reach: what a hook touches, and so where its signatures must come from (trust.md §1, "Reach").
use std::{collections::BTreeSet, fmt};

use crate::{
    collectors::{self, ParamsError},
    documents::{
        hook::{CollectorEntry, Hook},
        root::Bounds,
    },
    explain::Message,
};

/// `Wide` never has an empty list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    Ordinary,
    Wide(Vec<WideReason>),
}

impl Reach {
    pub fn is_wide(&self) -> bool {
        matches!(self, Self::Wide(_))
    }

    pub fn name(&self) -> &'static str {
        if self.is_wide() { "wide" } else { "ordinary" }
    }
}

/// Why a hook is wide. The texts are the hook's own; `Display` makes them printable.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WideReason {
    /// This program is run.
    Command(String),
    /// A path that is not beneath the root's ordinary ones.
    Path(String),
    /// Files are sent unredacted.
    Raw,
    /// Another host than this machine.
    Host(String),
    /// A socket in another directory than the system's own server has.
    Socket(String),
    /// More than one credential.
    Credentials(Vec<String>),
    /// A collector that this version does not know.
    Unknown(String),
    /// Parameters that cannot be read, so that nobody knows what the section would do.
    Unreadable { section: String, why: String },
    /// A template, whose collectors this version does not see.
    Template,
}

impl WideReason {
    pub fn message(&self) -> Message {
        match self {
            Self::Command(path) => Message::new("wide.command").with("path", path),
            Self::Path(path) => Message::new("wide.path").with("path", path),
            Self::Raw => Message::new("wide.raw"),
            Self::Host(host) => Message::new("wide.host").with("host", host),
            Self::Socket(dir) => Message::new("wide.socket").with("dir", dir),
            Self::Credentials(names) => {
                Message::new("wide.credentials").with("names", names.join(", "))
            }
            Self::Unknown(name) => Message::new("wide.unknown").with("collector", name),
            Self::Unreadable { section, why } => Message::new("wide.unreadable")
                .with("section", section)
                .with("why", why),
            Self::Template => Message::new("wide.template"),
        }
    }
}

impl fmt::Display for WideReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.message().fmt(f)
    }
}

/// The reach of a whole hook: wide as soon as one part of it is.
pub fn of(hook: &Hook, bounds: &Bounds) -> Reach {
    let mut reasons: Vec<WideReason> = Vec::new();
    let mut credentials = BTreeSet::new();
    for entry in &hook.collectors {
        reasons.extend(of_entry(entry, bounds));
        if let Ok(parsed) = collectors::parse(&entry.collector, &entry.params) {
            credentials.extend(parsed.credential().map(str::to_owned));
        }
    }
    if credentials.len() > 1 {
        reasons.push(WideReason::Credentials(credentials.into_iter().collect()));
    }
    if hook.template.is_some() {
        reasons.push(WideReason::Template);
    }
    let mut seen = BTreeSet::new();
    reasons.retain(|reason| seen.insert(reason.clone()));
    if reasons.is_empty() {
        Reach::Ordinary
    } else {
        Reach::Wide(reasons)
    }
}

/// Why one section alone is wide; nothing when it is ordinary.
pub fn of_entry(entry: &CollectorEntry, bounds: &Bounds) -> Vec<WideReason> {
    match collectors::parse(&entry.collector, &entry.params) {
        Ok(parsed) => parsed.reach(bounds),
        Err(ParamsError::Unknown(name)) => vec![WideReason::Unknown(name)],
        Err(error @ ParamsError::Field { .. }) => {
            vec![WideReason::Unreadable {
                section: entry.section.to_string(),
                why: error.to_string(),
            }]
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use bson::{Document, doc};

    use super::*;
    use crate::{
        time::Time,
        verify::sample::{Sample, entry},
    };

    fn reach(sections: Vec<(&str, Document)>) -> Reach {
        let collectors = sections.into_iter().enumerate();
        let collectors = collectors
            .map(|(n, (kind, params))| entry(&format!("s{n}"), kind, params))
            .collect();
        let hook = Hook {
            collectors,
            ..Sample::new(Time::from_ms(0)).hook()
        };
        let ordinary_paths = vec!["/var/log".into(), "/srv/app/logs/".into()];
        of(
            &hook,
            &Bounds {
                ordinary_paths,
                ..Bounds::default()
            },
        )
    }

    fn file(path: &str) -> Reach {
        reach(vec![("file", doc! {"paths": [path]})])
    }

    #[test]
    fn facts_processes_and_journal_are_ordinary() {
        let all = vec![
            ("host", doc! {}),
            ("processes", doc! {}),
            ("journal", doc! {"units": ["nginx.service"]}),
        ];
        assert_eq!(reach(all), Reach::Ordinary);
    }

    #[test]
    fn files_beneath_the_ordinary_paths_are_ordinary() {
        for path in [
            "/var/log/syslog",
            "/var/log/*.log",
            "/var/log/**/x",
            "/var/log/{a,b}/c",
            "/srv/app/logs/x.log",
        ] {
            assert_eq!(file(path), Reach::Ordinary, "{path}");
        }
    }

    #[test]
    fn files_elsewhere_are_wide_whatever_they_look_like() {
        for path in [
            "/etc/passwd",
            "/var/logs/x",
            "/var/log-old/x",
            "/var/log",
            "/var/log*",
            "/var/lo?/x",
            "/var/[l]og/x",
            "/var/{log,lib}/x",
            "/**/var/log/x",
            "/{var/log,etc}/x",
            "/srv/app/logsx/y",
            "/*",
            "/srv/app/log/x",
        ] {
            assert_eq!(
                file(path),
                Reach::Wide(vec![WideReason::Path(path.into())]),
                "{path}"
            );
        }
    }

    #[test]
    fn climbing_and_relative_paths_are_wide_since_they_cannot_be_read() {
        for path in [
            "/var/log/../../etc/passwd",
            "/var/log/./x",
            "/var/log//x",
            "var/log/x",
            "/var/log/{a,..}/x",
            "/var/log\\/../x",
        ] {
            assert!(
                matches!(&file(path), Reach::Wide(r) if matches!(r[0], WideReason::Unreadable { .. })),
                "{path}"
            );
        }
    }

    #[test]
    fn one_wide_path_among_ordinary_ones_is_wide() {
        let both = reach(vec![("file", doc! {"paths": ["/var/log/a", "/etc/hosts"]})]);
        assert_eq!(
            both,
            Reach::Wide(vec![WideReason::Path("/etc/hosts".into())])
        );
    }

    #[test]
    fn raw_commands_and_unknown_collectors_are_wide() {
        let raw = reach(vec![("file", doc! {"paths": ["/var/log/a"], "raw": true})]);
        assert_eq!(raw, Reach::Wide(vec![WideReason::Raw]));
        let command = reach(vec![
            ("host", doc! {}),
            ("command", doc! {"path": "/bin/true"}),
        ]);
        assert_eq!(
            command,
            Reach::Wide(vec![WideReason::Command("/bin/true".into())])
        );
        assert_eq!(
            reach(vec![("ldap", doc! {})]),
            Reach::Wide(vec![WideReason::Unknown("ldap".into())])
        );
    }

    #[test]
    fn parameters_that_cannot_be_read_are_wide() {
        assert!(reach(vec![("host", doc! {"x": 1})]).is_wide());
        assert!(reach(vec![("file", doc! {})]).is_wide());
    }

    #[test]
    fn one_credential_on_loopback_is_ordinary() {
        for host in ["127.0.0.1", "localhost", "::1", "127.8.9.1"] {
            let params = doc! {"credential": "pg", "host": host};
            assert_eq!(reach(vec![("postgres", params)]), Reach::Ordinary, "{host}");
        }
        for dir in ["/run/postgresql", "/var/run/postgresql"] {
            let socket = doc! {"credential": "pg", "socket_dir": dir};
            assert_eq!(
                reach(vec![("postgres", socket.clone()), ("postgres", socket)]),
                Reach::Ordinary
            );
        }
    }

    #[test]
    fn other_hosts_strange_sockets_and_more_credentials_are_wide() {
        for host in [
            "db.example",
            "10.0.0.5",
            "0.0.0.0",
            "localhost.example",
            "127.0.0.1.example",
            "0x7f000001",
        ] {
            let params = doc! {"credential": "pg", "host": host};
            assert_eq!(
                reach(vec![("postgres", params)]),
                Reach::Wide(vec![WideReason::Host(host.into())])
            );
        }
        // Others than root make sockets in some of these.
        for dir in [
            "/tmp",
            "/run",
            "/var/run",
            "/run/lock",
            "/run/user/1000",
            "/run/postgresql/x",
            "/run/postgresql-x",
        ] {
            let socket = doc! {"credential": "pg", "socket_dir": dir};
            assert_eq!(
                reach(vec![("postgres", socket)]),
                Reach::Wide(vec![WideReason::Socket(dir.into())])
            );
        }
        let two = vec![
            ("postgres", doc! {"credential": "pg"}),
            ("postgres", doc! {"credential": "other"}),
        ];
        assert_eq!(
            reach(two),
            Reach::Wide(vec![WideReason::Credentials(vec![
                "other".into(),
                "pg".into()
            ])])
        );
    }

    #[test]
    fn a_root_without_ordinary_paths_makes_every_file_wide() {
        let hook = Hook {
            collectors: vec![entry("logs", "file", doc! {"paths": ["/var/log/a"]})],
            ..Sample::new(Time::from_ms(0)).hook()
        };
        for ordinary in [
            vec![],
            vec![""],
            vec!["var/log"],
            vec!["/var/log/.."],
            vec!["/"],
        ] {
            let ordinary_paths = ordinary.iter().map(|p| p.to_string()).collect();
            assert!(
                of(
                    &hook,
                    &Bounds {
                        ordinary_paths,
                        ..Bounds::default()
                    }
                )
                .is_wide(),
                "{ordinary:?}"
            );
        }
    }

    #[test]
    fn each_reason_is_told_once_and_without_control_characters() {
        let twice = reach(vec![
            ("command", doc! {"path": "/bin/true"}),
            ("command", doc! {"path": "/bin/true"}),
        ]);
        let Reach::Wide(reasons) = twice else {
            panic!("ordinary")
        };
        assert_eq!(reasons.len(), 1);
        assert_eq!(reasons[0].to_string(), "it runs the command /bin/true");
        let hostile = WideReason::Unknown("\u{202e}x\u{1b}".into());
        assert!(!hostile.to_string().contains(['\u{202e}', '\u{1b}']));
    }
}
