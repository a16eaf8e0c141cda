//! The explanation of a hook in plain words, one function for the command, the pages and the agent.
mod english;
pub mod message;
mod show;
pub mod text;
mod who;

use serde::Serialize;

pub use message::Message;
pub use text::printable;

use crate::{
    authoring::human,
    collectors::{self, ParamsError, Words},
    documents::{
        hook::{CollectorEntry, Hook, Reask},
        root::Bounds,
    },
    reach::{self, Reach},
    time::{SECOND, Time},
};

/// What a hook asks of whom, within which limits. All texts are printable. `Display` is readable plain text, and
/// `Serialize` the same for programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    pub title: String,
    pub hook: Message,
    /// Lines of the reason.
    pub reason: Vec<String>,
    /// The subject, the customers, and each part of the audience.
    pub who: Vec<Message>,
    pub not_before: Time,
    pub expires_at: Time,
    pub limits: Vec<Message>,
    pub reach: ReachWords,
    /// What a reader must not miss, of the hook as a whole.
    pub dangers: Vec<Message>,
    pub sections: Vec<SectionWords>,
    pub redaction: Vec<Message>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReachWords {
    /// `ordinary` or `wide`.
    pub reach: &'static str,
    pub summary: Message,
    /// Why it is wide; empty when it is ordinary.
    pub reasons: Vec<Message>,
    /// Which signatures it asks for.
    pub signatures: Vec<Message>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SectionWords {
    pub section: String,
    pub collector: String,
    /// False when this version cannot say what the section would do.
    pub known: bool,
    pub seconds: u32,
    pub bytes: u64,
    #[serde(flatten)]
    pub words: Words,
}

/// The explanation of `hook`. Without a root's `bounds` the usual ones are assumed, and it says so.
pub fn explain(hook: &Hook, bounds: Option<&Bounds>) -> Explanation {
    let usual = Bounds::default();
    Explanation {
        title: printable(&hook.title),
        hook: Message::new("hook.line")
            .with("id", &hook.id)
            .with("revision", hook.revision)
            .with("author", &hook.author),
        reason: hook.reason.lines().map(printable).collect(),
        who: who::who(hook),
        not_before: hook.not_before,
        expires_at: hook.expires_at,
        limits: limits(hook),
        reach: reach_words(hook, bounds, &usual),
        dangers: dangers(hook),
        sections: hook.collectors.iter().map(section).collect(),
        redaction: redaction(hook),
    }
}

fn limits(hook: &Hook) -> Vec<Message> {
    let life = u64::try_from(hook.expires_at.since(hook.not_before) / SECOND).unwrap_or(0);
    let mut out = vec![
        Message::new("limit.time")
            .with("from", hook.not_before)
            .with("until", hook.expires_at)
            .with("life", human::duration(life)),
        Message::new("limit.places").with("places", hook.places),
        Message::new("limit.bytes")
            .with("packet", human::about(hook.packet_bytes))
            .with("total", human::about(hook.total_bytes)),
    ];
    if hook.attempts == 1 {
        out.push(Message::new("limit.once"));
    } else {
        out.push(Message::new("limit.attempts").with("attempts", hook.attempts));
    }
    out.push(Message::new("limit.overruns").with("count", hook.stop_after_overruns));
    out.extend(
        hook.stop_error_percent
            .map(|n| Message::new("limit.errors").with("percent", n)),
    );
    out.push(Message::new("limit.retention").with("days", hook.retention_days));
    out.extend(
        hook.min_agent
            .as_ref()
            .map(|v| Message::new("limit.agent").with("version", v)),
    );
    if hook.revision > 1 {
        out.push(Message::new(match hook.reask {
            Reask::None => "reask.none",
            Reask::Failed => "reask.failed",
            Reask::All => "reask.all",
        }));
    }
    out
}

fn reach_words(hook: &Hook, bounds: Option<&Bounds>, usual: &Bounds) -> ReachWords {
    let reach = reach::of(hook, bounds.unwrap_or(usual));
    let mut signatures = vec![match bounds {
        Some(bounds) => Message::new("sign.people").with("people", bounds.hook_people),
        None => Message::new("sign.assumed"),
    }];
    if reach.is_wide() {
        signatures.push(Message::new("sign.elsewhere"));
    }
    if bounds.is_none() {
        signatures
            .push(Message::new("reach.assumed").with("paths", usual.ordinary_paths.join(", ")));
    }
    let summary = Message::new(if reach.is_wide() {
        "reach.wide"
    } else {
        "reach.ordinary"
    });
    let name = reach.name();
    let reasons = match reach {
        Reach::Ordinary => Vec::new(),
        Reach::Wide(reasons) => reasons.iter().map(|reason| reason.message()).collect(),
    };
    ReachWords {
        reach: name,
        summary,
        reasons,
        signatures,
    }
}

fn dangers(hook: &Hook) -> Vec<Message> {
    let mut out = Vec::new();
    if who::is_for_all(hook) {
        out.push(Message::new("danger.everyone"));
    }
    if hook.template.is_some() || !hook.checks.is_empty() || hook.when.is_some() {
        out.push(Message::new("danger.template"));
    }
    let is_plain = |text: &str| text.lines().all(|line| printable(line) == line);
    if !is_plain(&hook.title) || !is_plain(&hook.reason) {
        out.push(Message::new("danger.hidden"));
    }
    out
}

fn section(entry: &CollectorEntry) -> SectionWords {
    let parsed = collectors::parse(&entry.collector, &entry.params);
    let known = parsed.is_ok();
    let mut words = match parsed {
        Ok(parsed) => parsed.words(),
        Err(error) => {
            let why = match error {
                ParamsError::Unknown(name) => {
                    Message::new("section.unknown").with("collector", name)
                }
                error @ ParamsError::Field { .. } => {
                    Message::new("section.unreadable").with("why", error)
                }
            };
            let params = Message::new("section.params").with("params", &entry.params);
            Words {
                dangers: vec![why, params],
                ..Words::default()
            }
        }
    };
    if known && words.sends.is_empty() {
        words.sends.push(Message::new("section.outputs"));
    }
    words.limits.push(
        Message::new("section.limits")
            .with("seconds", human::duration(entry.seconds.into()))
            .with("bytes", human::about(entry.bytes)),
    );
    SectionWords {
        section: entry.section.to_string(),
        collector: printable(&entry.collector),
        known,
        seconds: entry.seconds,
        bytes: entry.bytes,
        words,
    }
}

fn redaction(hook: &Hook) -> Vec<Message> {
    let mut out = vec![Message::new("redaction.floor")];
    let profile = &hook.redaction;
    if !profile.keys.is_empty() {
        out.push(Message::new("redaction.keys").with("keys", profile.keys.join(", ")));
    }
    if !profile.patterns.is_empty() {
        out.push(Message::new("redaction.patterns").with("patterns", profile.patterns.join("  ")));
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
