//! Texts to start a hook from. Each is a whole hook that lints without errors.
pub struct Start {
    pub name: &'static str,
    pub title: &'static str,
    pub words: &'static str,
    text: &'static str,
}

macro_rules! start {
    ($name:literal, $title:literal, $words:literal) => {
        Start {
            name: $name,
            title: $title,
            words: $words,
            text: include_str!(concat!("../../../hooks/templates/", $name, ".toml")),
        }
    };
}

pub const ALL: &[Start] = &[
    start!(
        "host-and-logs",
        "Host and logs",
        "Facts of the machine and the end of an application's logs"
    ),
    start!(
        "journal",
        "A unit's journal",
        "What a systemd unit wrote, and its processes"
    ),
    start!(
        "postgres",
        "Postgres",
        "Settings, sizes and statistics of a Postgres, without its data"
    ),
];

/// What a ticket without any hook begins with.
pub const FIRST: &str = ALL[0].text;

pub fn text(name: &str) -> Option<String> {
    let found = ALL.iter().find(|s| s.name == name);
    found.map(|s| s.text.to_owned())
}

#[cfg(test)]
mod tests {
    use boathook_hooks::{
        authoring::{Severity, lint_at},
        time::Time,
    };

    use super::*;

    #[test]
    fn every_start_is_a_hook_without_errors() {
        for start in ALL {
            let faults = lint_at(start.text, None, Time::from_ms(1_780_000_000_000));
            let errors: Vec<_> = faults
                .iter()
                .filter(|f| f.severity == Severity::Error)
                .collect();
            assert!(errors.is_empty(), "{}: {errors:?}", start.name);
        }
    }
}
