//! A hook as the text that makes it again (with [`super::Fills::of`] it).
use std::fmt::Write;

use super::{human, params};
use crate::documents::hook::{
    Audience, FORMAT, Hook, HookCustomers, OsRelease, ProductRange, Reask, Subject, VersionScheme,
};

/// The text of `hook`, every limit said. What format 1 does not have (template, checks, when) is written too, and
/// refused when it is read.
pub fn write(hook: &Hook) -> String {
    let mut out = format!(
        "# hook {}, revision {}, by {}\n",
        hook.id, hook.revision, hook.author
    );
    let mut line = |name: &str, value: String| out.push_str(&format!("{name} = {value}\n"));
    if hook.format != FORMAT {
        line("format", hook.format.to_string());
    }
    line("title", text(&hook.title));
    line("reason", text(&hook.reason));
    match &hook.customers {
        HookCustomers::Only(list) => line("customers", texts(list.iter().map(|c| c.as_str()))),
        HookCustomers::OptedIn => line("customers", text("opted-in")),
    }
    line("not_before", hook.not_before.to_string());
    line("expires", hook.expires_at.to_string());
    line("reask", text(reask(hook.reask)));
    line("retention", text(&format!("{}d", hook.retention_days)));
    if let Some(version) = &hook.min_agent {
        line("min_agent", text(version));
    }
    if !hook.checks.is_empty() {
        line("checks", text("(not in format 1)"));
    }
    if hook.when.is_some() {
        line("when", text("(not in format 1)"));
    }
    if let Some(template) = &hook.template {
        line("template", text(&template.digest.to_string()));
    }
    out.push_str(&subject(&hook.subject));
    out.push_str(&audience(&hook.audience));
    out.push_str(&limits(hook));
    if !hook.redaction.keys.is_empty() || !hook.redaction.patterns.is_empty() {
        out.push_str("\n[redaction]\n");
        for (name, list) in [
            ("keys", &hook.redaction.keys),
            ("patterns", &hook.redaction.patterns),
        ] {
            if !list.is_empty() {
                out.push_str(&format!(
                    "{name} = {}\n",
                    texts(list.iter().map(String::as_str))
                ));
            }
        }
    }
    for entry in &hook.collectors {
        out.push_str(&format!(
            "\n[[collect]]\nsection = {}\ncollector = {}\nseconds = {}\nbytes = {}\n",
            text(entry.section.as_str()),
            text(&entry.collector),
            entry.seconds,
            text(&human::size(entry.bytes)),
        ));
        out.push_str(&params::write(&entry.collector, &entry.params));
    }
    out
}

fn subject(subject: &Subject) -> String {
    match subject {
        Subject::Ticket { system, key, url } => {
            let url = url
                .as_ref()
                .map(|url| format!("url = {}\n", text(url)))
                .unwrap_or_default();
            format!(
                "\n[ticket]\nsystem = {}\nkey = {}\n{url}",
                text(system),
                text(key)
            )
        }
        Subject::Problem { signature } => format!("\n[problem]\nsignature = {}\n", text(signature)),
        Subject::Package { name } => format!("\n[package]\nname = {}\n", text(name)),
    }
}

fn audience(audience: &Audience) -> String {
    let mut out = "\n[audience]\n".to_owned();
    let mut line = |name: &str, value: String| out.push_str(&format!("{name} = {value}\n"));
    if audience.everyone {
        line("everyone", "true".into());
    }
    if !audience.instances.is_empty() {
        line(
            "instances",
            texts(audience.instances.iter().map(|i| i.as_str())),
        );
    }
    if !audience.products.is_empty() {
        line("products", tables(audience.products.iter().map(product)));
    }
    if !audience.os.is_empty() {
        line("os", tables(audience.os.iter().map(os)));
    }
    if !audience.labels.is_empty() {
        let labels = audience
            .labels
            .iter()
            .map(|(name, value)| format!("{} = {}", inline_key(name), text(value)));
        line(
            "labels",
            format!("{{ {} }}", labels.collect::<Vec<_>>().join(", ")),
        );
    }
    if let Some(problem) = &audience.problem {
        line("problem", text(problem));
    }
    if let Some(package) = &audience.package {
        line("package", text(package));
    }
    out
}

fn product(product: &ProductRange) -> String {
    let mut out = format!("name = {}", text(&product.name));
    if let Some(versions) = &product.versions {
        out.push_str(&format!(", versions = {}", text(versions)));
    }
    if product.scheme == VersionScheme::Debian {
        out.push_str(", scheme = \"debian\"");
    }
    out
}

fn os(os: &OsRelease) -> String {
    let release = os
        .release
        .as_ref()
        .map(|release| format!(", release = {}", text(release)));
    format!("id = {}{}", text(&os.id), release.unwrap_or_default())
}

fn limits(hook: &Hook) -> String {
    let mut out = format!(
        "\n[limits]\nplaces = {}\npacket = {}\ntotal = {}\nattempts = {}\nstop_after_overruns = {}\n",
        hook.places,
        text(&human::size(hook.packet_bytes)),
        text(&human::size(hook.total_bytes)),
        hook.attempts,
        hook.stop_after_overruns,
    );
    if let Some(percent) = hook.stop_error_percent {
        out.push_str(&format!("stop_error_percent = {percent}\n"));
    }
    out
}

pub(super) fn reask(reask: Reask) -> &'static str {
    match reask {
        Reask::None => "none",
        Reask::Failed => "failed",
        Reask::All => "all",
    }
}

fn texts<'a>(list: impl Iterator<Item = &'a str>) -> String {
    format!("[{}]", list.map(text).collect::<Vec<_>>().join(", "))
}

fn tables(list: impl Iterator<Item = String>) -> String {
    format!(
        "[{}]",
        list.map(|fields| format!("{{ {fields} }}"))
            .collect::<Vec<_>>()
            .join(", ")
    )
}

/// A key, quoted where it must be.
pub(super) fn inline_key(name: &str) -> String {
    let is_bare = !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if is_bare {
        name.to_owned()
    } else {
        quoted(name)
    }
}

/// A TOML string; over several lines when it has them. What could deceive a terminal is escaped.
pub(super) fn text(value: &str) -> String {
    if !value.contains('\n') {
        return quoted(value);
    }
    let lines: Vec<_> = value.split('\n').map(escaped).collect();
    format!("\"\"\"\n{}\"\"\"", lines.join("\n"))
}

fn quoted(value: &str) -> String {
    format!("\"{}\"", escaped(value))
}

fn escaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        let mut buffer = [0; 4];
        let is_hostile = crate::explain::printable(c.encode_utf8(&mut buffer)).starts_with("\\u{");
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            _ if is_hostile => {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\U{:08X}", u32::from(c));
            }
            _ => out.push(c),
        }
    }
    out
}
