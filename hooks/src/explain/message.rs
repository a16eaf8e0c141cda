//! Plain words as keys with parameters, so that they can be translated, with their English.
use std::{collections::BTreeMap, fmt};

use serde::{Serialize, Serializer, ser::SerializeStruct};

use super::{english::english, text::printable};

/// One sentence: its key, and what stands in its places. Parameters are as the hook has them; they are made
/// printable wherever the sentence is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub key: &'static str,
    pub params: BTreeMap<&'static str, String>,
}

impl Message {
    pub fn new(key: &'static str) -> Self {
        Self {
            key,
            params: BTreeMap::new(),
        }
    }

    pub fn with(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.params.insert(name, value.to_string());
        self
    }
}

/// The English sentence.
impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = english(self.key);
        while let Some(open) = rest.find('{') {
            f.write_str(&rest[..open])?;
            let Some(close) = rest[open..].find('}').map(|n| open + n) else {
                break;
            };
            let value = self.params.get(&rest[open + 1..close]).map(String::as_str);
            f.write_str(&printable(value.unwrap_or("?")))?;
            rest = &rest[close + 1..];
        }
        f.write_str(rest)
    }
}

/// `{key, params, text}`, all printable: whoever has no translation shows `text`.
impl Serialize for Message {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut out = s.serialize_struct("Message", 3)?;
        out.serialize_field("key", self.key)?;
        let params: BTreeMap<_, _> = self
            .params
            .iter()
            .map(|(name, value)| (name, printable(value)))
            .collect();
        out.serialize_field("params", &params)?;
        out.serialize_field("text", &self.to_string())?;
        out.end()
    }
}
