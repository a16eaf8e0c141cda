//! Values that the customer named as secret, in every form they are written in: plain, escaped for JSON, XML, SQL and
//! shells, URL-encoded, base64 (also within longer base64), hex.
use std::collections::BTreeSet;

use aho_corasick::{AhoCorasick, MatchKind};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};

use super::{
    RedactionError,
    kinds::{Kind, Span},
    pairs::push,
};

/// Shorter literals count only where they stand as a word of their own: `a` must not blank every `a`.
pub const SHORT_LITERAL: usize = 4;
/// Shorter base64 cores would match by chance.
const SHORTEST_CORE: usize = 8;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Form {
    Whole,
    Word,
    /// Part of a longer base64 text, all of which is hidden.
    Base64,
}

pub(super) struct Literals {
    automaton: AhoCorasick,
    forms: Vec<Form>,
    pub longest: usize,
}

impl Literals {
    pub(super) fn new<'a>(
        values: impl Iterator<Item = &'a str>,
    ) -> Result<Option<Self>, RedactionError> {
        let mut forms = BTreeSet::new();
        for value in values {
            // Lines are looked at one by one: each line of a value counts by itself, and so does the whole when escaped.
            for line in value
                .lines()
                .map(str::trim)
                .chain([value.trim()])
                .filter(|l| !l.is_empty())
            {
                written(line, &mut forms);
            }
        }
        if forms.is_empty() {
            return Ok(None);
        }
        let longest = forms.iter().map(|(text, _)| text.len()).max().unwrap_or(0);
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .build(forms.iter().map(|(text, _)| text.as_slice()))
            .map_err(|_| RedactionError::TooManyLiterals)?;
        Ok(Some(Self {
            automaton,
            forms: forms.iter().map(|(_, form)| *form).collect(),
            longest,
        }))
    }

    pub(super) fn scan(&self, line: &str, spans: &mut Vec<Span>) {
        let bytes = line.as_bytes();
        for found in self.automaton.find_overlapping_iter(line) {
            let (mut start, mut end) = (found.start(), found.end());
            match self.forms[found.pattern().as_usize()] {
                Form::Whole => {}
                Form::Word => {
                    let beside =
                        |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_alphanumeric() || *b >= 0x80);
                    if beside(start.checked_sub(1).and_then(|i| bytes.get(i)))
                        || beside(bytes.get(end))
                    {
                        continue;
                    }
                }
                Form::Base64 => {
                    let of_base64 = |b: &u8| {
                        b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_')
                    };
                    start -= bytes[..start]
                        .iter()
                        .rev()
                        .take_while(|b| of_base64(b))
                        .count();
                    end += bytes[end..].iter().take_while(|b| of_base64(b)).count();
                    end += bytes[end..]
                        .iter()
                        .take(2)
                        .take_while(|b| **b == b'=')
                        .count();
                }
            }
            // A cut within a character would break the text.
            while !line.is_char_boundary(start) {
                start -= 1;
            }
            while !line.is_char_boundary(end) {
                end += 1;
            }
            push(spans, start, end, Kind::Literal);
        }
    }
}

type Forms = BTreeSet<(Vec<u8>, Form)>;

fn written(value: &str, forms: &mut Forms) {
    let plain = if value.len() < SHORT_LITERAL {
        Form::Word
    } else {
        Form::Whole
    };
    let mut add = |text: String, form: Form| {
        if !text.is_empty() {
            forms.insert((text.into_bytes(), form));
        }
    };
    let json = json_escaped(value, false);
    add(value.to_owned(), plain);
    add(json_escaped(&json, false), plain);
    add(json_escaped(value, true), plain);
    add(json.replace('/', "\\/"), plain);
    add(
        json.replace('<', "\\u003c")
            .replace('>', "\\u003e")
            .replace('&', "\\u0026"),
        plain,
    );
    add(json, plain);
    add(value.replace('\'', "''"), plain);
    add(value.replace('\'', "'\\''"), plain);
    add(value.replace('\\', "\\\\").replace('\'', "\\'"), plain);
    let xml = value
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    add(xml.replace('"', "&quot;"), plain);
    for apostrophe in ["&#39;", "&apos;", "&#x27;"] {
        add(xml.replace('"', "&quot;").replace('\'', apostrophe), plain);
        add(xml.replace('"', "&#34;").replace('\'', apostrophe), plain);
    }
    add(xml, plain);
    // Encoders differ in what they leave alone.
    for kept in [
        "",
        "-_.~",
        "-_.!~*'()",
        "*-._",
        "-_.~!$&'()*+,;=:@",
        "-_.~!$&'()*+,;=:@/",
        "-_.~/",
    ] {
        for upper in [true, false] {
            let encoded = url_encoded(value, kept, upper);
            add(encoded.replace("%20", "+"), plain);
            add(encoded.replace('%', "%25"), plain);
            add(encoded, plain);
        }
    }
    if value.len() >= SHORT_LITERAL {
        add(
            value.bytes().map(|b| format!("{b:02x}")).collect(),
            Form::Whole,
        );
        add(
            value.bytes().map(|b| format!("{b:02X}")).collect(),
            Form::Whole,
        );
    }
    for (text, form) in base64_forms(value) {
        add(text, form);
    }
}

/// Base64 of the value alone, and what of it shows in base64 of a longer text at each of the three alignments.
fn base64_forms(value: &str) -> Vec<(String, Form)> {
    let mut out = Vec::new();
    for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
        if value.len() >= SHORT_LITERAL {
            out.push((engine.encode(value), Form::Whole));
        }
        for shift in 0..3usize {
            let mut bytes = vec![0; shift];
            bytes.extend_from_slice(value.as_bytes());
            let text = engine.encode(&bytes);
            // Characters that a neighbour's bits reach into do not count.
            let from = [0, 2, 3][shift];
            let to = bytes.len() * 8 / 6;
            if to >= from + SHORTEST_CORE {
                out.push((text[from..to].to_owned(), Form::Base64));
            }
        }
    }
    out
}

fn json_escaped(value: &str, ascii: bool) -> String {
    let mut out = String::with_capacity(value.len() + 8);
    for c in value.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if (c as u32) < 0x20 || (ascii && !c.is_ascii()) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
            c => out.push(c),
        }
    }
    out
}

fn url_encoded(value: &str, kept: &str, upper: bool) -> String {
    value
        .bytes()
        .map(|b| {
            if b.is_ascii_alphanumeric() || kept.as_bytes().contains(&b) {
                (b as char).to_string()
            } else if upper {
                format!("%{b:02X}")
            } else {
                format!("%{b:02x}")
            }
        })
        .collect()
}
