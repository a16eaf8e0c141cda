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

/// Hides keys that begin on this line. True when the last of them does not end on it.
pub(super) fn scan(line: &[u8], spans: &mut Vec<Span>) -> bool {
    let mut from = 0;
    while let Some((start, after)) = find_mark(line, BEGIN, from) {
        match find_mark(line, END, after) {
            Some((_, end)) => {
                spans.push(Span {
                    start,
                    end,
                    kind: Kind::PrivateKey,
                });
                from = end;
            }
            None => {
                spans.push(Span {
                    start,
                    end: line.len(),
                    kind: Kind::PrivateKey,
                });
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
