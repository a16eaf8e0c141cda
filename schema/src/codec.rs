//! Records to BSON and back. A record that a newer boathook wrote keeps the fields that this one does not know.
use bson::{Bson, Document};
use serde::{Serialize, de::DeserializeOwned};

use crate::error::StoreError;

pub(crate) fn encode<T: Serialize>(what: &'static str, value: &T) -> Result<Vec<u8>, StoreError> {
    bson::serialize_to_vec(value).map_err(|e| StoreError::Encode {
        what,
        why: e.to_string(),
    })
}

pub(crate) fn decode<T: DeserializeOwned>(
    what: &'static str,
    bytes: &[u8],
) -> Result<T, StoreError> {
    bson::deserialize_from_slice(bytes).map_err(|e| StoreError::Record {
        what,
        source: Box::new(e),
    })
}

/// The bytes of `value` in place of `stored`, which was read as a `T` before: what a `T` does not know of `stored`
/// stays, at any depth, and within the elements of arrays that did not change.
pub(crate) fn rewrite<T: Serialize + DeserializeOwned>(
    what: &'static str,
    stored: &[u8],
    value: &T,
) -> Result<Vec<u8>, StoreError> {
    let known = encode(what, &decode::<T>(what, stored)?)?;
    let new = encode(what, value)?;
    if known == stored {
        return Ok(new);
    }
    let stored: Document = decode(what, stored)?;
    let known: Document = decode(what, &known)?;
    let mut new: Document = decode(what, &new)?;
    keep_unknown(&stored, &known, &mut new);
    encode(what, &new)
}

fn keep_unknown(stored: &Document, known: &Document, new: &mut Document) {
    for (key, was) in stored {
        match (known.get(key), new.get_mut(key)) {
            // Not known to T, so T did not take it away.
            (None, None) => {
                new.insert(key, was.clone());
            }
            (Some(Bson::Document(known)), Some(Bson::Document(new))) => {
                if let Bson::Document(was) = was {
                    keep_unknown(was, known, new);
                }
            }
            (Some(Bson::Array(known)), Some(Bson::Array(new))) => {
                if let Bson::Array(was) = was {
                    for ((was, known), new) in was.iter().zip(known).zip(new) {
                        if known == new {
                            *new = was.clone();
                        }
                    }
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeMap;

    use bson::doc;
    use serde::Deserialize;

    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Inner {
        b: i32,
    }
    #[derive(Serialize, Deserialize)]
    struct Outer {
        a: i32,
        inner: Inner,
        list: Vec<Inner>,
        map: BTreeMap<String, i32>,
    }

    #[test]
    fn what_a_newer_version_wrote_survives_a_rewrite_by_an_older_one() {
        let stored = doc! {
            "a": 1, "newer": "kept",
            "inner": {"b": 2, "newer": true},
            "list": [{"b": 3, "newer": 1}, {"b": 4, "newer": 2}],
            "map": {"x": 1, "y": 2},
        };
        let bytes = encode("x", &stored).unwrap();
        let mut value: Outer = decode("x", &bytes).unwrap();
        value.a = 10;
        value.inner.b = 20;
        value.list[1].b = 40;
        value.map.remove("x");
        let after: Document = decode("x", &rewrite("x", &bytes, &value).unwrap()).unwrap();
        let expected = doc! {
            "a": 10, "newer": "kept",
            "inner": {"b": 20, "newer": true},
            "list": [{"b": 3, "newer": 1}, {"b": 40}],
            "map": {"y": 2},
        };
        assert_eq!(after.get("newer"), expected.get("newer"));
        assert_eq!(after.get("inner"), expected.get("inner"));
        assert_eq!(after.get("list"), expected.get("list"));
        assert_eq!(
            after.get("map"),
            expected.get("map"),
            "what was taken away stays away"
        );
        assert_eq!(after.get("a"), expected.get("a"));
    }
}
