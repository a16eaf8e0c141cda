//! Tickets: known by system and key; they live elsewhere.
use std::fmt;

use boathook_hooks::{ids::CustomerId, time::Time};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TicketRef {
    /// Such as `zendesk`.
    pub system: String,
    pub key: String,
}

impl fmt::Display for TicketRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.system, self.key)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    pub at: TicketRef,
    /// Never changes.
    pub customer: CustomerId,
    pub title: String,
    pub url: Option<String>,
    /// In the other system's words, where known.
    pub state: Option<String>,
    pub created_at: Time,
    pub version: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutTicket {
    pub at: TicketRef,
    pub customer: CustomerId,
    pub title: String,
    pub url: Option<String>,
    pub state: Option<String>,
}
