//! The one BSON decoder for signed things: sizes and depth bounded before anything is parsed, duplicate keys and
//! trailing bytes refused. Unknown fields are refused by the types themselves (`deny_unknown_fields`).
use std::collections::HashSet;

use serde::{Serialize, de::DeserializeOwned};

/// Nested documents and arrays deeper than this are refused (trust.md §1).
pub const MAX_DEPTH: usize = 32;
/// Largest signed document, envelope included, in bytes.
pub const MAX_DOCUMENT: usize = 256 * 1024;
/// Largest packet statement, in bytes.
pub const MAX_STATEMENT: usize = 4 * 1024 * 1024;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StrictError {
    #[error("{found} bytes, where at most {limit} are allowed")]
    TooLarge { found: usize, limit: usize },
    #[error("not a well-formed BSON document at byte {at}: {what}")]
    Malformed { at: usize, what: &'static str },
    #[error("nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    #[error("the field {0:?} stands twice in one document")]
    DuplicateKey(String),
    #[error("{0}")]
    Fields(String),
    #[error("cannot be encoded: {0}")]
    Encode(String),
}

/// Decode exactly one BSON document that fills `bytes`.
pub fn decode<T: DeserializeOwned>(bytes: &[u8], limit: usize) -> Result<T, StrictError> {
    if bytes.len() > limit {
        return Err(StrictError::TooLarge {
            found: bytes.len(),
            limit,
        });
    }
    scan(bytes)?;
    bson::deserialize_from_slice(bytes)
        .map_err(|e| StrictError::Fields(field_words(&e.to_string())))
}

pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, StrictError> {
    bson::serialize_to_vec(value).map_err(|e| StrictError::Encode(e.to_string()))
}

/// The decoder's own words without its framing; never more than a line.
fn field_words(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(300).collect()
}

/// Walk the structure without building anything.
pub fn scan(bytes: &[u8]) -> Result<(), StrictError> {
    let end = document(bytes, 0, 1, false)?;
    if end == bytes.len() {
        Ok(())
    } else {
        Err(malformed(end, "bytes after the end"))
    }
}

fn malformed(at: usize, what: &'static str) -> StrictError {
    StrictError::Malformed { at, what }
}

fn length(bytes: &[u8], at: usize) -> Result<usize, StrictError> {
    let raw = bytes.get(at..).and_then(|b| b.first_chunk::<4>());
    let value = i32::from_le_bytes(*raw.ok_or_else(|| malformed(at, "a length is cut off"))?);
    usize::try_from(value).map_err(|_| malformed(at, "a negative length"))
}

/// Checks the document that begins at `start`; returns where it ends.
fn document(bytes: &[u8], start: usize, depth: usize, array: bool) -> Result<usize, StrictError> {
    if depth > MAX_DEPTH {
        return Err(StrictError::TooDeep);
    }
    let size = length(bytes, start)?;
    let end = start + size;
    if size < 5 || end > bytes.len() {
        return Err(malformed(start, "a document's length does not fit"));
    }
    if bytes[end - 1] != 0 {
        return Err(malformed(end - 1, "a document does not end with zero"));
    }
    let body = &bytes[..end - 1];
    let mut at = start + 4;
    let mut keys = HashSet::new();
    let mut index = 0usize;
    while at < body.len() {
        let kind = body[at];
        let key_end = at
            + 1
            + body[at + 1..]
                .iter()
                .position(|b| *b == 0)
                .ok_or_else(|| malformed(at, "a key without an end"))?;
        let key = &body[at + 1..key_end];
        let text =
            std::str::from_utf8(key).map_err(|_| malformed(at, "a key that is not UTF-8"))?;
        if array && text != index.to_string() {
            return Err(malformed(at, "an array whose keys are not 0, 1, 2, …"));
        }
        index += 1;
        if !keys.insert(key) {
            return Err(StrictError::DuplicateKey(text.chars().take(80).collect()));
        }
        at = value(body, kind, key_end + 1, depth)?;
    }
    Ok(end)
}

/// Checks one value; returns where it ends. Only the types that boathook writes are let in.
fn value(body: &[u8], kind: u8, at: usize, depth: usize) -> Result<usize, StrictError> {
    let end = match kind {
        0x01 | 0x09 | 0x12 => at + 8,
        0x02 => {
            let size = length(body, at)?;
            let end = at + 4 + size;
            if size == 0 || end > body.len() || body[end - 1] != 0 {
                return Err(malformed(at, "a string's length does not fit"));
            }
            if std::str::from_utf8(&body[at + 4..end - 1]).is_err() {
                return Err(malformed(at, "a string that is not UTF-8"));
            }
            end
        }
        0x03 => document(body, at, depth + 1, false)?,
        0x04 => document(body, at, depth + 1, true)?,
        0x05 => {
            let size = length(body, at)?;
            if body.get(at + 4) != Some(&0) {
                return Err(malformed(at, "binary of another subtype than 0"));
            }
            at + 5 + size
        }
        0x08 => {
            if !matches!(body.get(at), Some(0 | 1)) {
                return Err(malformed(at, "a boolean that is neither 0 nor 1"));
            }
            at + 1
        }
        0x0A => at,
        0x10 => at + 4,
        _ => return Err(malformed(at, "a type that signed documents do not use")),
    };
    if end > body.len() {
        Err(malformed(at, "a value is cut off"))
    } else {
        Ok(end)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use bson::doc;
    use proptest::prelude::*;
    use serde::Deserialize;

    #[derive(Deserialize, Debug, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct One {
        a: i32,
    }

    #[test]
    fn a_well_formed_document_is_read() {
        let bytes = encode(&doc! {"a": 1}).unwrap();
        assert_eq!(decode::<One>(&bytes, 100).unwrap(), One { a: 1 });
    }

    #[test]
    fn an_unknown_field_is_refused_and_named() {
        let bytes = encode(&doc! {"a": 1, "extra": 2}).unwrap();
        let error = decode::<One>(&bytes, 100).unwrap_err();
        assert!(error.to_string().contains("extra"), "{error}");
    }

    #[test]
    fn a_doubled_key_is_refused_at_any_depth() {
        // {"d": {"a": 1, "a": 2}} by hand: no encoder writes it.
        let mut inner = vec![19, 0, 0, 0];
        for n in [1u8, 2] {
            inner.extend_from_slice(&[0x10, b'a', 0, n, 0, 0, 0]);
        }
        inner.push(0);
        inner[0] = inner.len() as u8;
        let mut outer = vec![0, 0, 0, 0, 0x03, b'd', 0];
        outer.extend_from_slice(&inner);
        outer.push(0);
        outer[0] = outer.len() as u8;
        assert_eq!(scan(&outer), Err(StrictError::DuplicateKey("a".into())));
    }

    #[test]
    fn trailing_bytes_are_refused() {
        let mut bytes = encode(&doc! {"a": 1}).unwrap();
        bytes.push(0);
        assert!(matches!(
            decode::<One>(&bytes, 100),
            Err(StrictError::Malformed { .. })
        ));
    }

    #[test]
    fn size_is_bounded_before_parsing() {
        let bytes = encode(&doc! {"a": 1}).unwrap();
        assert_eq!(
            decode::<One>(&bytes, bytes.len() - 1),
            Err(StrictError::TooLarge {
                found: bytes.len(),
                limit: bytes.len() - 1
            })
        );
    }

    #[test]
    fn depth_is_bounded_at_32() {
        let nested = |levels: usize| {
            let mut d = doc! {};
            for _ in 1..levels {
                d = doc! {"d": d};
            }
            scan(&encode(&d).unwrap())
        };
        assert_eq!(nested(32), Ok(()));
        assert_eq!(nested(33), Err(StrictError::TooDeep));
    }

    proptest! {
        #[test]
        fn any_bytes_are_refused_or_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode::<One>(&bytes, 1000);
        }

        #[test]
        fn what_the_scan_lets_in_the_decoder_reads(cut in 0usize..60, flip in 0usize..60, to in any::<u8>()) {
            let mut bytes = encode(&doc! {"a": 1, "s": "text", "l": [1, 2], "d": {"x": true}}).unwrap();
            if flip < bytes.len() { bytes[flip] = to; }
            bytes.truncate(bytes.len().saturating_sub(cut / 10));
            if scan(&bytes).is_ok() {
                prop_assert!(bson::deserialize_from_slice::<bson::Document>(&bytes).is_ok());
            }
        }
    }
}
