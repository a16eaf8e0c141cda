//! One line: every rule looks at it, what they found is united, and the rules look again until nothing is found.
use std::borrow::Cow;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use regex::Regex;

use super::{
    RedactionError, keys,
    kinds::{Kind, MARK, Span, is_mark, marks},
    literals::Literals,
    pairs::{self, hide_element, indent, list_items, push, values_after},
    pem, tokens, urls,
    value::{self, Found, Setting, is_quote, skip_blank},
};

/// More rounds than any text needs; a line that is not settled by then is hidden whole.
const ROUNDS: usize = 16;
/// Lines after an AWS access key's id in which its secret may stand.
const AWS_LINES: u8 = 3;

/// What a line says of those after it.
#[derive(Clone, Debug, Default)]
pub(super) struct Context {
    pub awaited: Option<Awaited>,
    aws_lines: u8,
}

/// The value of a name that stood on an earlier line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Awaited {
    /// A YAML block (`key: |`): every line that is indented deeper.
    YamlBlock { indent: usize, kind: Kind },
    /// `key:` and nothing more: scalars that are indented deeper.
    NextLine { indent: usize, kind: Kind },
    /// Within `[ … ]`.
    List { kind: Kind },
    /// Within `""" … """`.
    Triple { quote: u8, kind: Kind },
    /// `value: …` of a name that was a value itself, for so many lines.
    Value { lines: u8, kind: Kind },
    /// The text of an XML element.
    Element { kind: Kind },
}

#[derive(Clone, Copy)]
enum Hint {
    Key,
    Url,
    /// The hint begins with the `@` behind the password.
    Dsn,
    Oracle,
    Pem,
    Shape(u8),
}

/// All rules, compiled.
pub(super) struct Rules {
    hints: AhoCorasick,
    hint_of: Vec<Hint>,
    shapes: Vec<Regex>,
    keys: Vec<String>,
    patterns: Vec<Regex>,
    literals: Option<Literals>,
}

/// One line without what had to be hidden.
pub(super) struct Line<'a> {
    pub text: Cow<'a, str>,
    pub hidden: Vec<Kind>,
    /// A private key begins on this line and does not end on it.
    pub opens_key: bool,
}

impl Rules {
    pub(super) fn new(
        key_names: &[String],
        patterns: Vec<Regex>,
        literals: Option<Literals>,
    ) -> Result<Self, RedactionError> {
        let mut texts: Vec<(String, Hint)> = keys::STEMS
            .iter()
            .map(|s| ((*s).to_owned(), Hint::Key))
            .collect();
        texts.extend(
            key_names
                .iter()
                .map(|name| (keys::longest_word(name), Hint::Key)),
        );
        texts.push(("://".into(), Hint::Url));
        texts.push(("@tcp(".into(), Hint::Dsn));
        texts.push(("@unix(".into(), Hint::Dsn));
        texts.push(("oracle:".into(), Hint::Oracle));
        texts.push(("private key".into(), Hint::Pem));
        for (i, shape) in (0u8..).zip(tokens::SHAPES) {
            texts.extend(
                shape
                    .hints
                    .iter()
                    .map(|h| ((*h).to_owned(), Hint::Shape(i))),
            );
        }
        let hints = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::DFA))
            .build(texts.iter().map(|(text, _)| text))
            .map_err(|_| RedactionError::TooManyKeys)?;
        Ok(Self {
            hints,
            hint_of: texts.into_iter().map(|(_, hint)| hint).collect(),
            shapes: tokens::compile()?,
            keys: key_names.iter().map(|name| keys::plain(name)).collect(),
            patterns,
            literals,
        })
    }

    /// The longest literal in any of its forms, in bytes.
    pub(super) fn longest_literal(&self) -> usize {
        self.literals.as_ref().map_or(0, |l| l.longest)
    }

    pub(super) fn redact<'a>(&self, line: &'a str, context: &mut Context) -> Line<'a> {
        self.redact_window(line, line.len(), context)
    }

    /// Redacts `line` and keeps its first `keep` bytes; the rest only tells what the kept part is part of.
    pub(super) fn redact_window<'a>(
        &self,
        line: &'a str,
        keep: usize,
        context: &mut Context,
    ) -> Line<'a> {
        let before = context.clone();
        let mut spans = Vec::new();
        let opens_key = self.scan(line, context, &mut spans);
        let mut hidden = Vec::new();
        let Some(mut text) = apply(line, spans, keep, &mut hidden) else {
            return Line {
                text: Cow::Borrowed(&line[..keep]),
                hidden,
                opens_key,
            };
        };
        for _ in 0..ROUNDS {
            let mut spans = Vec::new();
            let mut settled = before.clone();
            self.scan(&text, &mut settled, &mut spans);
            match apply(&text, spans, text.len(), &mut hidden) {
                Some(next) => text = next,
                None => {
                    // What the marked line waits for, it will wait for again when it is redacted again.
                    if settled.awaited.is_some() {
                        context.awaited = settled.awaited;
                    }
                    return Line {
                        text: Cow::Owned(text),
                        hidden,
                        opens_key,
                    };
                }
            }
        }
        hidden.push(Kind::Secret);
        Line {
            text: Cow::Owned(mark(Kind::Secret)),
            hidden,
            opens_key,
        }
    }

    /// Lines of a private key whose end did not come: what looks like key material goes too.
    pub(super) fn redact_unended<'a>(&self, line: &'a str, context: &mut Context) -> Line<'a> {
        let mut spans = Vec::new();
        pem::scan_unended(line.as_bytes(), &mut spans);
        self.redact_beside(line, spans, context)
    }

    /// Hides `spans`, and then what the rules find beside them.
    pub(super) fn redact_beside<'a>(
        &self,
        line: &'a str,
        spans: Vec<Span>,
        context: &mut Context,
    ) -> Line<'a> {
        let mut hidden = Vec::new();
        match apply(line, spans, line.len(), &mut hidden) {
            None => self.redact(line, context),
            Some(text) => {
                let Line {
                    text,
                    hidden: more,
                    opens_key,
                } = self.redact(&text, context);
                hidden.extend(more);
                Line {
                    text: Cow::Owned(text.into_owned()),
                    hidden,
                    opens_key,
                }
            }
        }
    }

    fn scan(&self, line: &str, context: &mut Context, spans: &mut Vec<Span>) -> bool {
        let next = match context.awaited.take() {
            Some(awaited) => arrived(awaited, line.as_bytes(), spans),
            None => None,
        };
        // Within a block its lines do not begin another one.
        let stays = next.is_some() && !matches!(next, Some(Awaited::Value { .. }));
        context.awaited = next.clone();
        let aws = self.scan_hints(line, context, spans);
        if stays {
            context.awaited = next;
        }
        if aws.0 || context.aws_lines > 0 {
            tokens::scan_aws_secret(line, spans);
        }
        context.aws_lines = if aws.0 {
            AWS_LINES
        } else {
            context.aws_lines.saturating_sub(1)
        };
        if let Some(literals) = &self.literals {
            literals.scan(line, spans);
        }
        for pattern in &self.patterns {
            pattern
                .find_iter(line)
                .for_each(|m| push(spans, m.start(), m.end(), Kind::Pattern));
        }
        aws.1
    }

    /// (an AWS key's id stands here, a private key stays open)
    fn scan_hints(&self, line: &str, context: &mut Context, spans: &mut Vec<Span>) -> (bool, bool) {
        let mut shapes = 0u64;
        let mut key_end = 0;
        let mut has_pem = false;
        let mut hidden = None;
        for found in self.hints.find_overlapping_iter(line) {
            match self.hint_of[found.pattern().as_usize()] {
                Hint::Key => {
                    // Names within marks, and hits within a name that was looked at, say nothing new.
                    let hidden = hidden.get_or_insert_with(|| marks(line.as_bytes()));
                    if found.end() <= key_end
                        || hidden
                            .iter()
                            .any(|m| m.0 <= found.start() && found.end() <= m.1)
                    {
                        continue;
                    }
                    let at =
                        (found.start()..found.end()).find(|i| value::is_ident(line.as_bytes()[*i]));
                    let earlier = spans.len();
                    let (end, awaited) =
                        pairs::scan(line, at.unwrap_or(found.start()), &self.keys, spans);
                    key_end = end;
                    let is_within = spans[..earlier]
                        .iter()
                        .any(|s| s.start <= found.start() && found.start() < s.end);
                    if awaited.is_some() && !is_within {
                        context.awaited = awaited;
                    }
                }
                Hint::Url => urls::scan(line, found.start(), spans),
                Hint::Dsn => urls::scan_dsn(line, found.start(), spans),
                Hint::Oracle => {
                    if let Some(n) =
                        memchr::memchr3(b'@', b' ', b'"', &line.as_bytes()[found.end()..])
                        && line.as_bytes()[found.end() + n] == b'@'
                    {
                        urls::scan_dsn(line, found.end() + n, spans);
                    }
                }
                Hint::Pem => has_pem = true,
                Hint::Shape(i) => shapes |= 1 << i,
            }
        }
        let mut aws = false;
        for (i, (shape, regex)) in tokens::SHAPES.iter().zip(&self.shapes).enumerate() {
            if shapes & (1 << i) != 0 {
                let found = spans.len();
                tokens::scan(line, shape, regex, spans);
                aws |= shape.kind == Kind::AwsKey && spans.len() > found;
            }
        }
        (aws, has_pem && pem::scan(line.as_bytes(), spans))
    }
}

/// Hides what `awaited` waited for; gives what the line after this one must still bring.
fn arrived(awaited: Awaited, line: &[u8], spans: &mut Vec<Span>) -> Option<Awaited> {
    let text = line.trim_ascii();
    let from = indent(line);
    let whole = |spans: &mut Vec<Span>, kind| {
        if !is_mark(text) {
            push(spans, from, from + text.len(), kind);
        }
    };
    match awaited {
        Awaited::YamlBlock { indent, kind } => {
            if text.is_empty() {
                return Some(awaited);
            }
            (from > indent)
                .then(|| whole(spans, kind))
                .map(|()| awaited)
        }
        Awaited::NextLine { indent, kind } => {
            if text.is_empty() {
                return Some(awaited);
            }
            let item = text.starts_with(b"- ");
            if from < indent || (from == indent && !item) {
                return None;
            }
            let start = if item {
                skip_blank(line, from + 1)
            } else {
                from
            };
            let key = line[start..]
                .iter()
                .take_while(|b| value::is_ident(**b) || is_quote(**b))
                .count();
            let is_map = key > 0
                && line.get(start + key) == Some(&b':')
                && line
                    .get(start + key + 1)
                    .is_none_or(u8::is_ascii_whitespace);
            if is_map {
                return None;
            }
            match value::find(
                line,
                start,
                Setting {
                    starts_line: true,
                    query: false,
                    key: 0,
                },
            ) {
                Found::Value { start, end } => {
                    push(spans, start, end, kind);
                    Some(awaited)
                }
                Found::OpenTriple { start, quote } => {
                    push(spans, start, line.len(), kind);
                    Some(Awaited::Triple { quote, kind })
                }
                Found::List(at) => list_items(line, at + 1, kind, spans),
                Found::Object => None,
                _ => Some(awaited),
            }
        }
        Awaited::List { kind } => list_items(line, 0, kind, spans),
        Awaited::Triple { quote, kind } => match memchr::memmem::find(line, &[quote; 3]) {
            Some(end) => {
                push(spans, 0, end, kind);
                None
            }
            None => {
                whole(spans, kind);
                Some(awaited)
            }
        },
        Awaited::Value { lines, kind } => {
            let start = match values_after(line, 0) {
                Some(at) => Some(at),
                None if text.starts_with(b"<") => {
                    let open = memchr::memchr(b'>', line)? + 1;
                    hide_element(line, open, kind, spans);
                    return None;
                }
                None => None,
            };
            match start {
                Some(at) => match value::find(
                    line,
                    at,
                    Setting {
                        starts_line: true,
                        query: false,
                        key: from,
                    },
                ) {
                    Found::Value { start, end } => {
                        push(spans, start, end, kind);
                        None
                    }
                    Found::YamlBlock => Some(Awaited::YamlBlock { indent: from, kind }),
                    Found::Nothing => Some(Awaited::NextLine { indent: from, kind }),
                    Found::List(at) => list_items(line, at + 1, kind, spans),
                    Found::OpenTriple { start, quote } => {
                        push(spans, start, line.len(), kind);
                        Some(Awaited::Triple { quote, kind })
                    }
                    Found::Object | Found::Harmless => None,
                },
                None => (lines > 1).then(|| Awaited::Value {
                    lines: lines - 1,
                    kind,
                }),
            }
        }
        Awaited::Element { kind } => match memchr::memmem::find(line, b"</") {
            Some(end) => {
                if !is_mark(line[..end].trim_ascii()) {
                    push(spans, from.min(end), end, kind);
                }
                None
            }
            None => {
                whole(spans, kind);
                Some(awaited)
            }
        },
    }
}

fn mark(kind: Kind) -> String {
    format!("{MARK}{kind}]")
}

/// The more a kind tells, the earlier it stands here: it names a place that several rules found.
fn rank(kind: Kind) -> u8 {
    match kind {
        Kind::PrivateKey => 0,
        Kind::AwsKey => 1,
        Kind::GithubToken => 2,
        Kind::SlackToken => 3,
        Kind::Jwt => 4,
        Kind::PasswordHash => 5,
        Kind::Literal => 6,
        Kind::UrlPassword => 7,
        Kind::Authorization => 8,
        Kind::Cookie => 9,
        Kind::Password => 10,
        Kind::Secret => 11,
        Kind::Token => 12,
        Kind::Pattern => 13,
    }
}

/// The first `keep` bytes of `line` with marks in place of `spans`, or none when there is nothing to replace.
fn apply(line: &str, mut spans: Vec<Span>, keep: usize, hidden: &mut Vec<Kind>) -> Option<String> {
    if spans.is_empty() {
        return None;
    }
    let marks = marks(line.as_bytes());
    for span in &mut spans {
        for (start, end) in &marks {
            // A mark is never cut in two.
            if span.start < *end && *start < span.end {
                span.start = span.start.min(*start);
                span.end = span.end.max(*end);
            }
        }
    }
    spans.retain(|s| !is_mark(&line.as_bytes()[s.start..s.end]));
    spans.sort_by_key(|s| (s.start, s.end));
    let mut out = String::with_capacity(line.len() + 32);
    let mut at = 0;
    let mut spans = spans.into_iter().peekable();
    let mut any = false;
    while let Some(mut span) = spans.next() {
        while let Some(next) = spans.next_if(|n| n.start < span.end) {
            span.end = span.end.max(next.end);
            if rank(next.kind) < rank(span.kind) {
                span.kind = next.kind;
            }
        }
        if span.start >= keep {
            break;
        }
        out.push_str(&line[at..span.start]);
        out.push_str(MARK);
        out.push_str(span.kind.name());
        out.push(']');
        hidden.push(span.kind);
        at = span.end;
        any = true;
    }
    if !any {
        return None;
    }
    if at < keep {
        out.push_str(&line[at..keep]);
    }
    Some(out)
}
