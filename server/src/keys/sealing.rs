//! Sealing by the operator's secret: HKDF-SHA256 with a salt for each sealing, then AES-256-GCM.
use std::path::{Path, PathBuf};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    hkdf::{HKDF_SHA256, Salt},
};
use zeroize::Zeroizing;

use super::{KeysError, read_secret};

const SALT: usize = 32;
const INFO: &[u8] = b"boathook.server.keys.v1";
/// Shorter ones could be guessed.
const LEAST: usize = 32;
/// The environment's word for the secret's file; it goes before the settings.
pub const VARIABLE: &str = "BOATHOOK_OPERATOR_SECRET_FILE";

/// What seals the keys in the store. The store never has it.
pub struct OperatorSecret(Zeroizing<Vec<u8>>);

impl std::fmt::Debug for OperatorSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OperatorSecret(hidden)")
    }
}

impl OperatorSecret {
    /// From the environment's file, or the settings'; none when neither names one.
    pub fn find(settings: &Path) -> Result<Option<Self>, KeysError> {
        let named = std::env::var_os(VARIABLE).filter(|v| !v.is_empty());
        let path = named.map_or_else(|| settings.to_owned(), PathBuf::from);
        if path.as_os_str().is_empty() {
            return Ok(None);
        }
        Self::read(&path).map(Some)
    }

    /// Space around it, as an editor leaves it, is no part of it.
    pub fn read(path: &Path) -> Result<Self, KeysError> {
        let bytes = read_secret(path)?;
        let secret = bytes.trim_ascii();
        if secret.len() < LEAST {
            return Err(KeysError::Short(path.to_owned()));
        }
        Ok(Self(Zeroizing::new(secret.to_vec())))
    }

    fn key(&self, salt: &[u8]) -> Result<RandomizedNonceKey, KeysError> {
        let derived = Salt::new(HKDF_SHA256, salt).extract(&self.0);
        let mut key = Zeroizing::new([0u8; 32]);
        derived
            .expand(&[INFO], &AES_256_GCM)
            .and_then(|okm| okm.fill(key.as_mut()))
            .map_err(|_| KeysError::Sealed)?;
        RandomizedNonceKey::new(&AES_256_GCM, key.as_ref()).map_err(|_| KeysError::Sealed)
    }

    /// salt ‖ nonce ‖ ciphertext ‖ tag. `name` is bound to it.
    pub fn seal(&self, name: &str, clear: &[u8]) -> Result<Vec<u8>, KeysError> {
        let mut salt = [0; SALT];
        getrandom::fill(&mut salt).map_err(KeysError::Random)?;
        let key = self.key(&salt)?;
        let mut sealed = clear.to_vec();
        let nonce = key
            .seal_in_place_append_tag(Aad::from(name.as_bytes()), &mut sealed)
            .map_err(|_| KeysError::Sealed)?;
        Ok([&salt[..], nonce.as_ref(), &sealed].concat())
    }

    pub fn open(&self, name: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeysError> {
        let (salt, rest) = sealed.split_at_checked(SALT).ok_or(KeysError::Sealed)?;
        let (nonce, rest) = rest
            .split_first_chunk::<NONCE_LEN>()
            .ok_or(KeysError::Sealed)?;
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let mut bytes = Zeroizing::new(rest.to_vec());
        let length = self
            .key(salt)?
            .open_in_place(nonce, Aad::from(name.as_bytes()), &mut bytes)
            .map_err(|_| KeysError::Sealed)?
            .len();
        bytes.truncate(length);
        Ok(bytes)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn secret(byte: u8) -> OperatorSecret {
        OperatorSecret(Zeroizing::new(vec![byte; 32]))
    }

    #[test]
    fn what_was_sealed_opens_by_the_same_secret_and_name_only() {
        let sealed = secret(1).seal("keys", b"clear").unwrap();
        assert_eq!(*secret(1).open("keys", &sealed).unwrap(), b"clear");
        assert!(secret(2).open("keys", &sealed).is_err());
        assert!(secret(1).open("other", &sealed).is_err());
        for at in 0..sealed.len() {
            let mut other = sealed.clone();
            other[at] ^= 1;
            assert!(secret(1).open("keys", &other).is_err(), "at {at}");
            assert!(secret(1).open("keys", &sealed[..at]).is_err(), "to {at}");
        }
        assert_ne!(sealed, secret(1).seal("keys", b"clear").unwrap());
    }

    #[test]
    fn a_secret_is_long_and_its_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        crate::keys::write_secret(&path, &[b'x'; 31]).unwrap();
        assert!(matches!(
            OperatorSecret::read(&path),
            Err(KeysError::Short(_))
        ));
        crate::keys::write_secret(&path, b"0123456789abcdef0123456789abcdef\n").unwrap();
        let read = OperatorSecret::read(&path).unwrap();
        assert_eq!(read.0.len(), 32);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(
            OperatorSecret::read(&path),
            Err(KeysError::Open { .. })
        ));
    }
}
