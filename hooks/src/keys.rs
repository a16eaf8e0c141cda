//! Ed25519 keys and signatures. Verification is always `verify_strict`; secret keys never show in Debug.
use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::{
    Signer as _, SigningKey, VerifyingKey,
    pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, spki::der::pem::LineEnding},
};
use zeroize::Zeroizing;

use crate::ids::{Digest, binary_serde};

/// An Ed25519 public key: `ed25519:` and base64 for people and JSON, 32 bytes in BSON.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey(pub [u8; 32]);

/// Lower-case hex SHA-256 of the 32 key bytes. A hint in envelopes, the fingerprint for people.
pub type KeyId = Digest;

impl PublicKey {
    pub fn id(&self) -> KeyId {
        Digest::of(&self.0)
    }

    /// Whether `signature` over `message` is this key's. Weak keys and malleable signatures fail.
    pub fn verifies(&self, message: &[u8], signature: &Signature) -> bool {
        VerifyingKey::from_bytes(&self.0).is_ok_and(|key| {
            key.verify_strict(message, &ed25519_dalek::Signature::from_bytes(&signature.0))
                .is_ok()
        })
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ed25519:{}", STANDARD.encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PublicKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || "expected a public key as ed25519: and 44 characters of base64".to_owned();
        let bytes = STANDARD
            .decode(text.strip_prefix("ed25519:").ok_or_else(refuse)?)
            .map_err(|_| refuse())?;
        let key = Self(bytes.try_into().map_err(|_| refuse())?);
        let point = VerifyingKey::from_bytes(&key.0).map_err(|_| refuse())?;
        if point.is_weak() {
            Err("that public key is weak".to_owned())
        } else {
            Ok(key)
        }
    }
}

binary_serde!(PublicKey, 32);

/// An Ed25519 signature: base64 in JSON, 64 bytes in BSON.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature(pub [u8; 64]);

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Signature {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bytes = STANDARD
            .decode(text)
            .map_err(|_| "expected a signature in base64")?;
        bytes
            .try_into()
            .map(Self)
            .map_err(|_| "expected a signature of 64 bytes".to_owned())
    }
}

binary_serde!(Signature, 64);

/// A secret key. Wiped when dropped; Debug shows the public half's fingerprint only.
#[derive(Clone)]
pub struct SecretKey(SigningKey);

#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("no random bytes from the system")]
    Random(#[source] getrandom::Error),
    #[error("expected an Ed25519 private key in PKCS#8 PEM")]
    Pem,
}

impl SecretKey {
    pub fn generate() -> Result<Self, KeyError> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(seed.as_mut()).map_err(KeyError::Random)?;
        Ok(Self::from_seed(&seed))
    }

    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The 32 bytes the key is made of, to be stored owner-only.
    pub fn seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    pub fn sign(&self, message: &[u8]) -> Signature {
        Signature(self.0.sign(message).to_bytes())
    }

    /// PKCS#8 PEM, as `openssl pkey` reads it.
    pub fn to_pem(&self) -> Result<Zeroizing<String>, KeyError> {
        self.0
            .to_pkcs8_pem(LineEnding::LF)
            .map_err(|_| KeyError::Pem)
    }

    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        SigningKey::from_pkcs8_pem(pem)
            .map(Self)
            .map_err(|_| KeyError::Pem)
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({})", self.public().id().short())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_from_pem_and_signs() {
        let key = SecretKey::generate().unwrap();
        let again = SecretKey::from_pem(&key.to_pem().unwrap()).unwrap();
        let signature = again.sign(b"bytes");
        assert!(key.public().verifies(b"bytes", &signature));
        assert!(!key.public().verifies(b"bytez", &signature));
    }

    #[test]
    fn debug_of_a_secret_key_shows_no_secret() {
        let key = SecretKey::from_seed(&[7; 32]);
        let shown = format!("{key:?}");
        assert!(shown.len() < 40 && !shown.contains("7, 7"), "{shown}");
    }

    #[test]
    fn a_weak_public_key_is_refused() {
        let mut weak = [0u8; 32];
        weak[0] = 1;
        let text = PublicKey(weak).to_string();
        assert!(text.parse::<PublicKey>().is_err());
        // Under the neutral element this signature fits every message, if one verifies by the letter of RFC 8032 only.
        let mut fits_all = [0u8; 64];
        fits_all[0] = 1;
        assert!(!PublicKey(weak).verifies(b"anything", &Signature(fits_all)));
    }
}
