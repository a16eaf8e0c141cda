//! Collectors' parameters between TOML and BSON.
use base64::{Engine, engine::general_purpose::STANDARD};
use bson::{Bson, Document};
use toml::de::DeValue;

use super::{
    fault::Faults,
    human,
    reader::{self, Reader, found},
    write::{inline_key, text},
};
use crate::{
    collectors::{self, ParamsError, fields::Kind},
    strict,
};

/// Fields of `[[collect]]` that are not parameters.
pub(super) const OWN: [&str; 4] = ["section", "collector", "seconds", "bytes"];
/// Parameters that TOML cannot say: their whole BSON document in base64.
pub(super) const AS_BSON: &str = "params_bson";

/// All fields of `entry` but its own, in the order of the text, as the collector's table reads them.
pub(super) fn read(faults: &mut Faults<'_>, entry: &Reader<'_, '_>, collector: &str) -> Document {
    let table = collectors::table(collector).unwrap_or_default();
    let mut params = Document::new();
    for (name, at, value) in entry.entries() {
        if OWN.contains(&name) {
            continue;
        }
        let path = entry.path_of(name);
        faults.place(&path, at);
        if name == AS_BSON {
            let bytes = value
                .get_ref()
                .as_str()
                .and_then(|text| STANDARD.decode(text).ok());
            match bytes
                .and_then(|bytes| strict::decode::<Document>(&bytes, strict::MAX_DOCUMENT).ok())
            {
                Some(document) => params.extend(document),
                None => faults.error(&path, "cannot be read", "a BSON document in base64"),
            }
            continue;
        }
        let kind = table
            .iter()
            .find(|field| field.name == name)
            .map(|field| field.kind);
        match to_bson(value.get_ref(), kind) {
            Some(value) => {
                params.insert(name, value);
            }
            None => {
                let expected = kind.map_or("a value that BSON can hold".into(), Kind::expected);
                faults.error(&path, format!("found {}", found(value.get_ref())), expected);
            }
        }
    }
    params
}

/// Every fault that the collector finds in its parameters; an unknown collector is not one.
pub(super) fn check(faults: &mut Faults<'_>, path: &str, collector: &str, params: &Document) {
    let Err(all) = collectors::parse_all(collector, params) else {
        return;
    };
    for error in all {
        if let ParamsError::Field {
            field,
            found,
            expected,
        } = error
        {
            let path = format!("{path}.{field}");
            if !faults.names(&path) {
                faults.error(&path, format!("found {found}"), expected);
            }
        }
    }
}

/// Sizes and durations are text for people and integers in BSON. An integer that fits is Int32.
fn to_bson(value: &DeValue<'_>, kind: Option<Kind>) -> Option<Bson> {
    let number = |n: u64| i64::try_from(n).ok().map(integer);
    match (value, kind) {
        (DeValue::String(_), Some(Kind::Bytes)) => reader::size(value).and_then(number),
        (DeValue::String(_), Some(Kind::Seconds(_))) => reader::duration(value).and_then(number),
        (DeValue::String(text), _) => Some(Bson::String(text.to_string())),
        (DeValue::Integer(_), _) => reader::integer(value).map(integer),
        (DeValue::Float(n), _) => n.as_str().parse().ok().map(Bson::Double),
        (DeValue::Boolean(flag), _) => Some(Bson::Boolean(*flag)),
        (DeValue::Array(list), _) => list
            .iter()
            .map(|each| to_bson(each.get_ref(), None))
            .collect::<Option<Vec<_>>>()
            .map(Bson::Array),
        (DeValue::Table(table), _) => {
            let mut document = Document::new();
            for (name, _, value) in Reader::new(table, "").entries() {
                document.insert(name, to_bson(value.get_ref(), None)?);
            }
            Some(Bson::Document(document))
        }
        (DeValue::Datetime(_), _) => {
            reader::time(value).map(|t| Bson::DateTime(bson::DateTime::from_millis(t.ms())))
        }
    }
}

fn integer(n: i64) -> Bson {
    i32::try_from(n).map_or(Bson::Int64(n), Bson::Int32)
}

/// Lines of TOML that [`read`] turns into these very bytes again.
pub(super) fn write(collector: &str, params: &Document) -> String {
    let as_toml = toml_lines(collector, params);
    as_toml
        .filter(|lines| reads_back(collector, params, lines))
        .unwrap_or_else(|| {
            let bytes = strict::encode(params).unwrap_or_default();
            format!("{AS_BSON} = \"{}\"\n", STANDARD.encode(bytes))
        })
}

fn reads_back(collector: &str, params: &Document, lines: &str) -> bool {
    let (table, errors) = toml::de::DeTable::parse_recoverable(lines);
    let mut faults = Faults::new(lines);
    let read = read(&mut faults, &Reader::new(table.get_ref(), ""), collector);
    errors.is_empty()
        && !faults.has_errors()
        && strict::encode(&read).ok() == strict::encode(params).ok()
}

fn toml_lines(collector: &str, params: &Document) -> Option<String> {
    let table = collectors::table(collector).unwrap_or_default();
    let mut out = String::new();
    for (name, value) in params {
        if OWN.contains(&name.as_str()) || name == AS_BSON {
            return None;
        }
        let kind = table
            .iter()
            .find(|field| field.name == name)
            .map(|field| field.kind);
        out.push_str(&format!(
            "{} = {}\n",
            inline_key(name),
            to_toml(value, kind)?
        ));
    }
    Some(out)
}

fn to_toml(value: &Bson, kind: Option<Kind>) -> Option<String> {
    let number = match value {
        Bson::Int32(n) => Some(i64::from(*n)),
        Bson::Int64(n) => Some(*n),
        _ => None,
    };
    let positive = number.and_then(|n| u64::try_from(n).ok());
    Some(match (value, kind, positive) {
        (_, Some(Kind::Bytes), Some(bytes)) => text(&human::size(bytes)),
        (_, Some(Kind::Seconds(_)), Some(seconds)) => text(&human::duration(seconds)),
        (Bson::Int32(_) | Bson::Int64(_), _, _) => number?.to_string(),
        (Bson::String(value), _, _) => text(value),
        (Bson::Boolean(flag), _, _) => flag.to_string(),
        (Bson::Double(n), _, _) if n.is_finite() => format!("{n:?}"),
        (Bson::DateTime(at), _, _) => crate::time::Time::from_ms(at.timestamp_millis()).to_string(),
        (Bson::Array(list), _, _) => {
            let each: Option<Vec<_>> = list.iter().map(|value| to_toml(value, None)).collect();
            format!("[{}]", each?.join(", "))
        }
        (Bson::Document(document), _, _) => {
            let each: Option<Vec<_>> = document
                .iter()
                .map(|(name, value)| {
                    Some(format!("{} = {}", inline_key(name), to_toml(value, None)?))
                })
                .collect();
            format!("{{ {} }}", each?.join(", "))
        }
        _ => return None,
    })
}
