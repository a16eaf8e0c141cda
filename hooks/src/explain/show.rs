//! An explanation as plain text for a terminal.
use std::fmt;

use super::{Explanation, Message, SectionWords};

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.title)?;
        writeln!(f, "{}", self.hook)?;
        heading(f, Message::new("heading.reason"))?;
        for line in &self.reason {
            writeln!(f, "  {line}")?;
        }
        list(f, "heading.who", &self.who)?;
        list(f, "heading.limits", &self.limits)?;
        heading(f, Message::new("heading.reach"))?;
        writeln!(f, "  {}", self.reach.summary)?;
        for reason in &self.reach.reasons {
            writeln!(f, "  - {reason}")?;
        }
        for signature in &self.reach.signatures {
            writeln!(f, "  {signature}")?;
        }
        for section in &self.sections {
            section.fmt(f)?;
        }
        list(f, "heading.redaction", &self.redaction)?;
        if !self.dangers.is_empty() {
            list(f, "heading.dangers", &self.dangers)?;
        }
        Ok(())
    }
}

impl fmt::Display for SectionWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        heading(
            f,
            Message::new("heading.section")
                .with("section", &self.section)
                .with("collector", &self.collector),
        )?;
        let words = &self.words;
        for (label, messages) in [
            ("label.reads", &words.reads),
            ("label.runs", &words.runs),
            ("label.contacts", &words.contacts),
            ("label.sends", &words.sends),
            ("label.limits", &words.limits),
            ("label.dangers", &words.dangers),
        ] {
            let label = Message::new(label).to_string();
            let mark = if std::ptr::eq(messages, &words.dangers) {
                "!"
            } else {
                " "
            };
            for (n, message) in messages.iter().enumerate() {
                writeln!(
                    f,
                    "{mark} {:<9} {message}",
                    if n == 0 { &label } else { "" }
                )?;
            }
        }
        Ok(())
    }
}

fn heading(f: &mut fmt::Formatter<'_>, message: Message) -> fmt::Result {
    writeln!(f, "\n{message}")
}

fn list(f: &mut fmt::Formatter<'_>, title: &'static str, messages: &[Message]) -> fmt::Result {
    heading(f, Message::new(title))?;
    messages
        .iter()
        .try_for_each(|message| writeln!(f, "  {message}"))
}
