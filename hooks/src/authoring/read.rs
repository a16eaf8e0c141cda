//! TOML → draft, with every fault and its place.
use toml::de::{DeTable, DeValue};

use super::{
    collect,
    draft::{Draft, Expires},
    fault::{Fault, Faults},
    reader::{self, Reader},
    whom,
};
use crate::{
    documents::hook::{Audience, Reask, RedactionProfile},
    explain::text::short,
    strict,
};

pub(super) const DAY: u64 = 86_400;
const DEFAULT_LIFE: u64 = 7 * DAY;
const DEFAULT_PLACES: u32 = 10;
const DEFAULT_PACKET: u64 = 20 << 20;
const DEFAULT_RETENTION_DAYS: u32 = 30;
/// The smallest packet that holds its statement.
const LEAST_PACKET: u64 = 4096;
const MAX_TITLE: usize = 200;
const MAX_REASON: usize = 4_000;
const MAX_REDACTION_KEYS: usize = 256;
const MAX_REDACTION_PATTERNS: usize = 64;

/// The draft that `toml` says, or every error in it.
pub fn parse(toml: &str) -> Result<Draft, Vec<Fault>> {
    let mut faults = Faults::new(toml);
    let draft = read(toml, &mut faults);
    if faults.has_errors() {
        Err(faults.into_all())
    } else {
        Ok(draft)
    }
}

/// The draft as far as it can be read; what is wrong has its default and a fault.
pub(super) fn read(toml: &str, faults: &mut Faults<'_>) -> Draft {
    let too_long = toml.len() > strict::MAX_DOCUMENT;
    if too_long {
        faults.error_at(
            0,
            format!("{} bytes of text", toml.len()),
            format!("at most {} bytes", strict::MAX_DOCUMENT),
        );
    }
    let (table, errors) = DeTable::parse_recoverable(if too_long { "" } else { toml });
    for error in &errors {
        let at = error.span().map_or(0, |span| span.start);
        faults.error_at(at, short(error.message(), 200), "TOML (https://toml.io)");
    }
    let mut root = Reader::new(table.get_ref(), "");
    let draft = document(&mut root, faults, errors.is_empty() && !too_long);
    root.finish(faults);
    draft
}

/// `complete` is whether all of the text was read, so that what is missing is missing.
fn document(root: &mut Reader<'_, '_>, faults: &mut Faults<'_>, complete: bool) -> Draft {
    let title = sentence(root, faults, "title", MAX_TITLE, complete);
    let reason = sentence(root, faults, "reason", MAX_REASON, complete);
    if title.contains('\n') {
        faults.error("title", "has more than one line", "one line");
    }
    let min_agent = root.text(faults, "min_agent");
    if min_agent
        .as_ref()
        .is_some_and(|v| semver::Version::parse(v).is_err())
    {
        faults.error("min_agent", "is no version", "a version such as \"1.2.0\"");
    }
    root.typed(faults, "format", "1, or nothing", |value| {
        reader::integer(value).filter(|n| *n == 1)
    });
    for name in ["template", "checks", "when"] {
        if root.get(faults, name).is_some() {
            faults.error(
                name,
                "is not part of format 1",
                "collectors, each beginning with [[collect]]",
            );
        }
    }
    let time = "a time such as 2026-11-21T12:00:00Z";
    let not_before = root.typed(faults, "not_before", time, reader::time);
    let expires = root.typed(
        faults,
        "expires",
        &format!("a duration such as \"7d\", or {time}"),
        expires,
    );
    let expires = expires.unwrap_or(Expires::After(DEFAULT_LIFE));
    if let (Some(begin), Expires::At(end)) = (not_before, expires)
        && end <= begin
    {
        faults.error(
            "expires",
            "the hook would end before it begins",
            "a time later than not_before",
        );
    }
    let retention_days = root.typed(
        faults,
        "retention",
        "whole days from \"1d\" to \"3650d\"",
        |value| {
            let days = reader::duration(value).filter(|s| s % DAY == 0)? / DAY;
            u32::try_from(days)
                .ok()
                .filter(|days| (1..=3_650).contains(days))
        },
    );
    let reask = root.typed(
        faults,
        "reask",
        "\"none\", \"failed\" or \"all\"",
        |value| match value.as_str()? {
            "none" => Some(Reask::None),
            "failed" => Some(Reask::Failed),
            "all" => Some(Reask::All),
            _ => None,
        },
    );
    let subject = whom::subject(root, faults);
    let customers = whom::customers(root, faults, subject.as_ref());
    let audience = match root.table(faults, "audience") {
        Some(table) => whom::audience(table, faults),
        None => Audience {
            everyone: true,
            ..Audience::default()
        },
    };
    let limits = limits(root, faults, &audience);
    let redaction = root
        .table(faults, "redaction")
        .map(|table| redaction(table, faults))
        .unwrap_or_default();
    let collectors = collect::collectors(root, faults, limits.packet_bytes, complete);
    Draft {
        min_agent,
        subject,
        customers,
        audience,
        title,
        reason,
        not_before,
        expires,
        places: limits.places,
        packet_bytes: limits.packet_bytes,
        total_bytes: limits.total_bytes,
        attempts: limits.attempts,
        stop_after_overruns: limits.stop_after_overruns,
        stop_error_percent: limits.stop_error_percent,
        retention_days: retention_days.unwrap_or(DEFAULT_RETENTION_DAYS),
        reask: reask.unwrap_or_default(),
        collectors,
        redaction,
    }
}

fn expires(value: &DeValue<'_>) -> Option<Expires> {
    if let Some(time) = reader::time(value) {
        return Some(Expires::At(time));
    }
    let text = value.as_str()?;
    super::human::parse_duration(text)
        .filter(|seconds| *seconds > 0)
        .map(Expires::After)
}

/// Text that a customer reads: required, bounded, without control characters but line breaks.
fn sentence(
    root: &mut Reader<'_, '_>,
    faults: &mut Faults<'_>,
    name: &'static str,
    most: usize,
    complete: bool,
) -> String {
    let expected = format!("1 to {most} characters that the customer will read");
    let Some(text) = root.text(faults, name) else {
        if complete && !root.has(name) {
            faults.error(name, "is missing", expected);
        }
        return String::new();
    };
    if text.trim().is_empty() || text.chars().count() > most {
        faults.error(
            name,
            format!("has {} characters", text.trim().chars().count()),
            expected,
        );
    } else if text.chars().any(|c| c.is_control() && c != '\n') {
        faults.error(name, "holds control characters", "plain text");
    }
    text
}

/// A text that must be there and say something.
pub(super) fn needed(
    table: &mut Reader<'_, '_>,
    faults: &mut Faults<'_>,
    name: &'static str,
) -> String {
    let text = table.text(faults, name);
    let path = table.path_of(name);
    let is_sound = |text: &String| {
        !text.trim().is_empty() && text.len() <= 1_000 && !text.chars().any(char::is_control)
    };
    if !faults.names(&path) && !text.as_ref().is_some_and(is_sound) {
        let message = if text.is_some() {
            "is empty, too long, or holds control characters"
        } else {
            "is missing"
        };
        faults.error(&path, message, "text of 1 to 1000 characters");
    }
    text.unwrap_or_default()
}

struct Limits {
    places: u32,
    packet_bytes: u64,
    total_bytes: u64,
    attempts: u32,
    stop_after_overruns: u32,
    stop_error_percent: Option<u32>,
}

/// Places default to one for each instance that is named; the total to all places full.
fn limits(root: &mut Reader<'_, '_>, faults: &mut Faults<'_>, audience: &Audience) -> Limits {
    let empty = DeTable::new();
    let mut table = root
        .table(faults, "limits")
        .unwrap_or_else(|| Reader::new(&empty, "limits"));
    let named = u32::try_from(audience.instances.len()).unwrap_or(u32::MAX);
    let default_places = if named > 0 { named } else { DEFAULT_PLACES };
    let places = table
        .integer(faults, "places", 1..=u32::MAX)
        .unwrap_or(default_places);
    let packet_bytes = table
        .size(faults, "packet", LEAST_PACKET)
        .unwrap_or(DEFAULT_PACKET);
    let total_said = table.typed(faults, "total", "a size such as \"50 MiB\"", reader::size);
    let total_bytes = total_said.unwrap_or(packet_bytes.saturating_mul(u64::from(places)));
    if total_bytes < packet_bytes {
        faults.error(
            "limits.total",
            "is less than one packet",
            "at least limits.packet",
        );
    }
    let limits = Limits {
        places,
        packet_bytes,
        total_bytes: total_bytes.min(i64::MAX as u64),
        attempts: table.integer(faults, "attempts", 1..=100).unwrap_or(1),
        stop_after_overruns: table
            .integer(faults, "stop_after_overruns", 1..=u32::MAX)
            .unwrap_or(2),
        stop_error_percent: table.integer(faults, "stop_error_percent", 1..=100),
    };
    table.finish(faults);
    limits
}

fn redaction(mut table: Reader<'_, '_>, faults: &mut Faults<'_>) -> RedactionProfile {
    let profile = RedactionProfile {
        keys: table.texts(faults, "keys").unwrap_or_default(),
        patterns: table.texts(faults, "patterns").unwrap_or_default(),
    };
    for (name, found, most) in [
        ("keys", profile.keys.len(), MAX_REDACTION_KEYS),
        ("patterns", profile.patterns.len(), MAX_REDACTION_PATTERNS),
    ] {
        if found > most {
            faults.error(
                &table.path_of(name),
                format!("has {found} entries"),
                format!("at most {most}"),
            );
        }
    }
    for pattern in profile.patterns.iter().take(MAX_REDACTION_PATTERNS) {
        if regex::Regex::new(pattern).is_err() {
            let found = format!("found \"{}\"", short(pattern, 80));
            faults.error(
                "redaction.patterns",
                found,
                "regular expressions that can be read",
            );
        }
    }
    table.finish(faults);
    profile
}
