//! The contract of the store on a Cassandra or ScyllaDB cluster: the one that `BOATHOOK_TEST_CQL` names.
#![allow(clippy::unwrap_used)]

use boathook_schema::{Migrate, contract::Bench, migrate};
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
