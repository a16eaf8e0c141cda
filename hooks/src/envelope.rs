//! DSSE v1 envelopes (github.com/secure-systems-lab/dsse): Ed25519 over the PAE of payload type and payload bytes.
use serde::{Deserialize, Serialize};

use crate::{
    ids::{Blob, Digest},
    keys::{KeyId, PublicKey, SecretKey, Signature},
    strict::{self, StrictError},
};

/// More signatures than this are refused before any is checked.
pub const MAX_SIGNATURES: usize = 16;

/// One signature; `keyid` is only a hint and proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvelopeSignature {
    pub keyid: KeyId,
    pub sig: Signature,
}

/// Payload bytes with their type and signatures. The payload is parsed only after it was verified, and only once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    #[serde(rename = "payloadType")]
    pub payload_type: String,
    pub payload: Blob,
    pub signatures: Vec<EnvelopeSignature>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    #[error("the envelope: {0}")]
    Bson(#[from] StrictError),
    #[error("the envelope is not DSSE JSON: {0}")]
    Json(String),
    #[error("the envelope has {0} signatures, where at most {MAX_SIGNATURES} are allowed")]
    TooManySignatures(usize),
    #[error("expected a document of type {expected}, found {found:?}")]
    OtherType { expected: String, found: String },
}

/// Pre-authentication encoding: what is signed.
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + payload_type.len() + 40);
    out.extend_from_slice(
        format!(
            "DSSEv1 {} {payload_type} {} ",
            payload_type.len(),
            payload.len()
        )
        .as_bytes(),
    );
    out.extend_from_slice(payload);
    out
}

impl Envelope {
    pub fn unsigned(payload_type: &str, payload: Vec<u8>) -> Self {
        Self {
            payload_type: payload_type.to_owned(),
            payload: Blob(payload),
            signatures: Vec::new(),
        }
    }

    pub fn sign(payload_type: &str, payload: Vec<u8>, keys: &[&SecretKey]) -> Self {
        let mut envelope = Self::unsigned(payload_type, payload);
        keys.iter().for_each(|key| envelope.add_signature(key));
        envelope
    }

    pub fn add_signature(&mut self, key: &SecretKey) {
        let sig = key.sign(&pae(&self.payload_type, &self.payload.0));
        let keyid = key.public().id();
        self.signatures.retain(|s| s.keyid != keyid);
        self.signatures.push(EnvelopeSignature { keyid, sig });
    }

    /// SHA-256 of the payload: what roots, hooks and templates are known by.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.payload.0)
    }

    /// Whether some signature in the envelope is this key's over these very bytes.
    pub fn is_signed_by(&self, key: &PublicKey) -> bool {
        let id = key.id();
        let mut message = None;
        self.signatures.iter().filter(|s| s.keyid == id).any(|s| {
            key.verifies(
                message.get_or_insert_with(|| pae(&self.payload_type, &self.payload.0)),
                &s.sig,
            )
        })
    }

    pub fn expect_type(&self, expected: &str) -> Result<(), EnvelopeError> {
        if self.payload_type == expected {
            Ok(())
        } else {
            Err(EnvelopeError::OtherType {
                expected: expected.to_owned(),
                found: self.payload_type.chars().take(100).collect(),
            })
        }
    }

    pub fn to_bson(&self) -> Result<Vec<u8>, EnvelopeError> {
        Ok(strict::encode(self)?)
    }

    /// The wire form, of at most `limit` bytes.
    pub fn from_bson(bytes: &[u8], limit: usize) -> Result<Self, EnvelopeError> {
        Self::bounded(strict::decode(bytes, limit)?)
    }

    /// The standard DSSE JSON.
    pub fn to_json(&self) -> String {
        let mut out = serde_json::to_string_pretty(self).unwrap_or_default();
        out.push('\n');
        out
    }

    /// Standard DSSE JSON of at most `limit` bytes.
    pub fn from_json(bytes: &[u8], limit: usize) -> Result<Self, EnvelopeError> {
        if bytes.len() > limit {
            return Err(StrictError::TooLarge {
                found: bytes.len(),
                limit,
            }
            .into());
        }
        Self::bounded(
            serde_json::from_slice(bytes).map_err(|e| EnvelopeError::Json(e.to_string()))?,
        )
    }

    fn bounded(envelope: Self) -> Result<Self, EnvelopeError> {
        match envelope.signatures.len() {
            n if n > MAX_SIGNATURES => Err(EnvelopeError::TooManySignatures(n)),
            _ => Ok(envelope),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_pae_is_that_of_the_dsse_protocol() {
        // Test vector of the DSSE protocol document.
        assert_eq!(
            pae("http://example.com/HelloWorld", b"hello world"),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }

    #[test]
    fn an_envelope_reads_back_from_bson_and_json() {
        let key = SecretKey::generate().unwrap();
        let e = Envelope::sign("t", b"payload".to_vec(), &[&key]);
        assert_eq!(Envelope::from_bson(&e.to_bson().unwrap(), 1000).unwrap(), e);
        assert_eq!(
            Envelope::from_json(e.to_json().as_bytes(), 1000).unwrap(),
            e
        );
        assert!(e.is_signed_by(&key.public()));
    }

    #[test]
    fn another_type_or_another_payload_breaks_the_signature() {
        let key = SecretKey::generate().unwrap();
        let e = Envelope::sign("t", b"payload".to_vec(), &[&key]);
        let retyped = Envelope {
            payload_type: "u".into(),
            ..e.clone()
        };
        let changed = Envelope {
            payload: Blob(b"payloae".to_vec()),
            ..e
        };
        assert!(!retyped.is_signed_by(&key.public()) && !changed.is_signed_by(&key.public()));
    }

    #[test]
    fn a_keyid_that_is_not_the_signers_proves_nothing() {
        let (a, b) = (
            SecretKey::generate().unwrap(),
            SecretKey::generate().unwrap(),
        );
        let mut e = Envelope::sign("t", b"payload".to_vec(), &[&a]);
        e.signatures[0].keyid = b.public().id();
        assert!(!e.is_signed_by(&b.public()));
    }

    #[test]
    fn seventeen_signatures_are_refused() {
        let mut e = Envelope::unsigned("t", vec![]);
        for _ in 0..17 {
            e.add_signature(&SecretKey::generate().unwrap());
        }
        let bytes = e.to_bson().unwrap();
        assert_eq!(
            Envelope::from_bson(&bytes, 100_000),
            Err(EnvelopeError::TooManySignatures(17))
        );
        e.signatures.pop();
        assert!(Envelope::from_bson(&e.to_bson().unwrap(), 100_000).is_ok());
    }
}
