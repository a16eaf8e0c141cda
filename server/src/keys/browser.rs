//! Sealing what a browser carries for us between two requests: by a key that all servers share, of the bearers' key.
use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    hkdf::{HKDF_SHA256, Salt},
};
use boathook_hooks::time::Time;
use zeroize::Zeroizing;

use super::{KeysError, Macs, Ring};

const SALT: &[u8] = b"boathook.server.browser.v1";

fn key(macs: &Macs, purpose: &str) -> Result<RandomizedNonceKey, KeysError> {
    let derived = Salt::new(HKDF_SHA256, SALT).extract(macs.bearer.as_ref());
    let mut key = Zeroizing::new([0u8; 32]);
    derived
        .expand(&[purpose.as_bytes()], &AES_256_GCM)
        .and_then(|okm| okm.fill(key.as_mut()))
        .map_err(|_| KeysError::Sealed)?;
    RandomizedNonceKey::new(&AES_256_GCM, key.as_ref()).map_err(|_| KeysError::Sealed)
}

impl Ring {
    /// nonce ‖ ciphertext ‖ tag.
    pub fn seal(&self, now: Time, purpose: &str, clear: &[u8]) -> Result<Vec<u8>, KeysError> {
        let mut sealed = clear.to_vec();
        let nonce = key(self.current(now), purpose)?
            .seal_in_place_append_tag(Aad::empty(), &mut sealed)
            .map_err(|_| KeysError::Sealed)?;
        Ok([&nonce.as_ref()[..], &sealed].concat())
    }

    /// What [`Ring::seal`] sealed for that purpose, `life` ms ago at most as far as the keys know; none of anything else.
    pub fn open(&self, now: Time, life: i64, purpose: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, rest) = sealed.split_first_chunk::<NONCE_LEN>()?;
        self.accepted(now, life).find_map(|macs| {
            let mut bytes = rest.to_vec();
            let nonce = Nonce::assume_unique_for_key(*nonce);
            let clear = key(macs, purpose)
                .ok()?
                .open_in_place(nonce, Aad::empty(), &mut bytes)
                .ok()?;
            Some(clear.to_vec())
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use boathook_hooks::{keys::SecretKey, time::MINUTE};

    use super::*;

    #[test]
    fn what_was_sealed_opens_whole_for_its_purpose_and_through_a_rotation() {
        let mut ring = Ring::ephemeral(SecretKey::from_seed(&[7; 32]));
        let now = Time::from_ms(1_700_000_000_000);
        let sealed = ring.seal(now, "a", b"clear").unwrap();
        assert_ne!(sealed, ring.seal(now, "a", b"clear").unwrap());
        let open = |ring: &Ring, now, purpose: &str, sealed: &[u8]| {
            ring.open(now, 10 * MINUTE, purpose, sealed)
        };
        assert_eq!(open(&ring, now, "a", &sealed).unwrap(), b"clear");
        assert!(open(&ring, now, "b", &sealed).is_none());
        for at in 0..sealed.len() {
            let mut other = sealed.clone();
            other[at] ^= 1;
            assert!(open(&ring, now, "a", &other).is_none(), "at {at}");
            assert!(open(&ring, now, "a", &sealed[..at]).is_none(), "to {at}");
        }
        let from = ring.rotate(now).unwrap();
        assert!(open(&ring, from, "a", &sealed).is_some());
        let over = from.plus_ms(10 * MINUTE);
        assert!(open(&ring, over, "a", &sealed).is_none());
    }
}
