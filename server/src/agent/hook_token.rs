//! The token of a listed hook: bound to (hook, instance), opaque, and worth nothing without that instance's bearer.
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use boathook_hooks::ids::{Digest, InstanceId};

use crate::{agent::mac, keys::MacKey};

const PURPOSE: &str = "hook-token.v1";

pub fn make(key: &MacKey, hook: &Digest, instance: &InstanceId) -> String {
    let tag = mac::tag(key, PURPOSE, &[&hook.0, instance.as_str().as_bytes()]);
    URL_SAFE_NO_PAD.encode(tag)
}

/// Whether `text` is the token of this hook for this instance.
pub fn is_right(key: &MacKey, hook: &Digest, instance: &InstanceId, text: &str) -> bool {
    text.len() < 100
        && URL_SAFE_NO_PAD.decode(text).is_ok_and(|found| {
            mac::is_tag(
                key,
                PURPOSE,
                &[&hook.0, instance.as_str().as_bytes()],
                &found,
            )
        })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_right_for_its_hook_and_instance_only() {
        let key = MacKey::new([1; 32]);
        let (a, b): (InstanceId, InstanceId) = ("a".parse().unwrap(), "b".parse().unwrap());
        let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
        let token = make(&key, &one, &a);
        assert!(is_right(&key, &one, &a, &token));
        assert!(!is_right(&key, &one, &b, &token));
        assert!(!is_right(&key, &two, &a, &token));
        assert!(!is_right(&MacKey::new([2; 32]), &one, &a, &token));
        assert!(!is_right(&key, &one, &a, ""));
    }
}
