//! The real parts themselves start and answer.
use boathook_tests::{postgres::Postgres, tls::Ca};

#[test]
fn postgres_starts_and_answers() {
    let postgres = Postgres::start().unwrap();
    assert_eq!(
        postgres
            .sql("shop", "SELECT count(*) FROM orders")
            .unwrap()
            .trim(),
        "1000"
    );
}

#[test]
fn a_ca_signs_certificates_good_and_expired() {
    let ca = Ca::new().unwrap();
    assert!(ca.pem().contains("BEGIN CERTIFICATE"));
    assert_ne!(
        ca.server(&["localhost"]).unwrap().chain,
        ca.expired(&["localhost"]).unwrap().chain
    );
}
