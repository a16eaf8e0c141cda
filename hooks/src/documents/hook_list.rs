//! The hook list: what one instance should run now, signed by the server's online key.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    documents::document,
    ids::{CustomerId, Digest, InstanceId},
    keys::KeyId,
    time::Time,
};

/// Lives at most 24 h. May lower what a hook says, never raise it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HookList {
    pub instance: InstanceId,
    pub customer: CustomerId,
    /// The control number: never goes back for one online key.
    pub number: u64,
    pub issued_at: Time,
    pub expires_at: Time,
    pub root_version: u64,
    pub roster_version: u64,
    /// The last number of each revoker, by key; those missing here have revoked nothing.
    pub revokers: Vec<RevokerHead>,
    /// SHA-256 over all revocation payload digests, in order of revoker and number.
    pub revocations: Digest,
    pub heads: Heads,
    pub hooks: Vec<ListedHook>,
    /// Revisions that were stopped and would otherwise still be alive: killed if they run.
    pub stopped: Vec<Digest>,
    /// Ignored unless named in `critical`.
    pub extensions: BTreeMap<String, bson::Bson>,
    pub critical: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevokerHead {
    pub revoker: KeyId,
    pub number: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListedHook {
    /// A path on the join string's origin; never another host.
    pub url: String,
    pub digest: Digest,
    /// Bytes of the envelope.
    pub size: u64,
    /// The hook's own end, or an earlier one.
    pub expires_at: Time,
    /// Opaque; bound to this hook and this instance.
    pub token: String,
}

/// Number and hash of the last event of the customer's and of the house's audit chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heads {
    pub customer: Head,
    pub house: Head,
}

/// `number` 0 with an all-zero hash is a chain without events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    pub number: u64,
    pub hash: Digest,
}

document!(HookList, "hooklist.v1");
