//! Values of headers: `Authorization: Bearer x`, `Cookie: a=b`.
use crate::redaction::{
    kinds::mark_at,
    value::{self, Setting, is_quote, skip_blank},
};

const SCHEMES: [&str; 10] = [
    "bearer",
    "basic",
    "digest",
    "negotiate",
    "token",
    "apikey",
    "aws4-hmac-sha256",
    "ntlm",
    "hawk",
    "splunk",
];

/// The length of an authorization scheme at `at`, when a blank follows it.
pub(super) fn scheme_at(line: &[u8], at: usize) -> Option<usize> {
    SCHEMES
        .iter()
        .map(|s| s.len())
        .zip(SCHEMES)
        .find_map(|(len, scheme)| {
            let word = line.get(at..at + len)?;
            (word.eq_ignore_ascii_case(scheme.as_bytes())
                && line
                    .get(at + len)
                    .is_some_and(|b| matches!(b, b' ' | b'+' | b'%')))
            .then_some(len)
        })
}

/// The first byte of a header's value, behind blanks, quotes and brackets.
pub(super) fn at_value(line: &[u8], mut at: usize) -> usize {
    while line
        .get(at)
        .is_some_and(|b| matches!(b, b' ' | b'\t' | b'\\' | b'[') || is_quote(*b))
        && mark_at(&line[at..]).is_none()
    {
        at += 1;
    }
    at
}

/// A header's value: within its quotes, to the closing quote of an outer string, or to the end of the line.
pub(super) fn header_value(line: &[u8], at: usize, key: usize) -> (usize, usize) {
    let start = at_value(line, at);
    let before = &line[..start];
    let end = (start..line.len())
        .find(|i| is_quote(line[*i]) && value::closes(line, *i, before))
        .map_or(line.len(), |i| {
            i - line[start..i]
                .iter()
                .rev()
                .take_while(|b| **b == b'\\')
                .count()
        });
    let _ = key;
    (start, end)
}

/// The end of `Authorization`'s value, or none when there is nothing to hide.
pub(super) fn credentials_end(line: &[u8], at: usize, key: usize) -> Option<usize> {
    let (start, limit) = header_value(line, at, key);
    if value::is_harmless(&line[start..limit]) || mark_at(&line[start..]).is_some() {
        return Some(start);
    }
    let scheme = scheme_at(line, start)?;
    let word = line[start..start + scheme].to_ascii_lowercase();
    if matches!(word.as_slice(), b"digest" | b"aws4-hmac-sha256" | b"hawk") {
        return Some(limit);
    }
    let next = skip_blank(
        line,
        start + scheme + usize::from(line[start + scheme] != b' '),
    );
    let end = value::bare_end(
        line,
        next,
        Setting {
            key: start,
            ..Setting::default()
        },
    )
    .min(limit);
    Some(end.max(next))
}
