//! The agent is killed: before, within and after its runs, while it recovers, while a command hangs.
use std::time::{Duration, Instant};

use boathook_tests::world::wire::Moment;

use super::scene::{PATIENCE, PIECE, Scene, tally, times};

/// When the agent is killed: at a moment on the wire, or when the run has come to something on the machine; and how
/// many milliseconds later.
#[derive(Clone, Copy, Debug)]
enum When {
    Held(Moment),
    Passed(Moment, u64),
    /// The command has left its line.
    Collecting(u64),
    /// The packet's file has some of the data.
    Packing(u64),
}

/// The `round`th of twenty: ten moments, each twice, the second time a little later.
fn when(round: usize) -> When {
    let late = (round / 10) as u64;
    match round % 10 {
        0 => When::Held(Moment::ClaimAsked),
        1 => When::Held(Moment::ClaimGiven),
        2 => When::Passed(Moment::ClaimGiven, 2 * late),
        3 => When::Passed(Moment::ClaimGiven, 10 + 20 * late),
        4 => When::Collecting(100 * late),
        5 => When::Packing(late),
        6 => When::Packing(10 + 10 * late),
        7 => When::Held(Moment::Uploading(400 + 400 * late)),
        8 => When::Held(Moment::UploadAnswered),
        _ if late.is_multiple_of(2) => When::Held(Moment::ReceiptGiven),
        _ => When::Passed(Moment::ReceiptGiven, 0),
    }
}

/// Until the command of `tag` has left its line.
async fn collecting(scene: &Scene, tag: &str) {
    let until = Instant::now() + PATIENCE;
    while scene.runs(tag) == 0 {
        assert!(Instant::now() < until, "{tag} never collected");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Until the packet's file has some of the data.
async fn packing(scene: &Scene, tag: &str) {
    let until = Instant::now() + PATIENCE;
    while scene.part() < PIECE {
        assert!(Instant::now() < until, "{tag} never packed");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_killed_within_runs_runs_nothing_twice_and_loses_nothing() {
    let mut scene = Scene::set().await.unwrap();
    let kills = times();
    let (mut outcomes, mut stages, mut offsets) = (Vec::new(), Vec::new(), Vec::new());
    let began = Instant::now();
    for round in 0..kills {
        let when = when(round);
        let tag = format!("agent-{round}");
        let trap = match when {
            When::Held(moment) => Some((moment, scene.wire.trap(moment, true))),
            When::Passed(moment, _) => Some((moment, scene.wire.trap(moment, false))),
            When::Collecting(_) | When::Packing(_) => None,
        };
        let hook = scene.publish(&tag).await.unwrap();
        if let Some((moment, heard)) = trap {
            scene.reached(moment, heard).await.unwrap();
        }
        let wait = match when {
            When::Held(_) => 0,
            When::Passed(_, wait) => wait,
            When::Collecting(wait) => {
                collecting(&scene, &tag).await;
                wait
            }
            When::Packing(wait) => {
                packing(&scene, &tag).await;
                wait
            }
        };
        tokio::time::sleep(Duration::from_millis(wait)).await;
        scene.agent.kill().unwrap();
        scene.wire.release();
        scene.no_command_is_left().await.unwrap();
        let stage = scene.stage(&tag, &hook).unwrap();
        scene.wire.offsets();
        scene.agent.start().unwrap();
        let outcome = scene.outcome(&hook).await.unwrap();
        let asked = scene.wire.offsets();
        match (when, stage) {
            // Whole in the spool, or not begun: the packet comes.
            (_, "packed" | "receipt stored" | "not in the ledger") => {
                assert_eq!(outcome, "accepted", "round {round}, {when:?}, {stage}");
            }
            _ => assert!(
                ["accepted", "interrupted"].contains(&outcome.as_str()),
                "round {round}, {when:?}, {stage}: {outcome}"
            ),
        }
        if let When::Held(Moment::Uploading(part)) = when {
            let sent = scene.wire.length() * part / 1000 / PIECE * PIECE;
            assert_eq!(asked.first(), Some(&sent), "round {round}, {when:?}");
        }
        offsets.extend(asked.first().copied());
        stages.push(stage.to_owned());
        outcomes.push(outcome);
    }
    let (acknowledged, interrupted) = scene.verify().await.unwrap();
    println!(
        "{kills} kills of the agent within runs in {:.0?}: killed when {}; then {}; {acknowledged} receipts, each of a \
         packet that is there and verifies, {interrupted} of them marked interrupted; no command ran twice; uploads went on at {offsets:?}",
        began.elapsed(),
        tally(&stages),
        tally(&outcomes)
    );
    assert_eq!(
        acknowledged,
        outcomes.iter().filter(|o| *o == "accepted").count()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_killed_again_while_it_recovers_still_runs_once_and_answers_once() {
    let mut scene = Scene::set().await.unwrap();
    let mut outcomes = Vec::new();
    for (round, wait) in [0, 20, 40, 80, 160].into_iter().enumerate() {
        let tag = format!("again-{round}");
        let hook = scene.publish(&tag).await.unwrap();
        packing(&scene, &tag).await;
        scene.agent.kill().unwrap();
        scene.agent.start().unwrap();
        tokio::time::sleep(Duration::from_millis(wait)).await;
        scene.agent.kill().unwrap();
        scene.agent.start().unwrap();
        outcomes.push(scene.outcome(&hook).await.unwrap());
    }
    // The server has its answer, and the agent does not know.
    let heard = scene.wire.trap(Moment::AnswerGiven, true);
    let hook = scene.publish("answer").await.unwrap();
    collecting(&scene, "answer").await;
    scene.agent.kill().unwrap();
    scene.agent.start().unwrap();
    scene.reached(Moment::AnswerGiven, heard).await.unwrap();
    scene.agent.kill().unwrap();
    scene.wire.release();
    scene.agent.start().unwrap();
    assert_eq!(scene.outcome(&hook).await.unwrap(), "interrupted");
    let (acknowledged, interrupted) = scene.verify().await.unwrap();
    println!(
        "killed again while it recovers: {}; {acknowledged} receipts, {interrupted} of packets marked interrupted",
        tally(&outcomes)
    );
    assert_eq!(
        acknowledged,
        outcomes.iter().filter(|o| *o == "accepted").count()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_agent_takes_its_commands_with_it() {
    let mut scene = Scene::set().await.unwrap();
    let hook = scene.publish("slow").await.unwrap();
    let until = Instant::now() + PATIENCE;
    // The command, what it waits for, and what went away into a session of its own.
    while scene.commands() < 3 {
        assert!(Instant::now() < until, "the command never ran");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    scene.agent.kill().unwrap();
    let killed = Instant::now();
    scene.no_command_is_left().await.unwrap();
    println!(
        "a killed agent's commands were gone after {:.0?}",
        killed.elapsed()
    );
    scene.agent.start().unwrap();
    assert_eq!(scene.outcome(&hook).await.unwrap(), "interrupted");
    assert_eq!(scene.runs("slow"), 1);
}
