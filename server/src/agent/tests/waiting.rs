//! Long polls: held until something changes for this instance, woken at once, let go cleanly.
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use boathook_hooks::protocol::*;

use crate::agent::testing::{Bench, read_list};

/// A server whose polls can only be woken in process: its beat is too slow to help.
async fn slow_beat() -> Bench {
    Bench::with(|c| c.agents.control_ms = 600_000).await
}

async fn held(bench: &Bench, polls: i64) {
    while bench.app.metrics.long_polls.get() < polls {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn news_are_told_at_once_however_long_the_agent_would_wait() {
    let bench = slow_beat().await;
    let sim = bench.instance().await;
    let etag = sim.poll(0, "", 0).await.header("etag").to_owned();
    bench.publish(&bench.hook(10)).await;
    let begin = Instant::now();
    assert_eq!(read_list(&sim.poll(300, &etag, 0).await).hooks.len(), 1);
    assert!(
        begin.elapsed() < Duration::from_secs(1),
        "{:?}",
        begin.elapsed()
    );
}

#[tokio::test]
async fn a_poll_is_held_until_its_wait_ends() {
    let bench = slow_beat().await;
    let sim = bench.instance().await;
    let etag = sim.poll(0, "", 0).await.header("etag").to_owned();
    let begin = Instant::now();
    assert_eq!(sim.poll(1, &etag, 0).await.status, StatusCode::NOT_MODIFIED);
    assert!(
        begin.elapsed() >= Duration::from_secs(1),
        "{:?}",
        begin.elapsed()
    );
}

#[tokio::test]
async fn a_poll_is_held_no_longer_than_the_server_likes() {
    let bench = Bench::with(|c| c.agents.hold_seconds = 1).await;
    let sim = bench.instance().await;
    let etag = sim.poll(0, "", 0).await.header("etag").to_owned();
    let begin = Instant::now();
    assert_eq!(
        sim.poll(500, &etag, 0).await.status,
        StatusCode::NOT_MODIFIED
    );
    assert!(
        begin.elapsed() < Duration::from_secs(10),
        "{:?}",
        begin.elapsed()
    );
}

#[tokio::test]
async fn only_those_are_woken_whom_it_concerns() {
    let bench = slow_beat().await;
    let (ours, theirs) = (bench.instance().await, bench.instance_of("globex").await);
    let (first, second) = (ours.poll(0, "", 0).await, theirs.poll(0, "", 0).await);
    let publish = async {
        held(&bench, 2).await;
        bench.publish_quietly(&bench.hook(10)).await;
        Instant::now()
    };
    let woken = async {
        let said = ours.poll(300, first.header("etag"), 0).await;
        (said, Instant::now())
    };
    let begin = Instant::now();
    let left = async {
        let said = theirs.poll(3, second.header("etag"), 0).await;
        (said.status, begin.elapsed())
    };
    let ((said, told), left, published) = tokio::join!(woken, left, publish);
    assert_eq!(read_list(&said).hooks.len(), 1);
    let delay = told.saturating_duration_since(published);
    assert!(delay < Duration::from_millis(200), "woken after {delay:?}");
    assert_eq!(left.0, StatusCode::NOT_MODIFIED);
    assert!(left.1 >= Duration::from_secs(3), "{left:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_who_wait_are_all_told() {
    const MANY: usize = 300;
    let bench = slow_beat().await;
    let token = bench.token(300, false).await;
    let mut sims = Vec::new();
    for _ in 0..MANY {
        let sim = bench.join(&token).await;
        let etag = sim.poll(0, "", 0).await.header("etag").to_owned();
        sims.push((sim, etag));
    }
    let polls = sims.iter().map(|(sim, etag)| sim.poll(300, etag, 0));
    let publish = async {
        held(&bench, 300).await;
        bench.publish_quietly(&bench.hook(10)).await
    };
    let (said, digest) = tokio::join!(futures_util::future::join_all(polls), publish);
    for ((sim, _), said) in sims.iter().zip(&said) {
        let list = read_list(said);
        assert_eq!(
            (&list.instance, list.hooks[0].digest),
            (&sim.instance, digest)
        );
    }
    assert_eq!(bench.app.metrics.long_polls.get(), 0);
}

#[tokio::test]
async fn a_poll_that_its_agent_gave_up_is_not_counted_any_more() {
    let bench = slow_beat().await;
    let sim = bench.instance().await;
    let etag = sim.poll(0, "", 0).await.header("etag").to_owned();
    let poll = sim.poll(300, &etag, 0);
    tokio::select! {
        said = poll => panic!("answered {}", said.status),
        () = held(&bench, 1) => {}
    }
    assert_eq!(bench.app.metrics.long_polls.get(), 0);
}

#[tokio::test]
async fn who_is_suspended_while_it_waits_is_told_to_open_another_session() {
    let bench = slow_beat().await;
    let sim = bench.instance().await;
    let etag = sim.poll(0, "", 0).await.header("etag").to_owned();
    let suspend = async {
        held(&bench, 1).await;
        bench.suspend(&sim.instance).await;
    };
    let (said, ()) = tokio::join!(sim.poll(300, &etag, 0), suspend);
    assert_eq!(said.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn beyond_its_budget_of_long_polls_a_server_says_every_instead_of_hold() {
    let bench = Bench::with(|c| c.agents.long_polls = 1).await;
    let (one, two) = (bench.instance().await, bench.instance().await);
    let first = one.poll(0, "", 0).await;
    assert_eq!(first.header(HEADER_POLL), "hold=300");
    let other = two.poll(0, "", 0).await.header("etag").to_owned();
    let etag = first.header("etag");
    let second = async {
        held(&bench, 1).await;
        let said = two.poll(300, &other, 0).await;
        bench.publish_quietly(&bench.hook(10)).await;
        said
    };
    let (_, second) = tokio::join!(one.poll(300, etag, 0), second);
    assert_eq!(second.status, StatusCode::NOT_MODIFIED);
    assert_eq!(second.header(HEADER_POLL), "every=60");
    assert_eq!(
        two.poll(0, "", 0).await.header(HEADER_POLL),
        "hold=300",
        "there is room again"
    );
}

#[tokio::test]
async fn a_bearer_that_ends_while_its_poll_is_held_brings_no_news() {
    let bench = slow_beat().await;
    let sim = bench.instance().await;
    let etag = sim.poll(0, "", 0).await.header("etag").to_owned();
    let hour = async {
        held(&bench, 1).await;
        bench.app.clock.advance(3_600_000);
        bench.publish_quietly(&bench.hook(10)).await;
    };
    let (said, ()) = tokio::join!(sim.poll(300, &etag, 0), hour);
    assert_eq!(said.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_second_poll_of_an_instance_ends_its_first_and_takes_its_place() {
    let bench = Bench::with(|c| {
        c.agents.control_ms = 600_000;
        c.agents.long_polls = 2;
    })
    .await;
    let (twice, other) = (bench.instance().await, bench.instance().await);
    let etag = twice.poll(0, "", 0).await.header("etag").to_owned();
    let of_other = other.poll(0, "", 0).await.header("etag").to_owned();
    let first = async { (twice.poll(20, &etag, 0).await, Instant::now()) };
    let third = async {
        held(&bench, 1).await;
        let begin = Instant::now();
        // Another instance has room still, and the budget is spent then.
        let second = twice.poll(20, &etag, 0);
        let other = other.poll(20, &of_other, 0);
        let publish = async {
            held(&bench, 2).await;
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            assert_eq!(bench.app.metrics.long_polls.get(), 2);
            bench.publish_quietly(&bench.hook(10)).await;
            Instant::now()
        };
        let (second, other, published) = tokio::join!(second, other, publish);
        (begin, second, other, published)
    };
    let ((first, ended), (begin, second, other, published)) = tokio::join!(first, third);
    assert_eq!(first.status, StatusCode::NOT_MODIFIED);
    assert!(
        begin <= ended && ended <= published,
        "at once, without news"
    );
    assert_eq!(first.header("etag"), etag);
    // Two agents with one key must not end each other's polls in a loop.
    assert_eq!(first.header(HEADER_POLL), "every=60");
    assert_eq!(read_list(&second).hooks.len(), 1);
    assert_eq!(read_list(&other).hooks.len(), 1);
    assert_eq!(bench.app.metrics.long_polls.get(), 0);
}

#[tokio::test]
async fn a_spent_budget_lets_an_instance_poll_again_in_its_own_place() {
    let bench = Bench::with(|c| {
        c.agents.control_ms = 600_000;
        c.agents.long_polls = 1;
    })
    .await;
    let sim = bench.instance().await;
    let etag = sim.poll(0, "", 0).await.header("etag").to_owned();
    let again = async {
        held(&bench, 1).await;
        let begin = Instant::now();
        (sim.poll(1, &etag, 0).await, begin.elapsed())
    };
    let (first, (second, waited)) = tokio::join!(sim.poll(20, &etag, 0), again);
    assert_eq!(first.status, StatusCode::NOT_MODIFIED);
    assert_eq!(second.status, StatusCode::NOT_MODIFIED);
    assert!(
        waited >= Duration::from_secs(1),
        "held, not refused: {waited:?}"
    );
    assert_eq!(bench.app.metrics.long_polls.get(), 0);
}
