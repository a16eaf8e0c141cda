//! Soundness of a hook's own fields: what no signature can make right.
use std::collections::HashSet;

use crate::{
    documents::hook::{Hook, HookCustomers, Subject},
    verify::Refusal,
};

const MAX_SECTIONS: usize = 64;
const MAX_TITLE: usize = 200;
const MAX_REASON: usize = 4_000;
const MAX_LIST: usize = 10_000;

/// Names that the packet uses itself.
const RESERVED_SECTIONS: [&str; 3] = ["packet.json", "packet.dsse.json", "redactions.json"];

/// Refuses a hook whose fields contradict each other, whoever signed it.
pub fn validate(hook: &Hook) -> Result<(), Refusal> {
    if hook.template.is_some() {
        return Err(Refusal::NotInFormat("a template"));
    }
    if !hook.checks.is_empty() {
        return Err(Refusal::NotInFormat("checks"));
    }
    if hook.when.is_some() {
        return Err(Refusal::NotInFormat("a condition (when)"));
    }
    let faults = [
        (hook.revision == 0, "revision must be 1 or more"),
        (
            hook.title.trim().is_empty() || hook.title.chars().count() > MAX_TITLE,
            "title must have 1 to 200 characters",
        ),
        (
            hook.reason.trim().is_empty() || hook.reason.chars().count() > MAX_REASON,
            "reason must have 1 to 4,000 characters",
        ),
        (
            hook.expires_at <= hook.not_before,
            "expires_at must be later than not_before",
        ),
        (hook.places == 0, "places must be 1 or more"),
        (
            hook.packet_bytes < 4096,
            "packet_bytes must be 4096 or more",
        ),
        (
            hook.total_bytes < hook.packet_bytes,
            "total_bytes must be at least packet_bytes",
        ),
        (
            hook.attempts == 0 || hook.attempts > 100,
            "attempts must be 1 to 100",
        ),
        (
            hook.stop_after_overruns == 0,
            "stop_after_overruns must be 1 or more",
        ),
        (
            hook.stop_error_percent.is_some_and(|p| p == 0 || p > 100),
            "stop_error_percent must be 1 to 100",
        ),
        (
            hook.retention_days == 0 || hook.retention_days > 3_650,
            "retention_days must be 1 to 3,650",
        ),
        (
            hook.collectors.is_empty(),
            "collectors must name at least one",
        ),
        (
            hook.collectors.len() > MAX_SECTIONS,
            "collectors must name at most 64",
        ),
        (
            hook.collectors
                .iter()
                .any(|c| c.seconds == 0 || c.seconds > 86_400),
            "a collector's seconds must be 1 to 86,400",
        ),
        (
            hook.collectors.iter().any(|c| c.bytes == 0),
            "a collector's bytes must be 1 or more",
        ),
        (
            hook.audience.instances.len() > MAX_LIST,
            "audience.instances must have at most 10,000 entries",
        ),
        (
            hook.min_agent
                .as_ref()
                .is_some_and(|v| semver::Version::parse(v).is_err()),
            "min_agent must be a version such as 1.2.0",
        ),
        (
            matches!(&hook.customers, HookCustomers::Only(list) if list.is_empty()),
            "customers must name at least one",
        ),
        (
            matches!(
                (&hook.subject, &hook.customers),
                (Subject::Ticket { .. }, HookCustomers::OptedIn)
            ),
            "a ticket's hook must name its customers",
        ),
    ];
    if let Some((_, what)) = faults.iter().find(|(wrong, _)| *wrong) {
        return Err(unsound(*what));
    }
    let mut names = HashSet::new();
    for entry in &hook.collectors {
        let name = entry.section.as_str();
        if RESERVED_SECTIONS.contains(&name) {
            return Err(unsound(format!(
                "the section name {name:?} is the packet's own"
            )));
        }
        if !names.insert(name) {
            return Err(unsound(format!("the section {name:?} stands twice")));
        }
    }
    Ok(())
}

fn unsound(what: impl Into<String>) -> Refusal {
    Refusal::Unsound {
        document: "hook",
        what: what.into(),
    }
}
