//! Random sequences of claims, packets, answers and lost leases against the model, on what keeps records in SQLite.
#![allow(clippy::unwrap_used)]

use std::sync::OnceLock;

use boathook_schema::{
    Migrate,
    contract::{Bench, model},
    migrate,
};
use proptest::prelude::*;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// One store for all cases, each of which publishes a hook of its own.
static PLACE: OnceLock<(Runtime, Bench, TempDir)> = OnceLock::new();

fn follow(places: u32, total_bytes: u64, steps: &[model::Raw]) {
    let (runtime, bench, _) = PLACE.get_or_init(|| {
        let runtime = Runtime::new().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", dir.path().display());
        let bench = runtime.block_on(async {
            migrate(&url, Migrate::Up).await.unwrap();
            Bench::new(url).await
        });
        (runtime, bench, dir)
    });
    runtime.block_on(model::follow(bench, places, total_bytes, steps));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn accepted_and_reserved_never_exceed_the_quota_whatever_comes(
        places in 1_u32..5,
        total_bytes in 500_u64..4_000,
        steps in prop::collection::vec(any::<(u8, u8, u32)>(), 1..80),
    ) {
        follow(places, total_bytes, &steps);
    }
}
