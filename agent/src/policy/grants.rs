//! What collectors may do on this instance: the policy in force, lowered to what a child needs to know.
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Everything that is not granted here is denied. The default grants nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grants {
    /// Absolute directories beneath which the file collector may read.
    pub directories: Vec<PathBuf>,
    /// The agent's own directories and files: never read, whatever else is granted.
    pub own: Vec<PathBuf>,
    /// A command runs when one of these allows it.
    pub commands: Vec<CommandGrant>,
    /// HTTP to this machine's loopback addresses.
    pub loopback_http: bool,
    /// Other hosts that collectors may connect to: names or addresses, exactly as hooks say them.
    pub hosts: Vec<String>,
    pub journal: bool,
    pub processes: bool,
    /// Files may leave without redaction where the hook says `raw`.
    pub raw: bool,
}

/// One program with the arguments that it may get.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandGrant {
    /// Absolute.
    pub path: PathBuf,
    /// One regular expression an argument, in order, each matched against the whole argument. As many arguments as
    /// patterns, no more and no fewer.
    #[serde(default)]
    pub args: Vec<String>,
}

impl CommandGrant {
    /// Whether this grant allows `args`. A pattern that does not compile allows nothing.
    pub fn allows(&self, args: &[String]) -> bool {
        self.args.len() == args.len()
            && self
                .args
                .iter()
                .zip(args)
                .all(|(pattern, arg)| whole(pattern).is_ok_and(|whole| whole.is_match(arg)))
    }
}

/// `pattern` for a whole argument. It must be one by itself, too: `a)|(b` would break out of what encloses it.
pub fn whole(pattern: &str) -> Result<regex::Regex, regex::Error> {
    let build = |text: &str| regex::RegexBuilder::new(text).size_limit(1 << 20).build();
    build(pattern)?;
    build(&format!(r"\A(?:{pattern})\z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(patterns: &[&str], args: &[&str]) -> bool {
        let owned = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        CommandGrant {
            path: "/usr/bin/x".into(),
            args: owned(patterns),
        }
        .allows(&owned(args))
    }

    #[test]
    fn a_pattern_must_match_the_whole_argument() {
        assert!(allows(&["-n", "[0-9]+"], &["-n", "20"]));
        assert!(!allows(&["-n", "[0-9]+"], &["-n", "20; rm"]));
        assert!(!allows(&["a|b"], &["ax"]), "an alternative is anchored too");
        assert!(!allows(&["a$"], &["a\n"]), "no newline slips in at the end");
    }

    #[test]
    fn more_or_fewer_arguments_than_patterns_are_refused() {
        assert!(allows(&[], &[]));
        assert!(!allows(&[], &["-x"]));
        assert!(!allows(&["-n", ".*"], &["-n"]));
    }

    #[test]
    fn a_broken_pattern_allows_nothing() {
        assert!(!allows(&["("], &["("]));
        assert!(!allows(&["a)|(b"], &["b"]));
    }
}
