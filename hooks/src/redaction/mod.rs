//! Redaction: the one door through which every string passes that leaves an instance. It fails closed: what cannot be
//! redacted is left out, and said.
//!
//! The floor of rules is always on: values of keys that name secrets, passwords in URLs and connection strings,
//! authorization headers, private keys, tokens of well-known shape, and the customer's own literal values. Profiles only
//! add. Each place becomes a mark such as `[redacted:password]`; what is redacted once stays as it is.
mod keys;
mod kinds;
mod line;
mod literals;
mod pairs;
mod pem;
#[cfg(test)]
mod properties;
mod stream;
#[cfg(test)]
mod tests;
mod tokens;
mod urls;
mod value;

use std::{
    io::{self, Read, Write},
    sync::Arc,
};

use regex::RegexBuilder;

use crate::documents::hook::RedactionProfile;
use literals::Literals;

pub use kinds::{Counts, Kind};
pub use literals::SHORT_LITERAL;
pub use stream::{Place, Stream, StreamLimits, StreamReport};

/// Ends a text that was cut before redaction saw it: what may be half of a secret is then left out.
pub const CUT_MARK: &str = "…[cut before redaction]";

/// Most key names and most patterns that profiles may add, all together.
pub const MAX_ADDED: usize = 200;
/// Longest key name or pattern, in bytes.
pub const MAX_RULE_BYTES: usize = 500;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RedactionError {
    #[error("the redaction pattern {pattern:?} is not a regular expression: {reason}")]
    Pattern { pattern: String, reason: String },
    #[error("the redaction key {0:?} has no letter or digit")]
    Key(String),
    #[error("a redaction rule has {found} bytes, where at most {MAX_RULE_BYTES} are allowed")]
    TooLong { found: usize },
    #[error("{found} redaction rules are added, where at most {MAX_ADDED} are allowed")]
    TooMany { found: usize },
    #[error("the redaction keys are too many to be looked for at once")]
    TooManyKeys,
    #[error("the credentials' values are too many to be looked for at once")]
    TooManyLiterals,
}

/// Rules, compiled once and shared. Cloning is cheap.
#[derive(Clone)]
pub struct Redactor(Arc<line::Rules>);

/// A text without its secrets, and how many there were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redacted {
    pub text: String,
    pub counts: Counts,
}

/// What is added to the floor of rules. There is no way to take away.
#[derive(Default)]
pub struct RedactorBuilder {
    keys: Vec<String>,
    patterns: Vec<String>,
    literals: Vec<zeroize::Zeroizing<String>>,
}

impl RedactorBuilder {
    /// The policy's or the hook's additions; may be called for each.
    #[must_use]
    pub fn profile(mut self, profile: &RedactionProfile) -> Self {
        self.keys.extend(profile.keys.iter().cloned());
        self.patterns.extend(profile.patterns.iter().cloned());
        self
    }

    /// Values that are secret themselves, such as those of `credentials.toml`. Empty ones do not count; those shorter
    /// than [`SHORT_LITERAL`] bytes count as whole words only.
    #[must_use]
    pub fn literals<S: AsRef<str>>(mut self, values: impl IntoIterator<Item = S>) -> Self {
        self.literals.extend(
            values
                .into_iter()
                .map(|v| zeroize::Zeroizing::new(v.as_ref().to_owned())),
        );
        self
    }

    pub fn build(self) -> Result<Redactor, RedactionError> {
        check(&self.keys, &self.patterns)?;
        let patterns = self
            .patterns
            .iter()
            .map(|p| pattern(p))
            .collect::<Result<_, _>>()?;
        let literals = Literals::new(self.literals.iter().map(|l| l.as_str()))?;
        Ok(Redactor(Arc::new(line::Rules::new(
            &self.keys, patterns, literals,
        )?)))
    }
}

fn pattern(text: &str) -> Result<regex::Regex, RedactionError> {
    RegexBuilder::new(text)
        .size_limit(1 << 20)
        .dfa_size_limit(1 << 20)
        .build()
        .map_err(|e| RedactionError::Pattern {
            pattern: text.to_owned(),
            reason: e.to_string(),
        })
}

fn check(keys: &[String], patterns: &[String]) -> Result<(), RedactionError> {
    let found = keys.len() + patterns.len();
    if found > MAX_ADDED {
        return Err(RedactionError::TooMany { found });
    }
    if let Some(long) = keys
        .iter()
        .chain(patterns)
        .find(|r| r.len() > MAX_RULE_BYTES)
    {
        return Err(RedactionError::TooLong { found: long.len() });
    }
    match keys.iter().find(|k| keys::plain(k).is_empty()) {
        Some(key) => Err(RedactionError::Key(key.clone())),
        None => Ok(()),
    }
}

/// Whether a profile could be used: for lint.
pub fn check_profile(profile: &RedactionProfile) -> Result<(), RedactionError> {
    check(&profile.keys, &profile.patterns)?;
    profile
        .patterns
        .iter()
        .try_for_each(|p| pattern(p).map(|_| ()))
}

impl Redactor {
    pub fn builder() -> RedactorBuilder {
        RedactorBuilder::default()
    }

    /// The one door for short strings: names, errors, reasons, answers, facts. One that was cut ends with [`CUT_MARK`].
    pub fn redact_text(&self, text: &str) -> Redacted {
        let begin = text.strip_suffix(CUT_MARK);
        let limits = StreamLimits {
            line_bytes: 1024 * 1024,
            listed: 0,
            text_only: false,
        };
        let mut stream = self.stream(limits);
        let mut out = Vec::with_capacity(text.len());
        stream.push(begin.unwrap_or(text).as_bytes(), &mut out);
        let report = match begin {
            Some(_) => stream.finish_cut(&mut out),
            None => stream.finish(&mut out),
        };
        // Lines of text with marks between them are text; were they not, nothing would be passed on.
        Redacted {
            text: String::from_utf8(out).unwrap_or_default(),
            counts: report.counts,
        }
    }

    /// For files: push pieces, then finish.
    pub fn stream(&self, limits: StreamLimits) -> Stream {
        Stream::new(Arc::clone(&self.0), limits)
    }

    /// Redacts all of `reader` into `writer` with memory that does not grow with the file. Errors are those of the two.
    pub fn redact_stream(
        &self,
        mut reader: impl Read,
        mut writer: impl Write,
        limits: StreamLimits,
    ) -> io::Result<StreamReport> {
        stream::pump(self.stream(limits), &mut reader, &mut writer)
    }
}
