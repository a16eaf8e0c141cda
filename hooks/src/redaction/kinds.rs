//! What was hidden: kinds, marks, and how often (never the values).
use std::{collections::BTreeMap, fmt};

use memchr::memmem;
use serde::Serialize;

/// What a hidden thing was. Its name stands in the mark: `[redacted:password]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A literal value out of the customer's `credentials.toml`, in any of its written forms.
    Literal,
    PrivateKey,
    /// The password in a URL or DSN.
    UrlPassword,
    Password,
    /// The value of a key named secret, credential, access key and the like.
    Secret,
    /// The value of a key named token, API key and the like, or a token known by its shape.
    Token,
    /// What follows `Bearer`, `Basic` or `Authorization:`.
    Authorization,
    Cookie,
    AwsKey,
    GithubToken,
    SlackToken,
    Jwt,
    PasswordHash,
    /// A match of a regular expression that the policy or the hook added.
    Pattern,
}

impl Kind {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Literal => "literal",
            Self::PrivateKey => "private-key",
            Self::UrlPassword => "url-password",
            Self::Password => "password",
            Self::Secret => "secret",
            Self::Token => "token",
            Self::Authorization => "authorization",
            Self::Cookie => "cookie",
            Self::AwsKey => "aws-key",
            Self::GithubToken => "github-token",
            Self::SlackToken => "slack-token",
            Self::Jwt => "jwt",
            Self::PasswordHash => "password-hash",
            Self::Pattern => "pattern",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

pub(super) const MARK: &str = "[redacted:";

/// The length of the mark that `text` begins with, if it begins with one.
pub(super) fn mark_at(text: &[u8]) -> Option<usize> {
    let rest = text.strip_prefix(MARK.as_bytes())?;
    let name = rest
        .iter()
        .take(20)
        .take_while(|b| b.is_ascii_lowercase() || **b == b'-')
        .count();
    (name > 0 && rest.get(name) == Some(&b']')).then_some(MARK.len() + name + 1)
}

/// Whether `text` is one mark and nothing else.
pub(super) fn is_mark(text: &[u8]) -> bool {
    mark_at(text) == Some(text.len())
}

/// Where marks stand in `line`, as (start, end).
pub(super) fn marks(line: &[u8]) -> Vec<(usize, usize)> {
    memmem::find_iter(line, MARK)
        .filter_map(|at| mark_at(&line[at..]).map(|len| (at, at + len)))
        .collect()
}

/// How many of each kind were hidden.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Counts(BTreeMap<Kind, u64>);

impl Counts {
    pub fn add(&mut self, kind: Kind, count: u64) {
        if count > 0 {
            *self.0.entry(kind).or_default() += count;
        }
    }

    pub fn merge(&mut self, other: &Counts) {
        other.iter().for_each(|(kind, count)| self.add(kind, count));
    }

    pub fn get(&self, kind: Kind) -> u64 {
        self.0.get(&kind).copied().unwrap_or(0)
    }

    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (Kind, u64)> + '_ {
        self.0.iter().map(|(k, n)| (*k, *n))
    }

    /// By name, as a packet's statement holds them.
    pub fn by_name(&self) -> BTreeMap<String, u64> {
        self.iter().map(|(k, n)| (k.name().to_owned(), n)).collect()
    }
}

/// One thing to hide in a line: the bytes `start..end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub start: usize,
    pub end: usize,
    pub kind: Kind,
}
