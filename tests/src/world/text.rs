//! The text of a hook, as a person would write it.
use std::fmt;

/// A hook of ticket jira/SUP-1 for all of acme, for a day.
#[derive(Clone, Debug)]
pub struct HookText {
    title: String,
    places: u32,
    packet: &'static str,
    collect: String,
}

impl HookText {
    pub fn new(title: &str) -> Self {
        Self {
            title: title.to_owned(),
            places: 3,
            packet: "5 MiB",
            collect: String::new(),
        }
    }

    pub fn places(self, places: u32) -> Self {
        Self { places, ..self }
    }

    pub fn packet(self, packet: &'static str) -> Self {
        Self { packet, ..self }
    }

    /// A section with its collector; `params` are lines of TOML.
    pub fn collect(mut self, section: &str, collector: &str, params: &str) -> Self {
        self.collect += &format!(
            "\n[[collect]]\nsection = \"{section}\"\ncollector = \"{collector}\"\n{params}\n"
        );
        self
    }

    /// One section of each collector: logs beneath a glob, `uname -a`, and a Postgres with the credential `shop`.
    pub fn everything(self, logs: &str, port: u16, database: &str) -> Self {
        self.collect("host", "host", "")
            .collect(
                "logs",
                "file",
                &format!("paths = [\"{logs}\"]\ntail_bytes = \"256 KiB\""),
            )
            .collect(
                "kernel",
                "command",
                "path = \"/bin/uname\"\nargs = [\"-a\"]",
            )
            .collect("journal", "journal", "since = \"1h\"\nlines = 200")
            .collect("processes", "processes", "")
            .collect(
                "database",
                "postgres",
                &format!("credential = \"shop\"\nport = {port}\ndatabase = \"{database}\""),
            )
    }
}

impl fmt::Display for HookText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            title,
            places,
            packet,
            collect,
        } = self;
        write!(
            f,
            "title = \"{title}\"\nreason = \"Login is slow since the upgrade: we want to see what it waits for.\"\n\
             customers = [\"acme\"]\nexpires = \"1d\"\n\n[ticket]\nsystem = \"jira\"\nkey = \"SUP-1\"\n\n\
             [audience]\neveryone = true\n\n[limits]\nplaces = {places}\npacket = \"{packet}\"\n{collect}"
        )
    }
}
