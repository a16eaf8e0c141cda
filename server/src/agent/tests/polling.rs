//! Polls: woken at once, never older than what was seen, lowered and stopped as the log says.
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use boathook_hooks::{documents::revocation::Revoked, ids::Blob, protocol::*, states::StoppedBy};
use boathook_schema::{Scope, Write};

use crate::agent::testing::{Bench, read_list};

#[tokio::test]
async fn a_long_poll_is_woken_by_a_publish() {
    let bench = Bench::new().await;
    let sim = bench.instance().await;
    let etag = sim.poll(0, "", 0).await.header("etag").to_owned();
    let begin = Instant::now();
    let publish = async {
        while bench.app.metrics.long_polls.get() == 0 {
            tokio::task::yield_now().await;
        }
        bench.publish_quietly(&bench.hook(10)).await
    };
    let (woken, digest) = tokio::join!(sim.poll(300, &etag, 0), publish);
    assert_eq!(read_list(&woken).hooks[0].digest, digest);
    assert!(
        begin.elapsed() < Duration::from_secs(2),
        "{:?}",
        begin.elapsed()
    );
    assert_eq!(bench.app.metrics.long_polls.get(), 0);
}

#[tokio::test]
async fn a_poll_without_news_ends_with_304() {
    let bench = Bench::new().await;
    let sim = bench.instance().await;
    let etag = sim.poll(0, "", 0).await.header("etag").to_owned();
    let same = sim.poll(1, &etag, 0).await;
    assert_eq!(same.status, StatusCode::NOT_MODIFIED);
    assert_eq!(same.header("etag"), etag);
}

#[tokio::test]
async fn a_304_is_given_only_while_half_the_lists_life_is_left() {
    let bench = Bench::new().await;
    let mut sim = bench.instance().await;
    let first = sim.poll(0, "", 0).await;
    let list = read_list(&first);
    for _ in 0..200 {
        bench.app.clock.advance(60_000);
        if bench.now().ms() % 1_800_000 == 0 {
            sim.renew().await;
        }
        let said = sim.poll(0, first.header("etag"), 0).await;
        if said.status == StatusCode::UNAUTHORIZED {
            sim.renew().await;
            continue;
        }
        let left = list.expires_at.since(bench.now());
        let life = list.expires_at.since(list.issued_at);
        if said.status == StatusCode::OK {
            return;
        }
        assert!(left >= life / 2, "304 with {left} of {life} ms left");
    }
    panic!("the list was never issued again");
}

#[tokio::test]
async fn a_server_without_room_for_long_polls_answers_at_once_and_says_when_to_come() {
    let bench = Bench::with(|c| c.agents.long_polls = 0).await;
    let sim = bench.instance().await;
    let first = sim.poll(300, "", 0).await;
    assert_eq!(first.header(HEADER_POLL), "every=60");
    let begin = Instant::now();
    let same = sim.poll(300, first.header("etag"), 0).await;
    assert_eq!(same.status, StatusCode::NOT_MODIFIED);
    assert!(begin.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_draining_server_lets_its_long_polls_go() {
    let bench = Bench::with(|c| c.limits.drain_seconds = 0).await;
    let sim = bench.instance().await;
    let etag = sim.poll(0, "", 0).await.header("etag").to_owned();
    let drain = async {
        while bench.app.metrics.long_polls.get() == 0 {
            tokio::task::yield_now().await;
        }
        bench.app.shutdown.cancel();
    };
    let (said, ()) = tokio::join!(sim.poll(300, &etag, 0), drain);
    assert_eq!(said.status, StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn an_answer_is_never_older_than_what_the_agent_has_seen() {
    let bench = Bench::new().await;
    let sim = bench.instance().await;
    let digest = bench.publish_quietly(&bench.hook(10)).await;
    let told = bench.revision(&digest).await.control;
    // The feed may not have read it yet: the poll reads the log itself.
    let list = read_list(&sim.poll(0, "", told).await);
    assert!(list.number >= told);
    assert_eq!(list.hooks.len(), 1);
}

#[tokio::test]
async fn a_restored_store_is_moved_beyond_what_agents_have_seen() {
    let bench = Bench::new().await;
    let sim = bench.instance().await;
    let before = sim.list().await.number;
    bench.app.clock.advance(10_000);
    let lost = u64::try_from(bench.now().ms()).unwrap() - 1_000;
    assert!(lost > before);
    assert!(read_list(&sim.poll(0, "", lost).await).number >= lost);
    // A number from the future is nothing that this store ever gave.
    let absurd = sim.poll(0, "", u64::MAX - 5).await;
    assert_eq!(absurd.status, StatusCode::SERVICE_UNAVAILABLE);
    let request = sim
        .request(axum::http::Method::GET, PATH_HOOKS)
        .header(HEADER_SEEN, "x");
    let said = bench
        .send(request.body(axum::body::Body::empty()).unwrap())
        .await;
    assert_eq!(said.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_stopped_hook_is_named_as_stopped_until_it_would_have_expired() {
    let bench = Bench::new().await;
    let mut sim = bench.instance().await;
    let hook = bench.hook(10);
    let digest = bench.publish(&hook).await;
    let (scope, write) = (
        Scope::System,
        Write::person("ada".parse().unwrap(), bench.now()),
    );
    let by = StoppedBy::Person("ada".parse().unwrap());
    let stopped = bench
        .app
        .store
        .stop(&scope, write, digest, by, "enough".into());
    stopped.await.unwrap().done().unwrap();
    crate::control::refresh(&bench.app).await.unwrap();
    let list = sim.list().await;
    assert_eq!((list.hooks.len(), list.stopped), (0, vec![digest]));
    assert_eq!(
        sim.get(&path_hook(&digest)).await.status,
        StatusCode::NOT_FOUND
    );

    bench.app.clock.advance(hook.expires_at.since(bench.now()));
    sim.renew().await;
    assert!(sim.list().await.stopped.is_empty());
}

#[tokio::test]
async fn a_lowered_end_reaches_the_list_and_expiry_takes_the_hook_off() {
    let bench = Bench::new().await;
    let mut sim = bench.instance().await;
    let digest = bench.publish(&bench.hook(10)).await;
    let end = bench.now().plus_ms(120_000);
    let (scope, write) = (Scope::System, Write::system(bench.now()));
    let lowered = bench
        .app
        .store
        .lower(&scope, write, digest, Some(5), Some(end));
    lowered.await.unwrap().done().unwrap();
    crate::control::refresh(&bench.app).await.unwrap();
    assert_eq!(sim.list().await.hooks[0].expires_at, end);
    assert_eq!(
        bench
            .app
            .agent
            .control
            .active()
            .get(&digest)
            .unwrap()
            .places,
        5
    );
    bench.app.clock.advance(120_000);
    sim.renew().await;
    assert!(sim.list().await.hooks.is_empty());
    crate::periodic::each_second(&bench.app).await.unwrap();
    assert_eq!(bench.revision(&digest).await.state.word(), "expired");
}

#[tokio::test]
async fn a_revocation_changes_the_list() {
    let bench = Bench::new().await;
    let sim = bench.instance().await;
    let before = sim.poll(0, "", 0).await;
    let bytes = bench
        .sample
        .revocation(1, Revoked::Person("ben".parse().unwrap()));
    let revoker = bench.sample.rita.public().id();
    let (scope, write) = (Scope::System, Write::system(bench.now()));
    let added = bench
        .app
        .store
        .add_revocation(&scope, write, revoker, 1, Blob(bytes.clone()));
    added.await.unwrap().done().unwrap();
    crate::control::refresh(&bench.app).await.unwrap();
    let after = read_list(&sim.poll(0, before.header("etag"), 0).await);
    assert_eq!(after.revokers.len(), 1);
    assert_eq!(sim.get(&path_revocation(&revoker, 1)).await.body, bytes);
    assert_eq!(
        sim.get(&path_revocation(&revoker, 2)).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(sim.get(&path_root(2)).await.status, StatusCode::NOT_FOUND);
    assert_eq!(sim.get(&path_roster(9)).await.status, StatusCode::NOT_FOUND);
    assert_eq!(
        sim.get("/agent/v1/rosters/x").await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn a_number_that_no_store_ever_gave_moves_nothing() {
    let bench = Bench::new().await;
    let sim = bench.instance().await;
    let before = sim.list().await.number;
    let absurd = sim.poll(0, "", u64::MAX - 5).await;
    assert_eq!(absurd.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(sim.list().await.number, before);
}
