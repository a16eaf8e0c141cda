//! The root: who holds which keys, with what thresholds, and the bounds of everything below.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    documents::document,
    ids::{Digest, PersonId},
    keys::{KeyId, PublicKey},
    time::Time,
};

/// Version N+1 is signed by the thresholds of both N and N+1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Root {
    /// 1 for the first; each next one exactly one more.
    pub version: u64,
    pub issued_at: Time,
    /// At most one year after `issued_at`.
    pub expires_at: Time,
    pub root: Holders,
    pub admission: Holders,
    /// One signature of one revoker is enough.
    pub revokers: Vec<Holder>,
    /// The server's keys for hook lists and receipts.
    pub online: Vec<PublicKey>,
    pub bounds: Bounds,
    /// Revocations that this root undoes.
    pub undone: Vec<Undone>,
    /// For each key that was a revoker in an earlier root and is none here, the last of its revocations that counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub last_revocations: Vec<LastRevocation>,
    /// Ignored unless named in `critical`.
    pub extensions: BTreeMap<String, bson::Bson>,
    pub critical: Vec<String>,
}

/// Keys with their people, and how many different *people* must sign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holders {
    pub threshold: u32,
    pub keys: Vec<Holder>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holder {
    pub person: PersonId,
    pub key: PublicKey,
}

/// A revocation, by revoker key and number, that no longer counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Undone {
    pub revoker: Digest,
    pub number: u64,
}

/// What a revoker who is none any more had revoked stays revoked up to `number`; 0 when nothing does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LastRevocation {
    pub revoker: Digest,
    pub number: u64,
}

/// Upper limits that no hook or roster can pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// People who must sign a hook, its author counted.
    pub hook_people: u32,
    /// Most places of a hook.
    pub places: u32,
    /// Most bytes of one packet.
    pub packet_bytes: u64,
    /// Longest life of a hook, in days.
    pub hook_days: u32,
    /// Longest life of a roster, in days.
    pub roster_days: u32,
    /// Longest life of a template, in days.
    pub template_days: u32,
    /// Absolute directories; files beneath them are of ordinary reach.
    pub ordinary_paths: Vec<String>,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            hook_people: 2,
            places: 10_000,
            packet_bytes: 500 * 1024 * 1024,
            hook_days: 14,
            roster_days: 30,
            template_days: 365,
            ordinary_paths: vec!["/var/log".to_owned()],
        }
    }
}

impl Root {
    /// Keys that were revokers in `before` or earlier, are none here, and have no last revocation here.
    pub fn dropped_without_end(&self, before: &Self) -> Vec<KeyId> {
        let earlier = before.revokers.iter().map(|h| h.key.id());
        let mut keys: Vec<KeyId> = earlier
            .chain(before.last_revocations.iter().map(|l| l.revoker))
            .filter(|id| {
                !self.revokers.iter().any(|h| h.key.id() == *id)
                    && !self.last_revocations.iter().any(|l| l.revoker == *id)
            })
            .collect();
        keys.sort();
        keys.dedup();
        keys
    }
}

document!(Root, "root.v1");
