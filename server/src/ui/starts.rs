//! Texts to start a hook from, each a file of `hooks/templates`: between two lines `+++` what the text is called and the
//! parameters that people fill in, and behind them the text, in which `{{name}}` stands for a parameter's value as TOML.
//! The text that comes of it is the whole truth: nothing of the form is kept but which start it came from.
use std::sync::LazyLock;

use boathook_hooks::authoring::human;
use serde::Deserialize;

/// What a field's name begins with where it is sent, so that no parameter takes the name of something else.
pub const PREFIX: &str = "p-";
const FENCE: &str = "+++\n";
/// Longest that is typed into one field, in characters.
const LONGEST: usize = 4_000;
/// Lines of a list.
const MOST_LINES: usize = 100;

#[derive(Debug)]
pub struct Start {
    /// As hooks that were made from it record it.
    pub name: &'static str,
    pub title: String,
    pub words: String,
    parameters: Vec<Parameter>,
    text: &'static str,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Front {
    title: String,
    words: String,
    parameters: Vec<Parameter>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    pub name: String,
    pub label: String,
    pub kind: Kind,
    default: Default,
    pub help: String,
    /// Of a count.
    #[serde(default)]
    pub min: u64,
    #[serde(default = "endless")]
    pub max: u64,
    /// Of a choice.
    #[serde(default)]
    pub choices: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// One line of text.
    Line,
    /// Several lines of text.
    Words,
    /// A value a line.
    List,
    /// A whole number.
    Count,
    /// Such as `2 MiB`.
    Size,
    /// Such as `36h`.
    Duration,
    Choice,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Default {
    Text(String),
    Count(u64),
    List(Vec<String>),
}

fn endless() -> u64 {
    u64::MAX
}

/// Why what was typed is no value, and what would be one.
#[derive(Debug, PartialEq, Eq)]
pub struct Wrong {
    pub detail: &'static str,
    pub expected: String,
}

/// A parameter with what was typed.
pub struct Field {
    pub parameter: &'static Parameter,
    pub value: String,
    pub wrong: Option<Wrong>,
}

/// A text with its form filled in; where something typed is wrong its default stands in the text.
pub struct Filled {
    pub start: &'static Start,
    pub fields: Vec<Field>,
    pub text: String,
}

macro_rules! file {
    ($name:literal) => {
        (
            $name,
            include_str!(concat!("../../../hooks/templates/", $name, ".toml")),
        )
    };
}

/// The first is what a ticket without any hook begins with.
const FILES: [(&str, &str); 3] = [file!("host-and-logs"), file!("journal"), file!("postgres")];

static ALL: LazyLock<Vec<Start>> = LazyLock::new(|| {
    let read = |(name, file): (&'static str, &'static str)| match Start::read(name, file) {
        Ok(start) => Some(start),
        // A test reads them all: no server is built with one that cannot be read.
        Err(why) => {
            tracing::error!(name, why, "a starting text cannot be read");
            None
        }
    };
    FILES.into_iter().filter_map(read).collect()
});

pub fn all() -> &'static [Start] {
    &ALL
}

pub fn of(name: &str) -> Option<&'static Start> {
    ALL.iter().find(|s| s.name == name)
}

/// Their names, for whoever asked for another.
pub fn names() -> String {
    let names: Vec<_> = ALL.iter().map(|s| s.name).collect();
    names.join(", ")
}

impl Start {
    fn read(name: &'static str, file: &'static str) -> Result<Self, String> {
        let fenced = file.strip_prefix(FENCE).and_then(|f| f.split_once(FENCE));
        let (front, text) = fenced.ok_or("it does not begin with a part between +++ and +++")?;
        let front: Front = toml::from_str(front).map_err(|e| e.to_string())?;
        Ok(Self {
            name,
            title: front.title,
            words: front.words,
            parameters: front.parameters,
            text,
        })
    }

    /// The text with what `typed` says of the parameters, by name; what it does not name has its default.
    pub fn filled<'t>(&'static self, typed: impl Fn(&str) -> Option<&'t str>) -> Filled {
        let mut fields = Vec::new();
        let mut values = Vec::new();
        for parameter in &self.parameters {
            let typed = typed(&parameter.name).map(lines);
            let value = typed.unwrap_or_else(|| parameter.default());
            let read = parameter.read(&value);
            let fall_back = || parameter.read(&parameter.default()).unwrap_or_default();
            let (toml, wrong) = match read {
                Ok(toml) => (toml, None),
                Err(wrong) => (fall_back(), Some(wrong)),
            };
            values.push((parameter.name.as_str(), toml));
            fields.push(Field {
                parameter,
                value,
                wrong,
            });
        }
        Filled {
            text: put(self.text, &values),
            start: self,
            fields,
        }
    }
}

/// Browsers send CR LF for every end of a line.
fn lines(typed: &str) -> String {
    typed.replace("\r\n", "\n")
}

/// In one pass: what was typed is never looked through for further names.
fn put(text: &str, values: &[(&str, String)]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("{{") {
        out.push_str(before);
        let Some((name, after)) = behind.split_once("}}") else {
            rest = behind;
            continue;
        };
        let value = values.iter().find(|(n, _)| *n == name);
        out.push_str(value.map_or("", |(_, toml)| toml));
        rest = after;
    }
    out.push_str(rest);
    out
}

impl Parameter {
    /// As it would be typed.
    fn default(&self) -> String {
        match &self.default {
            Default::Text(text) => text.clone(),
            Default::Count(n) => n.to_string(),
            Default::List(lines) => lines.join("\n"),
        }
    }

    pub fn is_long(&self) -> bool {
        matches!(self.kind, Kind::Words | Kind::List)
    }

    pub fn is_count(&self) -> bool {
        self.kind == Kind::Count
    }

    /// What was typed as TOML.
    fn read(&self, typed: &str) -> Result<String, Wrong> {
        let wrong = |detail, expected: &str| {
            Err(Wrong {
                detail,
                expected: expected.to_owned(),
            })
        };
        let text = typed.trim();
        if text.is_empty() {
            return wrong("nothing was typed", self.expected().as_str());
        }
        if text.chars().count() > LONGEST {
            return wrong("this is too long", &format!("at most {LONGEST} characters"));
        }
        let is_odd = |c: char| c.is_control() && !(c == '\n' && self.is_long()) && c != '\t';
        if text.chars().any(is_odd) {
            return wrong("this holds characters that are no text", &self.expected());
        }
        match self.kind {
            Kind::Line => Ok(quoted(text)),
            Kind::Words => Ok(block(text)),
            Kind::List => {
                let lines: Vec<&str> = text
                    .lines()
                    .map(str::trim)
                    .filter(|l| !l.is_empty())
                    .collect();
                if lines.len() > MOST_LINES {
                    return wrong("these are too many lines", &format!("at most {MOST_LINES}"));
                }
                let quoted: Vec<String> = lines.into_iter().map(quoted).collect();
                Ok(format!("[{}]", quoted.join(", ")))
            }
            Kind::Count => match text.parse::<u64>() {
                Ok(n) if (self.min..=self.max).contains(&n) => Ok(n.to_string()),
                Ok(_) => wrong("that number does not fit", &self.expected()),
                Err(_) => wrong("that is no whole number", &self.expected()),
            },
            Kind::Size => match human::parse_size(text) {
                Some(bytes) if bytes > 0 => Ok(quoted(text)),
                _ => wrong("that is no size", &self.expected()),
            },
            Kind::Duration => match human::parse_duration(text) {
                Some(seconds) if seconds > 0 => Ok(quoted(text)),
                _ => wrong("that is no length of time", &self.expected()),
            },
            Kind::Choice => match self.choices.iter().any(|c| c == text) {
                true => Ok(quoted(text)),
                false => wrong("that is none of the choices", &self.expected()),
            },
        }
    }

    fn expected(&self) -> String {
        match self.kind {
            Kind::Line => "one line of text".to_owned(),
            Kind::Words => "some lines of text".to_owned(),
            Kind::List => "one value a line".to_owned(),
            Kind::Count => format!("a whole number from {} to {}", self.min, self.max),
            Kind::Size => "a size such as 5 MiB".to_owned(),
            Kind::Duration => "a length of time such as 12h or 2d".to_owned(),
            Kind::Choice => self.choices.join(", "),
        }
    }
}

impl Field {
    /// Its name where it is sent.
    pub fn name(&self) -> String {
        format!("{PREFIX}{}", self.parameter.name)
    }
}

impl Filled {
    pub fn is_right(&self) -> bool {
        self.fields.iter().all(|f| f.wrong.is_none())
    }
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

/// One of several lines.
fn block(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|l| escaped(l.trim_end())).collect();
    format!("\"\"\"\n{}\n\"\"\"", lines.join("\n"))
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use boathook_hooks::{
        authoring::{Severity, lint_at, parse},
        time::Time,
    };

    use super::*;

    fn errors(text: &str) -> Vec<String> {
        let faults = lint_at(text, None, Time::from_ms(1_780_000_000_000));
        let errors = faults.iter().filter(|f| f.severity == Severity::Error);
        errors.map(ToString::to_string).collect()
    }

    #[test]
    fn every_start_is_a_hook_without_errors_and_uses_each_of_its_parameters() {
        assert_eq!(all().len(), FILES.len());
        for start in all() {
            let filled = start.filled(|_| None);
            assert!(filled.is_right(), "{}", start.name);
            assert_eq!(errors(&filled.text), [""; 0], "{}", start.name);
            assert!(!filled.text.contains("{{"), "{}", filled.text);
            for parameter in &start.parameters {
                let place = format!("{{{{{}}}}}", parameter.name);
                assert_eq!(start.text.matches(&place).count(), 1, "{place}");
                assert!(!parameter.help.is_empty() && !parameter.label.is_empty());
            }
        }
    }

    #[test]
    fn what_is_typed_is_the_texts_whatever_it_holds() {
        let reason = "say \"why\"\r\n\\ and {{places}}\n\"\"\" end";
        let typed = |name: &str| match name {
            "reason" => Some(reason),
            "units" => Some("a.service\n\n b@1.service \n"),
            "places" => Some(" 7 "),
            _ => None,
        };
        let filled = of("journal").unwrap().filled(typed);
        assert!(filled.is_right());
        assert_eq!(errors(&filled.text), [""; 0], "{}", filled.text);
        let draft = parse(&filled.text).unwrap();
        assert_eq!(
            draft.reason.trim(),
            "say \"why\"\n\\ and {{places}}\n\"\"\" end"
        );
        assert_eq!(draft.places, 7);
        let units = "units = [\"a.service\", \"b@1.service\"]";
        assert!(filled.text.contains(units), "{}", filled.text);
    }

    #[test]
    fn what_is_no_value_is_said_of_its_field_and_the_default_stands() {
        for (name, typed, detail) in [
            ("places", "0", "that number does not fit"),
            ("places", "many", "that is no whole number"),
            ("packet", "big", "that is no size"),
            ("packet", "0 MiB", "that is no size"),
            ("expires", "soon", "that is no length of time"),
            ("by", "luck", "that is none of the choices"),
            ("units", " \n ", "nothing was typed"),
            ("title", "a\nb", "this holds characters that are no text"),
            ("title", "", "nothing was typed"),
        ] {
            let start = of("journal").unwrap();
            let filled = start.filled(|n| (n == name).then_some(typed));
            let wrong: Vec<_> = filled.fields.iter().filter(|f| f.wrong.is_some()).collect();
            assert_eq!(wrong.len(), 1, "{name} {typed:?}");
            assert_eq!(wrong[0].name(), format!("p-{name}"));
            assert_eq!(wrong[0].value, typed);
            assert_eq!(wrong[0].wrong.as_ref().unwrap().detail, detail);
            assert_eq!(filled.text, start.filled(|_| None).text);
        }
        let long = "x".repeat(LONGEST + 1);
        let filled = of("journal")
            .unwrap()
            .filled(|n| (n == "title").then_some(&long));
        assert!(!filled.is_right());
    }
}
