//! For what and for whom, as TOML says it: subject, customers, audience.
use toml::de::DeValue;

use super::{
    fault::Faults,
    read::needed,
    reader::{self, Reader},
};
use crate::{
    documents::hook::{Audience, HookCustomers, OsRelease, ProductRange, Subject, VersionScheme},
    explain::text::short,
    versions::Range,
};

const MAX_INSTANCES: usize = 10_000;

pub(super) fn subject(root: &mut Reader<'_, '_>, faults: &mut Faults<'_>) -> Option<Subject> {
    let mut found: Vec<Subject> = Vec::new();
    if let Some(mut table) = root.table(faults, "ticket") {
        let system = needed(&mut table, faults, "system");
        let key = needed(&mut table, faults, "key");
        let url = table.text(faults, "url");
        if let Some(bad) = url
            .as_ref()
            .filter(|url| !url.starts_with("https://") && !url.starts_with("http://"))
        {
            faults.error(
                &table.path_of("url"),
                format!("found \"{}\"", short(bad, 80)),
                "an https:// address",
            );
        }
        table.finish(faults);
        found.push(Subject::Ticket { system, key, url });
    }
    if let Some(mut table) = root.table(faults, "problem") {
        let signature = needed(&mut table, faults, "signature");
        table.finish(faults);
        found.push(Subject::Problem { signature });
    }
    if let Some(mut table) = root.table(faults, "package") {
        let name = needed(&mut table, faults, "name");
        table.finish(faults);
        found.push(Subject::Package { name });
    }
    if found.len() > 1 {
        faults.error(
            "",
            "the hook has more than one subject",
            "only one of [ticket], [problem] and [package]",
        );
    }
    found.into_iter().next()
}

pub(super) fn customers(
    root: &mut Reader<'_, '_>,
    faults: &mut Faults<'_>,
    subject: Option<&Subject>,
) -> Option<HookCustomers> {
    let value = root.get(faults, "customers")?;
    let expected = "a list such as [\"acme\"], or \"opted-in\" for a problem or a package";
    match value {
        DeValue::String(text) if text == "opted-in" => {
            if matches!(subject, Some(Subject::Ticket { .. })) {
                faults.error(
                    "customers",
                    "a ticket's hook is not for all who opted in",
                    "a list such as [\"acme\"]",
                );
            }
            Some(HookCustomers::OptedIn)
        }
        DeValue::Array(list) if !list.is_empty() => root
            .parsed_list(faults, "customers")
            .map(HookCustomers::Only),
        DeValue::Array(_) => {
            faults.error("customers", "the list is empty", expected);
            None
        }
        other => {
            faults.error(
                "customers",
                format!("found {}", reader::found(other)),
                expected,
            );
            None
        }
    }
}

pub(super) fn audience(mut table: Reader<'_, '_>, faults: &mut Faults<'_>) -> Audience {
    let audience = Audience {
        everyone: table.flag(faults, "everyone").unwrap_or_default(),
        instances: table.parsed_list(faults, "instances").unwrap_or_default(),
        products: table
            .tables(faults, "products")
            .unwrap_or_default()
            .into_iter()
            .map(|t| product(t, faults))
            .collect(),
        os: table
            .tables(faults, "os")
            .unwrap_or_default()
            .into_iter()
            .map(|t| os(t, faults))
            .collect(),
        labels: table
            .typed(
                faults,
                "labels",
                "a table of texts, such as { env = \"prod\" }",
                |value| {
                    let each = value.as_table()?.iter();
                    each.map(|(k, v)| {
                        Some((k.get_ref().to_string(), v.get_ref().as_str()?.to_owned()))
                    })
                    .collect()
                },
            )
            .unwrap_or_default(),
        problem: table.text(faults, "problem"),
        package: table.text(faults, "package"),
    };
    if audience.instances.len() > MAX_INSTANCES {
        faults.error(
            "audience.instances",
            format!("has {} entries", audience.instances.len()),
            "at most 10000",
        );
    }
    table.finish(faults);
    audience
}

fn product(mut table: Reader<'_, '_>, faults: &mut Faults<'_>) -> ProductRange {
    let name = needed(&mut table, faults, "name");
    let versions = table.text(faults, "versions");
    let scheme = table
        .typed(
            faults,
            "scheme",
            "\"semver\" or \"debian\"",
            |value| match value.as_str()? {
                "semver" => Some(VersionScheme::Semver),
                "debian" => Some(VersionScheme::Debian),
                _ => None,
            },
        )
        .unwrap_or_default();
    if let Err(error) = Range::parse(scheme, versions.as_deref()) {
        let error = error.to_string();
        let expected = error.strip_prefix("expected ").unwrap_or(&error);
        let found = format!(
            "found \"{}\"",
            short(versions.as_deref().unwrap_or_default(), 80)
        );
        faults.error(&table.path_of("versions"), found, expected);
    }
    table.finish(faults);
    ProductRange {
        name,
        versions,
        scheme,
    }
}

fn os(mut table: Reader<'_, '_>, faults: &mut Faults<'_>) -> OsRelease {
    let os = OsRelease {
        id: needed(&mut table, faults, "id"),
        release: table.text(faults, "release"),
    };
    table.finish(faults);
    os
}
