//! For what and for whom a hook is, in plain words.
use super::Message;
use crate::documents::hook::{
    Audience, Hook, HookCustomers, OsRelease, ProductRange, Subject, VersionScheme,
};

pub(super) fn who(hook: &Hook) -> Vec<Message> {
    let mut out = vec![subject(&hook.subject)];
    out.push(match &hook.customers {
        HookCustomers::Only(list) => {
            let names: Vec<_> = list.iter().map(|c| c.as_str()).collect();
            Message::new("for.customers").with("customers", names.join(", "))
        }
        HookCustomers::OptedIn => Message::new("for.opted_in"),
    });
    let parts = parts(&hook.audience);
    if !parts.is_empty() {
        out.extend(parts);
    } else if hook.audience.everyone {
        out.push(Message::new("for.everyone"));
    } else {
        out.push(Message::new("for.nobody"));
    }
    out
}

/// Whether nothing narrows it down but that customers opted in.
pub(super) fn is_for_all(hook: &Hook) -> bool {
    hook.customers == HookCustomers::OptedIn
        && hook.audience.everyone
        && parts(&hook.audience).is_empty()
}

fn subject(subject: &Subject) -> Message {
    match subject {
        Subject::Ticket { system, key, url } => {
            let message = Message::new(if url.is_some() {
                "for.ticket_url"
            } else {
                "for.ticket"
            });
            let message = message.with("system", system).with("key", key);
            match url {
                Some(url) => message.with("url", url),
                None => message,
            }
        }
        Subject::Problem { signature } => Message::new("for.problem").with("signature", signature),
        Subject::Package { name } => Message::new("for.package").with("name", name),
    }
}

fn parts(audience: &Audience) -> Vec<Message> {
    let mut out = Vec::new();
    if !audience.instances.is_empty() {
        let names: Vec<_> = audience.instances.iter().map(|i| i.as_str()).collect();
        out.push(Message::new("for.instances").with("instances", names.join(", ")));
    }
    if !audience.products.is_empty() {
        out.push(
            Message::new("for.products")
                .with("products", joined(audience.products.iter().map(product))),
        );
    }
    if !audience.os.is_empty() {
        out.push(Message::new("for.os").with("os", joined(audience.os.iter().map(os))));
    }
    for (name, value) in &audience.labels {
        out.push(
            Message::new("for.label")
                .with("name", name)
                .with("value", value),
        );
    }
    out.extend(
        audience
            .problem
            .as_ref()
            .map(|p| Message::new("for.problem_report").with("signature", p)),
    );
    out.extend(
        audience
            .package
            .as_ref()
            .map(|p| Message::new("for.package_report").with("name", p)),
    );
    out
}

fn product(product: &ProductRange) -> String {
    let message = match (&product.versions, product.scheme) {
        (None, _) => Message::new("product.any"),
        (Some(versions), VersionScheme::Semver) => {
            Message::new("product.range").with("versions", versions)
        }
        (Some(versions), VersionScheme::Debian) => {
            Message::new("product.debian").with("versions", versions)
        }
    };
    message.with("name", &product.name).to_string()
}

fn os(os: &OsRelease) -> String {
    format!("{} {}", os.id, os.release.as_deref().unwrap_or_default())
        .trim_end()
        .to_owned()
}

fn joined(each: impl Iterator<Item = String>) -> String {
    each.collect::<Vec<_>>().join("; ")
}
