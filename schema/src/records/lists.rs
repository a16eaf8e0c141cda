//! What searching finds.
use boathook_hooks::ids::CustomerId;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// `customer`, `ticket`, `hook`, `instance` or `packet`.
    pub kind: String,
    /// The id within its kind; a ticket's is `system/key`.
    pub id: String,
    pub title: String,
    /// None is the house's.
    pub customer: Option<CustomerId>,
}
