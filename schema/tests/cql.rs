//! The contract of the store on a Cassandra or ScyllaDB cluster: the one that `BOATHOOK_TEST_CQL` names.
#![allow(clippy::unwrap_used)]

use boathook_schema::{Migrate, Store, StoreError, contract::Bench, migrate};
use scylla::client::session_builder::SessionBuilder;
use tempfile::TempDir;

const NAMED: &str =
    "BOATHOOK_TEST_CQL names no cluster: run `tests/parts/cassandra/cassandra with 1 cargo test …`";

/// One keyspace serves all cases, each under a prefix of its own: making tables takes a cluster longer than a case.
async fn bench() -> (Bench, TempDir) {
    let cluster = std::env::var("BOATHOOK_TEST_CQL").expect(NAMED);
    let (hosts, options) = cluster.split_once('?').unwrap_or((&cluster, "replicas=1"));
    let hosts = hosts.trim_end_matches('/');
    let dir = tempfile::tempdir().unwrap();
    let prefix = uuid::Uuid::now_v7().simple();
    let url = format!(
        "{hosts}/boathook_contract?{options}&prefix={prefix}&objects_dir={}",
        dir.path().display()
    );
    migrate(&url, Migrate::Up).await.unwrap();
    (Bench::new(url).await, dir)
}

boathook_schema::contract_tests!(bench);

/// One without a prefix would take all others' rows for its own, and mend or copy them.
#[tokio::test]
async fn an_installation_without_a_prefix_is_alone_in_its_keyspace() {
    let cluster = std::env::var("BOATHOOK_TEST_CQL").expect(NAMED);
    let (hosts, options) = cluster.split_once('?').unwrap_or((&cluster, "replicas=1"));
    let hosts = hosts.trim_end_matches('/');
    let dir = tempfile::tempdir().unwrap();
    let fresh = || format!("b{}", uuid::Uuid::now_v7().simple());
    let in_keyspace = |keyspace: &str| {
        ["", "&prefix=one", "&prefix=other"].map(|prefix| {
            let dir = dir.path().display();
            format!("{hosts}/{keyspace}?{options}&objects_dir={dir}{prefix}")
        })
    };
    let opened = async |url: &str| Store::open(url).await.map(drop);
    let not_migrated = async |url: &str| {
        let said = opened(url).await;
        let wanted = matches!(said, Err(StoreError::NotMigrated { found: 0, .. }));
        assert!(wanted, "{said:?}");
    };
    let shared = |said: Result<(), StoreError>, with: &str| {
        let wanted = matches!(&said, Err(StoreError::Shared { found, .. }) if found.contains(with));
        assert!(wanted, "{said:?}");
    };

    let keyspace = fresh();
    let [none, one, other] = in_keyspace(&keyspace);
    not_migrated(&one).await;
    for prefixed in [&one, &other] {
        migrate(prefixed, Migrate::Up).await.unwrap();
        opened(prefixed).await.unwrap();
    }
    not_migrated(&none).await;
    let beside = migrate(&none, Migrate::Up).await;
    shared(beside.map(drop), "prefix=one");
    // The tables hold the rows of both.
    for (url, with) in [(&one, "prefix=other"), (&other, "prefix=one")] {
        shared(migrate(url, Migrate::To(0)).await.map(drop), with);
    }
    opened(&other).await.unwrap();
    // However it came there.
    let node = hosts
        .trim_start_matches("cql://")
        .split(',')
        .next()
        .unwrap();
    let session = SessionBuilder::new().known_node(node).build().await;
    let cql = format!("INSERT INTO {keyspace}.installations (one, prefix) VALUES (1, '')");
    session.unwrap().query_unpaged(cql, ()).await.unwrap();
    shared(opened(&other).await, "without a prefix");

    let [none, one, _] = in_keyspace(&fresh());
    // Without tables, which take long to make.
    migrate(&none, Migrate::Force(1)).await.unwrap();
    let beside = migrate(&one, Migrate::Up).await;
    shared(beside.map(drop), "without a prefix");
    // Once it is gone another may come.
    migrate(&none, Migrate::To(0)).await.unwrap();
    migrate(&one, Migrate::Force(1)).await.unwrap();
}
