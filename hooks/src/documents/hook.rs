//! The hook: what is asked, of whom, for which ticket, within which limits. Its payload's SHA-256 is its identity.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    documents::document,
    ids::{CustomerId, Digest, HookId, InstanceId, PersonId, SectionName},
    time::Time,
};

/// The newest format that this build understands.
pub const FORMAT: u32 = 1;

/// One revision of a hook, as it is signed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hook {
    /// Read first, after the signatures (see [`Preface`]).
    pub format: u32,
    /// Smallest agent version (semver) that can run this; older ones answer *unsupported*.
    pub min_agent: Option<String>,
    pub id: HookId,
    /// 1, 2, 3, …
    pub revision: u32,
    pub author: PersonId,
    pub subject: Subject,
    pub customers: HookCustomers,
    pub audience: Audience,
    /// One line; the customer reads it.
    pub title: String,
    /// Why this is asked; the customer reads it.
    pub reason: String,
    pub not_before: Time,
    pub expires_at: Time,
    /// How many packets are wanted at most.
    pub places: u32,
    /// Largest packet, in bytes of the finished zip.
    pub packet_bytes: u64,
    /// All packets together, in bytes.
    pub total_bytes: u64,
    /// Runs that one instance may start; 1 is once.
    pub attempts: u32,
    /// The hook stops at this many instances that sent more than they declared.
    pub stop_after_overruns: u32,
    /// The hook stops when more than this share of its runs failed.
    pub stop_error_percent: Option<u32>,
    /// Days that its packets are kept.
    pub retention_days: u32,
    /// Which instances that answered an earlier revision run again.
    pub reask: Reask,
    pub collectors: Vec<CollectorEntry>,
    pub redaction: RedactionProfile,
    /// A signed template with parameters instead of `collectors`. Refused by format 1.
    pub template: Option<TemplateUse>,
    /// Rules with a verdict on sections. Refused by format 1 unless empty.
    pub checks: Vec<bson::Document>,
    /// A condition for an armed hook. Refused by format 1.
    pub when: Option<bson::Document>,
}

/// What is read of a hook before its fields: an agent that is too old must be able to say so.
#[derive(Clone, Debug, Deserialize)]
pub struct Preface {
    pub format: u32,
    #[serde(default)]
    pub min_agent: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Subject {
    Ticket {
        system: String,
        key: String,
        url: Option<String>,
    },
    Problem {
        signature: String,
    },
    Package {
        name: String,
    },
}

/// `only` these customers, or those who `opted_in` (for problems and packages).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum HookCustomers {
    Only(Vec<CustomerId>),
    OptedIn,
}

/// Whom the hook is for. Every part that is given must match; a list matches when one of it does. Empty (and not
/// `everyone`) matches nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Audience {
    #[serde(default)]
    pub everyone: bool,
    #[serde(default)]
    pub instances: Vec<InstanceId>,
    #[serde(default)]
    pub products: Vec<ProductRange>,
    #[serde(default)]
    pub os: Vec<OsRelease>,
    /// All of these labels with these values.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// A problem signature; matched when reports arrive.
    #[serde(default)]
    pub problem: Option<String>,
    /// A package; matched when reports arrive.
    #[serde(default)]
    pub package: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProductRange {
    pub name: String,
    /// A semver requirement (`>=5.37, <6`) or, with `scheme = debian`, a Debian one (`>= 1:2.3-4`); none is any version.
    pub versions: Option<String>,
    #[serde(default)]
    pub scheme: VersionScheme,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VersionScheme {
    #[default]
    Semver,
    Debian,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OsRelease {
    /// `ID` of os-release.
    pub id: String,
    /// `VERSION_ID` of os-release; none is any.
    pub release: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reask {
    #[default]
    None,
    Failed,
    All,
}

/// One collector with its own limits. `params` stay raw: an unknown collector is a section *unsupported*, and the
/// rest still runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CollectorEntry {
    /// The section's name: a folder in the packet; unique in the hook.
    pub section: SectionName,
    /// The collector, such as `file`.
    pub collector: String,
    /// Longest run, in seconds.
    pub seconds: u32,
    /// Most bytes that the section may hold, before compression.
    pub bytes: u64,
    pub params: bson::Document,
}

/// What a hook adds to the policy's floor of redaction; it can never take away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedactionProfile {
    /// More key names whose values are hidden.
    #[serde(default)]
    pub keys: Vec<String>,
    /// More regular expressions whose matches are hidden.
    #[serde(default)]
    pub patterns: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemplateUse {
    pub digest: Digest,
    pub params: bson::Document,
}

document!(Hook, "hook.v1");
