//! Secrets that stand beside their names: `password=x`, `"password": "x"`, `--password x`, `<password>x</password>`,
//! `name: DB_PASSWORD` with `value: x`.
mod headers;

use super::{
    keys,
    kinds::{Kind, Span, mark_at},
    line::Awaited,
    value::{self, Found, Setting, is_ident, is_quote, skip_blank},
};
use headers::{at_value, credentials_end, header_value, scheme_at};

/// Hides what belongs to the name around `hit`. Gives the end of the name, and what the next lines must bring.
pub(super) fn scan(
    line: &str,
    hit: usize,
    extra: &[String],
    spans: &mut Vec<Span>,
) -> (usize, Option<Awaited>) {
    let bytes = line.as_bytes();
    let mut start = hit;
    while start > 0 && is_ident(bytes[start - 1]) {
        start -= 1;
    }
    let mut end = hit.max(start);
    while bytes.get(end).is_some_and(|b| is_ident(*b)) {
        end += 1;
    }
    if end <= start {
        return (hit + 1, None);
    }
    let dashes = bytes[start..end].iter().take_while(|b| **b == b'-').count();
    let trailing = bytes[start + dashes..end]
        .iter()
        .rev()
        .take_while(|b| matches!(b, b'.' | b'-'))
        .count();
    let (name_start, name_end) = (start + dashes, end - trailing);
    if name_start >= name_end {
        return (end, None);
    }
    let Some(kind) = keys::kind_of(&line[name_start..name_end], extra) else {
        return (end, None);
    };
    let name = Name {
        line: bytes,
        start: name_start,
        end: name_end,
        dashes,
        kind,
    };
    (end, name.value(spans))
}

struct Name<'a> {
    line: &'a [u8],
    start: usize,
    end: usize,
    /// How many `-` stood before: a flag of a command.
    dashes: usize,
    kind: Kind,
}

impl Name<'_> {
    fn value(&self, spans: &mut Vec<Span>) -> Option<Awaited> {
        if self.is_element() {
            return self.element(spans);
        }
        if let Some(label) = self.label() {
            return self.labelled(label, spans);
        }
        let setting = self.setting();
        let Some(at) = self.after_separator(setting) else {
            self.loose(spans);
            return None;
        };
        if self.kind == Kind::Authorization {
            let end = credentials_end(self.line, at, self.start);
            if let Some(end) = end {
                push(spans, at_value(self.line, at), end, self.kind);
                return None;
            }
        }
        if self.kind == Kind::Cookie {
            let (start, end) = header_value(self.line, at, self.start);
            if !value::is_harmless(&self.line[start..end]) {
                push(spans, start, end, self.kind);
            }
            return None;
        }
        self.hide(value::find(self.line, at, setting), setting, spans)
    }

    fn hide(&self, found: Found, setting: Setting, spans: &mut Vec<Span>) -> Option<Awaited> {
        let indent = indent(self.line);
        let kind = self.kind;
        match found {
            Found::Value { start, mut end } => {
                // `token: Bearer abc`: the scheme is not the secret.
                if let Some(scheme) = scheme_at(self.line, start) {
                    let next = skip_blank(self.line, start + scheme);
                    end = end.max(value::bare_end(self.line, next, setting));
                }
                push(spans, start, end, kind);
                None
            }
            Found::OpenTriple { start, quote } => {
                push(spans, start, self.line.len(), kind);
                Some(Awaited::Triple { quote, kind })
            }
            Found::YamlBlock => Some(Awaited::YamlBlock { indent, kind }),
            Found::Nothing if setting.starts_line => Some(Awaited::NextLine { indent, kind }),
            Found::List(at) => list_items(self.line, at + 1, kind, spans),
            Found::Nothing | Found::Object | Found::Harmless => None,
        }
    }

    fn setting(&self) -> Setting {
        let before = &self.line[..self.start];
        let trimmed = before.trim_ascii();
        let trimmed = trimmed.trim_suffix_bytes();
        let starts_line = self.dashes < 2
            && matches!(
                trimmed,
                b"" | b"-"
                    | b"export"
                    | b"set"
                    | b"setenv"
                    | b"ENV"
                    | b"env"
                    | b"declare -x"
                    | b"#"
                    | b"//"
                    | b";"
                    | b"+"
                    | b"!"
            );
        let query = matches!(before.last(), Some(b'?' | b'&'));
        Setting {
            starts_line,
            query,
            key: self.start,
        }
    }

    /// Where the value may begin, if a separator follows the name.
    fn after_separator(&self, setting: Setting) -> Option<usize> {
        let line = self.line;
        let mut at = self.end;
        let mut quoted = false;
        loop {
            let rest = &line[at..];
            at += match rest.first()? {
                b'"' | b'\'' | b'`' => {
                    quoted = true;
                    1
                }
                b'\\' | b']' => 1,
                _ if rest.starts_with(b"%22")
                    || rest.starts_with(b"%5D")
                    || rest.starts_with(b"%5d") =>
                {
                    3
                }
                _ if rest.starts_with(b"&quot;") => 6,
                _ => break,
            };
        }
        let gap = skip_blank(line, at);
        let rest = &line[gap..];
        if rest.starts_with(b"::") {
            return None;
        }
        if rest.starts_with(b"%3D")
            || rest.starts_with(b"%3d")
            || rest.starts_with(b"%3A")
            || rest.starts_with(b"%3a")
        {
            return Some(gap + 3);
        }
        let mut after = gap;
        while line
            .get(after)
            .is_some_and(|b| matches!(b, b':' | b'=' | b'>'))
            && after - gap < 3
        {
            if line[after] == b'>' && (after == gap || line[after - 1] != b'=') {
                break;
            }
            after += 1;
        }
        if after > gap {
            return Some(after);
        }
        // `--password x`, also as `"--password", "x"`.
        if self.dashes > 0 && (gap > at || (quoted && rest.first() == Some(&b','))) {
            let at = gap + usize::from(rest.first() == Some(&b','));
            let at = skip_blank(line, at);
            let is_flag = line[at..].starts_with(b"--")
                && line.get(at + 2).is_some_and(u8::is_ascii_alphabetic);
            return (at < line.len() && !is_flag).then_some(at);
        }
        // `("password", "x")`
        if quoted && rest.first() == Some(&b',') {
            let open = self.line[..self.start]
                .iter()
                .rev()
                .find(|b| !is_quote(**b) && **b != b'\\');
            let at = skip_blank(line, gap + 1);
            let value_is_quoted = line[at..]
                .iter()
                .find(|b| **b != b'\\')
                .is_some_and(|b| is_quote(*b));
            return (matches!(open, Some(b'(' | b'[')) && value_is_quoted).then_some(at);
        }
        // `setPassword("x")`, `PASSWORD 'x'` of SQL.
        if !quoted && (rest.first() == Some(&b'(') || gap > at) {
            let at = skip_blank(line, gap + usize::from(rest.first() == Some(&b'(')));
            let is_quoted = line[at..]
                .iter()
                .find(|b| **b != b'\\')
                .is_some_and(|b| is_quote(*b));
            if is_quoted {
                return Some(at);
            }
        }
        let _ = setting;
        None
    }

    /// Names that take a value after a blank: redis' `requirepass x`, netrc's `login x password y`.
    fn loose(&self, spans: &mut Vec<Span>) {
        let at = skip_blank(self.line, self.end);
        if at == self.end || at >= self.line.len() {
            return;
        }
        let name = self.line[self.start..self.end].to_ascii_lowercase();
        let redis = matches!(name.as_slice(), b"requirepass" | b"masterauth");
        let netrc = name == b"password"
            && memchr::memmem::find(&self.line[..self.start], b"login ").is_some();
        if redis || netrc {
            let end = value::bare_end(
                self.line,
                at,
                Setting {
                    key: self.start,
                    ..Setting::default()
                },
            );
            if !value::is_harmless(&self.line[at..end]) {
                push(spans, at, end, self.kind);
            }
        }
    }

    /// `<password …>` or `<ns:password …>`.
    fn is_element(&self) -> bool {
        let before = &self.line[..self.start];
        if before.ends_with(b"<") {
            return true;
        }
        let namespace = before
            .strip_suffix(b":")
            .map(|b| b.iter().rev().take_while(|b| is_ident(**b)).count());
        namespace.is_some_and(|n| n > 0 && before[..before.len() - 1 - n].ends_with(b"<"))
    }

    fn element(&self, spans: &mut Vec<Span>) -> Option<Awaited> {
        let open = self.end + memchr::memchr(b'>', &self.line[self.end..])?;
        if self.line[open - 1] == b'/' {
            return None;
        }
        hide_element(self.line, open + 1, self.kind, spans)
    }

    /// The end of the name, when the name itself is a value: `name: DB_PASSWORD`, `<key>password</key>`.
    fn label(&self) -> Option<usize> {
        let mut at = self.start;
        while at > 0
            && (is_quote(self.line[at - 1]) || matches!(self.line[at - 1], b'\\' | b' ' | b'\t'))
        {
            at -= 1;
        }
        let separator = *self.line.get(at.checked_sub(1)?)?;
        if !matches!(separator, b':' | b'=' | b'>') {
            return None;
        }
        at -= 1;
        while at > 0
            && (is_quote(self.line[at - 1]) || matches!(self.line[at - 1], b'\\' | b' ' | b'\t'))
        {
            at -= 1;
        }
        let word = self.line[..at]
            .iter()
            .rev()
            .take_while(|b| b.is_ascii_alphabetic())
            .count();
        let name = self.line[at - word..at].to_ascii_lowercase();
        let names = matches!(
            name.as_slice(),
            b"name" | b"key" | b"field" | b"variable" | b"setting"
        );
        (names && (separator != b'>' || self.line[..at - word].ends_with(b"<"))).then_some(self.end)
    }

    fn labelled(&self, at: usize, spans: &mut Vec<Span>) -> Option<Awaited> {
        let rest = &self.line[at..];
        // `name="password">x<` and `<key>password</key><string>x</string>`
        let before = &self.line[..self.start];
        let is_in_tag = memchr::memrchr2(b'<', b'>', before).is_some();
        if is_in_tag && let Some(close) = memchr::memchr(b'>', rest) {
            let mut from = at + close + 1;
            if rest.starts_with(b"</") {
                match memchr::memchr(b'>', &self.line[from..]) {
                    Some(n) => from += n + 1,
                    None => {
                        return Some(Awaited::Value {
                            lines: 3,
                            kind: self.kind,
                        });
                    }
                }
            }
            if self.line.get(from).is_some_and(|b| *b != b'<') {
                return hide_element(self.line, from, self.kind, spans);
            }
        }
        match values_after(self.line, at) {
            Some(from) => {
                let setting = Setting {
                    starts_line: false,
                    query: false,
                    key: self.start,
                };
                self.hide(value::find(self.line, from, setting), setting, spans)
            }
            None => Some(Awaited::Value {
                lines: 3,
                kind: self.kind,
            }),
        }
    }
}

/// Where the value of the next `value:`, `value=` begins.
pub(super) fn values_after(line: &[u8], from: usize) -> Option<usize> {
    let found = memchr::memmem::find_iter(&line[from..], b"alue")
        .map(|n| from + n)
        .find(|n| {
            *n > 0
                && matches!(line[n - 1], b'v' | b'V')
                && !line
                    .get(n.wrapping_sub(2))
                    .is_some_and(|b| is_ident(*b) && *b != b'-')
        })?;
    let mut at = found + 4;
    while line.get(at).is_some_and(|b| is_quote(*b) || *b == b'\\') {
        at += 1;
    }
    at = skip_blank(line, at);
    line.get(at)
        .is_some_and(|b| matches!(b, b':' | b'='))
        .then_some(at + 1)
}

/// The text of an XML element from `at` to its end tag, or what the next lines must bring.
pub(super) fn hide_element(
    line: &[u8],
    at: usize,
    kind: Kind,
    spans: &mut Vec<Span>,
) -> Option<Awaited> {
    let cdata = line[at..].starts_with(b"<![CDATA[");
    let start = at + if cdata { 9 } else { 0 };
    let closing: &[u8] = if cdata { b"]]>" } else { b"</" };
    let end = memchr::memmem::find(&line[start..], closing).map(|n| start + n);
    // A nested element speaks for itself.
    if !cdata && line.get(skip_blank(line, start)) == Some(&b'<') {
        return None;
    }
    let stop = end.unwrap_or(line.len());
    if !value::is_harmless(&line[start..stop]) {
        push(spans, start, stop, kind);
    }
    if end.is_none() {
        Some(Awaited::Element { kind })
    } else {
        None
    }
}

/// Every scalar of a list, from `at` within it; what is open at the end of the line goes on.
pub(super) fn list_items(
    line: &[u8],
    mut at: usize,
    kind: Kind,
    spans: &mut Vec<Span>,
) -> Option<Awaited> {
    loop {
        at = skip_blank(line, at);
        match line.get(at) {
            // Only a line that breaks off where a list can goes on.
            None => {
                return matches!(line.trim_ascii_end().last(), Some(b',' | b'['))
                    .then_some(Awaited::List { kind });
            }
            Some(b']') => return None,
            Some(b',') => at += 1,
            Some(b'{') if value::is_object(&line[at + 1..]) => return None,
            Some(b'[') if mark_at(&line[at..]).is_none() => at += 1,
            Some(_) => {
                if let Some(len) = mark_at(&line[at..]) {
                    at += len;
                    continue;
                }
                let (start, end, next) = match value::quoted(line, at) {
                    Some(value::Quoted::Closed { start, end, after }) => (start, end, after),
                    Some(value::Quoted::Open { start } | value::Quoted::Triple { start, .. }) => {
                        (start, line.len(), line.len())
                    }
                    None => {
                        let end = line[at..]
                            .iter()
                            .position(|b| matches!(b, b',' | b']'))
                            .map_or(line.len(), |n| at + n);
                        (at, end, end)
                    }
                };
                if !value::is_harmless(&line[start..end]) {
                    push(spans, start, end, kind);
                }
                at = next.max(at + 1);
            }
        }
    }
}

pub(super) fn push(spans: &mut Vec<Span>, start: usize, end: usize, kind: Kind) {
    if start < end {
        spans.push(Span { start, end, kind });
    }
}

pub(super) fn indent(line: &[u8]) -> usize {
    line.iter()
        .take_while(|b| matches!(b, b' ' | b'\t'))
        .count()
}

trait TrimQuotes {
    fn trim_suffix_bytes(&self) -> &[u8];
}

impl TrimQuotes for [u8] {
    /// Without quotes at the end, so that `"password"` may begin a line.
    fn trim_suffix_bytes(&self) -> &[u8] {
        let mut text = self;
        while let [rest @ .., last] = text {
            if is_quote(*last) || *last == b'\\' {
                text = rest
            } else {
                break;
            }
        }
        text.trim_ascii_end()
    }
}
