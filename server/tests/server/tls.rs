//! Real handshakes: certificates that change, self-signed only when it is asked for.
use std::time::{Duration, Instant};

use boathook_hooks::protocol::JoinString;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose};
use reqwest::Certificate;

use crate::home::{Home, Served, certificate, client};

/// A CA, and a certificate of it for localhost in the home's `tls.crt` and `tls.key`.
fn write_certificate(home: &Home, name: &str) -> Certificate {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &ca).unwrap();
    home.file("tls.key", key.serialize_pem().as_bytes());
    home.file("tls.crt", leaf.pem().as_bytes());
    home.file("ca.pem", ca.pem().as_bytes());
    certificate(&home.path("ca.pem"))
}

fn home() -> (Home, Certificate) {
    let home = Home::new();
    let ca = write_certificate(&home, "one");
    home.set("self_signed", "false");
    home.set("certificate", "\"tls.crt\"");
    home.set("key", "\"tls.key\"");
    home.set("ca", "\"ca.pem\"");
    (home, ca)
}

async fn reached(served: &Served, ca: &Certificate) -> bool {
    client(ca.clone())
        .get(served.url("/api/v1/openapi.json"))
        .send()
        .await
        .is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_changes_is_served_to_the_next_handshake() {
    let (home, first) = home();
    let served = home.serve();
    assert!(reached(&served, &first).await);
    let second = write_certificate(&home, "two");
    let until = Instant::now() + Duration::from_secs(60);
    while !reached(&served, &second).await {
        assert!(Instant::now() < until, "{}", served.text());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(!reached(&served, &first).await);
    // Half a change, or nonsense, leaves the old one in use.
    home.file("tls.crt", b"nonsense");
    while !served.text().contains("not usable yet") {
        assert!(Instant::now() < until, "{}", served.text());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(reached(&served, &second).await);
    served.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_know_the_ca_or_asks_for_another_host_turns_away() {
    let (home, ca) = home();
    let served = home.serve();
    let stranger = write_certificate(&Home::empty(), "stranger");
    assert!(!reached(&served, &stranger).await);
    let other_host = served
        .url("/api/v1/openapi.json")
        .replace("localhost", "127.0.0.1");
    assert!(client(ca.clone()).get(other_host).send().await.is_err());
    let plain = served
        .url("/api/v1/openapi.json")
        .replace("https:", "http:");
    assert!(client(ca).get(plain).send().await.is_err(), "no plain HTTP");
    served.stop();
}

#[test]
fn without_certificates_it_does_not_start_and_never_makes_its_own_silently() {
    let home = Home::new();
    home.set("self_signed", "false");
    let said = home.fails(&["serve"]);
    assert!(
        said.contains("certificate") && said.contains("self_signed"),
        "{said}"
    );
    for (key, value, named) in [
        ("certificate", "\"nowhere.crt\"", "nowhere.crt"),
        ("ca", "\"nowhere.pem\"", "nowhere.pem"),
    ] {
        let (home, _) = self::home();
        home.set(key, value);
        let said = home.fails(&["serve"]);
        assert!(said.contains(named), "{said}");
    }
    let (home, _) = self::home();
    let kept = std::fs::read(home.path("tls.key")).unwrap();
    write_certificate(&home, "other");
    home.file("tls.key", &kept);
    assert!(home.fails(&["serve"]).contains("do not fit each other"));
}

#[tokio::test(flavor = "multi_thread")]
async fn self_signed_says_so_loudly_and_join_strings_carry_its_ca() {
    let home = Home::with_trust("self_signed = false");
    let served = home.serve_with(&["--self-signed"]);
    let warned = served
        .lines()
        .into_iter()
        .find(|l| l["level"] == "WARN")
        .unwrap();
    assert!(
        warned["message"].as_str().unwrap().contains("SELF-SIGNED"),
        "{warned}"
    );
    let ca = std::fs::read_to_string(home.path("data/tls/ca.pem")).unwrap();
    assert!(reached(&served, &home.ca()).await);
    // The same CA after a restart, so that agents that trust it go on.
    served.stop();
    let served = home.serve_with(&["--self-signed"]);
    assert_eq!(
        std::fs::read_to_string(home.path("data/tls/ca.pem")).unwrap(),
        ca
    );
    served.stop();
    home.set("self_signed", "true");
    let join: JoinString = home.join_string().parse().unwrap();
    assert_eq!(join.ca.as_deref(), Some(ca.as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_have_a_listener_of_their_own_without_the_api() {
    let (home, _) = home();
    let served = home.serve();
    let get = async |path: &str| {
        let said = reqwest::Client::builder()
            .no_proxy()
            .build()
            .unwrap()
            .get(served.ops_url(path))
            .send();
        let said = said.await.unwrap();
        (said.status().as_u16(), said.text().await.unwrap())
    };
    assert_eq!(get("/healthz").await, (200, "ok\n".into()));
    assert_eq!(get("/readyz").await, (200, "ready\n".into()));
    let (status, metrics) = get("/metrics").await;
    assert!(status == 200 && metrics.ends_with("# EOF\n"), "{metrics}");
    let readme = include_str!("../../README.md");
    for name in metrics
        .lines()
        .filter_map(|l| l.strip_prefix("# TYPE ")?.split(' ').next())
    {
        assert!(
            readme.contains(&format!("`{name}")),
            "the README does not name {name}"
        );
    }
    assert_eq!(get("/api/v1/openapi.json").await.0, 404);
    served.stop();
}
