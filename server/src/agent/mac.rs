//! MACed compact texts: what the server hands out and believes again without having stored it.
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::keys::MacKey;

const TAG: usize = 32;
/// Longest text that is looked at.
const LONGEST: usize = 16 * 1024;

fn mac(key: &MacKey, purpose: &str, parts: &[&[u8]]) -> Hmac<Sha256> {
    // HMAC takes keys of any length, so the fallback is never reached; it would verify nothing that was ever sealed.
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_ref())
        .unwrap_or_else(|_| Hmac::new(&Default::default()));
    for part in std::iter::once(purpose.as_bytes()).chain(parts.iter().copied()) {
        // Lengths are part of what is MACed, so that parts cannot flow into each other.
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac
}

/// HMAC-SHA256 over `purpose` and `parts`.
pub fn tag(key: &MacKey, purpose: &str, parts: &[&[u8]]) -> [u8; TAG] {
    mac(key, purpose, parts).finalize().into_bytes().into()
}

/// Whether `found` is the [`tag`] of these parts, in constant time.
pub fn is_tag(key: &MacKey, purpose: &str, parts: &[&[u8]], found: &[u8]) -> bool {
    mac(key, purpose, parts).verify_slice(found).is_ok()
}

/// base64url(body ‖ tag).
pub fn seal(key: &MacKey, purpose: &str, body: &[u8]) -> String {
    let mut bytes = body.to_vec();
    bytes.extend_from_slice(&tag(key, purpose, &[body]));
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The body of a text that was sealed with this key for this purpose.
pub fn open(key: &MacKey, purpose: &str, text: &str) -> Option<Vec<u8>> {
    if text.len() > LONGEST {
        return None;
    }
    let mut bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let body = bytes.len().checked_sub(TAG)?;
    if !is_tag(key, purpose, &[&bytes[..body]], &bytes[body..]) {
        return None;
    }
    bytes.truncate(body);
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u8) -> MacKey {
        MacKey::new([n; 32])
    }

    #[test]
    fn what_was_sealed_opens_with_the_same_key_and_purpose_only() {
        let text = seal(&key(1), "bearer", b"body");
        assert_eq!(
            open(&key(1), "bearer", &text).as_deref(),
            Some(&b"body"[..])
        );
        assert_eq!(open(&key(2), "bearer", &text), None);
        assert_eq!(open(&key(1), "challenge", &text), None);
    }

    #[test]
    fn a_changed_or_cut_text_does_not_open() {
        let text = seal(&key(1), "bearer", b"body");
        for at in 0..text.len() {
            let mut other = text.clone().into_bytes();
            other[at] = if other[at] == b'A' { b'B' } else { b'A' };
            let other = String::from_utf8(other).unwrap_or_default();
            assert_eq!(open(&key(1), "bearer", &other), None, "at {at}");
        }
        assert_eq!(open(&key(1), "bearer", &text[..text.len() - 4]), None);
        assert_eq!(open(&key(1), "bearer", ""), None);
    }

    #[test]
    fn parts_do_not_flow_into_each_other() {
        let k = key(1);
        assert_ne!(tag(&k, "t", &[b"ab", b"c"]), tag(&k, "t", &[b"a", b"bc"]));
    }
}
