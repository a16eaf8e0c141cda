//! A revocation: one revoker takes back a key, a person, a hook or a template, for ever or until a root undoes it.
use serde::{Deserialize, Serialize};

use crate::{
    documents::document,
    ids::{Digest, PersonId},
    keys::KeyId,
    time::Time,
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    /// The key that signs this document; must be one of the root's revokers.
    pub revoker: KeyId,
    /// 1, 2, 3, … per revoker, without a gap.
    pub number: u64,
    pub issued_at: Time,
    pub revoked: Revoked,
    pub reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Revoked {
    Key(KeyId),
    Person(PersonId),
    Hook(Digest),
    Template(Digest),
}

document!(Revocation, "revocation.v1");
