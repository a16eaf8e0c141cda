//! Bearers: what a session gives. They carry all that matching needs, so that a poll reads no store.
use boathook_hooks::{
    documents::identity::Facts,
    ids::{CustomerId, InstanceId},
    keys::PublicKey,
    strict,
    time::Time,
};
use serde::{Deserialize, Serialize};

use crate::{agent::mac, keys::MacKey};

const PURPOSE: &str = "bearer.v1";

/// What a bearer says, sealed by the server. Short names: it travels with every request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bearer {
    #[serde(rename = "i")]
    pub instance: InstanceId,
    #[serde(rename = "c")]
    pub customer: CustomerId,
    #[serde(rename = "k")]
    pub key: PublicKey,
    #[serde(rename = "f")]
    pub facts: Facts,
    /// Whether a person (or the join token) let the instance have hooks.
    #[serde(rename = "o")]
    pub confirmed: bool,
    /// The control number when the session was opened: what came later about this instance (suspended, confirmed)
    /// calls for a new session.
    #[serde(rename = "n")]
    pub number: u64,
    #[serde(rename = "u")]
    pub until: Time,
}

impl Bearer {
    pub fn seal(&self, key: &MacKey) -> Result<String, strict::StrictError> {
        Ok(mac::seal(key, PURPOSE, &strict::encode(self)?))
    }

    /// The bearer in `text`, if this server's key made it and it has not ended.
    pub fn open(key: &MacKey, text: &str, now: Time) -> Option<Self> {
        let body = mac::open(key, PURPOSE, text)?;
        // The MAC says that these are our own bytes: no need to scan them first.
        let bearer: Self = bson::deserialize_from_slice(&body).ok()?;
        (now < bearer.until).then_some(bearer)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_bearer_reads_back_until_it_ends() {
        let key = MacKey::new([1; 32]);
        let now = Time::from_ms(1_700_000_000_000);
        let bearer = Bearer {
            instance: "i-1".parse().unwrap(),
            customer: "acme".parse().unwrap(),
            key: PublicKey([7; 32]),
            facts: Facts::default(),
            confirmed: true,
            number: 5,
            until: now.plus_ms(1000),
        };
        let text = bearer.seal(&key).unwrap();
        assert_eq!(Bearer::open(&key, &text, now), Some(bearer));
        assert_eq!(Bearer::open(&key, &text, now.plus_ms(1000)), None);
        assert_eq!(Bearer::open(&MacKey::new([2; 32]), &text, now), None);
    }
}
