//! Passwords in URLs and connection strings: `scheme://user:pass@host`, also when the password holds `@` or `/`.
use super::{
    kinds::{Kind, Span, marks},
    pairs::push,
    value::{closes, is_quote},
};

/// A user name without a password that is this long is taken for a token (`https://TOKEN@host`).
const TOKEN_LENGTH: usize = 20;

/// Hides the password of the URL whose `://` stands at `at`.
pub(super) fn scan(line: &str, at: usize, spans: &mut Vec<Span>) {
    let bytes = line.as_bytes();
    let start = at + 3;
    let before = &bytes[..at];
    let end = (start..bytes.len())
        .find(|i| match bytes[*i] {
            b if b.is_ascii_whitespace() || b == 0 => true,
            b'<' | b'>' => true,
            q if is_quote(q) => closes(bytes, *i, before),
            // Another URL after a comma or a semicolon.
            b',' | b';' | b'|' => is_scheme(&bytes[i + 1..]),
            _ => false,
        })
        .unwrap_or(bytes.len());
    userinfo(bytes, start, end, spans);
}

fn is_scheme(text: &[u8]) -> bool {
    let text = text.trim_ascii_start();
    let word = text
        .iter()
        .take(24)
        .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.' | b':'))
        .count();
    word > 1 && text[..word].ends_with(b":") && text[word..].starts_with(b"//")
}

/// `user:password@host` in `start..end`.
fn userinfo(line: &[u8], start: usize, end: usize, spans: &mut Vec<Span>) {
    let text = &line[start..end];
    let Some(at_sign) = host_sign(text) else {
        return;
    };
    let user_info = &text[..at_sign];
    if marks(user_info).iter().any(|m| m.1 == user_info.len()) {
        return;
    }
    let path = user_info
        .iter()
        .position(|b| matches!(b, b'/' | b'?' | b'#'))
        .unwrap_or(user_info.len());
    match memchr::memchr(b':', user_info) {
        Some(colon) if colon < path => {
            // `host:8080/a@b` has a port, not a password.
            let is_port = path < user_info.len()
                && colon + 1 < path
                && user_info[colon + 1..path].iter().all(u8::is_ascii_digit);
            if !is_port {
                push(spans, start + colon + 1, start + at_sign, Kind::UrlPassword);
            }
        }
        _ if path == user_info.len() && (user_info.len() >= TOKEN_LENGTH) => {
            push(spans, start, start + at_sign, Kind::Token);
        }
        _ => {}
    }
}

/// The `@` before the host: the last one that a host can follow, so that a password may hold `@` and `/`.
fn host_sign(text: &[u8]) -> Option<usize> {
    let first = memchr::memchr(b'@', text)?;
    // An `@` in a query (`?mail=a@b`) counts only when none came before the query.
    let query = text[first..]
        .iter()
        .position(|b| *b == b'?')
        .map(|n| first + n);
    let limit = match query {
        Some(q) if is_host_and_path(&text[first + 1..q]) && is_query(&text[q + 1..]) => q,
        _ => text.len(),
    };
    memchr::memrchr_iter(b'@', &text[..limit])
        .find(|i| starts_host(&text[i + 1..limit]))
        .or(Some(first))
}

fn is_query(text: &[u8]) -> bool {
    let key = text
        .iter()
        .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
        .count();
    text.first().is_some_and(u8::is_ascii_alphabetic) && text.get(key) == Some(&b'=')
}

fn is_host_and_path(text: &[u8]) -> bool {
    text.first()
        .is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'[')
        && text.iter().all(|b| {
            b.is_ascii_alphanumeric()
                || matches!(
                    b,
                    b'.' | b'-' | b'_' | b':' | b',' | b'[' | b']' | b'/' | b'%'
                )
        })
}

fn starts_host(text: &[u8]) -> bool {
    text.first().is_some_and(|b| {
        b.is_ascii_alphanumeric()
            || matches!(b, b'[' | b'/' | b'_' | b'(' | b'$' | b'{' | b'%' | b'*')
    }) || text.is_empty()
}

/// `user:password@tcp(host)` of Go's MySQL driver, `scott/tiger@//host` of Oracle's: no `://` stands before.
pub(super) fn scan_dsn(line: &str, hit: usize, spans: &mut Vec<Span>) {
    let bytes = line.as_bytes();
    let sign = hit;
    let before = &bytes[..sign];
    let start = before
        .iter()
        .rposition(|b| b.is_ascii_whitespace() || is_quote(*b) || *b == b'=')
        .map_or(0, |n| n + 1);
    let text = &before[start..];
    let text_from = memchr::memmem::rfind(text, b":@").map_or(0, |n| n + 2);
    let oracle = memchr::memmem::rfind(text, b"oracle:").is_some();
    let separator = if oracle {
        text.iter().rposition(|b| *b == b'/')
    } else {
        memchr::memchr(b':', &text[text_from..]).map(|n| n + text_from)
    };
    if let Some(n) = separator
        && !marks(text).iter().any(|m| m.1 == text.len())
    {
        push(spans, start + n + 1, sign, Kind::UrlPassword);
    }
}
