//! Challenges of sessions: the server's own time and some chance, MACed, so that nothing is stored for them.
use boathook_hooks::{documents::identity::IDENTITY_LIFE_MS, time::Time};

use crate::{agent::mac, keys::MacKey};

const PURPOSE: &str = "challenge.v1";

/// A challenge that is good for 60 s from `now`.
pub fn fresh(key: &MacKey, now: Time) -> Result<String, getrandom::Error> {
    let mut body = [0; 24];
    body[..8].copy_from_slice(&now.ms().to_be_bytes());
    getrandom::fill(&mut body[8..])?;
    Ok(mac::seal(key, PURPOSE, &body))
}

/// Whether this server's key made `text` within the last 60 s.
pub fn is_live(key: &MacKey, text: &str, now: Time) -> bool {
    let Some(body) = mac::open(key, PURPOSE, text) else {
        return false;
    };
    let Some(made) = body.first_chunk::<8>() else {
        return false;
    };
    let age = now.ms() - i64::from_be_bytes(*made);
    // Another server of the same store may be a little ahead.
    (-IDENTITY_LIFE_MS..=IDENTITY_LIFE_MS).contains(&age)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_lives_for_sixty_seconds() {
        let key = MacKey::new([1; 32]);
        let now = Time::from_ms(1_700_000_000_000);
        let text = fresh(&key, now).unwrap();
        assert!(is_live(&key, &text, now.plus_ms(60_000)));
        assert!(!is_live(&key, &text, now.plus_ms(60_001)));
        assert!(!is_live(&MacKey::new([2; 32]), &text, now));
        assert_ne!(text, fresh(&key, now).unwrap());
    }
}
