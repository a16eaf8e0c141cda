//! A receipt: the server's signed word that a packet is stored.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    documents::{document, hook_list::Heads},
    ids::{ClaimId, Digest},
    keys::PublicKey,
    time::Time,
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// SHA-256 of the packet's zip.
    pub packet: Digest,
    pub bytes: u64,
    pub hook: Option<Digest>,
    pub claim: Option<ClaimId>,
    pub instance_key: PublicKey,
    pub received_at: Time,
    pub heads: Heads,
    pub extensions: BTreeMap<String, bson::Bson>,
    pub critical: Vec<String>,
}

document!(Receipt, "receipt.v1");
