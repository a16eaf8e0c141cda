//! A server dies at each step of a verb; the runner finishes what it began, and the repeat has the same answer. Needs
//! the feature `faults` and the cluster that `BOATHOOK_TEST_CQL` names.
#![cfg(feature = "faults")]
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::process::Command;

use boathook_schema::{
    Migrate,
    contract::{
        Bench,
        faults::{Prepared, VERBS, act, is_sound, prepare},
    },
    migrate,
};

const POINTS: [&str; 12] = [
    "VERB:before_commit",
    "VERB:after_commit",
    "open_revision:before_commit",
    "open_revision:after_commit",
    "put_packet:after_commit",
    "follow:after_commit",
    "append_control:before_commit",
    "append_control:after_commit",
    "append_events:before_commit",
    "append_events:after_commit",
    "apply:after_lists",
    "apply:after_events",
];

/// Those of an erasing alone.
const ERASING: [&str; 3] = [
    "note_erasure:before_commit",
    "note_erasure:after_commit",
    "erase_personal:after_commit",
];

/// What dies: run by the case below in a process of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dies() {
    let Ok(prepared) = std::env::var("BOATHOOK_FAULT_PREPARED") else {
        return;
    };
    let prepared: Prepared = serde_json::from_str(&prepared).unwrap();
    println!("answer: {}", act(&prepared).await);
}

async fn bench() -> (Bench, tempfile::TempDir) {
    let cluster = std::env::var("BOATHOOK_TEST_CQL").expect("BOATHOOK_TEST_CQL names no cluster");
    let (hosts, options) = cluster.split_once('?').unwrap_or((&cluster, "replicas=1"));
    let dir = tempfile::tempdir().unwrap();
    let url = format!(
        "{}/boathook_contract?{options}&prefix={}&objects_dir={}",
        hosts.trim_end_matches('/'),
        uuid::Uuid::now_v7().simple(),
        dir.path().display()
    );
    migrate(&url, Migrate::Up).await.unwrap();
    (Bench::new(url).await, dir)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_step_a_server_dies_at_the_runner_finishes_it_and_a_repeat_has_the_same_answer() {
    let mut died = 0;
    for verb in VERBS {
        let own: &[&str] = match verb {
            "finish_erasure" => &ERASING,
            _ => &[],
        };
        for point in POINTS.iter().chain(own) {
            let point = point.replace("VERB", verb);
            let (b, _kept) = bench().await;
            let prepared = prepare(&b, verb).await;
            let out = Command::new(std::env::current_exe().unwrap())
                .args(["dies", "--exact", "--nocapture", "--test-threads=1"])
                .env("BOATHOOK_FAULT", &point)
                .env(
                    "BOATHOOK_FAULT_PREPARED",
                    serde_json::to_string(&prepared).unwrap(),
                )
                .output()
                .unwrap();
            let dead = !out.status.success();
            died += u32::from(dead);
            let left = b.store.finish_left(true).await.unwrap();
            let first = act(&prepared).await;
            b.store.finish_left(true).await.unwrap();
            is_sound(&b, &prepared).await;
            assert_eq!(act(&prepared).await, first, "{point}");
            is_sound(&b, &prepared).await;
            println!(
                "{verb:>14}  {point:<28} died: {dead:<5}  finished: {}",
                left.finished
            );
        }
    }
    assert!(died >= 30, "only {died} of them met their point");
}
