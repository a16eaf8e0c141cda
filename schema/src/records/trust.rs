//! Trust documents as opaque envelopes with their numbers; requests for admission.
use boathook_hooks::{
    documents::roster::KeyPlace,
    ids::{Blob, PersonId},
    keys::{KeyId, PublicKey},
    time::Time,
};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustDocument {
    /// A root's or roster's version; a revocation's number.
    pub number: u64,
    /// The revoker, for revocations.
    pub revoker: Option<KeyId>,
    /// DSSE, BSON.
    pub envelope: Blob,
    pub added_at: Time,
}

/// All that a server needs to know, read at once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trust {
    /// Every root, oldest first.
    pub roots: Vec<TrustDocument>,
    /// The newest roster.
    pub roster: Option<TrustDocument>,
    /// Every revocation, by revoker and number.
    pub revocations: Vec<TrustDocument>,
}

/// A person's key that waits for the holders of admission keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admission {
    pub person: PersonId,
    pub key: PublicKey,
    pub place: KeyPlace,
    pub comment: String,
    pub asked_at: Time,
}
