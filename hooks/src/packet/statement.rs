//! `packet.json`: what the instance signs of a run and of every file in the packet.
use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::{
    documents::hook::Subject,
    ids::{ClaimId, CustomerId, Digest, HookId, InstanceId, PersonId, SectionName},
    keys::PublicKey,
    strict::MAX_STATEMENT,
    time::Time,
};

/// The newest format of statements that this build understands.
pub const FORMAT: u32 = 1;

/// A packet's statement. Its bytes are made once, signed, and stand in the zip as they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    pub format: u32,
    pub mode: Mode,
    /// None for a packet without a hook (`local`).
    pub hook: Option<HookRef>,
    /// What the hook is for, as the hook says.
    pub subject: Option<Subject>,
    /// None for a packet that was made without the server, as are `instance` and `customer` when not enrolled.
    pub claim: Option<ClaimId>,
    pub instance: Option<InstanceId>,
    /// The key that signs this statement.
    pub instance_key: PublicKey,
    pub customer: Option<CustomerId>,
    /// SHA-256 of the policy's file.
    pub policy: Digest,
    pub consent: Consent,
    /// Who signed the hook.
    pub signed_by: Vec<PersonId>,
    /// The layers of isolation that held for the run, and the rights it had, in plain words.
    pub privileges: Vec<String>,
    pub agent_version: String,
    pub started_at: Time,
    pub finished_at: Time,
    /// The run was cut off; what was finished is here.
    pub interrupted: bool,
    pub sections: Vec<Section>,
    /// Files beside the sections' folders: `redactions.json`.
    pub files: Vec<FileEntry>,
    /// What was hidden in this statement's own texts, by kind.
    #[serde(deserialize_with = "unique")]
    pub redactions: BTreeMap<String, u64>,
}

/// What vouches for the run (trust.md §1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    Verified,
    Offline,
    Trial,
    Local,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HookRef {
    /// SHA-256 of the hook's payload.
    pub digest: Digest,
    pub id: HookId,
    pub revision: u32,
}

/// How the customer agreed to the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Consent {
    Auto,
    AskRun,
    AskSend,
    /// Somebody at the instance's terminal started the run.
    Terminal,
}

/// What one collector brought back, failure included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    pub name: SectionName,
    pub collector: String,
    pub outcome: Outcome,
    pub started_at: Time,
    pub elapsed_ms: u64,
    /// Why the outcome is not `ok`; empty otherwise.
    pub reason: String,
    pub left_out: Vec<LeftOut>,
    pub files: Vec<FileEntry>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Ok,
    Truncated,
    TimedOut,
    Failed,
    DeniedByPolicy,
    DeniedBySystem,
    Unsupported,
}

impl Outcome {
    /// As in `packet.json`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Truncated => "truncated",
            Self::TimedOut => "timed_out",
            Self::Failed => "failed",
            Self::DeniedByPolicy => "denied_by_policy",
            Self::DeniedBySystem => "denied_by_system",
            Self::Unsupported => "unsupported",
        }
    }
}

/// Something that a section could have held and does not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeftOut {
    /// What and why, in plain words.
    pub text: String,
    /// How many bytes, where that is known.
    #[serde(default)]
    pub bytes: u64,
    /// How many files or rows, where that is known.
    #[serde(default)]
    pub items: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// The entry's name in the zip, the section's folder included.
    pub path: String,
    /// Size before compression.
    pub bytes: u64,
    pub sha256: Digest,
    /// Whether the file was passed on without redaction (the hook said `raw` and the policy allowed it).
    #[serde(default)]
    pub raw: bool,
    /// How often something was hidden, by kind.
    #[serde(deserialize_with = "unique")]
    pub redactions: BTreeMap<String, u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    #[error("packet.json has {found} bytes, where at most {limit} are allowed", limit = MAX_STATEMENT)]
    TooLarge { found: usize },
    #[error("packet.json has format {found}, and this version reads up to {FORMAT}")]
    Format { found: u32 },
    #[error("packet.json does not read as a statement: {0}")]
    Fields(String),
}

impl Statement {
    /// Every file that the statement lists.
    pub fn all_files(&self) -> impl Iterator<Item = &FileEntry> {
        self.sections
            .iter()
            .flat_map(|s| &s.files)
            .chain(&self.files)
    }

    /// Reads bytes whose signature was verified already.
    pub fn from_json(bytes: &[u8]) -> Result<Self, StatementError> {
        #[derive(Deserialize)]
        struct Preface {
            format: u32,
        }
        if bytes.len() > MAX_STATEMENT {
            return Err(StatementError::TooLarge { found: bytes.len() });
        }
        let words = |e: serde_json::Error| {
            StatementError::Fields(
                e.to_string()
                    .chars()
                    .filter(|c| !c.is_control())
                    .take(300)
                    .collect(),
            )
        };
        match serde_json::from_slice::<Preface>(bytes)
            .map_err(words)?
            .format
        {
            FORMAT => serde_json::from_slice(bytes).map_err(words),
            found => Err(StatementError::Format { found }),
        }
    }

    /// The bytes to be signed: JSON for people, with a newline at the end.
    pub fn to_json(&self) -> Result<Vec<u8>, StatementError> {
        let mut bytes =
            serde_json::to_vec_pretty(self).map_err(|e| StatementError::Fields(e.to_string()))?;
        bytes.push(b'\n');
        if bytes.len() > MAX_STATEMENT {
            Err(StatementError::TooLarge { found: bytes.len() })
        } else {
            Ok(bytes)
        }
    }
}

/// A map whose keys may not stand twice.
fn unique<'de, D: Deserializer<'de>>(d: D) -> Result<BTreeMap<String, u64>, D::Error> {
    struct Unique;
    impl<'de> de::Visitor<'de> for Unique {
        type Value = BTreeMap<String, u64>;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("counts by kind")
        }
        fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut out = BTreeMap::new();
            while let Some((key, count)) = map.next_entry::<String, u64>()? {
                if out.insert(key, count).is_some() {
                    return Err(de::Error::custom("a kind stands twice"));
                }
            }
            Ok(out)
        }
    }
    d.deserialize_map(Unique)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(super) mod tests {
    use super::*;

    pub fn sample() -> Statement {
        Statement {
            format: FORMAT,
            mode: Mode::Verified,
            hook: Some(HookRef {
                digest: Digest::of(b"hook"),
                id: "h-1".parse().unwrap(),
                revision: 1,
            }),
            subject: Some(Subject::Ticket {
                system: "jira".into(),
                key: "MM-1".into(),
                url: None,
            }),
            claim: Some(ClaimId {
                revision: Digest::of(b"hook"),
                instance: "i-1".parse().unwrap(),
                reservation: 1,
            }),
            instance: Some("i-1".parse().unwrap()),
            instance_key: crate::keys::SecretKey::from_seed(&[7; 32]).public(),
            customer: Some("acme".parse().unwrap()),
            policy: Digest::of(b"policy"),
            consent: Consent::Auto,
            signed_by: vec!["ann".parse().unwrap(), "ben".parse().unwrap()],
            privileges: vec!["no_new_privs".into()],
            agent_version: "0.1.0".into(),
            started_at: Time::from_ms(1_700_000_000_000),
            finished_at: Time::from_ms(1_700_000_001_000),
            interrupted: false,
            sections: vec![],
            files: vec![],
            redactions: BTreeMap::new(),
        }
    }

    #[test]
    fn a_statement_reads_back() {
        let statement = sample();
        assert_eq!(
            Statement::from_json(&statement.to_json().unwrap()).unwrap(),
            statement
        );
    }

    #[test]
    fn an_unknown_field_is_refused() {
        let text = String::from_utf8(sample().to_json().unwrap()).unwrap();
        let more = text.replacen('{', "{\"extra\": 1,", 1);
        assert!(
            matches!(Statement::from_json(more.as_bytes()), Err(StatementError::Fields(m)) if m.contains("extra"))
        );
    }

    #[test]
    fn a_doubled_field_or_kind_is_refused() {
        let text = String::from_utf8(sample().to_json().unwrap()).unwrap();
        let twice = text.replacen(
            "\"interrupted\": false",
            "\"interrupted\": false, \"interrupted\": true",
            1,
        );
        assert!(matches!(
            Statement::from_json(twice.as_bytes()),
            Err(StatementError::Fields(_))
        ));
        let twice = text.replacen(
            "\"redactions\": {}",
            "\"redactions\": {\"jwt\": 1, \"jwt\": 2}",
            1,
        );
        assert!(
            matches!(Statement::from_json(twice.as_bytes()), Err(StatementError::Fields(m)) if m.contains("twice"))
        );
    }

    #[test]
    fn a_newer_format_is_named_before_its_fields_are_read() {
        assert_eq!(
            Statement::from_json(br#"{"format": 2, "new": true}"#),
            Err(StatementError::Format { found: 2 })
        );
    }

    #[test]
    fn bytes_after_the_statement_and_too_many_bytes_are_refused() {
        let mut bytes = sample().to_json().unwrap();
        bytes.extend_from_slice(b"{}");
        assert!(matches!(
            Statement::from_json(&bytes),
            Err(StatementError::Fields(_))
        ));
        let large = vec![b' '; MAX_STATEMENT + 1];
        assert_eq!(
            Statement::from_json(&large),
            Err(StatementError::TooLarge {
                found: MAX_STATEMENT + 1
            })
        );
    }
}
