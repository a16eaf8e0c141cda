//! A server dies at each step of a verb; the runner finishes what it began, and the repeat has the same answer. Needs
//! the feature `faults` and the cluster that `BOATHOOK_TEST_CQL` names.
#![cfg(feature = "faults")]
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::process::Command;

use boathook_schema::{
    Migrate,
    contract::{
        Bench,
        faults::{
            Prepared, VERBS, act, an_erasure_finds_a_packet_on_its_way,
            an_erasure_waits_for_a_retirement, is_sound, prepare, with_a_laptop,
        },
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

/// Whether it met its point.
fn died_at(prepared: &Prepared, point: &str) -> bool {
    let prepared = serde_json::to_string(prepared).unwrap();
    let out = Command::new(std::env::current_exe().unwrap())
        .args(["dies", "--exact", "--nocapture", "--test-threads=1"])
        .env("BOATHOOK_FAULT", point)
        .env("BOATHOOK_FAULT_PREPARED", prepared)
        .output()
        .unwrap();
    !out.status.success()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erasure_waits_for_what_a_dead_server_left_of_the_instance() {
    let (b, _kept) = bench().await;
    with_a_laptop(&b).await;
    let prepared = prepare(&b, "retire_instance").await;
    assert!(died_at(&prepared, "retire_instance:after_commit"));
    an_erasure_waits_for_a_retirement(&b).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erasure_finds_a_packet_that_a_dead_server_left_on_its_way() {
    let (b, _kept) = bench().await;
    with_a_laptop(&b).await;
    let prepared = prepare(&b, "commit_packet").await;
    assert!(died_at(&prepared, "commit_packet:after_commit"));
    an_erasure_finds_a_packet_on_its_way(&b, &prepared).await;
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
            let dead = died_at(&prepared, &point);
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
