//! Secrets that are known by their own shape, wherever they stand.
use base64::{Engine as _, engine::general_purpose::STANDARD};
use regex::Regex;

use super::{
    RedactionError,
    kinds::{Kind, Span, is_mark},
    pairs::push,
    value,
};

/// What must stand in a line before a shape is looked for; several may lead to one shape. Case does not count.
pub(super) struct Shape {
    pub hints: &'static [&'static str],
    pub kind: Kind,
    pattern: &'static str,
    check: Check,
}

/// What else must hold for a match.
#[derive(Clone, Copy)]
enum Check {
    Nothing,
    /// Base64 of `user:password`.
    BasicPair,
    /// `uid:gid` is no password.
    NotNumbers,
    /// Base64 of a private key's PEM.
    EncodedKey,
    NotHarmless,
}

/// The group `s` of a match is the secret; without one the whole match is.
pub(super) const SHAPES: &[Shape] = &[
    Shape {
        hints: &["akia", "asia"],
        kind: Kind::AwsKey,
        pattern: r"(?:AKIA|ASIA)[A-Z0-9]{16}",
        check: Check::Nothing,
    },
    Shape {
        hints: &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"],
        kind: Kind::GithubToken,
        pattern: r"gh[pousr]_[A-Za-z0-9_]{16,}",
        check: Check::Nothing,
    },
    Shape {
        hints: &["github_pat_"],
        kind: Kind::GithubToken,
        pattern: r"github_pat_[A-Za-z0-9_]{16,}",
        check: Check::Nothing,
    },
    Shape {
        hints: &["glpat-", "gldt-", "glrt-"],
        kind: Kind::Token,
        pattern: r"gl(?:pat|dt|rt)-[A-Za-z0-9_\-.]{16,}",
        check: Check::Nothing,
    },
    Shape {
        hints: &["xox", "xapp-"],
        kind: Kind::SlackToken,
        pattern: r"(?:xox[a-z][.-]|xapp-)[A-Za-z0-9.\-]{8,}",
        check: Check::Nothing,
    },
    Shape {
        hints: &["hooks.slack.com"],
        kind: Kind::SlackToken,
        pattern: r"(?i)hooks\.slack\.com(?::\d+)?\\?/(?P<s>[A-Za-z0-9_\-/\\%.]{6,})",
        check: Check::Nothing,
    },
    Shape {
        hints: &["eyj", "ewog"],
        kind: Kind::Jwt,
        pattern: r"(?:eyJ|ewog)[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{2,}(?:\.[A-Za-z0-9_-]*){0,3}",
        check: Check::Nothing,
    },
    Shape {
        hints: &["bearer"],
        kind: Kind::Authorization,
        pattern: r#"(?i)\bbearer(?:[ \t+:=]|%20)+["']?(?P<s>[A-Za-z0-9_\-.~+/=%|:]{6,})"#,
        check: Check::NotHarmless,
    },
    Shape {
        hints: &["basic"],
        kind: Kind::Authorization,
        pattern: r#"(?i)\bbasic(?:[ \t+:=]|%20)+["']?(?P<s>[A-Za-z0-9+/_\-]{4,}(?:=|%3D){0,2})"#,
        check: Check::BasicPair,
    },
    Shape {
        hints: &["\"auth\"", "_auth"],
        kind: Kind::Authorization,
        pattern: r#"auth\\*["']?\s*[:=]\s*\\*["']?(?P<s>[A-Za-z0-9+/_\-]{4,}={0,2})"#,
        check: Check::BasicPair,
    },
    Shape {
        hints: &[" -u", "\"-u", "'-u", "\0-u", "-user", "\t-u", ",-u"],
        kind: Kind::Password,
        pattern: r#"(?:^|[\s"'\[,\x00])(?:-u|--user|--proxy-user|-U|-user)(?:[\s\x00=]+|\\?["'],\s*\\?["']|)\\?["']?[^\s"':\x00/=,\\]*:(?P<s>[^\s"'\x00/][^\s"'\x00]*|/[^\s"'\x00/][^\s"'\x00]*)"#,
        check: Check::NotNumbers,
    },
    Shape {
        hints: &[
            " -u '", " -u \"", "-user '", "-user \"", "-u'", "-u\"", "-user='", "-user=\"",
        ],
        kind: Kind::Password,
        pattern: r#"(?:-u|-user|-U)[\s=]*(?:'[^':]*:(?P<s>[^']+)'?|"[^":]*:(?P<t>[^"]+)"?)"#,
        check: Check::NotNumbers,
    },
    Shape {
        hints: &["mysql", "mariadb", "mycli"],
        kind: Kind::Password,
        pattern: r#"(?i)\b(?:mysql\w*|mariadb[\w-]*|mycli)\b.*?[\s\x00"']-p(?P<s>[^\s"'\x00]+)"#,
        check: Check::NotHarmless,
    },
    Shape {
        hints: &[
            "sshpass",
            "docker login",
            "podman login",
            "redis-cli",
            "ldapsearch",
            "ldapmodify",
            "ldapadd",
            "ldapwhoami",
        ],
        kind: Kind::Password,
        pattern: r#"(?:sshpass|docker login|podman login|redis-cli|ldap\w+)\b.*?[\s\x00]-[paw][\s\x00]*["']?(?P<s>[^\s"'\x00]+)"#,
        check: Check::NotHarmless,
    },
    Shape {
        hints: &["identified"],
        kind: Kind::Password,
        pattern: r#"(?i)identified\s+(?:with\s+\S+\s+)?(?:by|as)\s+(?:password\s+)?\\?['"](?P<s>[^'"]+)"#,
        check: Check::NotHarmless,
    },
    Shape {
        hints: &["?sig", "&sig", "%26sig", "amz-signature"],
        kind: Kind::Token,
        pattern: r#"(?i)(?:[?&;]|%26)(?:sig|signature|x-amz-signature)(?:=|%3D)(?P<s>[^&\s"'<>]{8,})"#,
        check: Check::NotHarmless,
    },
    Shape {
        hints: &["@"],
        kind: Kind::UrlPassword,
        pattern: r#"\b[\w.+-]+:(?P<s>[^\s:/"']+)@(?:[\w.-]+|\[[0-9a-fA-F:]+\]):\d{2,5}\b"#,
        check: Check::NotHarmless,
    },
    Shape {
        hints: &["sk_live_", "rk_live_", "sk-", "whsec_"],
        kind: Kind::Token,
        pattern: r"\b(?:[sr]k_live_|whsec_|sk-(?:ant-|proj-)?)[A-Za-z0-9_\-]{20,}",
        check: Check::Nothing,
    },
    Shape {
        hints: &["aiza"],
        kind: Kind::Token,
        pattern: r"AIza[A-Za-z0-9_\-]{35}",
        check: Check::Nothing,
    },
    Shape {
        hints: &["ya29."],
        kind: Kind::Token,
        pattern: r"ya29\.[A-Za-z0-9_\-]{20,}",
        check: Check::Nothing,
    },
    Shape {
        hints: &[
            "npm_",
            "pypi-",
            "hvs.",
            "hvb.",
            "dop_v1_",
            "sg.",
            "shpat_",
            "dckr_pat_",
        ],
        kind: Kind::Token,
        pattern: r"(?:npm_[A-Za-z0-9]{30,}|pypi-[A-Za-z0-9_\-]{30,}|hv[sb]\.[A-Za-z0-9_\-]{20,}|dop_v1_[a-f0-9]{40,}|SG\.[A-Za-z0-9_\-]{16,}\.[A-Za-z0-9_\-]{16,}|shpat_[a-f0-9]{32}|dckr_pat_[A-Za-z0-9_\-]{20,})",
        check: Check::Nothing,
    },
    Shape {
        hints: &["ls0tls1crudjti"],
        kind: Kind::PrivateKey,
        pattern: r"LS0tLS1CRUdJTi[A-Za-z0-9+/_\-=]{10,}",
        check: Check::EncodedKey,
    },
    Shape {
        hints: &[
            "$1$",
            "$2a$",
            "$2b$",
            "$2y$",
            "$5$",
            "$6$",
            "$y$",
            "$apr1$",
            "$argon2",
            "$7$",
            "$pbkdf2",
            "scram-sha-",
            "{ssha",
            "{sha}",
        ],
        kind: Kind::PasswordHash,
        pattern: r"(?:\$(?:1|2[aby]|5|6|7|y|apr1|argon2[a-z]*|pbkdf2[a-z0-9-]*)\$[A-Za-z0-9./+=,$\-_]{8,}|SCRAM-SHA-(?:1|256)\$[A-Za-z0-9+/=:$]{16,}|\{S?SHA(?:256|512)?\}[A-Za-z0-9+/=]{8,})",
        check: Check::Nothing,
    },
    Shape {
        hints: &[":*:", ":5432:", ":5433:", ":6432:"],
        kind: Kind::Password,
        pattern: r"^[^:\s]+:(?:\d{1,5}|\*):[^:\s]+:[^:\s]+:(?P<s>.+?)\s*$",
        check: Check::NotHarmless,
    },
];

/// The shapes' compiled forms, in the order of [`SHAPES`].
pub(super) fn compile() -> Result<Vec<Regex>, RedactionError> {
    SHAPES
        .iter()
        .map(|shape| {
            Regex::new(shape.pattern).map_err(|e| RedactionError::Pattern {
                pattern: shape.pattern.to_owned(),
                reason: e.to_string(),
            })
        })
        .collect()
}

pub(super) fn scan(line: &str, shape: &Shape, regex: &Regex, spans: &mut Vec<Span>) {
    for found in regex.captures_iter(line) {
        let Some(secret) = found
            .name("s")
            .or_else(|| found.name("t"))
            .or_else(|| found.get(0))
        else {
            continue;
        };
        let text = secret.as_str();
        let counts = match shape.check {
            Check::Nothing => true,
            Check::NotHarmless => !value::is_harmless(text.as_bytes()),
            Check::NotNumbers => {
                let user = found.get(0).map_or("", |m| m.as_str());
                let user = user.trim_end_matches(text).trim_end_matches(':');
                let both = text.bytes().all(|b| b.is_ascii_digit())
                    && user.bytes().next_back().is_some_and(|b| b.is_ascii_digit());
                !both && !is_mark(text.as_bytes())
            }
            Check::BasicPair => is_pair(text),
            Check::EncodedKey => {
                decoded(text).is_some_and(|d| memchr::memmem::find(&d, b"PRIVATE KEY").is_some())
            }
        };
        if counts {
            push(spans, secret.start(), secret.end(), shape.kind);
        }
    }
}

/// The bytes of as much base64 as can be read.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let clean: String = text
        .replace("%3D", "=")
        .chars()
        .filter(|c| *c != '=')
        .map(|c| match c {
            '-' => '+',
            '_' => '/',
            c => c,
        })
        .collect();
    STANDARD.decode(&clean[..clean.len() / 4 * 4]).ok()
}

fn is_pair(text: &str) -> bool {
    decoded(text).is_some_and(|d| d.contains(&b':') && d.iter().all(|b| !b.is_ascii_control()))
}

/// A secret access key of AWS: 40 characters of base64 in mixed case. Looked for only beside an access key's id.
pub(super) fn scan_aws_secret(line: &str, spans: &mut Vec<Span>) {
    let bytes = line.as_bytes();
    let of_key = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
    let mut at = 0;
    while at < bytes.len() {
        let run = bytes[at..].iter().take_while(|b| of_key(**b)).count();
        let word = &bytes[at..at + run];
        if run == 40
            && word.iter().any(u8::is_ascii_uppercase)
            && word.iter().any(u8::is_ascii_lowercase)
            && (word.iter().any(u8::is_ascii_digit)
                || word.iter().any(|b| matches!(b, b'+' | b'/')))
        {
            push(spans, at, at + run, Kind::AwsKey);
        }
        at += run.max(1);
    }
}
