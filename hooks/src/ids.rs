//! Identifiers: digests and the validated names of people, customers, instances, hooks and claims.
use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest as _, Sha256};

/// A SHA-256. Hex for people and in JSON, 32 binary bytes in BSON.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first 12 hex digits, for places where a person only needs to tell two apart.
    pub fn short(&self) -> String {
        self.to_string()[..12].to_owned()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || "expected a SHA-256 as 64 lower-case hex digits".to_owned();
        if text.len() != 64 || !text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(refuse());
        }
        let mut out = [0; 32];
        for (i, byte) in out.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).map_err(|_| refuse())?;
        }
        Ok(Self(out))
    }
}

/// Fixed-size binary that is text for people and `Binary` in BSON.
macro_rules! binary_serde {
    ($name:ident, $len:literal) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                if s.is_human_readable() {
                    s.collect_str(self)
                } else {
                    s.serialize_bytes(&self.0)
                }
            }
        }
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                if d.is_human_readable() {
                    return <String as serde::Deserialize>::deserialize(d)?
                        .parse()
                        .map_err(serde::de::Error::custom);
                }
                let bytes = <$crate::ids::Blob as serde::Deserialize>::deserialize(d)?.0;
                let found = bytes.len();
                bytes.try_into().map($name).map_err(|_| {
                    serde::de::Error::custom(format!("expected {} bytes, found {found}", $len))
                })
            }
        }
    };
}
pub(crate) use binary_serde;

binary_serde!(Digest, 32);

/// Bytes of any length: BSON binary, base64 in JSON.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Blob(pub Vec<u8>);

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if s.is_human_readable() {
            s.collect_str(&base64::display::Base64Display::new(
                &self.0,
                &base64::engine::general_purpose::STANDARD,
            ))
        } else {
            s.serialize_bytes(&self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl de::Visitor<'_> for Bytes {
            type Value = Blob;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("binary")
            }
            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Blob, E> {
                Ok(Blob(bytes.to_vec()))
            }
            fn visit_byte_buf<E: de::Error>(self, bytes: Vec<u8>) -> Result<Blob, E> {
                Ok(Blob(bytes))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Blob, E> {
                base64::engine::general_purpose::STANDARD
                    .decode(text)
                    .map(Blob)
                    .map_err(|_| E::custom("expected base64"))
            }
        }
        if d.is_human_readable() {
            d.deserialize_str(Bytes)
        } else {
            d.deserialize_byte_buf(Bytes)
        }
    }
}

/// A text identifier that is checked wherever it is made, so that it can stand in a path, a file name or a key.
macro_rules! slug {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
        impl FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                let mut bytes = text.bytes();
                let starts_well = bytes.next().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
                let goes_on = bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b));
                if starts_well && goes_on && text.len() <= 63 {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(format!(
                        "expected {} of 1 to 63 characters from a-z, 0-9, '.', '_', '-', beginning with a letter or digit",
                        $what
                    ))
                }
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(&self.0)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                String::deserialize(d)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

slug!(
    /// A person, by the same id in the server's roles and in the roster.
    PersonId, "a person's id"
);
slug!(
    /// A customer. [`CustomerId::house`] is ourselves, beside all customers.
    CustomerId, "a customer's id"
);
slug!(
    /// One running agent.
    InstanceId, "an instance's id"
);
slug!(
    /// A hook, the same through all its revisions.
    HookId, "a hook's id"
);
slug!(
    /// A section's name: the folder of one collector in the packet.
    SectionName, "a section's name"
);

impl CustomerId {
    /// The chain of ourselves; no customer can have this id.
    pub fn house() -> Self {
        Self("house".to_owned())
    }
}

impl HookId {
    pub fn fresh() -> Self {
        Self(uuid::Uuid::now_v7().to_string())
    }
}

impl InstanceId {
    pub fn fresh() -> Self {
        Self(uuid::Uuid::now_v7().to_string())
    }
}

/// One reservation of one instance in one revision: base64url(revision digest ‖ instance ‖ u16 big-endian).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClaimId {
    pub revision: Digest,
    pub instance: InstanceId,
    pub reservation: u16,
}

impl fmt::Display for ClaimId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.revision.0.to_vec();
        bytes.extend_from_slice(self.instance.0.as_bytes());
        bytes.extend_from_slice(&self.reservation.to_be_bytes());
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for ClaimId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || "expected a claim's id as the server gave it".to_owned();
        if text.len() > 160 {
            return Err(refuse());
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| refuse())?;
        let (digest, rest) = bytes.split_first_chunk::<32>().ok_or_else(refuse)?;
        let (instance, number) = rest.split_last_chunk::<2>().ok_or_else(refuse)?;
        let instance = std::str::from_utf8(instance).map_err(|_| refuse())?;
        Ok(Self {
            revision: Digest(*digest),
            instance: instance.parse().map_err(|_| refuse())?,
            reservation: u16::from_be_bytes(*number),
        })
    }
}

impl Serialize for ClaimId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ClaimId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_could_leave_a_path_are_refused() {
        for bad in [
            "",
            "../x",
            "a/b",
            "A",
            ".hidden",
            "a b",
            "a\0",
            &"a".repeat(64),
        ] {
            assert!(bad.parse::<CustomerId>().is_err(), "{bad:?}");
        }
        assert_eq!(
            "acme-2.eu".parse::<CustomerId>().unwrap().as_str(),
            "acme-2.eu"
        );
    }

    #[test]
    fn a_claim_id_reads_back() {
        let id = ClaimId {
            revision: Digest::of(b"x"),
            instance: InstanceId::fresh(),
            reservation: 513,
        };
        assert_eq!(id.to_string().parse::<ClaimId>().unwrap(), id);
        assert!("AAAA".parse::<ClaimId>().is_err());
    }

    #[test]
    fn a_digest_is_lower_case_hex_of_64_digits() {
        let d = Digest::of(b"");
        assert_eq!(d.to_string().parse::<Digest>().unwrap(), d);
        assert!(d.to_string().to_uppercase().parse::<Digest>().is_err());
    }
}
