//! The table of every page and action with who may use it, and that nobody else does.
use std::collections::BTreeSet;

use axum::http::StatusCode;
use boathook_hooks::keys::SecretKey;

use super::Browser;
use crate::{
    api::tests::{
        house::{House, TOML},
        operations::Things,
    },
    oidc,
};

/// Whoever is no mere viewer.
const STAFF: &str = "ada ben adam hana";

/// Who may, of vera, ada, ben, adam and hana; `*` is anyone signed in, `-` is without signing in.
pub const WHO: &[(&str, &str, &str)] = &[
    ("get", "/sign-in", "-"),
    ("post", "/sign-in", "-"),
    ("get", "/sign-in/oidc", "-"),
    ("get", oidc::CALLBACK, "-"),
    ("get", "/set-up/{secret}", "-"),
    ("post", "/set-up/{secret}", "-"),
    ("get", "/assets/{name}", "-"),
    ("get", "/maintenance", "-"),
    ("post", "/sign-out", "*"),
    ("get", "/", "*"),
    ("post", "/seen", STAFF),
    ("get", "/help", "*"),
    ("get", "/me", "*"),
    ("post", "/me/password", "*"),
    ("post", "/me/end", "*"),
    ("post", "/me/end-others", "*"),
    ("post", "/me/tokens", "*"),
    ("post", "/me/end-token", "*"),
    ("get", "/audit", "*"),
    ("get", "/audit/verify", "*"),
    ("get", "/search", STAFF),
    ("get", "/tickets", STAFF),
    ("get", "/tickets/{system}/{key}", STAFF),
    ("get", "/tickets/{system}/{key}/hooks/new", "ada"),
    ("post", "/tickets/{system}/{key}/hooks/new", "ada"),
    ("get", "/hooks", STAFF),
    ("post", "/hooks/preview", "ada"),
    ("get", "/hooks/{id}", STAFF),
    ("get", "/hooks/{id}/edit", "ada"),
    ("post", "/hooks/{id}/edit", "ada"),
    ("get", "/hooks/{id}/review", STAFF),
    ("post", "/hooks/{id}/send-back", "ben"),
    ("post", "/hooks/{id}/publish", "ada ben"),
    ("post", "/hooks/{id}/lower", "ada ben"),
    ("post", "/hooks/{id}/stop", "ada ben"),
    ("get", "/packets", STAFF),
    ("get", "/packets/{claim}", STAFF),
    ("get", "/packets/{claim}/search", STAFF),
    ("post", "/packets/{claim}/verdict", "ada ben"),
    ("get", "/packets/{claim}/files/{*path}", STAFF),
    ("get", "/instances", STAFF),
    ("get", "/instances/{id}", STAFF),
    ("post", "/instances/{id}/confirm", "adam hana"),
    ("post", "/instances/{id}/suspend", "adam hana"),
    ("post", "/instances/{id}/resume", "adam hana"),
    ("post", "/instances/{id}/retire", "adam hana"),
    ("post", "/instances/{id}/erase", "adam hana"),
    ("get", "/admin", "adam hana"),
    ("get", "/admin/people", "hana"),
    ("post", "/admin/people", "hana"),
    ("get", "/admin/people/{person}", "hana"),
    ("post", "/admin/people/{person}", "hana"),
    ("post", "/admin/people/{person}/sign-out", "hana"),
    ("post", "/admin/people/{person}/end-token", "hana"),
    ("get", "/admin/keys", "hana"),
    ("post", "/admin/keys/drop", "hana"),
    ("get", "/admin/customers", "adam hana"),
    ("post", "/admin/customers", "hana"),
    ("get", "/admin/customers/{id}", "adam hana"),
    ("post", "/admin/customers/{id}", "hana"),
    ("post", "/admin/customers/{id}/join", "adam hana"),
    ("get", "/admin/trust", "adam hana"),
    ("post", "/admin/trust/import", "hana"),
    ("get", "/admin/servers", "hana"),
    ("get", "/admin/erasures", "adam hana"),
];

/// A path of the table with ids in it.
pub fn fill(things: &Things, path: &str) -> String {
    let id = match path {
        p if p.starts_with("/hooks") => &things.hook,
        p if p.starts_with("/instances") => &things.instance,
        _ => "acme",
    };
    let query = match path {
        "/audit/verify" => "?chain=customer:acme",
        "/packets/{claim}/search" => "?q=kernel",
        _ => "",
    };
    let filled = path
        .replace("{id}", id)
        .replace("{claim}", &things.claim)
        .replace("{system}", "jira")
        .replace("{key}", "SUP-1")
        .replace("{person}", "somebody")
        .replace("{*path}", "host/facts.txt")
        .replace("{secret}", "x")
        .replace("{name}", "app.css");
    assert!(!filled.contains('{'), "{filled}");
    filled + query
}

/// What the form of a page would send.
pub fn form(path: &str) -> Vec<(&'static str, String)> {
    let fields: &[(&str, &str)] = match path {
        "/tickets/{system}/{key}/hooks/new" | "/hooks/{id}/edit" | "/hooks/preview" => {
            &[("toml", TOML), ("act", "save")]
        }
        "/hooks/{id}/send-back" => &[("words", "no")],
        "/packets/{claim}/verdict" => &[("answered", "yes")],
        "/seen" => &[("at", "2026-01-01T00:00:00Z")],
        "/hooks/{id}/lower" => &[("places", "5")],
        "/instances/{id}/confirm" => {
            let print = SecretKey::from_seed(&[77; 32]).public().id().to_string();
            return vec![("fingerprint", print)];
        }
        "/admin/customers/{id}" => &[("name", "Acme")],
        "/admin/customers/{id}/join" => &[("count", "1")],
        "/me/end" => &[("hash", ZEROS)],
        "/me/end-token" => &[("hash", ZEROS)],
        "/me/password" => &[("old", "x"), ("password", "y"), ("again", "z")],
        "/admin/people/{person}/end-token" => &[("token", ZEROS)],
        "/admin/keys/drop" => &[("key", ZEROS)],
        "/sign-in" => &[("person", "nobody"), ("password", "x")],
        _ => &[("why", "a test"), ("name", "x")],
    };
    let owned = fields
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()));
    owned.collect()
}

const ZEROS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

pub async fn ask(browser: &Browser<'_>, method: &str, path: &str, at: &str) -> super::Said {
    match method {
        "get" => browser.get(at).await,
        _ => {
            let form = form(path);
            let form: Vec<_> = form.iter().map(|(n, v)| (*n, v.as_str())).collect();
            browser.post(at, &form).await
        }
    }
}

/// What `ui/mod.rs` routes, as (method, path).
fn routed() -> BTreeSet<(String, String)> {
    let source = include_str!("../mod.rs");
    let mut found = BTreeSet::new();
    for after in source.split(".route(").skip(1) {
        let end = ["\n        .", "\n}"]
            .iter()
            .filter_map(|end| after.find(end));
        let call = &after[..end.min().unwrap_or(after.len())];
        let path = match call.trim_start().strip_prefix('"') {
            Some(text) => text.split('"').next().unwrap(),
            None if call.starts_with("oidc::CALLBACK") => oidc::CALLBACK,
            None => panic!("a route that this test cannot read: {call}"),
        };
        let mut known = 0;
        for method in ["get", "post"] {
            let called = |before: &str| call.contains(&format!("{before}{method}("));
            if called(" ") || called(".") || called("\n") {
                known += 1;
                found.insert((method.to_owned(), path.to_owned()));
            }
        }
        assert!(
            known > 0,
            "a route without a method that is known here: {call}"
        );
        for other in ["put(", "delete(", "patch(", "any(", "head("] {
            assert!(!call.contains(&format!(" {other}")), "{call}");
        }
    }
    found
}

#[test]
fn every_route_of_the_pages_stands_in_the_table() {
    let table: BTreeSet<_> = WHO
        .iter()
        .map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned()))
        .collect();
    assert_eq!(table.len(), WHO.len());
    let routed = routed();
    assert!(routed.len() > 50);
    let missing: Vec<_> = routed.difference(&table).collect();
    assert!(missing.is_empty(), "say who may use {missing:?}");
    let gone: Vec<_> = table.difference(&routed).collect();
    assert!(gone.is_empty(), "no longer routed: {gone:?}");
}

#[tokio::test]
async fn each_page_is_for_those_of_the_table_alone() {
    let house = House::with(|c| c.limits.sign_in_burst = 100_000).await;
    let things = Things::make(&house).await;
    for (method, path, who) in WHO.iter().filter(|(_, _, who)| *who != "-") {
        let at = fill(&things, path);
        for person in ["vera", "ada", "ben", "adam", "hana"] {
            let said = ask(&Browser::of(&house, person).await, method, path, &at).await;
            let may = *who == "*" || who.split(' ').any(|one| one == person);
            let what = format!("{person}: {method} {path}: {} {}", said.status, said.text());
            assert!(!said.status.is_server_error(), "{what}");
            if may {
                assert_ne!(said.status, StatusCode::FORBIDDEN, "{what}");
                assert_ne!(said.status, StatusCode::UNAUTHORIZED, "{what}");
            } else {
                assert_eq!(said.status, StatusCode::FORBIDDEN, "{what}");
                assert!(said.text().contains("<h1>Not for you</h1>"), "{what}");
            }
        }
    }
}

#[tokio::test]
async fn who_is_not_signed_in_gets_to_no_page_and_does_nothing() {
    let house = House::with(|c| c.limits.sign_in_burst = 100_000).await;
    let things = Things::make(&house).await;
    let stale = Browser {
        token: Some(format!("bh_{}", "A".repeat(43))),
        ..Browser::nobody(&house)
    };
    for (method, path, _) in WHO.iter().filter(|(_, _, who)| *who != "-") {
        let at = fill(&things, path);
        for browser in [&Browser::nobody(&house), &stale] {
            let said = ask(browser, method, path, &at).await;
            let status = said.status;
            match *method {
                "get" => {
                    assert_eq!(status, StatusCode::SEE_OTHER, "{path}: {}", said.text());
                    assert!(
                        said.header("location").starts_with("/sign-in?to="),
                        "{path}"
                    );
                    assert!(said.body.is_empty(), "{path}: {}", said.text());
                }
                _ => assert_eq!(status, StatusCode::UNAUTHORIZED, "{path}: {}", said.text()),
            }
        }
    }
}
