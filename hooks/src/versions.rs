//! Versions and ranges of them: semver, and Debian's (Debian Policy 5.6.12).
use std::{cmp::Ordering, fmt, str::FromStr};

use crate::documents::hook::VersionScheme;

/// Longest version or range, in bytes.
const MAX_LEN: usize = 256;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VersionError {
    #[error("expected a semver requirement such as \">=5.37, <6\" ({0})")]
    SemverRange(String),
    #[error("expected a version such as 5.37.2")]
    Semver,
    #[error(
        "expected comma-separated Debian relations such as \">= 1:2.3-4, << 1:3\" with <<, <=, =, >= or >>"
    )]
    DebianRange,
    #[error("expected a Debian version such as 1:2.3-4")]
    Debian,
}

/// Which versions are meant.
#[derive(Clone, Debug)]
pub enum Range {
    Any,
    Semver(semver::VersionReq),
    /// All of them must hold.
    Debian(Vec<(Relation, DebianVersion)>),
}

impl Range {
    pub fn parse(scheme: VersionScheme, text: Option<&str>) -> Result<Self, VersionError> {
        match (scheme, text) {
            (_, None) => Ok(Self::Any),
            (VersionScheme::Semver, Some(text)) if text.len() > MAX_LEN => {
                Err(VersionError::SemverRange("too long".into()))
            }
            (VersionScheme::Semver, Some(text)) => text
                .parse()
                .map(Self::Semver)
                .map_err(|e: semver::Error| VersionError::SemverRange(e.to_string())),
            (VersionScheme::Debian, Some(text)) => debian_range(text).map(Self::Debian),
        }
    }

    /// Whether `version` is in the range. As in Cargo, a semver pre-release matches only a range that names a
    /// pre-release of the same version. A version that cannot be read is in no range but [`Range::Any`].
    pub fn contains(&self, version: &str) -> Result<bool, VersionError> {
        match self {
            Self::Any => Ok(true),
            Self::Semver(range) => Ok(range.matches(&lenient_semver(version)?)),
            Self::Debian(relations) => {
                let version: DebianVersion = version.parse()?;
                Ok(relations
                    .iter()
                    .all(|(relation, bound)| relation.holds(version.cmp(bound))))
            }
        }
    }
}

/// Products say `v5.37` or `15.4` too: a leading `v` is dropped, missing parts are 0.
fn lenient_semver(text: &str) -> Result<semver::Version, VersionError> {
    if text.len() > MAX_LEN {
        return Err(VersionError::Semver);
    }
    let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
    let core_end = text.find(['-', '+']).unwrap_or(text.len());
    let (core, rest) = text.split_at(core_end);
    let missing = 3usize.saturating_sub(core.split('.').count());
    format!("{core}{}{rest}", ".0".repeat(missing))
        .parse()
        .map_err(|_| VersionError::Semver)
}

/// The relations of Debian Policy 7.1, without the deprecated `<` and `>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    Earlier,
    EarlierOrEqual,
    Equal,
    LaterOrEqual,
    Later,
}

impl Relation {
    fn holds(self, found: Ordering) -> bool {
        match self {
            Self::Earlier => found.is_lt(),
            Self::EarlierOrEqual => found.is_le(),
            Self::Equal => found.is_eq(),
            Self::LaterOrEqual => found.is_ge(),
            Self::Later => found.is_gt(),
        }
    }
}

const RELATIONS: &[(&str, Relation)] = &[
    ("<<", Relation::Earlier),
    ("<=", Relation::EarlierOrEqual),
    (">=", Relation::LaterOrEqual),
    (">>", Relation::Later),
    ("=", Relation::Equal),
];

fn debian_range(text: &str) -> Result<Vec<(Relation, DebianVersion)>, VersionError> {
    if text.len() > MAX_LEN {
        return Err(VersionError::DebianRange);
    }
    let one = |part: &str| {
        let part = part.trim();
        let (sign, relation) = RELATIONS.iter().find(|(sign, _)| part.starts_with(sign))?;
        let version = part[sign.len()..].trim().parse().ok()?;
        Some((*relation, version))
    };
    text.split(',')
        .map(|part| one(part).ok_or(VersionError::DebianRange))
        .collect()
}

/// `[epoch:]upstream[-revision]`. Versions that compare equal are equal: `1.0`, `1.00` and `0:1.0-0` are one.
#[derive(Clone, Debug)]
pub struct DebianVersion {
    epoch: u32,
    upstream: String,
    revision: String,
}

impl FromStr for DebianVersion {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        let (epoch, rest) = match text.split_once(':') {
            Some((epoch, rest)) if epoch.bytes().all(|b| b.is_ascii_digit()) => {
                (epoch.parse().map_err(|_| VersionError::Debian)?, rest)
            }
            Some(_) => return Err(VersionError::Debian),
            None => (0, text),
        };
        let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, "0"));
        let allowed = |text: &str, more: &str| {
            text.chars()
                .all(|c| c.is_ascii_alphanumeric() || more.contains(c))
        };
        let is_sound = text.len() <= MAX_LEN
            && upstream.starts_with(|c: char| c.is_ascii_digit())
            && allowed(upstream, ".+~-:")
            && !revision.is_empty()
            && allowed(revision, ".+~");
        if is_sound {
            Ok(Self {
                epoch,
                upstream: upstream.into(),
                revision: revision.into(),
            })
        } else {
            Err(VersionError::Debian)
        }
    }
}

impl fmt::Display for DebianVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}-{}", self.epoch, self.upstream, self.revision)
    }
}

impl Ord for DebianVersion {
    fn cmp(&self, other: &Self) -> Ordering {
        self.epoch
            .cmp(&other.epoch)
            .then_with(|| compare_part(&self.upstream, &other.upstream))
            .then_with(|| compare_part(&self.revision, &other.revision))
    }
}

impl PartialOrd for DebianVersion {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for DebianVersion {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for DebianVersion {}

/// By turns the longest prefixes without digits, then those of digits, until one differs.
fn compare_part(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    while !a.is_empty() || !b.is_empty() {
        let (a_text, a_rest) = a.split_at(a.iter().position(u8::is_ascii_digit).unwrap_or(a.len()));
        let (b_text, b_rest) = b.split_at(b.iter().position(u8::is_ascii_digit).unwrap_or(b.len()));
        let (a_digits, a_next) = digits(a_rest);
        let (b_digits, b_next) = digits(b_rest);
        let ordering =
            compare_text(a_text, b_text).then_with(|| compare_digits(a_digits, b_digits));
        if ordering.is_ne() {
            return ordering;
        }
        (a, b) = (a_next, b_next);
    }
    Ordering::Equal
}

fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(
        text.iter()
            .position(|b| !b.is_ascii_digit())
            .unwrap_or(text.len()),
    )
}

/// `~` before the end, the end before letters, letters before all else.
fn compare_text(a: &[u8], b: &[u8]) -> Ordering {
    let weight = |byte: Option<&u8>| match byte {
        Some(b'~') => -1,
        None => 0,
        Some(letter) if letter.is_ascii_alphabetic() => i32::from(*letter),
        Some(other) => 256 + i32::from(*other),
    };
    let length = a.len().max(b.len());
    (0..length)
        .map(|at| weight(a.get(at)).cmp(&weight(b.get(at))))
        .find(|o| o.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// Numbers of any length; none is zero.
fn compare_digits(a: &[u8], b: &[u8]) -> Ordering {
    let significant = |text: &[u8]| text.iter().position(|b| *b != b'0').unwrap_or(text.len());
    let (a, b) = (&a[significant(a)..], &b[significant(b)..]);
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn deb(text: &str) -> DebianVersion {
        text.parse().unwrap()
    }

    #[test]
    fn policys_own_example_sorts_as_it_says() {
        // Policy 5.6.12: "~~", "~~a", "~", the empty part, "a".
        let sorted = ["1~~", "1~~a", "1~", "1", "1a"];
        for pair in sorted.windows(2) {
            assert!(deb(pair[0]) < deb(pair[1]), "{pair:?}");
        }
    }

    #[test]
    fn dpkgs_known_pairs_compare_as_dpkg_does() {
        for (less, more) in [
            ("1.0", "1.1"),
            ("1.9", "1.10"),
            ("1.2", "1.2.1"),
            ("1.0~rc1", "1.0"),
            ("1.0~beta1~svn1245", "1.0~beta1"),
            ("1.0-1", "1.0-2"),
            ("1.0-1", "1.0-1+deb12u1"),
            ("1.0-1~bpo11+1", "1.0-1"),
            ("9", "1:0"),
            ("1:1.0", "2:0.1"),
            ("1.0a", "1.0+"),
            ("1.0+a", "1.0-b-1"),
            ("7.6p2-4", "7.6-0"),
            ("1.18.36", "1.18.36.5"),
            ("0.4a6-2", "0.4-1"),
            ("99999999999999999999998", "99999999999999999999999"),
            ("15.3-0+deb12u1", "15.10-0+deb12u1"),
            ("1.2.3", "1.2.3-1"),
        ] {
            if less == "7.6p2-4" || less == "0.4a6-2" {
                // Letters sort after the end: these two pairs are the other way round.
                assert!(deb(less) > deb(more), "{less} {more}");
            } else {
                assert!(deb(less) < deb(more), "{less} {more}");
            }
        }
        for (a, b) in [
            ("1.0", "1.00"),
            ("1.0", "0:1.0"),
            ("1.0", "1.0-0"),
            ("1.0-0", "1.0-00"),
            ("0:0", "0:0-0"),
        ] {
            assert_eq!(deb(a), deb(b), "{a} {b}");
        }
    }

    #[test]
    fn what_is_no_debian_version_is_refused() {
        for bad in [
            "",
            "a1",
            ":1",
            "x:1",
            "-1:1",
            "1-",
            "1_0",
            "1 0",
            "99999999999:1",
            "1:",
        ] {
            assert!(bad.parse::<DebianVersion>().is_err(), "{bad:?}");
        }
        assert_eq!(deb("1:2-3-4").to_string(), "1:2-3-4");
    }

    #[test]
    fn debian_ranges_hold_all_their_relations() {
        let range = Range::parse(VersionScheme::Debian, Some(">= 1:2.3-4, << 1:3")).unwrap();
        for (version, inside) in [
            ("1:2.3-4", true),
            ("1:2.9", true),
            ("1:3", false),
            ("1:3~rc1", true),
            ("2.9", false),
        ] {
            assert_eq!(range.contains(version), Ok(inside), "{version}");
        }
        for bad in ["", "1.0", "> 1", "< 1", ">=", ">= 1,", "~1", "=> 1"] {
            assert!(
                Range::parse(VersionScheme::Debian, Some(bad)).is_err(),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn semver_ranges_read_versions_as_products_say_them() {
        let range = Range::parse(VersionScheme::Semver, Some(">=5.37, <6")).unwrap();
        for (version, inside) in [
            ("5.37.0", true),
            ("v5.37", true),
            ("5.100.1+build", true),
            ("6.0.0", false),
            ("5.36.9", false),
            ("6", false),
        ] {
            assert_eq!(range.contains(version), Ok(inside), "{version}");
        }
        assert_eq!(range.contains("banana"), Err(VersionError::Semver));
        assert_eq!(range.contains(&"1".repeat(1000)), Err(VersionError::Semver));
        assert!(Range::parse(VersionScheme::Semver, Some("five")).is_err());
        assert_eq!(
            Range::parse(VersionScheme::Semver, None)
                .unwrap()
                .contains("banana"),
            Ok(true)
        );
    }

    fn version() -> impl Strategy<Value = String> {
        "([0-3]:)?[0-2][0-2a-b.+~]{0,5}(-[0-2a-b.+~]{1,3})?"
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn debian_versions_are_totally_ordered(a in version(), b in version(), c in version()) {
            let (a, b, c) = (deb(&a), deb(&b), deb(&c));
            prop_assert_eq!(a.cmp(&a), Ordering::Equal);
            prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
            if a <= b && b <= c { prop_assert!(a <= c); }
            if a == b { prop_assert_eq!(a.cmp(&c), b.cmp(&c)); }
        }

        #[test]
        fn a_version_reads_back(text in version()) {
            let version = deb(&text);
            prop_assert_eq!(deb(&version.to_string()), version);
        }

        #[test]
        fn any_text_is_read_or_refused_without_panic(text in "\\PC{0,20}") {
            let _ = text.parse::<DebianVersion>();
            let _ = lenient_semver(&text);
            let _ = Range::parse(VersionScheme::Debian, Some(&text));
        }
    }
}
