//! Waves: who is offered a hook yet, and how it comes to more.
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use boathook_hooks::{
    documents::{Document as _, hook::Hook},
    ids::Digest,
    protocol::*,
    waves::{Wave, position},
};
use boathook_schema::{EventKind, Scope, Write};

use crate::{
    agent::testing::{Bench, Sim, read_list},
    control, listeners, periodic,
};

/// Two instances, the earlier in the hook's order first, and a wave that reaches only that one.
async fn two<'a>(bench: &'a Bench, hook: &Hook) -> (Sim<'a>, Sim<'a>, Wave) {
    let digest = Digest::of(&hook.to_payload().unwrap());
    let (one, other) = (bench.instance().await, bench.instance().await);
    let place = |sim: &Sim| position(&digest, &sim.instance);
    let (first, later) = match place(&one) < place(&other) {
        true => (one, other),
        false => (other, one),
    };
    let middle = place(&first).midpoint(place(&later)) as f64;
    let wave = Wave::of_share(middle / (1_u64 << 63) as f64);
    assert!(wave.reaches(&digest, &first.instance));
    assert!(!wave.reaches(&digest, &later.instance));
    (first, later, wave)
}

impl Bench {
    async fn widen(&self, digest: &Digest, wave: Wave) {
        let write = Write::system(self.now());
        let widened = self.app.store.widen(&Scope::System, write, *digest, wave);
        widened.await.unwrap().done().unwrap();
    }

    async fn refresh(&self) {
        control::refresh(&self.app).await.unwrap();
    }

    fn wave_in_memory(&self, digest: &Digest) -> Wave {
        self.app.agent.control.active().get(digest).unwrap().wave
    }

    fn set_wave(&self, digest: &Digest, wave: Wave) {
        let mut active = self.app.agent.control.active_mut();
        active.change(digest, |hook| hook.wave = wave);
    }
}

#[tokio::test]
async fn a_hook_is_listed_and_served_within_its_wave_only() {
    let bench = Bench::new().await;
    let hook = bench.hook(10);
    let (first, later, wave) = two(&bench, &hook).await;
    let digest = bench.publish_in(&hook, wave).await;
    bench.refresh().await;
    assert_eq!(first.list().await.hooks[0].digest, digest);
    assert_eq!(first.get(&path_hook(&digest)).await.status, StatusCode::OK);
    assert!(later.list().await.hooks.is_empty());
    let none = later.get(&path_hook(&digest)).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);

    let [of_first, of_later] = [
        first.poll(0, "", 0).await.header("etag").to_owned(),
        later.poll(0, "", 0).await.header("etag").to_owned(),
    ];
    bench.widen(&digest, Wave::ALL).await;
    bench.refresh().await;
    assert_eq!(later.list().await.hooks[0].digest, digest);
    assert_eq!(later.get(&path_hook(&digest)).await.status, StatusCode::OK);
    let news = later.poll(0, &of_later, 0).await;
    assert_eq!(news.status, StatusCode::OK, "its list is another");
    let none = first.poll(0, &of_first, 0).await;
    assert_eq!(none.status, StatusCode::NOT_MODIFIED, "who had it keeps it");
}

#[tokio::test]
async fn a_wave_wakes_the_polls_that_it_reaches() {
    let bench = Bench::new().await;
    let hook = bench.hook(10);
    let (_, later, wave) = two(&bench, &hook).await;
    let digest = bench.publish_in(&hook, wave).await;
    bench.refresh().await;
    let etag = later.poll(0, "", 0).await.header("etag").to_owned();
    let begin = Instant::now();
    let widen = async {
        while bench.app.metrics.long_polls.get() == 0 {
            tokio::task::yield_now().await;
        }
        bench.widen(&digest, Wave::ALL).await;
    };
    let (woken, ()) = tokio::join!(later.poll(300, &etag, 0), widen);
    assert_eq!(read_list(&woken).hooks[0].digest, digest);
    let took = begin.elapsed();
    assert!(took < Duration::from_secs(30), "{took:?}");
}

/// Another server may have told it of a wave that this one will hear of.
#[tokio::test]
async fn a_claim_that_comes_before_the_wave_is_told_to_come_later() {
    let bench = Bench::new().await;
    let hook = bench.hook(10);
    let (first, later, wave) = two(&bench, &hook).await;
    let digest = bench.publish(&hook).await;
    let token = later.token(&digest).await;
    bench.set_wave(&digest, wave);
    let early = later.claim_with(&digest, &token, 1).await;
    assert_eq!(early.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(early.header("retry-after"), "5");
    assert_eq!(bench.revision(&digest).await.usage.reserved, 0);
    first.claimed(&digest).await;
    bench.set_wave(&digest, Wave::ALL);
    let now = later.claim_with(&digest, &token, 1).await;
    assert_eq!(now.status, StatusCode::CREATED);
}

#[tokio::test]
async fn servers_take_waves_in_from_the_store_and_the_log_and_never_go_back() {
    let bench = Bench::new().await;
    let first = Wave::of_share(0.1);
    let digest = bench.publish_in(&bench.hook(10), first).await;
    bench.refresh().await;
    assert_eq!(bench.wave_in_memory(&digest), first);
    bench.widen(&digest, first.wider(2)).await;
    bench.refresh().await;
    assert_eq!(bench.wave_in_memory(&digest), first.wider(2));
    // One that starts now.
    let (config, clock) = (bench.app.config.clone(), bench.app.clock.clone());
    let other = listeners::open(config, clock, None, Default::default()).await;
    let other = other.unwrap();
    control::refresh(&other).await.unwrap();
    let there = other.agent.control.active().get(&digest).unwrap().wave;
    assert_eq!(there, first.wider(2));
    // An entry that is older than what was read.
    bench.set_wave(&digest, Wave::ALL);
    bench.widen(&digest, first.wider(4)).await;
    bench.refresh().await;
    assert_eq!(bench.wave_in_memory(&digest), Wave::ALL);
}

#[tokio::test]
async fn a_hook_comes_to_more_while_its_places_stay_free() {
    let bench = Bench::new().await;
    let first = Wave::of_share(0.2);
    let digest = bench.publish_in(&bench.hook(1), first).await;
    bench.refresh().await;
    let wave = async |seconds: i64| {
        bench.app.clock.advance(seconds * 1_000);
        periodic::widen(&bench.app).await.unwrap();
        bench.refresh().await;
        bench.revision(&digest).await.wave
    };
    assert_eq!(wave(89).await, first, "its time is not over");
    assert_eq!(wave(1).await, first.wider(2));
    assert_eq!(wave(89).await, first.wider(2));
    assert_eq!(wave(1).await, first.wider(4));
    assert_eq!(wave(90).await, Wave::ALL);
    assert_eq!(wave(90).await, Wave::ALL);
    assert_eq!(bench.events(EventKind::HOOK_WIDENED).await, 3);
    assert!(bench.app.agent.control.active().waving().is_empty());
}

#[tokio::test]
async fn a_hook_comes_to_no_more_while_its_places_are_taken_or_its_runs_fail() {
    let bench = Bench::new().await;
    let hook = bench.hook(2);
    let (first, _, wave) = two(&bench, &hook).await;
    let digest = bench.publish_in(&hook, wave).await;
    bench.refresh().await;
    let claim = first.claimed(&digest).await;
    let now = async || {
        bench.app.clock.advance(90_000);
        periodic::widen(&bench.app).await.unwrap();
        bench.revision(&digest).await.wave
    };
    let write = Write::system(bench.now());
    let one = bench
        .app
        .store
        .lower(&Scope::System, write, digest, Some(1), None);
    one.await.unwrap().done().unwrap();
    assert_eq!(now().await, wave, "the one place is taken");
    let token = first.token(&digest).await;
    let answer = AnswerRequest {
        token,
        kind: AnswerKind::Failed,
        reason: "it failed".into(),
        claim: Some(claim),
    };
    let said = first.post(&path_answers(&digest), &answer).await;
    assert_eq!(said.status, StatusCode::NO_CONTENT, "{}", said.text());
    assert_eq!(bench.revision(&digest).await.usage.reserved, 0);
    assert_eq!(now().await, wave, "the only run failed");
    // One run is not four: it has waited for others long enough.
    bench.app.clock.advance(3 * 90_000);
    assert_eq!(now().await, wave.wider(2));
}
