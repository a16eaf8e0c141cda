//! A cluster that is reached by TLS and with a password.
use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use boathook_hooks::{ids::CustomerId, time::Time};
use boathook_schema::{Migrate, Scope, Store, Write, migrate};
use boathook_tests::{
    parts::cassandra::{Cassandra, SECURE},
    tls::Ca,
};

fn file(dir: &Path, name: &str, text: &str) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[tokio::test]
async fn the_cluster_is_reached_by_tls_and_a_password_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let (ca, other) = (Ca::new().unwrap(), Ca::new().unwrap());
    let own = ca.server(&[SECURE]).unwrap();
    let pem = file(dir.path(), "node.pem", &format!("{}{}", own.key, own.chain));
    let cassandra = tokio::task::spawn_blocking(move || Cassandra::secure(&pem))
        .await
        .unwrap()
        .unwrap();
    let right = file(dir.path(), "password", "cassandra\n");
    let wrong = file(dir.path(), "wrong", "guessed\n");
    let own_ca = file(dir.path(), "ca.pem", &ca.pem());
    let other_ca = file(dir.path(), "other.pem", &other.pem());
    let plain = format!(
        "{}&objects_dir={}",
        cassandra.fresh("secure").unwrap(),
        dir.path().display()
    );
    let url = |password: &Path, ca: &Path| {
        format!(
            "{plain}&user=cassandra&password_file={}&tls=on&ca={}",
            password.display(),
            ca.display()
        )
    };
    let good = url(&right, &own_ca);
    // The node makes its first user some moments after it answers.
    let until = Instant::now() + Duration::from_secs(60);
    while let Err(error) = migrate(&good, Migrate::Up).await {
        assert!(Instant::now() < until, "{error:?}\n{}", cassandra.logs());
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let store = Store::open(&good).await.unwrap();
    let (acme, now): (CustomerId, _) = ("acme".parse().unwrap(), Time::wall_clock());
    let put = store.put_customer(
        &Scope::System,
        Write::system(now),
        acme.clone(),
        "Acme".into(),
    );
    put.await.unwrap().done().unwrap();
    assert!(
        store
            .customer(&Scope::System, &acme)
            .await
            .unwrap()
            .is_some()
    );

    for (what, url) in [
        ("another CA", url(&right, &other_ca)),
        ("another password", url(&wrong, &own_ca)),
        ("no password", plain.clone()),
    ] {
        let opened = Store::open(&url).await;
        let error = opened.err().unwrap_or_else(|| panic!("{what} is let in"));
        let words = format!("{error:?}");
        assert!(!words.contains("guessed"), "{words}");
    }
}
