//! Where a value ends: quoted (at any depth of escaping), bare, in a query string, or to the end of the line.
use super::kinds::mark_at;

/// How the key of this value stands in its line.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Setting {
    /// Nothing but indentation and the like stands before the key: the value may hold spaces.
    pub starts_line: bool,
    /// In a query string, where `&` always ends a value.
    pub query: bool,
    /// Where the key begins.
    pub key: usize,
}

/// What follows a separator.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// These bytes are the value.
    Value { start: usize, end: usize },
    /// A string that opens with three quotes and does not end on this line.
    OpenTriple { start: usize, quote: u8 },
    /// Nothing: the value may stand on the next line.
    Nothing,
    /// `|` or `>`: a YAML block follows.
    YamlBlock,
    /// `[` of a list; its position.
    List(usize),
    /// `{`: the keys within speak for themselves.
    Object,
    /// There is nothing to hide here: a mark, a boolean, a placeholder.
    Harmless,
}

pub(super) fn is_ident(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-' | b'$')
}

pub(super) fn is_quote(b: u8) -> bool {
    matches!(b, b'"' | b'\'' | b'`')
}

pub(super) fn skip_blank(line: &[u8], mut at: usize) -> usize {
    while line
        .get(at)
        .is_some_and(|b| matches!(b, b' ' | b'\t' | b'\r' | 0))
    {
        at += 1;
    }
    at
}

/// The value that begins at or after `at`.
pub(super) fn find(line: &[u8], at: usize, setting: Setting) -> Found {
    let at = skip_blank(line, at);
    let Some(&first) = line.get(at) else {
        return Found::Nothing;
    };
    if let Some(len) = mark_at(&line[at..]) {
        if !line.get(at + len).is_some_and(|b| is_ident(*b)) {
            return Found::Harmless;
        }
    } else if first == b'[' && is_list(&line[at + 1..]) {
        return Found::List(at);
    } else if first == b'{' && is_object(&line[at + 1..]) {
        return Found::Object;
    } else if matches!(first, b'|' | b'>')
        && setting.starts_line
        && is_block_header(&line[at + 1..])
    {
        return Found::YamlBlock;
    }
    for quote in [&b"&quot;"[..], b"%22"] {
        // In a query string `%22` is a part of the value, unless the separator is encoded too.
        let counts = quote[0] == b'&'
            || line[..at].len() >= 3
                && matches!(
                    &line[at - 3..at],
                    b"%3A" | b"%3a" | b"%3D" | b"%3d" | b"%20"
                );
        if counts && line[at..].starts_with(quote) {
            let start = at + quote.len();
            let end = memchr::memmem::find(&line[start..], quote).map_or(line.len(), |n| start + n);
            let after = line.len().min(end + quote.len());
            return if ends_encoded(&line[after..]) {
                judge(line, start, end)
            } else {
                bare(line, at, after, setting)
            };
        }
    }
    if let Some(quoted) = quoted(line, at) {
        return match quoted {
            Quoted::Closed { start, end, after } => {
                // Shells join "a"b, and a bare password may hold quotes: what follows without a gap belongs to it.
                let is_call = line[at..start].contains(&b'(');
                let closes = line[after..].trim_ascii_start().first() == Some(&b')');
                if (is_call && !closes) || !ends_value(&line[after..], setting) {
                    return bare(line, at, after, setting);
                }
                judge(line, start, end)
            }
            // What looks like the begin of a call may be a password with a quote in it.
            Quoted::Open { .. } if line[at..].first().is_some_and(|b| is_ident(*b)) => {
                judge(line, at, line.len())
            }
            Quoted::Open { start } => judge(line, start, line.len()),
            Quoted::Triple { start, quote } => Found::OpenTriple { start, quote },
        };
    }
    bare(line, at, at, setting)
}

/// A value without quotes around it, whose end is looked for from `from`.
fn bare(line: &[u8], at: usize, from: usize, setting: Setting) -> Found {
    let mut end = bare_end(line, from, setting);
    if setting.starts_line && !goes_on_as_pairs(&line[end..]) {
        end = trim_end(line, at, line.len());
    }
    judge(line, at, end)
}

/// Whether what follows a `{` is an object's first key, its end, or nothing: a password may begin with `{` too.
pub(super) fn is_object(rest: &[u8]) -> bool {
    let rest = rest.trim_ascii_start();
    let key = rest.iter().take_while(|b| is_ident(**b)).count();
    match rest.first() {
        None => true,
        Some(b'}') => {
            let ends = rest.iter().take_while(|b| matches!(b, b'}' | b']' | b')'));
            let rest = &rest[ends.count()..];
            let goes_on = |b: &u8| b.is_ascii_whitespace() || is_closer(*b) || is_quote(*b);
            match rest.first() {
                None => true,
                Some(b) if b.is_ascii_whitespace() => true,
                Some(b) => is_closer(*b) && rest.get(1).is_none_or(goes_on),
            }
        }
        Some(b'"' | b'\'' | b'\\') => {
            let open = rest
                .iter()
                .take_while(|b| is_quote(**b) || **b == b'\\')
                .count();
            let quote = &rest[..open];
            memchr::memmem::find(&rest[open..], quote).is_some_and(|n| {
                rest[2 * open + n..]
                    .trim_ascii_start()
                    .first()
                    .is_some_and(|b| matches!(b, b':' | b'='))
            })
        }
        Some(b) => {
            b.is_ascii_alphabetic()
                && rest.get(key) == Some(&b':')
                && rest
                    .get(key + 1)
                    .is_none_or(|b| b.is_ascii_whitespace() || is_quote(*b))
        }
    }
}

/// The same for `[`.
fn is_list(rest: &[u8]) -> bool {
    let trimmed = rest.trim_ascii_start();
    match trimmed.first() {
        None | Some(b'"' | b'\'') => true,
        Some(b'\\') => trimmed
            .iter()
            .find(|b| **b != b'\\')
            .is_some_and(|b| is_quote(*b)),
        Some(b'{') => is_object(&trimmed[1..]),
        Some(_) => memchr::memchr(b']', rest).is_some_and(|n| {
            rest.get(n + 1)
                .is_none_or(|b| b.is_ascii_whitespace() || matches!(b, b',' | b'}' | b']' | b')'))
        }),
    }
}

fn is_block_header(rest: &[u8]) -> bool {
    // One digit and one sign at most (YAML 1.2, 8.1.1); a comment only after white space, or it is part of a value.
    let marks = rest
        .iter()
        .take(2)
        .take_while(|b| matches!(b, b'+' | b'-' | b'0'..=b'9'))
        .count();
    let after = rest[marks..].trim_ascii_start();
    after.is_empty() || (after.len() < rest.len() - marks && after[0] == b'#')
}

fn trim_end(line: &[u8], start: usize, mut end: usize) -> usize {
    while end > start && line[end - 1].is_ascii_whitespace() {
        end -= 1;
    }
    end
}

/// After a bare value: only closing marks, or further `key=value` pairs.
fn goes_on_as_pairs(rest: &[u8]) -> bool {
    let mut at = 0;
    while rest.get(at).is_some_and(|b| {
        matches!(
            b,
            b',' | b';' | b'&' | b')' | b']' | b'}' | b'\'' | b'"' | b'\\'
        ) || b.is_ascii_whitespace()
    }) {
        at += 1;
    }
    at == rest.len() || (at > 0 && is_pair(&rest[at..], true))
}

/// Whether `text` begins with a key and a separator: `=`, or also `:`.
fn is_pair(text: &[u8], colon: bool) -> bool {
    let mut at = text
        .iter()
        .take_while(|b| is_quote(**b) || **b == b'\\')
        .count();
    let key = text[at..]
        .iter()
        .take(64)
        .take_while(|b| is_ident(**b))
        .count();
    at += key;
    at += text[at..]
        .iter()
        .take_while(|b| is_quote(**b) || **b == b'\\')
        .count();
    key > 0
        && text[at..]
            .first()
            .is_some_and(|b| *b == b'=' || (colon && *b == b':'))
        && !text[at..].starts_with(b"://")
}

pub(super) enum Quoted {
    /// Content `start..end`; `after` is behind the closing quote.
    Closed {
        start: usize,
        end: usize,
        after: usize,
    },
    Open {
        start: usize,
    },
    Triple {
        start: usize,
        quote: u8,
    },
}

/// A string that begins at `at`, with the prefixes of languages (`b'…'`, `Some("…")`) and any depth of escaping.
pub(super) fn quoted(line: &[u8], at: usize) -> Option<Quoted> {
    let mut open = at;
    let word = line[open..]
        .iter()
        .take(16)
        .take_while(|b| b.is_ascii_alphanumeric() || **b == b'_')
        .count();
    let paren = usize::from(line.get(open + word) == Some(&b'('));
    let sigil = usize::from(word == 0 && matches!(line.get(open), Some(b'$' | b'@')));
    open += word + paren + sigil;
    let slashes = line[open..].iter().take_while(|b| **b == b'\\').count();
    let quote = *line.get(open + slashes).filter(|b| is_quote(**b))?;
    // A word before the quote is a prefix only when it is short or a call: `pass"word` is not.
    if word > 2 && paren == 0 {
        return None;
    }
    let start = open + slashes + 1;
    let is_triple = slashes == 0 && line[start..].iter().take_while(|b| **b == quote).count() == 2;
    // With apostrophes, what closes on this line reads the same as one with doubled quotes.
    if is_triple && quote != b'\'' {
        let start = start + 2;
        return Some(match memchr::memmem::find(&line[start..], &[quote; 3]) {
            Some(n) => Quoted::Closed {
                start,
                end: start + n,
                after: start + n + 3,
            },
            None => Quoted::Triple { start, quote },
        });
    }
    // A string within d strings opens with 2^d − 1 backslashes; within it a quote has more.
    let period = slashes + 1;
    let mut from = start;
    while let Some(n) = memchr::memchr(quote, &line[from..]) {
        let here = from + n;
        let run = line[start..here]
            .iter()
            .rev()
            .take_while(|b| **b == b'\\')
            .count();
        // `''` in SQL and YAML, `'\\''` in shells: a quote within the string.
        let within = match &line[here + 1..] {
            [b'\'', ..] if quote == b'\'' && slashes == 0 => 1,
            [b'\\', b'\'', b'\'', ..] if quote == b'\'' && slashes == 0 => 3,
            _ => 0,
        };
        let ends = run < slashes || (run % (2 * period) == slashes && within == 0);
        if ends {
            let end = here - run.min(slashes);
            return Some(Quoted::Closed {
                start,
                end,
                after: here + 1,
            });
        }
        from = here + 1 + within;
        if from > line.len() {
            break;
        }
    }
    Some(if is_triple {
        Quoted::Triple {
            start: start + 2,
            quote,
        }
    } else {
        Quoted::Open { start }
    })
}

/// The end of a value without quotes.
pub(super) fn bare_end(line: &[u8], start: usize, setting: Setting) -> usize {
    let before = &line[..setting.key.min(start)];
    let mut at = start;
    while let Some(&b) = line.get(at) {
        let next = line.get(at + 1).copied();
        let ends = match b {
            b' ' | b'\t' | b'\r' | b'\n' | 0 => true,
            b'&' if setting.query => true,
            // At a line's begin the value is all there is, unless a gap shows otherwise.
            b'&' | b',' | b';' if setting.starts_line => {
                next.is_none_or(|n| n.is_ascii_whitespace())
            }
            b'&' | b',' | b';' => {
                next.is_none_or(|n| n.is_ascii_whitespace() || is_quote(n))
                    || is_pair(&line[skip_blank(line, at + 1)..], b != b'&')
            }
            b')' | b']' | b'}' => {
                let open = match b {
                    b')' => b'(',
                    b']' => b'[',
                    _ => b'{',
                };
                next.is_none_or(|n| !is_ident(n)) && is_open(before, open, b)
            }
            b'"' | b'\'' | b'`' => closes(line, at, before),
            // The backslash before a closing quote of an outer string.
            b'\\' => {
                let run = line[at..].iter().take_while(|b| **b == b'\\').count();
                match line.get(at + run) {
                    Some(q) if is_quote(*q) => closes(line, at + run, before),
                    Some(b'n' | b'r' | b't') if run == 1 => before.contains(&b'"'),
                    _ => false,
                }
            }
            b'<' => next.is_some_and(|n| n == b'/' || n.is_ascii_alphabetic()),
            _ => false,
        };
        if ends {
            break;
        }
        at += 1;
    }
    at
}

fn is_open(before: &[u8], open: u8, close: u8) -> bool {
    memchr::memchr_iter(open, before).count() > memchr::memchr_iter(close, before).count()
}

/// Whether the quote at `at` ends an outer string: it was opened before, and what follows can follow a string.
pub(super) fn closes(line: &[u8], at: usize, before: &[u8]) -> bool {
    before.contains(&line[at]) && can_follow_string(line.get(at + 1))
}

/// The same for a quote that was encoded for a URL or for HTML.
fn ends_encoded(rest: &[u8]) -> bool {
    rest.first().is_none_or(|b| {
        b.is_ascii_whitespace()
            || matches!(b, b'&' | b',' | b'}' | b']' | b'"' | b'\'' | b'<' | b';')
    }) || [
        &b"%2C"[..],
        b"%2c",
        b"%7D",
        b"%7d",
        b"%5D",
        b"%5d",
        b"%20",
        b"%0A",
    ]
    .iter()
    .any(|e| rest.starts_with(e))
}

/// Whether what follows a closing quote shows that the value ended with it.
fn ends_value(rest: &[u8], setting: Setting) -> bool {
    match rest.first() {
        None => true,
        Some(b) if b.is_ascii_whitespace() || *b == 0 => true,
        // The end of an element: a name at the begin of a line is no attribute, unless its element ends there, too.
        Some(_) if rest.starts_with(b"/>") || rest.starts_with(b"?>") => {
            !setting.starts_line
                || rest[2..]
                    .trim_ascii_start()
                    .first()
                    .is_none_or(|b| *b == b'<')
        }
        Some(b'&') => !setting.starts_line && is_pair(&rest[1..], false),
        Some(b) if is_closer(*b) => {
            let after = rest.iter().find(|b| !is_closer(**b));
            !setting.starts_line || after.is_none_or(u8::is_ascii_whitespace)
        }
        Some(_) => false,
    }
}

fn is_closer(b: u8) -> bool {
    is_quote(b) || matches!(b, b',' | b';' | b'}' | b']' | b')' | b'>' | b'\\')
}

fn can_follow_string(next: Option<&u8>) -> bool {
    next.is_none_or(|n| {
        n.is_ascii_whitespace()
            || is_quote(*n)
            || matches!(
                n,
                0 | b','
                    | b'}'
                    | b']'
                    | b')'
                    | b';'
                    | b':'
                    | b'>'
                    | b'<'
                    | b'/'
                    | b'+'
                    | b'\\'
                    | b'|'
                    | b'&'
            )
    })
}

/// Leave what is no secret: nothing, a boolean, a mask, a placeholder, or a mark.
fn judge(line: &[u8], start: usize, end: usize) -> Found {
    let value = &line[start..end];
    if is_harmless(value) {
        Found::Harmless
    } else {
        Found::Value { start, end }
    }
}

pub(super) fn is_harmless(value: &[u8]) -> bool {
    let value = value.trim_ascii();
    const WORDS: [&str; 13] = [
        "true",
        "false",
        "null",
        "none",
        "nil",
        "undefined",
        "~",
        "yes",
        "no",
        "on",
        "off",
        "<redacted>",
        "<nil>",
    ];
    value.is_empty()
        || super::kinds::is_mark(value)
        || WORDS
            .iter()
            .any(|w| value.eq_ignore_ascii_case(w.as_bytes()))
        || value.iter().all(|b| *b == b'*')
        || is_placeholder(value)
}

/// `${NAME}` or `{{ name }}`, and nothing else.
fn is_placeholder(value: &[u8]) -> bool {
    let inner = value
        .strip_prefix(b"${")
        .and_then(|v| v.strip_suffix(b"}"))
        .or_else(|| {
            value
                .strip_prefix(b"{{")
                .and_then(|v| v.strip_suffix(b"}}"))
        });
    inner.is_some_and(|v| v.iter().all(|b| is_ident(*b) || *b == b' '))
}
