//! The roster: which people may sign what, with which keys, and where each key is kept.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    documents::document,
    ids::{CustomerId, PersonId},
    keys::PublicKey,
    time::Time,
};

/// Signed by a threshold of admission keys; without an unexpired one nothing starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Roster {
    /// Rises with each roster; an older one than was seen is refused.
    pub version: u64,
    pub issued_at: Time,
    pub expires_at: Time,
    pub people: Vec<RosterPerson>,
    /// Ignored unless named in `critical`.
    pub extensions: BTreeMap<String, bson::Bson>,
    pub critical: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RosterPerson {
    pub person: PersonId,
    pub name: String,
    pub roles: Vec<SigningRole>,
    pub customers: RosterCustomers,
    pub keys: Vec<RosterKey>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SigningRole {
    Author,
    Reviewer,
}

/// `all`, or `only` with a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum RosterCustomers {
    All,
    Only(Vec<CustomerId>),
}

impl RosterCustomers {
    pub fn holds(&self, customer: &CustomerId) -> bool {
        match self {
            Self::All => true,
            Self::Only(list) => list.contains(customer),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RosterKey {
    pub key: PublicKey,
    pub place: KeyPlace,
    pub admitted_at: Time,
}

/// Where a key is kept. A `wide` hook needs one signature from elsewhere than a browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyPlace {
    Browser,
    File,
    Token,
}

document!(Roster, "roster.v1");
