//! Reading a TOML table field by field, so that every fault is found and has its place.
use std::{collections::BTreeSet, ops::RangeInclusive};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{fault::Faults, human};
use crate::{explain::text::short, time::Time};

/// One table, with the names that were asked for.
pub(super) struct Reader<'t, 'i> {
    table: &'t DeTable<'i>,
    /// Such as `limits`; empty for the whole document.
    path: String,
    asked: BTreeSet<&'static str>,
}

impl<'t, 'i> Reader<'t, 'i> {
    pub fn new(table: &'t DeTable<'i>, path: impl Into<String>) -> Self {
        Self {
            table,
            path: path.into(),
            asked: BTreeSet::new(),
        }
    }

    pub fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }

    pub fn has(&self, name: &str) -> bool {
        self.entries().any(|(key, _, _)| key == name)
    }

    /// Keys, where they stand, and values, in the order of the text.
    pub fn entries(
        &self,
    ) -> impl Iterator<Item = (&'t str, usize, &'t Spanned<DeValue<'i>>)> + use<'t, 'i> {
        let mut entries: Vec<_> = self
            .table
            .iter()
            .map(|(key, value)| (key.get_ref().as_ref(), key.span().start, value))
            .collect();
        entries.sort_by_key(|(_, at, _)| *at);
        entries.into_iter()
    }

    pub fn get(&mut self, faults: &mut Faults<'_>, name: &'static str) -> Option<&'t DeValue<'i>> {
        self.asked.insert(name);
        let (_, at, value) = self.entries().find(|(key, _, _)| *key == name)?;
        faults.place(&self.path_of(name), at);
        Some(value.get_ref())
    }

    /// The value of `name` as `read` understands it; what it does not is a fault.
    pub fn typed<T>(
        &mut self,
        faults: &mut Faults<'_>,
        name: &'static str,
        expected: &str,
        read: impl FnOnce(&'t DeValue<'i>) -> Option<T>,
    ) -> Option<T> {
        let value = self.get(faults, name)?;
        let result = read(value);
        if result.is_none() {
            faults.error(
                &self.path_of(name),
                format!("found {}", found(value)),
                expected,
            );
        }
        result
    }

    pub fn text(&mut self, faults: &mut Faults<'_>, name: &'static str) -> Option<String> {
        self.typed(faults, name, "text in quotes", |value| {
            value.as_str().map(str::to_owned)
        })
    }

    /// Text that parses as `T`, such as an id.
    pub fn parsed<T: std::str::FromStr<Err = String>>(
        &mut self,
        faults: &mut Faults<'_>,
        name: &'static str,
    ) -> Option<T> {
        let text = self.text(faults, name)?;
        let result = text.parse::<T>();
        result
            .map_err(|expected| wrong_text(faults, &self.path_of(name), &text, &expected))
            .ok()
    }

    pub fn flag(&mut self, faults: &mut Faults<'_>, name: &'static str) -> Option<bool> {
        self.typed(faults, name, "true or false", DeValue::as_bool)
    }

    pub fn integer(
        &mut self,
        faults: &mut Faults<'_>,
        name: &'static str,
        range: RangeInclusive<u32>,
    ) -> Option<u32> {
        let expected = match *range.end() {
            u32::MAX => format!("an integer of {} or more", range.start()),
            end => format!("an integer from {} to {end}", range.start()),
        };
        self.typed(faults, name, &expected, |value| {
            integer(value)
                .and_then(|n| u32::try_from(n).ok())
                .filter(|n| range.contains(n))
        })
    }

    /// A size of at least `least` bytes.
    pub fn size(&mut self, faults: &mut Faults<'_>, name: &'static str, least: u64) -> Option<u64> {
        let expected = format!(
            "a size such as \"5 MiB\", of at least {} and at most 1 TiB",
            human::size(least)
        );
        self.typed(faults, name, &expected, |value| {
            size(value).filter(|n| (least..=1 << 40).contains(n))
        })
    }

    /// A duration in seconds, within `range`.
    pub fn duration(
        &mut self,
        faults: &mut Faults<'_>,
        name: &'static str,
        range: RangeInclusive<u64>,
    ) -> Option<u64> {
        let expected = format!(
            "a duration such as \"90s\" or \"7d\", from {} to {}",
            human::duration(*range.start()),
            human::duration(*range.end())
        );
        self.typed(faults, name, &expected, |value| {
            duration(value).filter(|n| range.contains(n))
        })
    }

    pub fn texts(&mut self, faults: &mut Faults<'_>, name: &'static str) -> Option<Vec<String>> {
        self.typed(
            faults,
            name,
            "a list of texts, such as [\"a\", \"b\"]",
            |value| {
                value
                    .as_array()?
                    .iter()
                    .map(|each| each.get_ref().as_str().map(str::to_owned))
                    .collect()
            },
        )
    }

    /// A list of texts that each parse as `T`; every one that does not is a fault.
    pub fn parsed_list<T: std::str::FromStr<Err = String>>(
        &mut self,
        faults: &mut Faults<'_>,
        name: &'static str,
    ) -> Option<Vec<T>> {
        let texts = self.texts(faults, name)?;
        let path = self.path_of(name);
        let parsed = texts.iter().map(|text| {
            text.parse::<T>()
                .map_err(|e| wrong_text(faults, &path, text, &e))
        });
        let parsed: Vec<_> = parsed.collect();
        parsed.into_iter().collect::<Result<_, _>>().ok()
    }

    pub fn table(&mut self, faults: &mut Faults<'_>, name: &'static str) -> Option<Reader<'t, 'i>> {
        let path = self.path_of(name);
        let table = self.typed(
            faults,
            name,
            &format!("a table [{path}]"),
            DeValue::as_table,
        )?;
        Some(Reader::new(table, path))
    }

    /// Tables in a list, each with its path, such as `collect[0]`.
    pub fn tables(
        &mut self,
        faults: &mut Faults<'_>,
        name: &'static str,
    ) -> Option<Vec<Reader<'t, 'i>>> {
        let path = self.path_of(name);
        let list = self.typed(
            faults,
            name,
            &format!("tables, each beginning with [[{path}]]"),
            |value| {
                let each = value.as_array()?.iter();
                each.map(|value| Some((value.span().start, value.get_ref().as_table()?)))
                    .collect::<Option<Vec<_>>>()
            },
        )?;
        let mut readers = Vec::new();
        for (n, (at, table)) in list.into_iter().enumerate() {
            let path = format!("{path}[{n}]");
            faults.place(&path, at);
            readers.push(Reader::new(table, path));
        }
        Some(readers)
    }

    /// What nobody asked for is a fault: a word misspelt must not be a limit forgotten.
    pub fn finish(self, faults: &mut Faults<'_>) {
        for (key, at, _) in self.entries() {
            if !self.asked.contains(key) {
                let path = self.path_of(&short(key, 60));
                faults.place(&path, at);
                let known = self.asked.iter().copied().collect::<Vec<_>>().join(", ");
                faults.error(&path, "is not a field here", format!("one of {known}"));
            }
        }
    }
}

fn wrong_text(faults: &mut Faults<'_>, path: &str, text: &str, expected: &str) {
    let expected = expected.strip_prefix("expected ").unwrap_or(expected);
    faults.error(
        path,
        format!("found \"{}\"", short(text, 80)),
        short(expected, 200),
    );
}

/// A value as a fault shows it.
pub(super) fn found(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("\"{}\"", short(text, 80)),
        DeValue::Integer(n) => short(&n.to_string(), 40),
        DeValue::Float(n) => short(&n.to_string(), 40),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(at) => at.to_string(),
        DeValue::Array(_) => "a list".into(),
        DeValue::Table(_) => "a table".into(),
    }
}

pub(super) fn integer(value: &DeValue<'_>) -> Option<i64> {
    let n = value.as_integer()?;
    i64::from_str_radix(n.as_str(), n.radix()).ok()
}

/// Bytes: "5 MiB", or an integer.
pub(super) fn size(value: &DeValue<'_>) -> Option<u64> {
    match value.as_str() {
        Some(text) => human::parse_size(text),
        None => integer(value).and_then(|n| u64::try_from(n).ok()),
    }
}

/// Seconds: "7d", or an integer.
pub(super) fn duration(value: &DeValue<'_>) -> Option<u64> {
    match value.as_str() {
        Some(text) => human::parse_duration(text),
        None => integer(value).and_then(|n| u64::try_from(n).ok()),
    }
}

/// A moment with its offset: TOML's own, or RFC 3339 in quotes.
pub(super) fn time(value: &DeValue<'_>) -> Option<Time> {
    match value {
        DeValue::Datetime(at) => at.to_string().parse().ok(),
        DeValue::String(text) => text.parse().ok(),
        _ => None,
    }
}
