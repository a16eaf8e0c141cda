//! JSON and BSON as a tree to fold: bounded in depth and in values, with every key in its place, also one that stands twice.
use std::fmt;

use bson::{
    error::Error as BsonError,
    raw::{RawBsonRef, RawDocument},
};
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::ui::shown::Shown;

/// Larger files are shown as text alone.
pub const TREE_BYTES: u64 = 1024 * 1024;
const MOST_VALUES: usize = 4_000;
const DEEPEST: usize = 24;
/// Characters of one text.
const LONGEST: usize = 2_000;

/// The tree as its page writes it, from the top down.
#[derive(Debug, PartialEq)]
pub enum Row {
    Open {
        key: Option<Shown>,
        /// `{}` or `[]`.
        shape: &'static str,
        count: usize,
        /// Whether it stands unfolded.
        is_open: bool,
    },
    Close,
    Value {
        key: Option<Shown>,
        value: Shown,
        /// `text`, `number` or `word`.
        kind: &'static str,
    },
    /// That much more is not shown.
    More(usize),
}

#[derive(Default)]
pub struct Tree {
    pub rows: Vec<Row>,
    values: usize,
    /// Something is left out.
    pub is_cut: bool,
}

impl Tree {
    /// The tree of a JSON text, or why it is none.
    pub fn of_json(bytes: &[u8]) -> Result<Self, String> {
        let mut tree = Self::default();
        let mut json = serde_json::Deserializer::from_slice(bytes);
        let words = |e: serde_json::Error| e.to_string();
        let node = Node {
            tree: &mut tree,
            key: None,
            depth: 0,
        };
        node.deserialize(&mut json).map_err(words)?;
        json.end().map_err(words)?;
        Ok(tree)
    }

    /// The tree of one BSON document, or why it is none.
    pub fn of_bson(bytes: &[u8]) -> Result<Self, String> {
        let mut tree = Self::default();
        let words = |e: BsonError| e.to_string();
        let document = RawDocument::from_bytes(bytes).map_err(words)?;
        tree.bson(None, RawBsonRef::Document(document), 0)
            .map_err(words)?;
        Ok(tree)
    }

    fn is_full(&self) -> bool {
        self.values >= MOST_VALUES
    }

    fn open(&mut self, key: Option<Shown>, shape: &'static str, depth: usize) -> usize {
        self.values += 1;
        self.rows.push(Row::Open {
            key,
            shape,
            count: 0,
            is_open: depth < 2,
        });
        self.rows.len() - 1
    }

    /// `left_out` of its `all` parts are not shown.
    fn close(&mut self, at: usize, all: usize, left_out: usize) {
        if left_out > 0 {
            self.is_cut = true;
            self.rows.push(Row::More(left_out));
        }
        if let Some(Row::Open { count, .. }) = self.rows.get_mut(at) {
            *count = all;
        }
        self.rows.push(Row::Close);
    }

    fn value(&mut self, key: Option<Shown>, value: &str, kind: &'static str) {
        self.values += 1;
        self.rows.push(Row::Value {
            key,
            value: Shown::cut(value, LONGEST),
            kind,
        });
    }

    fn bson(
        &mut self,
        key: Option<Shown>,
        value: RawBsonRef<'_>,
        depth: usize,
    ) -> Result<(), BsonError> {
        let (mut all, mut left_out) = (0, 0);
        let mut part =
            |tree: &mut Self, key: Shown, value: RawBsonRef<'_>| -> Result<(), BsonError> {
                all += 1;
                match tree.is_full() || depth + 1 >= DEEPEST {
                    true => left_out += 1,
                    false => tree.bson(Some(key), value, depth + 1)?,
                }
                Ok(())
            };
        match value {
            RawBsonRef::Document(document) => {
                let at = self.open(key, "{}", depth);
                for pair in document.iter() {
                    let (name, value) = pair?;
                    part(self, Shown::cut(name.as_ref(), LONGEST), value)?;
                }
                self.close(at, all, left_out);
            }
            RawBsonRef::Array(array) => {
                let at = self.open(key, "[]", depth);
                for (n, value) in array.into_iter().enumerate() {
                    part(self, Shown::of(&n.to_string()), value?)?;
                }
                self.close(at, all, left_out);
            }
            RawBsonRef::String(text) => self.value(key, text, "text"),
            RawBsonRef::Double(n) => self.value(key, &n.to_string(), "number"),
            RawBsonRef::Int32(n) => self.value(key, &n.to_string(), "number"),
            RawBsonRef::Int64(n) => self.value(key, &n.to_string(), "number"),
            RawBsonRef::Boolean(is) => self.value(key, &is.to_string(), "word"),
            RawBsonRef::Null => self.value(key, "null", "word"),
            RawBsonRef::ObjectId(id) => self.value(key, &id.to_string(), "word"),
            RawBsonRef::DateTime(at) => {
                let time = boathook_hooks::time::Time::from_ms(at.timestamp_millis());
                self.value(key, &time.to_string(), "word");
            }
            RawBsonRef::Binary(data) => {
                self.value(key, &format!("{} bytes", data.bytes.len()), "word");
            }
            other => self.value(key, &format!("{other:?}"), "word"),
        }
        Ok(())
    }
}

/// One value of a JSON text on its way into the tree.
struct Node<'t> {
    tree: &'t mut Tree,
    key: Option<Shown>,
    depth: usize,
}

impl Node<'_> {
    /// Whether a value within this one is passed over.
    fn is_too_much(&self) -> bool {
        self.tree.is_full() || self.depth + 1 >= DEEPEST
    }

    fn word<E>(self, value: &str, kind: &'static str) -> Result<(), E> {
        self.tree.value(self.key, value, kind);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let at = self.tree.open(self.key.take(), "{}", self.depth);
        let (mut all, mut left_out) = (0, 0);
        while let Some(key) = map.next_key::<String>()? {
            all += 1;
            if self.is_too_much() {
                left_out += 1;
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            map.next_value_seed(Node {
                tree: self.tree,
                key: Some(Shown::cut(&key, LONGEST)),
                depth: self.depth + 1,
            })?;
        }
        self.tree.close(at, all, left_out);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        let at = self.tree.open(self.key.take(), "[]", self.depth);
        let (mut all, mut left_out) = (0, 0);
        loop {
            let is_too_much = self.is_too_much();
            let more = match is_too_much {
                true => list.next_element::<IgnoredAny>()?.map(|_| ()),
                false => list.next_element_seed(Node {
                    tree: self.tree,
                    key: Some(Shown::of(&all.to_string())),
                    depth: self.depth + 1,
                })?,
            };
            if more.is_none() {
                break;
            }
            all += 1;
            left_out += usize::from(is_too_much);
        }
        self.tree.close(at, all, left_out);
        Ok(())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<(), E> {
        self.word(text, "text")
    }

    fn visit_u64<E: de::Error>(self, n: u64) -> Result<(), E> {
        self.word(&n.to_string(), "number")
    }

    fn visit_i64<E: de::Error>(self, n: i64) -> Result<(), E> {
        self.word(&n.to_string(), "number")
    }

    fn visit_f64<E: de::Error>(self, n: f64) -> Result<(), E> {
        self.word(&n.to_string(), "number")
    }

    fn visit_bool<E: de::Error>(self, is: bool) -> Result<(), E> {
        self.word(&is.to_string(), "word")
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        self.word("null", "word")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// `key=value`, with brackets where it opens and closes.
    fn said(tree: &Tree) -> String {
        let key = |key: &Option<Shown>| key.as_ref().map_or(String::new(), |k| k.plain() + "=");
        let row = |row: &Row| match row {
            Row::Open {
                key: k,
                shape,
                count,
                ..
            } => format!("{}{}{count}", key(k), &shape[..1]),
            Row::Close => ")".to_owned(),
            Row::Value { key: k, value, .. } => key(k) + &value.plain(),
            Row::More(n) => format!("+{n}"),
        };
        tree.rows.iter().map(row).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn json_keeps_its_order_and_keys_that_stand_twice() {
        let tree = Tree::of_json(br#"{"b": [1, -2.5, null], "a": "x\u202e", "b": true}"#).unwrap();
        assert_eq!(
            said(&tree),
            "{3 b=[3 0=1 1=-2.5 2=null ) a=x⟨U+202E⟩ b=true )"
        );
        assert!(!tree.is_cut);
    }

    #[test]
    fn what_is_no_json_says_where() {
        for bad in ["", "{", "{} {}", "[1,]", "\"\u{1}\""] {
            assert!(Tree::of_json(bad.as_bytes()).is_err(), "{bad}");
        }
        let words = Tree::of_json(b"{\n\"a\": x}").err().unwrap();
        assert!(words.contains("line 2"), "{words}");
        assert!(Tree::of_json("[".repeat(100_000).as_bytes()).is_err());
    }

    #[test]
    fn a_tree_has_a_depth_and_a_number_of_values() {
        let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
        let tree = Tree::of_json(deep.as_bytes()).unwrap();
        assert!(tree.is_cut && tree.rows.len() == 2 * DEEPEST + 1);
        let wide = format!("[{}0]", "0,".repeat(10_000));
        let tree = Tree::of_json(wide.as_bytes()).unwrap();
        assert!(tree.is_cut && tree.rows.len() < MOST_VALUES + 5);
        assert!(matches!(tree.rows[0], Row::Open { count: 10_001, .. }));
        assert!(said(&tree).ends_with("+6002 )"), "{:?}", tree.rows.last());
    }

    #[test]
    fn bson_is_a_tree_too() {
        let document = bson::doc! {
            "n": 1_i64, "list": ["a", {"b": null}],
            "at": bson::DateTime::from_millis(0),
            "data": bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: vec![1, 2] },
        };
        let bytes = document.to_vec().unwrap();
        let tree = Tree::of_bson(&bytes).unwrap();
        let words = said(&tree);
        assert!(
            words.starts_with("{4 n=1 list=[2 0=a 1={1 b=null ) ) at=1970-01-01"),
            "{words}"
        );
        assert!(words.ends_with("data=2 bytes )"), "{words}");
        for cut in [0, 3, bytes.len() - 1] {
            assert!(Tree::of_bson(&bytes[..cut]).is_err(), "{cut}");
        }
        let mut broken = bytes.clone();
        broken[4] = 0x7E;
        assert!(Tree::of_bson(&broken).is_err());
    }
}
