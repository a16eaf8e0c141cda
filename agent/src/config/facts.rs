//! The facts an instance says of itself: those of `agent.toml`, with the operating system's own beside them.
use std::collections::BTreeMap;

use boathook_hooks::documents::identity::{Facts, ProductFact};
use serde::Deserialize;

/// `[facts]` of `agent.toml`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FactSettings {
    pub name: Option<String>,
    pub products: Vec<ProductFact>,
    pub labels: BTreeMap<String, String>,
    pub opted_in: bool,
}

impl FactSettings {
    /// Beside the settings: host name, `os-release` and architecture.
    pub fn gather(&self) -> Facts {
        let release = std::fs::read_to_string("/etc/os-release")
            .or_else(|_| std::fs::read_to_string("/usr/lib/os-release"))
            .unwrap_or_default();
        let host = rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned();
        self.with(&release, &host)
    }

    fn with(&self, release: &str, host: &str) -> Facts {
        Facts {
            name: self.name.clone().unwrap_or_else(|| host.to_owned()),
            products: self.products.clone(),
            os: field(release, "ID"),
            os_release: field(release, "VERSION_ID"),
            arch: std::env::consts::ARCH.to_owned(),
            agent_version: crate::VERSION.to_owned(),
            labels: self.labels.clone(),
            opted_in: self.opted_in,
        }
    }
}

fn field(release: &str, name: &str) -> String {
    release
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
        .map(|value| value.trim().trim_matches(['"', '\'']).to_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn os_release_is_read_with_and_without_quotes() {
        let facts =
            FactSettings::default().with("NAME=\"Debian\"\nID=debian\nVERSION_ID=\"12\"\n", "box");
        assert_eq!(
            (
                facts.os.as_str(),
                facts.os_release.as_str(),
                facts.name.as_str()
            ),
            ("debian", "12", "box")
        );
    }
}
