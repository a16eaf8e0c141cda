//! Secrets of people and machines that are shown once: sign-ins, API tokens, join tokens. Only their hash is stored.
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use boathook_hooks::ids::Digest;
use zeroize::Zeroizing;

use crate::errors::Problem;

/// What every bearer token of a person begins with.
pub const PREFIX: &str = "bh_";
/// What every join token begins with.
pub const JOIN_PREFIX: &str = "bhj_";

/// A fresh secret of 256 random bits and the hash that is stored.
pub fn fresh(prefix: &str) -> Result<(String, Digest), Problem> {
    let mut bytes = Zeroizing::new([0u8; 32]);
    getrandom::fill(bytes.as_mut()).map_err(|e| Problem::internal("random bytes", e))?;
    let text = format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes.as_ref()));
    let hash = hash(&text);
    Ok((text, hash))
}

/// SHA-256 of the whole text. The secret has 256 random bits, so no slow hash is needed.
pub fn hash(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn two_secrets_differ_and_hash_to_what_is_stored() {
        let (a, hash_a) = fresh(PREFIX).unwrap();
        let (b, _) = fresh(PREFIX).unwrap();
        assert!(a.starts_with("bh_") && a.len() > 40 && a != b);
        assert_eq!(hash(&a), hash_a);
    }
}
