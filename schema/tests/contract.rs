//! The contract of the store, on SQLite in one directory.
#![allow(clippy::unwrap_used)]

use boathook_schema::{Migrate, contract::Bench, migrate};
use tempfile::TempDir;

async fn bench() -> (Bench, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", dir.path().display());
    migrate(&url, Migrate::Up).await.unwrap();
    (Bench::new(url).await, dir)
}

boathook_schema::contract_tests!(bench);
