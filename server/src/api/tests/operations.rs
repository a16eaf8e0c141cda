//! The table of every operation with who may use it, and requests for each about things of acme.
#![allow(clippy::unwrap_used)]
use std::collections::BTreeSet;

use boathook_hooks::keys::SecretKey;
use serde_json::{Value, json};

use super::house::{House, TOML, id};

/// Whoever is no mere viewer.
const STAFF: &str = "ada ben adam hana";

/// Who may, of vera, ada, ben, adam and hana; `*` is anyone signed in, `-` is without signing in.
pub const WHO: &[(&str, &str, &str)] = &[
    ("get", "/api/v1/openapi.json", "-"),
    ("post", "/api/v1/sign-in", "-"),
    ("delete", "/api/v1/sign-in", "*"),
    ("get", "/api/v1/me", "*"),
    ("get", "/api/v1/users", "hana"),
    ("post", "/api/v1/users", "hana"),
    ("put", "/api/v1/users/{person}", "hana"),
    ("post", "/api/v1/users/{person}/sign-out", "hana"),
    ("get", "/api/v1/customers", "*"),
    ("get", "/api/v1/customers/{id}", "*"),
    ("put", "/api/v1/customers/{id}", "hana"),
    ("post", "/api/v1/customers/{id}/join-tokens", "adam hana"),
    ("get", "/api/v1/tickets", STAFF),
    ("get", "/api/v1/tickets/{system}/{key}", STAFF),
    ("put", "/api/v1/tickets/{system}/{key}", "ada"),
    ("get", "/api/v1/tickets/{system}/{key}/events", STAFF),
    ("post", "/api/v1/lint", STAFF),
    ("post", "/api/v1/explain", STAFF),
    ("get", "/api/v1/hooks", STAFF),
    ("post", "/api/v1/hooks", "ada"),
    ("get", "/api/v1/hooks/{id}", STAFF),
    ("put", "/api/v1/hooks/{id}", "ada"),
    ("get", "/api/v1/hooks/{id}/instances", STAFF),
    ("get", "/api/v1/hooks/{id}/revisions/{revision}", STAFF),
    (
        "get",
        "/api/v1/hooks/{id}/revisions/{revision}/payload",
        STAFF,
    ),
    (
        "get",
        "/api/v1/hooks/{id}/revisions/{revision}/envelope",
        STAFF,
    ),
    ("get", "/api/v1/hooks/{id}/events", STAFF),
    ("post", "/api/v1/hooks/{id}/submit", "ada"),
    ("post", "/api/v1/hooks/{id}/send-back", "ben"),
    ("post", "/api/v1/hooks/{id}/signatures", "ada ben"),
    ("post", "/api/v1/hooks/{id}/hold", "ada ben"),
    ("post", "/api/v1/hooks/{id}/publish", "ada ben"),
    ("post", "/api/v1/hooks/{id}/stop", "ada ben"),
    ("post", "/api/v1/hooks/{id}/lower", "ada ben"),
    ("get", "/api/v1/instances", STAFF),
    ("get", "/api/v1/instances/{id}", STAFF),
    ("post", "/api/v1/instances/{id}/confirm", "adam hana"),
    ("post", "/api/v1/instances/{id}/retire", "adam hana"),
    ("post", "/api/v1/instances/{id}/suspend", "adam hana"),
    ("post", "/api/v1/instances/{id}/resume", "adam hana"),
    ("get", "/api/v1/packets", "ada ben adam hana"),
    ("get", "/api/v1/packets/{claim_id}", "ada ben adam hana"),
    ("get", "/api/v1/packets/{claim_id}/zip", "ada ben adam hana"),
    (
        "get",
        "/api/v1/packets/{claim_id}/receipt",
        "ada ben adam hana",
    ),
    (
        "get",
        "/api/v1/packets/{claim_id}/files",
        "ada ben adam hana",
    ),
    (
        "get",
        "/api/v1/packets/{claim_id}/files/{path}",
        "ada ben adam hana",
    ),
    (
        "get",
        "/api/v1/packets/{claim_id}/verdicts",
        "ada ben adam hana",
    ),
    ("put", "/api/v1/packets/{claim_id}/verdicts", "ada ben"),
    ("get", "/api/v1/erasures", "*"),
    ("get", "/api/v1/audit/now", "*"),
    ("get", "/api/v1/audit/days", "*"),
    ("get", "/api/v1/audit/hook-days", "*"),
    ("get", "/api/v1/audit/hook-days.csv", "*"),
    ("get", "/api/v1/audit/events", "*"),
    ("get", "/api/v1/audit/events.csv", "*"),
    ("get", "/api/v1/audit/export", "*"),
    ("get", "/api/v1/audit/heads", "*"),
    ("get", "/api/v1/trust", "*"),
    ("get", "/api/v1/trust/roots/{version}", "*"),
    ("get", "/api/v1/trust/rosters/{version}", "*"),
    ("post", "/api/v1/trust/documents", "hana"),
    ("get", "/api/v1/trust/admissions", "hana"),
    ("post", "/api/v1/trust/admissions", "*"),
    ("delete", "/api/v1/trust/admissions/{keyid}", "hana"),
    // Last: what is erased is there for no other.
    ("delete", "/api/v1/packets/{claim_id}", "adam hana"),
    ("delete", "/api/v1/instances/{id}", "adam hana"),
];

/// The things of acme that requests are about.
pub struct Things {
    pub hook: String,
    pub claim: String,
    pub instance: String,
}

impl Things {
    pub async fn make(house: &House) -> Self {
        let hook = house.published().await;
        let claim = house.packet(&hook, b"kernel 6.12").await;
        Self {
            hook: id(&hook).to_owned(),
            instance: claim.instance.to_string(),
            claim: claim.to_string(),
        }
    }

    /// A path with this house's ids in it.
    pub fn fill(&self, path: &str) -> String {
        let id = match path {
            p if p.starts_with("/api/v1/hooks") => &self.hook,
            p if p.starts_with("/api/v1/instances") => &self.instance,
            _ => "acme",
        };
        let query = match path {
            "/api/v1/packets" => "?ticket=jira/SUP-1",
            "/api/v1/packets/{claim_id}" | "/api/v1/instances/{id}" => "?why=a+test",
            "/api/v1/audit/days" | "/api/v1/audit/hook-days" | "/api/v1/audit/hook-days.csv" => {
                "?from=2026-01-01&to=2026-12-31"
            }
            "/api/v1/audit/events" | "/api/v1/audit/events.csv" | "/api/v1/audit/export" => {
                "?chain=customer:acme"
            }
            _ => "",
        };
        let path = path
            .replace("{id}", id)
            .replace("{claim_id}", &self.claim)
            .replace("{person}", "vera")
            .replace("{system}", "jira")
            .replace("{key}", "SUP-1")
            .replace("{revision}", "1")
            .replace("{version}", "1")
            .replace("{path}", "host/facts.txt")
            .replace(
                "{keyid}",
                &SecretKey::from_seed(&[77; 32]).public().id().to_string(),
            );
        assert!(!path.contains('{'), "{path}");
        path + query
    }
}

/// A body that the operation can read.
pub fn body(method: &str, path: &str) -> Option<Value> {
    let key = SecretKey::from_seed(&[77; 32]);
    let why = || json!({"why": "a test"});
    let roles = json!([{"role": "viewer", "customers": ["acme"]}]);
    Some(match (method, path.strip_prefix("/api/v1").unwrap()) {
        ("get" | "delete", _) => return None,
        (_, "/sign-in") => json!({"person": "nobody", "password": "wrong password"}),
        (_, "/users") => json!({"person": "vic", "name": "Vic", "roles": roles}),
        (_, "/users/{person}") => json!({"name": "Vera", "roles": roles}),
        (_, "/users/{person}/sign-out") => return None,
        (_, "/customers/{id}") => json!({"name": "Acme"}),
        (_, "/customers/{id}/join-tokens") => json!({"count": 1}),
        (_, "/tickets/{system}/{key}") => json!({"customer": "acme", "title": "Slow"}),
        (_, "/lint" | "/explain") => json!({"toml": TOML}),
        (_, "/hooks") => json!({"toml": TOML, "ticket": {"system": "jira", "key": "SUP-1"}}),
        (_, "/hooks/{id}") => json!({"toml": TOML, "expect": 1}),
        (_, "/hooks/{id}/submit" | "/hooks/{id}/hold" | "/hooks/{id}/publish") => return None,
        (_, "/hooks/{id}/send-back") => json!({"words": "no"}),
        (_, "/hooks/{id}/lower") => json!({"places": 5}),
        (_, "/hooks/{id}/signatures") => json!({
            "revision": 1, "digest": "00".repeat(32), "keyid": key.public().id(), "sig": key.sign(b"x"),
        }),
        (_, "/hooks/{id}/stop") => why(),
        (_, "/instances/{id}/confirm") => json!({"fingerprint": key.public().id()}),
        (_, "/instances/{id}/retire" | "/instances/{id}/suspend" | "/instances/{id}/resume") => {
            why()
        }
        (_, "/packets/{claim_id}/verdicts") => json!({"answered": "yes"}),
        (_, "/trust/documents") => json!({"payloadType": "x", "payload": "", "signatures": []}),
        (_, "/trust/admissions") => json!({"key": key.public(), "place": "browser"}),
        other => panic!("no body for {other:?}"),
    })
}

/// The document's operations, as (method, path).
pub async fn operations(house: &House) -> BTreeSet<(String, String)> {
    let document = house
        .send(None, "GET", "/api/v1/openapi.json", None)
        .await
        .ok();
    let paths = document["paths"].as_object().unwrap();
    let methods = |(path, item): (&String, &Value)| -> Vec<(String, String)> {
        item.as_object()
            .unwrap()
            .keys()
            .map(|m| (m.clone(), path.clone()))
            .collect()
    };
    paths.iter().flat_map(methods).collect()
}
