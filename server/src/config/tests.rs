//! The settings against their sample.
#![allow(clippy::unwrap_used)]
use std::collections::BTreeSet;

use super::*;

const SAMPLE: &str = include_str!("../../boathook-server.toml");

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, Path::new("boathook-server.toml"))
}

#[test]
fn the_sample_parses_and_shows_the_defaults() {
    let sample = parse(SAMPLE).unwrap();
    let bare =
        parse("data_dir = '/var/lib/boathook-server'\norigin = 'https://boathook.example:8443'")
            .unwrap();
    let (mut sample_tls_free, mut bare_tls_free) = (sample.clone(), bare.clone());
    (sample_tls_free.tls, bare_tls_free.tls) = (Tls::default(), Tls::default());
    assert_eq!(format!("{sample_tls_free:?}"), format!("{bare_tls_free:?}"));
    assert_eq!(
        sample.store_url(),
        "sqlite:///var/lib/boathook-server/store"
    );
}

#[test]
fn an_unknown_key_is_refused_by_its_name() {
    for (text, key) in [
        (format!("lissten = 'x'\n{SAMPLE}"), "lissten"),
        (
            SAMPLE.replace("hold_seconds", "hold_secondz"),
            "hold_secondz",
        ),
        (SAMPLE.replace("path_style", "path_stile"), "path_stile"),
    ] {
        let message = parse(&text).unwrap_err().to_string();
        assert!(message.contains(key), "{message}");
    }
}

#[test]
fn a_provider_is_reached_safely_and_gives_roles_that_are_some() {
    let with = |issuer: &str, more: &str| {
        let oidc = format!("issuer = \"{issuer}\"\nclient_id = \"boathook\"");
        let text = SAMPLE.replace("issuer = \"\"\n", &format!("{oidc}\n"));
        let text = text.replacen("client_id = \"\"\n", "", 1);
        parse(&text.replace("[oidc.roles]", &format!("[oidc.roles]\n{more}")))
    };
    let groups = "support = ['engineer:acme', 'viewer']";
    for good in [
        "https://idp.example/realms/a",
        "http://127.0.0.1:9",
        "http://localhost",
    ] {
        let config = with(good, groups).unwrap();
        assert_eq!(config.oidc.roles["support"].len(), 2);
    }
    for (issuer, more, key) in [
        ("http://idp.example", groups, "oidc.issuer"),
        ("http://localhost.evil.example", groups, "oidc.issuer"),
        ("https://idp.example", "support = ['king']", "oidc.roles"),
        ("https://idp.example", "support = ['viewer:']", "oidc.roles"),
    ] {
        let message = with(issuer, more).unwrap_err().to_string();
        assert!(message.contains(key), "{message}");
    }
    let nameless = SAMPLE.replace("issuer = \"\"\n", "issuer = \"https://idp.example\"\n");
    let message = parse(&nameless).unwrap_err().to_string();
    assert!(message.contains("oidc.client_id"), "{message}");
}

#[test]
fn values_out_of_range_are_refused_by_their_key() {
    for (from, to, key) in [
        (
            "origin = \"https://boathook.example:8443\"",
            "origin = \"http://x\"",
            "origin",
        ),
        (
            "origin = \"https://boathook.example:8443\"",
            "origin = \"https://x/y\"",
            "origin",
        ),
        (
            "bearer_seconds = 3600",
            "bearer_seconds = 3601",
            "agents.bearer_seconds",
        ),
        (
            "list_seconds = 7200",
            "list_seconds = 86401",
            "agents.list_seconds",
        ),
        ("control_ms = 250", "control_ms = 251", "agents.control_ms"),
        ("widen_times = 2", "widen_times = 1", "waves.widen_times"),
        ("first_least = 40", "first_least = 0", "waves.first_least"),
        (
            "look_seconds = 20",
            "look_seconds = 301",
            "waves.look_seconds",
        ),
        (
            "sign_in_burst = 10",
            "sign_in_burst = 0",
            "limits.sign_in_burst",
        ),
        ("store = \"\"", "store = \"postgres://x\"", "store"),
        ("url = \"\"", "url = \"packets\"", "objects.url"),
        ("region = \"\"", "region = \"eu\"", "objects.url"),
        (
            "timeout_seconds = 6",
            "timeout_seconds = 61",
            "objects.timeout_seconds",
        ),
    ] {
        let message = parse(&SAMPLE.replace(from, to)).unwrap_err().to_string();
        assert!(message.contains(key), "{message}");
    }
}

/// `section.key` of every value.
fn keys(table: &toml::Table, before: &str, out: &mut BTreeSet<String>) {
    for (key, value) in table {
        match value {
            toml::Value::Table(inner) => keys(inner, &format!("{before}{key}."), out),
            _ => drop(out.insert(format!("{before}{key}"))),
        }
    }
}

#[test]
fn every_key_of_the_settings_stands_in_the_sample_and_no_other() {
    let of = |table: &toml::Table| {
        let mut out = BTreeSet::new();
        keys(table, "", &mut out);
        out
    };
    let settings = toml::Table::try_from(parse(SAMPLE).unwrap()).unwrap();
    let sample: toml::Table = SAMPLE.parse().unwrap();
    assert_eq!(of(&settings), of(&sample));
    assert!(of(&sample).len() > 25);
}

#[test]
fn relative_paths_begin_at_the_files_folder() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("boathook-server.toml");
    let text = "data_dir = 'data'\norigin = 'https://h'\n[tls]\ncertificate = 'tls.crt'\nkey = '/etc/tls.key'\n[objects]\nurl = 's3://packets'\ncredentials = 's3.toml'";
    std::fs::write(&path, text).unwrap();
    let config = Config::read(&path).unwrap();
    assert_eq!(config.data_dir, dir.path().join("data"));
    assert_eq!(config.tls.certificate, dir.path().join("tls.crt"));
    assert_eq!(config.tls.key, Path::new("/etc/tls.key"));
    assert_eq!(config.tls.ca, Path::new(""));
    assert_eq!(config.objects.credentials, dir.path().join("s3.toml"));
    assert_eq!(config.objects.endpoint_ca, Path::new(""));
    assert_eq!(
        config.store_url(),
        format!("sqlite://{}/data/store", dir.path().display())
    );
}

#[test]
fn every_key_of_the_sample_is_documented() {
    let lines: Vec<&str> = SAMPLE.lines().collect();
    for section in SAMPLE.split("\n\n") {
        assert!(section.contains('#'), "no comment in: {section}");
    }
    assert!(lines.len() > 50);
}
