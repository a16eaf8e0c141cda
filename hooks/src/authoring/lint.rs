//! Lint: every error of a text, and warnings for what is allowed but unwise.
use super::{
    draft::{Draft, Expires, Fills},
    fault::{Fault, Faults},
    human,
    read::{self, DAY},
};
use crate::{
    collectors::{self, ParamsError},
    documents::{
        hook::{Hook, HookCustomers, Subject},
        root::Bounds,
    },
    explain::{printable, text::short},
    strict,
    time::{SECOND, Time},
};

/// Longer than this a hook is seldom watched any more, in seconds.
const LONG_LIFE: u64 = 10 * DAY;
const LONG_RUN: u32 = 3_600;
const MANY_ATTEMPTS: u32 = 5;

/// Every fault of `toml`, in the order of its lines. With `bounds` also what the root does not allow.
pub fn lint(toml: &str, bounds: Option<&Bounds>) -> Vec<Fault> {
    lint_text(toml, bounds, None)
}

/// As [`lint`], for a hook that is made at `now`: also what has ended already, and lives too long from now on.
pub fn lint_at(toml: &str, bounds: Option<&Bounds>, now: Time) -> Vec<Fault> {
    lint_text(toml, bounds, Some(now))
}

fn lint_text(toml: &str, bounds: Option<&Bounds>, now: Option<Time>) -> Vec<Fault> {
    let mut faults = Faults::new(toml);
    let draft = read::read(toml, &mut faults);
    life(&draft, bounds, now, &mut faults);
    whom(&draft, &mut faults);
    limits(&draft, bounds, &mut faults);
    words(&draft, &mut faults);
    sections(&draft, &mut faults);
    if !faults.has_errors() {
        payload(draft, &mut faults);
    }
    faults.into_all()
}

fn life(draft: &Draft, bounds: Option<&Bounds>, now: Option<Time>, faults: &mut Faults<'_>) {
    let begin = draft.not_before.or(now);
    let seconds = match (draft.expires, begin) {
        (Expires::After(seconds), _) => seconds,
        (Expires::At(end), Some(begin)) => u64::try_from(end.since(begin) / SECOND).unwrap_or(0),
        (Expires::At(_), None) => return,
    };
    let ended = |now: Time| draft.expires.from(draft.not_before.unwrap_or(now)) <= now;
    if now.is_some_and(ended) && !faults.names("expires") {
        faults.error("expires", "is in the past", "a later time");
    }
    let said = human::duration(seconds);
    match bounds.map(|bounds| u64::from(bounds.hook_days)) {
        Some(days) if seconds > days * DAY => {
            faults.error(
                "expires",
                format!("the hook would live {said}"),
                format!("at most {days}d, the root's bound"),
            );
        }
        _ if seconds > LONG_LIFE => {
            faults.warn(
                "expires",
                format!("the hook lives {said}, which is long"),
                "no longer than it is needed",
            );
        }
        _ => {}
    }
}

fn whom(draft: &Draft, faults: &mut Faults<'_>) {
    let audience = &draft.audience;
    let named = u32::try_from(audience.instances.len()).unwrap_or(u32::MAX);
    let is_narrowed = named > 0
        || !audience.products.is_empty()
        || !audience.os.is_empty()
        || !audience.labels.is_empty();
    if audience.everyone {
        let (message, expected) = match (&draft.customers, is_narrowed) {
            (_, true) => (
                "everyone, and yet narrowed: the narrower parts count",
                "either of the two",
            ),
            (Some(HookCustomers::OptedIn), _) => (
                "the hook is for every instance of every customer who opted in",
                "instances, products, os or labels",
            ),
            _ => (
                "the hook is for every instance of its customers",
                "instances, products, os or labels",
            ),
        };
        faults.warn("audience.everyone", message, expected);
    } else if !is_narrowed && audience.problem.is_none() && audience.package.is_none() {
        faults.warn(
            "audience",
            "is empty: the hook is for nobody",
            "instances, products, os, labels or everyone",
        );
    }
    for (name, said) in [
        ("problem", &audience.problem),
        ("package", &audience.package),
    ] {
        if said.is_some() {
            faults.warn(
                &format!("audience.{name}"),
                "is not matched yet: the hook is for nobody",
                "other parts",
            );
        }
    }
    if named > 0 && draft.places > named {
        let message = format!("{} places for {named} instances", draft.places);
        faults.warn("limits.places", message, format!("at most {named}"));
    }
    if draft.subject.is_none() && !faults.has_errors() {
        faults.warn(
            "ticket",
            "nothing says what the hook is for",
            "a table [ticket], or to make it on a ticket",
        );
    }
    let is_ticket = matches!(draft.subject, None | Some(Subject::Ticket { .. }));
    if draft.customers.is_none() && !faults.names("customers") {
        let message = "no customer is named";
        if is_ticket {
            faults.warn(
                "customers",
                message,
                "a list such as [\"acme\"], or to make it on a customer's ticket",
            );
        } else {
            faults.error(
                "customers",
                message,
                "a list such as [\"acme\"], or \"opted-in\"",
            );
        }
    }
}

fn limits(draft: &Draft, bounds: Option<&Bounds>, faults: &mut Faults<'_>) {
    if let Some(bounds) = bounds {
        let whole = bounds.packet_bytes.saturating_mul(u64::from(bounds.places));
        let root = |text: String| format!("at most {text}, the root's bound");
        if draft.places > bounds.places {
            faults.error(
                "limits.places",
                format!("found {}", draft.places),
                root(bounds.places.to_string()),
            );
        }
        for (field, found, bound) in [
            ("limits.packet", draft.packet_bytes, bounds.packet_bytes),
            ("limits.total", draft.total_bytes, whole),
        ] {
            if found > bound {
                faults.error(
                    field,
                    format!("found {}", human::size(found)),
                    root(human::size(bound)),
                );
            }
        }
    }
    let all_places = draft.packet_bytes.saturating_mul(u64::from(draft.places));
    if draft.total_bytes > all_places {
        let message = format!(
            "is more than all places together ({})",
            human::size(all_places)
        );
        faults.warn("limits.total", message, "no more than places × packet");
    }
    let sections = draft
        .collectors
        .iter()
        .fold(0u64, |sum, entry| sum.saturating_add(entry.bytes));
    if sections > draft.packet_bytes {
        let message = format!(
            "sections may hold {} together, before compression",
            human::size(sections)
        );
        faults.warn(
            "limits.packet",
            message,
            "a packet that holds them, or smaller sections",
        );
    }
    if draft.attempts > MANY_ATTEMPTS {
        faults.warn(
            "limits.attempts",
            format!("{} runs on one instance", draft.attempts),
            "as few as will do",
        );
    }
}

fn words(draft: &Draft, faults: &mut Faults<'_>) {
    for (field, text) in [("title", &draft.title), ("reason", &draft.reason)] {
        if text.split('\n').any(|line| printable(line) != line) {
            let message =
                "holds invisible characters or marks of direction; readers see them escaped";
            faults.warn(field, message, "plain text");
        }
    }
}

fn sections(draft: &Draft, faults: &mut Faults<'_>) {
    let mut credentials: Vec<String> = Vec::new();
    for (n, entry) in draft.collectors.iter().enumerate() {
        let path = format!("collect[{n}]");
        if entry.seconds > LONG_RUN {
            let message = format!(
                "the section may run {}",
                human::duration(entry.seconds.into())
            );
            faults.warn(&format!("{path}.seconds"), message, "as little as will do");
        }
        match collectors::parse(&entry.collector, &entry.params) {
            Ok(parsed) => {
                for advice in parsed.lint() {
                    faults.warn(
                        &format!("{path}.{}", advice.field),
                        advice.message,
                        advice.expected,
                    );
                }
                if let Some(name) = parsed.credential()
                    && !credentials.iter().any(|known| known == name)
                {
                    credentials.push(name.to_owned());
                    if credentials.len() == 2 {
                        let message = "a second credential makes the hook wide";
                        faults.warn(
                            &format!("{path}.credential"),
                            message,
                            "one credential in a hook",
                        );
                    }
                }
            }
            Err(ParamsError::Unknown(name)) => {
                let near = collectors::KNOWN
                    .iter()
                    .find(|known| super::collect::is_near(&name, known))
                    .map(|known| format!(" (did you mean {known}?)"))
                    .unwrap_or_default();
                let message = format!(
                    "\"{}\" is not known here{near}: the hook is wide, and agents that do not know it leave the section out",
                    short(&name, 60)
                );
                faults.warn(
                    &format!("{path}.collector"),
                    message,
                    format!("one of {}", collectors::KNOWN.join(", ")),
                );
            }
            // Told with its field when the text was read.
            Err(ParamsError::Field { .. }) => {}
        }
    }
}

/// What the strict decoder will say of the signed bytes.
fn payload(draft: Draft, faults: &mut Faults<'_>) {
    let placeholder = || Subject::Package {
        name: "draft".into(),
    };
    let now = Time::from_ms(0);
    let draft = Draft {
        not_before: Some(now),
        expires: Expires::After(DAY),
        ..draft
    };
    let Some(fills) = Fills::preview(now) else {
        return;
    };
    let subject = draft.subject.clone().unwrap_or_else(placeholder);
    let fills = Fills {
        subject: Some(subject),
        customers: Some(HookCustomers::Only(Vec::new())),
        ..fills
    };
    let Ok(hook) = draft.into_hook(fills) else {
        return;
    };
    match strict::encode::<Hook>(&hook) {
        Ok(bytes) if bytes.len() > strict::MAX_DOCUMENT - 4_096 => {
            faults.error_at(
                0,
                format!("{} bytes when signed", bytes.len()),
                "less than 252 KiB",
            );
        }
        Ok(bytes) => {
            if let Err(error) = strict::scan(&bytes) {
                faults.error_at(
                    0,
                    format!("agents would not read it: {error}"),
                    "less nesting and plainer values",
                );
            }
        }
        Err(error) => faults.error_at(0, error.to_string(), "values that BSON can hold"),
    }
}
