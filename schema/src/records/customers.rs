//! Customers, their join tokens, and reserved names.
use boathook_hooks::{
    ids::{CustomerId, Digest, InstanceId},
    keys::KeyId,
    time::Time,
};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    pub id: CustomerId,
    pub name: String,
    pub created_at: Time,
    /// Rises with each change; 1 is the first.
    pub version: u64,
}

/// A join token as it is asked for. The token's text is never stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewJoinToken {
    /// SHA-256 of the token's text.
    pub hash: Digest,
    /// How many instances may join with it.
    pub count: u32,
    pub ends_at: Time,
    /// Whether a person must confirm each instance that joins.
    pub confirm: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinToken {
    pub hash: Digest,
    pub customer: CustomerId,
    pub count: u32,
    pub ends_at: Time,
    pub confirm: bool,
    pub created_at: Time,
    /// Who joined with it, by key; the same key gets the same instance again.
    pub used: Vec<TokenUse>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenUse {
    pub key: KeyId,
    pub instance: InstanceId,
    pub at: Time,
}

/// `use_token`'s answer: which instance the holder of that key is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    pub customer: CustomerId,
    pub instance: InstanceId,
    pub confirm: bool,
    /// Whether this key had used the token before.
    pub again: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reserved {
    /// Ours, now or from before.
    Won,
    Taken {
        by: String,
    },
}
