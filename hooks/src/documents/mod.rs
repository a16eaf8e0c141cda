//! The signed documents of boathook: their fields, as they stand in the payload bytes that people sign.
pub mod hook;
pub mod hook_list;
pub mod identity;
pub mod receipt;
pub mod revocation;
pub mod root;
pub mod roster;

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    envelope::Envelope,
    keys::SecretKey,
    strict::{self, StrictError},
};

/// A document that travels as the payload of a DSSE envelope.
pub trait Document: Serialize + DeserializeOwned {
    const PAYLOAD_TYPE: &'static str;

    /// The bytes that are signed. Made once; whoever verifies never encodes again.
    fn to_payload(&self) -> Result<Vec<u8>, StrictError> {
        strict::encode(self)
    }

    /// Parse bytes whose signatures were verified already. Crate-private on purpose for all but drafts: see `verify`.
    fn from_payload(bytes: &[u8]) -> Result<Self, StrictError> {
        strict::decode(bytes, strict::MAX_DOCUMENT)
    }

    /// An envelope over this document, signed by `keys` (possibly none yet).
    fn envelope(&self, keys: &[&SecretKey]) -> Result<Envelope, StrictError> {
        Ok(Envelope::sign(Self::PAYLOAD_TYPE, self.to_payload()?, keys))
    }
}

macro_rules! document {
    ($type:ty, $name:literal) => {
        impl $crate::documents::Document for $type {
            const PAYLOAD_TYPE: &'static str = concat!("application/vnd.boathook.", $name, "+bson");
        }
    };
}
pub(crate) use document;
