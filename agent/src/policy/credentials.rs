//! `credentials.toml`: user names and passwords by name, owner-only. Every value in it is also a literal rule of
//! redaction.
use std::{collections::BTreeMap, path::Path};

use serde::Deserialize;
use zeroize::Zeroizing;

use super::PolicyError;
use crate::{child::wire::Credential, config::read_text, durable};

/// By name. Debug hides the values.
#[derive(Clone, Default)]
pub struct Credentials(BTreeMap<String, Pair>);

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pair {
    #[serde(default)]
    user: String,
    #[serde(default)]
    password: Zeroizing<String>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Credentials {
    /// A missing file holds none. One that others could read is refused.
    pub fn load(path: &Path) -> Result<Self, PolicyError> {
        if !path.exists() {
            return Ok(Self::default());
        }
        durable::owner_only(path).map_err(|source| PolicyError::Read {
            path: path.into(),
            source,
        })?;
        let text = Zeroizing::new(read_text(path)?);
        Self::parse(&text).map_err(|what| PolicyError::Parse {
            path: path.into(),
            what,
        })
    }

    pub fn parse(text: &str) -> Result<Self, String> {
        // The parser's own message would quote the line, and the line holds the secret.
        toml::from_str(text).map(Self).map_err(|e| {
            let line = e.span().map_or(0, |s| {
                text[..s.start.min(text.len())].lines().count().max(1)
            });
            format!("line {line}: expected [name] with user = \"…\" and password = \"…\"")
        })
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// For a child: only what its hook names.
    pub fn named<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Vec<Credential> {
        let mut out: Vec<Credential> = Vec::new();
        for name in names {
            if let Some(pair) = self.0.get(name)
                && !out.iter().any(|c| c.name == name)
            {
                let password = pair.password.to_string();
                out.push(Credential {
                    name: name.to_owned(),
                    user: pair.user.clone(),
                    password,
                });
            }
        }
        out
    }

    /// Values that must never leave: passwords. (A user name alone is no secret, and often a word like any other.)
    pub fn literals(&self) -> Vec<Zeroizing<String>> {
        self.0
            .values()
            .map(|p| p.password.clone())
            .filter(|p| !p.is_empty())
            .collect()
    }
}
