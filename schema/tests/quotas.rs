//! Random sequences of claims, packets, answers and lost leases against the model, on what keeps records in SQLite.
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, OnceLock};

use boathook_schema::{
    Migrate,
    contract::{Bench, model},
    migrate,
};
use proptest::prelude::*;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// One store for all cases, each of which publishes a hook of its own.
type Place = OnceLock<(Runtime, Bench, TempDir)>;

static EMBEDDED: Place = OnceLock::new();
static ROWS: Place = OnceLock::new();

fn follow(place: &Place, before: &str, places: u32, total_bytes: u64, steps: &[model::Raw]) {
    let (runtime, bench, _) = place.get_or_init(|| {
        let runtime = Runtime::new().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", dir.path().display());
        let bench = runtime.block_on(async {
            migrate(&url, Migrate::Up).await.unwrap();
            Bench::new(format!("{before}{url}"), Arc::new(|_, _| {})).await
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
        follow(&EMBEDDED, "", places, total_bytes, &steps);
    }

    #[test]
    fn nor_do_they_where_records_are_rows(
        places in 1_u32..5,
        total_bytes in 500_u64..4_000,
        steps in prop::collection::vec(any::<(u8, u8, u32)>(), 1..80),
    ) {
        follow(&ROWS, "rows+", places, total_bytes, &steps);
    }
}
