//! What a hook list says, and to whom.
use axum::{body::Bytes, http::StatusCode};
use boathook_hooks::{
    documents::{hook::HookCustomers, revocation::Revoked},
    envelope::Envelope,
    ids::{Blob, Digest},
    protocol::*,
    strict::MAX_DOCUMENT,
    time::HOUR,
};
use boathook_schema::{Scope, Write};

use crate::{
    agent::testing::{Bench, acme, read_list},
    control::{ActiveHook, Stopped},
};

#[tokio::test]
async fn a_list_is_signed_for_one_instance_and_lives_a_day_at_most() {
    let bench = Bench::with(|c| c.agents.list_seconds = 86_400).await;
    let (one, two) = (bench.instance().await, bench.instance().await);
    let digest = bench.publish(&bench.hook(10)).await;
    let said = one.poll(0, "", 0).await;
    let envelope = Envelope::from_bson(&said.body, 300_000).unwrap();
    assert!(envelope.is_signed_by(&bench.app.keys.online_public()));
    let (first, second) = (one.list().await, two.list().await);
    assert_eq!((&first.instance, &first.customer), (&one.instance, &acme()));
    assert_eq!(first.issued_at, bench.now());
    assert!(first.expires_at.since(first.issued_at) <= 24 * HOUR);
    assert_eq!((first.root_version, first.roster_version), (1, 1));
    assert_eq!(first.hooks[0].url, path_hook(&digest));
    assert_ne!(
        first.hooks[0].token, second.hooks[0].token,
        "a token is one instance's"
    );
    let heads = bench
        .app
        .store
        .heads_of(&Scope::System, &acme())
        .await
        .unwrap();
    assert_eq!(first.heads, heads);
}

#[tokio::test]
async fn the_number_rises_with_every_change_and_never_falls() {
    let bench = Bench::new().await;
    let sim = bench.instance().await;
    let mut last = sim.list().await.number;
    let digest = bench.publish(&bench.hook(10)).await;
    let published = sim.list().await.number;
    assert!(published > last);
    last = published;
    let (scope, write) = (Scope::System, Write::system(bench.now()));
    let lowered = bench.app.store.lower(&scope, write, digest, Some(5), None);
    lowered.await.unwrap().done().unwrap();
    crate::control::refresh(&bench.app).await.unwrap();
    let lowered = sim.list().await.number;
    assert!(lowered > last);
    bench.stop(&digest).await;
    assert!(sim.list().await.number > lowered);
}

#[tokio::test]
async fn a_hook_for_others_is_neither_listed_nor_served_nor_claimed() {
    let bench = Bench::new().await;
    let (ours, theirs) = (bench.instance().await, bench.instance_of("globex").await);
    let digest = bench.publish(&bench.hook(10)).await;
    assert_eq!(ours.list().await.hooks.len(), 1);
    assert!(theirs.list().await.hooks.is_empty());
    assert_eq!(
        theirs.get(&path_hook(&digest)).await.status,
        StatusCode::NOT_FOUND
    );
    // Even with a token of its own, which no list has ever given it.
    let ring = bench.app.keys.ring();
    let key = &ring.macs()[0].token;
    let token = crate::agent::hook_token::make(key, &digest, &theirs.instance);
    let said = theirs.claim_with(&digest, &token, 10).await;
    assert_eq!(said.status, StatusCode::NOT_FOUND);
    let answer = AnswerRequest {
        token,
        kind: AnswerKind::Declined,
        reason: String::new(),
        claim: None,
    };
    let said = theirs.post(&path_answers(&digest), &answer).await;
    assert_eq!(said.status, StatusCode::NOT_FOUND);
    bench.stop(&digest).await;
    assert_eq!(ours.list().await.stopped, [digest]);
    assert!(
        theirs.list().await.stopped.is_empty(),
        "whose hooks stop is nobody else's business"
    );
}

#[tokio::test]
async fn a_token_of_before_is_worth_nothing_once_the_hook_is_not_for_the_instance() {
    let bench = Bench::new().await;
    let mut sim = bench.instance().await;
    let mut hook = bench.hook(10);
    hook.audience.everyone = false;
    hook.audience.labels.insert("role".into(), "db".into());
    sim.facts.labels.insert("role".into(), "db".into());
    sim.renew().await;
    let digest = bench.publish(&hook).await;
    let token = sim.token(&digest).await;
    sim.facts.labels.insert("role".into(), "web".into());
    sim.renew().await;
    assert!(sim.list().await.hooks.is_empty());
    let said = sim.claim_with(&digest, &token, 10).await;
    assert_eq!(said.status, StatusCode::NOT_FOUND);
    sim.facts.labels.insert("role".into(), "db".into());
    sim.renew().await;
    assert_eq!(
        sim.claim_with(&digest, &token, 10).await.status,
        StatusCode::CREATED
    );
}

#[tokio::test]
async fn a_hook_for_all_who_opted_in_is_listed_for_those_alone() {
    let bench = Bench::new().await;
    let (mut willing, other) = (bench.instance_of("globex").await, bench.instance().await);
    willing.facts.opted_in = true;
    willing.renew().await;
    let mut hook = bench.hook(10);
    hook.customers = HookCustomers::OptedIn;
    bench.publish(&hook).await;
    assert_eq!(willing.list().await.hooks.len(), 1);
    assert!(other.list().await.hooks.is_empty());
}

#[tokio::test]
async fn revocations_are_named_by_revoker_number_and_digest() {
    let bench = Bench::new().await;
    let sim = bench.instance().await;
    let before = sim.list().await;
    assert!(before.revokers.is_empty());
    let revoker = bench.sample.rita.public().id();
    for number in 1..=2 {
        let person = Revoked::Person(format!("p-{number}").parse().unwrap());
        let bytes = Blob(bench.sample.revocation(number, person));
        let (scope, write) = (Scope::System, Write::system(bench.now()));
        let added = bench
            .app
            .store
            .add_revocation(&scope, write, revoker, number, bytes);
        added.await.unwrap().done().unwrap();
    }
    crate::control::refresh(&bench.app).await.unwrap();
    let after = sim.list().await;
    assert_eq!(
        (after.revokers[0].revoker, after.revokers[0].number),
        (revoker, 2)
    );
    assert_ne!(after.revocations, before.revocations);
    assert!(after.number > before.number);
}

#[tokio::test]
async fn a_stop_is_told_to_one_that_may_run_the_hook_though_it_is_not_listed_any_more() {
    let bench = Bench::new().await;
    let mut sim = bench.instance().await;
    let mut hook = bench.hook(10);
    hook.audience.everyone = false;
    hook.audience.labels.insert("role".into(), "db".into());
    let digest = bench.publish(&hook).await;
    sim.facts.labels.insert("role".into(), "db".into());
    sim.renew().await;
    assert_eq!(sim.list().await.hooks.len(), 1);
    sim.facts.labels.insert("role".into(), "web".into());
    sim.renew().await;
    let said = sim.poll(0, "", 0).await;
    bench.stop(&digest).await;
    let stopped = sim.poll(0, said.header("etag"), 0).await;
    assert_eq!(read_list(&stopped).stopped, [digest]);
}

impl Bench {
    /// A hook that is offered and never was in the store. It ends `minutes` from now.
    fn offer(&self, name: &str, minutes: i64) -> Digest {
        let mut hook = self.hook(1);
        hook.expires_at = self.now().plus_ms(minutes * 60_000);
        let digest = Digest::of(name.as_bytes());
        let offered = ActiveHook::new(digest, hook, Bytes::new());
        self.app.agent.control.active_mut().put(offered);
        digest
    }

    fn name_stopped(&self, name: &str) -> Digest {
        let digest = Digest::of(name.as_bytes());
        let stopped = Stopped {
            customers: vec![acme()],
            opted_in: false,
            until: self.now().plus_ms(HOUR),
        };
        self.app.agent.control.active_mut().stop(digest, stopped);
        digest
    }
}

#[tokio::test]
async fn a_list_that_has_no_room_for_all_names_what_stopped_and_the_hooks_that_end_first() {
    let bench = Bench::new().await;
    let sim = bench.instance().await;
    let hooks: Vec<_> = (0..3_000)
        .map(|n| bench.offer(&format!("hook {n}"), 1_000 + n))
        .collect();
    let stopped: Vec<_> = (0..100)
        .map(|n| bench.name_stopped(&format!("stopped {n}")))
        .collect();
    let said = sim.poll(0, "", 0).await;
    let bytes = said.body.len();
    assert!(bytes <= MAX_DOCUMENT, "{bytes}: every agent refuses it");
    assert!(
        bytes > MAX_DOCUMENT * 85 / 100,
        "{bytes}: it has room for more"
    );
    let list = read_list(&said);
    assert!(stopped.iter().all(|digest| list.stopped.contains(digest)));
    let (named, left_out) = hooks.split_at(list.hooks.len());
    let is_named = |digest: &Digest| list.hooks.iter().any(|h| h.digest == *digest);
    assert!(named.iter().all(is_named) && !left_out.iter().any(is_named));
    assert_eq!(bench.app.metrics.lists_cut.get(), 1);

    // The ETag is that of what is in the list.
    let etag = said.header("etag");
    bench.offer("ends last", 9_000);
    assert_eq!(
        sim.poll(0, etag, 0).await.status,
        StatusCode::NOT_MODIFIED,
        "what has no room changes nothing"
    );
    let urgent = bench.offer("ends first", 10);
    let list = read_list(&sim.poll(0, etag, 0).await);
    assert!(list.hooks.iter().any(|h| h.digest == urgent));
    // One that ended makes room for the next.
    bench.app.agent.control.active_mut().remove(&urgent);
    let again = sim.poll(0, "", 0).await;
    assert_eq!(again.header("etag"), etag);
}

#[tokio::test]
async fn however_many_hooks_were_stopped_a_list_has_the_size_that_agents_take() {
    let bench = Bench::new().await;
    let sim = bench.instance().await;
    bench.offer("hook", 10);
    for n in 0..7_000 {
        bench.name_stopped(&format!("stopped {n}"));
    }
    let said = sim.poll(0, "", 0).await;
    assert!(said.body.len() <= MAX_DOCUMENT, "{}", said.body.len());
    let list = read_list(&said);
    assert!(list.stopped.len() > 5_000, "{}", list.stopped.len());
    assert!(list.hooks.is_empty());
    assert_eq!(bench.app.metrics.lists_cut.get(), 1);
}
