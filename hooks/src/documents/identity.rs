//! What an instance signs about itself: enrolment and sessions, each good for 60 seconds.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    documents::document,
    ids::{Digest, InstanceId},
    keys::PublicKey,
    time::Time,
};

/// How long an `enroll.v1` or `session.v1` counts, in milliseconds.
pub const IDENTITY_LIFE_MS: i64 = 60_000;

/// What the customer says of the system in `agent.toml`; the server never sets it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// A person's name for the instance, such as `app-03`.
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub products: Vec<ProductFact>,
    /// `ID` of os-release, such as `debian`.
    #[serde(default)]
    pub os: String,
    /// `VERSION_ID` of os-release, such as `12`.
    #[serde(default)]
    pub os_release: String,
    #[serde(default)]
    pub arch: String,
    #[serde(default)]
    pub agent_version: String,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Whether hooks for problems and packages (all who opted in) are welcome.
    #[serde(default)]
    pub opted_in: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProductFact {
    pub name: String,
    pub version: String,
}

/// Upper limits of facts, so that a bearer that carries them stays a header.
pub const MAX_FACTS_BYTES: usize = 4096;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enroll {
    /// `https://host[:port]`, as in the join string.
    pub origin: String,
    /// SHA-256 of the join token's text.
    pub token: Digest,
    pub key: PublicKey,
    pub facts: Facts,
    pub signed_at: Time,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    pub origin: String,
    pub instance: InstanceId,
    /// The server's own challenge, as it was given.
    pub challenge: String,
    pub facts: Facts,
    /// The value that the last session gave; empty for the first.
    pub value: String,
    /// 16 bytes as hex, synced to disk before it is sent: the same value with the same nonce is a retry.
    pub nonce: String,
    pub signed_at: Time,
}

document!(Enroll, "enroll.v1");
document!(Session, "session.v1");
