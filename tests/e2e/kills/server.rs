//! The server is killed: within uploads, while it commits, around claims and receipts.
use std::time::{Duration, Instant};

use boathook_tests::world::wire::Moment;

use super::scene::{PIECE, Scene, times};

/// The `round`th moment of twenty within an upload: from its first byte on, while the server checks and commits, and
/// when it has answered. Held there, and so many milliseconds later the server is killed.
fn within_upload(round: usize, rounds: usize) -> (Moment, u64) {
    match round * 20 / rounds.max(1) {
        step @ 0..17 => (Moment::Uploading(1_000 * step as u64 / 17), 0),
        17 => (Moment::Uploading(1_000), 0),
        18 => (Moment::Uploading(1_000), 40),
        _ => (Moment::UploadAnswered, 0),
    }
}

/// Kills the server at `moment` of a new hook's packet, `wait` milliseconds later, and starts it again; what came of the
/// hook, and where its upload went on, if it was asked.
async fn kill_server_at(
    scene: &mut Scene,
    tag: &str,
    moment: Moment,
    wait: u64,
) -> (String, Option<u64>) {
    let heard = scene.wire.trap(moment, true);
    let hook = scene.publish(tag).await.unwrap();
    scene.reached(moment, heard).await.unwrap();
    scene.wire.offsets();
    tokio::time::sleep(Duration::from_millis(wait)).await;
    scene.world.server.kill().unwrap();
    scene.wire.release();
    scene.world.server.start().await.unwrap();
    let outcome = scene.outcome(&hook).await.unwrap();
    (outcome, scene.wire.offsets().first().copied())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_within_uploads_loses_nothing_and_they_go_on() {
    let mut scene = Scene::set().await.unwrap();
    let kills = times();
    let mut offsets = Vec::new();
    let began = Instant::now();
    for round in 0..kills {
        let (moment, wait) = within_upload(round, kills);
        let tag = format!("server-{round}");
        let (outcome, asked) = kill_server_at(&mut scene, &tag, moment, wait).await;
        assert_eq!(outcome, "accepted", "round {round}, {moment:?}");
        let resumed = asked.expect("the agent asked how far it is");
        // Whole pieces of before the kill were acknowledged: they are not sent again.
        let whole = scene.wire.length();
        match moment {
            Moment::Uploading(1_000) => {
                assert!(
                    [whole / PIECE * PIECE, whole].contains(&resumed),
                    "{resumed}"
                );
            }
            Moment::Uploading(part) => {
                let sent = whole * part / 1_000 / PIECE * PIECE;
                assert_eq!(resumed, sent, "round {round}, {moment:?}");
            }
            _ => assert_eq!(resumed, whole),
        }
        offsets.push(resumed);
    }
    let resumed = offsets.iter().filter(|o| **o > 0).count();
    let (acknowledged, _) = scene.verify().await.unwrap();
    println!(
        "{kills} kills of the server within uploads of {} bytes in {:.0?}: {acknowledged} receipts, each of a packet that \
         is there and verifies; {resumed} uploads went on beyond their first byte, at {offsets:?}",
        scene.wire.length(),
        began.elapsed(),
    );
    assert_eq!(acknowledged, kills);
    assert!(resumed * 2 >= kills, "{offsets:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_around_a_claim_or_a_receipt_grants_and_stores_once() {
    let mut scene = Scene::set().await.unwrap();
    let moments = [Moment::ClaimAsked, Moment::ClaimGiven, Moment::ReceiptGiven];
    for (round, moment) in moments.into_iter().enumerate() {
        let tag = format!("server-{round}");
        let (outcome, _) = kill_server_at(&mut scene, &tag, moment, 0).await;
        assert_eq!(outcome, "accepted", "{moment:?}");
    }
    assert_eq!(scene.verify().await.unwrap(), (moments.len(), 0));
}
