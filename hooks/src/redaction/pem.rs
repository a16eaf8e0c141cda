//! Private keys in PEM on one line (`\n` written as two characters) and the marks of those over many lines.
use memchr::memmem;

use super::kinds::{Kind, Span};

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";

/// Where `BEGIN … PRIVATE KEY …` stands at or after `from`: the start of the mark and its end.
fn find_mark(line: &[u8], mark: &[u8], from: usize) -> Option<(usize, usize)> {
    let mut at = from;
    while let Some(n) = memmem::find(&line[at..], mark) {
        let start = at + n;
        let name = start + mark.len();
        let window = &line[name..line.len().min(name + 60)];
        if let Some(key) = memmem::find(window, b"PRIVATE KEY") {
            let title = &window[..key];
            if title
                .iter()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || matches!(b, b' ' | b'-'))
                && memmem::find(title, b"--").is_none()
            {
                let mut end = name + key + b"PRIVATE KEY".len();
                if line[end..].starts_with(b" BLOCK") {
                    end += 6;
                }
                end += line[end..]
                    .iter()
                    .take(5)
                    .take_while(|b| **b == b'-')
                    .count();
                return Some((start, end));
            }
        }
        at = name;
    }
    None
}

/// Hides keys that begin on this line, ends of others, and what is as wide as a key's lines beside such a mark: of another
/// key, or of this one, where lines were joined. True when the last of them does not end on it.
pub(super) fn scan(line: &[u8], spans: &mut Vec<Span>) -> bool {
    let kind = Kind::PrivateKey;
    let mut from = 0;
    while let Some((start, end)) = find_mark(line, END, from) {
        spans.push(Span { start, end, kind });
        from = end;
    }
    if from > 0 || has_begin(line) {
        let found = runs(line).into_iter();
        spans.extend(found.map(|Run { start, end, .. }| Span { start, end, kind }));
    }
    let mut from = 0;
    while let Some((start, after)) = find_mark(line, BEGIN, from) {
        match find_mark(line, END, after) {
            Some((_, end)) => {
                spans.push(Span { start, end, kind });
                from = end;
            }
            None => {
                let end = line.len();
                spans.push(Span { start, end, kind });
                return true;
            }
        }
    }
    false
}

/// Where the mark of a key's end stands in a line: start and end.
pub(super) fn end_mark(line: &[u8]) -> Option<(usize, usize)> {
    find_mark(line, END, 0)
}

pub(super) fn has_begin(line: &[u8]) -> bool {
    find_mark(line, BEGIN, 0).is_some()
}

/// Whether the line could stand within a PEM block: base64 and nothing else, 40 to 100 characters.
pub(super) fn is_body(line: &[u8]) -> bool {
    let text = line.trim_ascii();
    (40..=100).contains(&text.len()) && is_base64(text)
}

pub(super) fn is_base64(text: &[u8]) -> bool {
    text.iter()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='))
}

/// Base64 as wide as lines of a key are, or wider, within a line of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) start: usize,
    pub(super) end: usize,
    /// It is no wider than a key's line and stands by itself: nothing but a mark says more of one that does not.
    pub(super) fits: bool,
    /// Its characters are as many and as various as those of random bytes: no hash in hex, no path.
    pub(super) is_mixed: bool,
}

/// Widths of a PEM line: 64, 70 (OpenSSH) and 76 are in use.
const NARROWEST: usize = 60;
const WIDEST: usize = 80;

impl Run {
    pub(super) fn width(&self) -> usize {
        self.end - self.start
    }
}

/// The runs of base64 in the line that are as wide as a key's lines are, in their order.
pub(super) fn runs(line: &[u8]) -> Vec<Run> {
    let is_64 = |at: usize| is_base64(&line[at..=at]);
    let mut found = Vec::new();
    let mut from = 0;
    while from + NARROWEST <= line.len() {
        // One that is wide enough and begins in these bytes holds the last of them.
        let probe = from + NARROWEST - 1;
        if !is_64(probe) {
            from = probe + 1;
            continue;
        }
        let mut start = probe;
        while start > from && is_64(start - 1) {
            start -= 1;
        }
        let mut end = probe + 1;
        while end < line.len() && is_64(end) {
            end += 1;
        }
        from = end;
        // `msg=MIIE…`: what stands before an equals sign is a name, or another run.
        while end - start >= NARROWEST {
            let text = end
                - line[start..end]
                    .iter()
                    .rev()
                    .take_while(|b| **b == b'=')
                    .count();
            let piece = memchr::memrchr(b'=', &line[start..text]).map_or(start, |n| start + n + 1);
            if end - piece >= NARROWEST {
                let part_of_more = |b: &u8| matches!(b, b'-' | b'_' | b'.' | b'%');
                let alone = !line[..piece].last().is_some_and(part_of_more)
                    && !line.get(end).is_some_and(part_of_more);
                found.push(Run {
                    start: piece,
                    end,
                    fits: alone && end - piece <= WIDEST,
                    is_mixed: is_mixed(&line[piece..end]),
                });
            }
            end = piece;
        }
    }
    found.sort_unstable_by_key(|r| r.start);
    found
}

/// 60 random characters of base64 have about forty different ones and one slash.
fn is_mixed(text: &[u8]) -> bool {
    let mut seen = [false; 128];
    for b in text {
        seen[usize::from(b & 0x7f)] = true;
    }
    let any = |is: fn(&u8) -> bool| text.iter().any(is);
    any(u8::is_ascii_uppercase)
        && any(u8::is_ascii_lowercase)
        && any(u8::is_ascii_digit)
        && seen.iter().filter(|s| **s).count() >= 28
        && memchr::memchr_iter(b'/', text).count() <= 6
}

/// The last word of a line, where it could be a key's last line: start and end. A short one counts only where `any`.
pub(super) fn last_word(line: &[u8], any: bool) -> Option<(usize, usize)> {
    let is_64 = |b: &u8| is_base64(std::slice::from_ref(b));
    let end = line.len() - line.iter().rev().take_while(|b| !is_64(b)).count();
    let start = end - line[..end].iter().rev().take_while(|b| is_64(b)).count();
    (start < end && (any || line[end - 1] == b'=' || end - start >= 16)).then_some((start, end))
}

/// Whether a mark of PEM stands in the line, of whatever kind.
pub(super) fn has_dashes(line: &[u8]) -> bool {
    memmem::find(line, BEGIN).is_some() || memmem::find(line, END).is_some()
}

/// Hides what looks like key material in a line of a block whose end did not come.
pub(super) fn scan_unended(line: &[u8], spans: &mut Vec<Span>) {
    let mut at = 0;
    while at < line.len() {
        let run = line[at..]
            .iter()
            .take_while(|b| is_base64(std::slice::from_ref(b)))
            .count();
        let whole_line = run > 0 && run == line.trim_ascii().len();
        if run >= 16 || whole_line {
            spans.push(Span {
                start: at,
                end: at + run,
                kind: Kind::PrivateKey,
            });
        }
        at += run.max(1);
    }
}
