//! The audit: every change an event, every chain verifiable.
use boathook_hooks::{
    ids::{Digest, HookId, InstanceId},
    time::{DAY, Time},
};
use bson::doc;
use futures_util::future::join_all;
use sha2::{Digest as _, Sha256};

use super::bench::{
    Bench, Tampering, acme, ada, at_acme, at_bolt, bob, bolt, done, iid, refused, ticket,
};
use crate::{
    Actor, BrokenChain, Chain, ChainVerdict, EventFilter, EventKind, Head, NewEvent, Page, Refused,
    Scope, TicketRef, Write,
};

fn acmes() -> Chain {
    Chain::Customer(acme())
}

fn read(words: &str) -> NewEvent {
    NewEvent {
        details: doc! { "file": "host/os.txt" },
        personal: doc! { "address": words },
        bytes: 10,
        ..NewEvent::new(EventKind::PACKET_READ)
    }
}

async fn record(b: &Bench, chain: Chain) -> Head {
    done(
        b.store
            .record_event(&Scope::System, b.ada(), chain, read("192.0.2.1"))
            .await,
    )
}

async fn verdict(b: &Bench, chain: &Chain, against: Option<Head>) -> ChainVerdict {
    b.store
        .verify_chain(&Scope::All, chain, against)
        .await
        .unwrap()
}

fn broken(verdict: &ChainVerdict) -> Option<(u64, BrokenChain)> {
    match verdict {
        ChainVerdict::Broken { at, why } => Some((*at, why.clone())),
        ChainVerdict::Whole { .. } => None,
    }
}

pub async fn an_event_follows_from_the_one_before(b: Bench) {
    for _ in 0..5 {
        record(&b, acmes()).await;
    }
    let events = b.events(acmes(), None).await;
    let mut previous = [0; 32];
    for (n, event) in (1..).zip(&events) {
        let mut hash = Sha256::new();
        hash.update(previous);
        hash.update(u64::to_be_bytes(n));
        hash.update(&event.stored.0);
        previous = hash.finalize().into();
        assert_eq!((event.number, event.hash), (n, Digest(previous)));
    }
    let head = Head {
        number: 5,
        hash: Digest(previous),
    };
    assert_eq!(
        verdict(&b, &acmes(), None).await,
        ChainVerdict::Whole { head }
    );
    let empty = verdict(&b, &Chain::House, None).await;
    assert_eq!(
        empty,
        ChainVerdict::Whole {
            head: Head::default()
        }
    );
}

pub async fn of_many_writers_at_once_each_appends_one(b: Bench) {
    let other = b.another().await;
    let all = join_all((0..100).map(|n| {
        let store = if n % 2 == 0 { &b.store } else { &other };
        store.record_event(&Scope::System, b.ada(), acmes(), read("x"))
    }))
    .await;
    let mut numbers: Vec<u64> = all.into_iter().map(|a| done(a).number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=100).collect::<Vec<u64>>());
    assert!(matches!(
        verdict(&b, &acmes(), None).await,
        ChainVerdict::Whole { .. }
    ));
}

pub async fn who_acted_and_on_what_is_told(b: Bench) {
    record(&b, acmes()).await;
    let event = b.events(acmes(), None).await.remove(0);
    assert_eq!((event.actor, event.at), (Some(Actor::Person(ada())), b.now));
    assert_eq!(event.personal, Some(doc! { "address": "192.0.2.1" }));
    assert_eq!(event.details, doc! { "file": "host/os.txt" });
    let agent: InstanceId = iid(3);
    let write = Write::instance(agent.clone(), b.now);
    done(
        b.store
            .record_event(&Scope::System, write, acmes(), read("x"))
            .await,
    );
    let event = b.events(acmes(), None).await.remove(1);
    assert_eq!(event.actor, Some(Actor::Instance(agent)));
}

/// What people are called must not stand in the bytes that are kept for ever.
pub async fn people_stand_beside_the_bytes_that_are_hashed(b: Bench) {
    let hook = b.signed(&[acme()]).await;
    done(
        b.store
            .publish(&Scope::All, b.ada(), b.publish(&hook, b.quota(1)))
            .await,
    );
    record(&b, acmes()).await;
    for event in b.events(acmes(), None).await {
        let text = String::from_utf8_lossy(&event.stored.0).into_owned();
        for word in ["ada", "bob", "192.0.2.1"] {
            let stands = text
                .split(|c: char| !c.is_ascii_alphanumeric() && c != '.')
                .any(|w| w == word);
            assert!(!stands, "{word} in {}", event.kind);
        }
        assert_eq!(event.actor, Some(Actor::Person(ada())));
    }
}

pub async fn a_changed_event_is_detected(b: Bench) {
    for _ in 0..5 {
        record(&b, acmes()).await;
    }
    b.tamper(&acmes(), Tampering::Bytes(3)).await;
    let found = verdict(&b, &acmes(), None).await;
    assert_eq!(broken(&found), Some((3, BrokenChain::Hash)));
}

pub async fn changed_personal_details_are_detected(b: Bench) {
    for _ in 0..5 {
        record(&b, acmes()).await;
    }
    b.tamper(&acmes(), Tampering::Personal(4)).await;
    let found = verdict(&b, &acmes(), None).await;
    assert_eq!(broken(&found), Some((4, BrokenChain::Personal)));
}

pub async fn who_did_it_cannot_be_wiped_unseen(b: Bench) {
    for _ in 0..3 {
        record(&b, acmes()).await;
    }
    b.tamper(&acmes(), Tampering::Erase(2)).await;
    let wiped = b.events(acmes(), None).await.remove(1);
    assert_eq!((wiped.actor, wiped.personal), (None, None));
    let found = verdict(&b, &acmes(), None).await;
    assert_eq!(broken(&found), Some((2, BrokenChain::Personal)));
}

pub async fn an_event_listed_as_another_kind_is_detected(b: Bench) {
    for _ in 0..3 {
        record(&b, acmes()).await;
    }
    b.tamper(&acmes(), Tampering::Kind(2)).await;
    let found = verdict(&b, &acmes(), None).await;
    assert_eq!(broken(&found), Some((2, BrokenChain::Listed)));
}

pub async fn a_missing_event_is_detected(b: Bench) {
    for _ in 0..5 {
        record(&b, acmes()).await;
    }
    b.tamper(&acmes(), Tampering::Drop(5)).await;
    let found = verdict(&b, &acmes(), None).await;
    assert_eq!(broken(&found), Some((5, BrokenChain::Missing)));
    b.tamper(&acmes(), Tampering::Drop(2)).await;
    let found = verdict(&b, &acmes(), None).await;
    assert_eq!(broken(&found), Some((2, BrokenChain::Missing)));
}

/// Whoever holds the database can cut a chain and say that it ends there; whoever kept a head sees it.
pub async fn a_chain_that_was_cut_is_told_by_a_head_that_was_kept(b: Bench) {
    for _ in 0..4 {
        record(&b, acmes()).await;
    }
    let kept = record(&b, acmes()).await;
    assert_eq!(
        broken(&verdict(&b, &acmes(), Some(kept.clone())).await),
        None
    );
    b.tamper(&acmes(), Tampering::CutAfter(3)).await;
    assert_eq!(broken(&verdict(&b, &acmes(), None).await), None);
    let found = verdict(&b, &acmes(), Some(kept.clone())).await;
    assert_eq!(broken(&found), Some((5, BrokenChain::Against)));
    // Going on from there to the same number gives another head.
    record(&b, acmes()).await;
    done(
        b.store
            .record_event(&Scope::System, b.system(), acmes(), read("y"))
            .await,
    );
    let found = verdict(&b, &acmes(), Some(kept.clone())).await;
    assert_eq!(broken(&found), Some((5, BrokenChain::Against)));
}

pub async fn events_are_listed_by_kind_and_person(b: Bench) {
    b.customer(acme()).await;
    record(&b, acmes()).await;
    let bobs = Write::person(bob(), b.now);
    done(
        b.store
            .record_event(&Scope::System, bobs, acmes(), read("x"))
            .await,
    );
    let list = async |kind: Option<EventKind>, person| {
        let filter = EventFilter {
            kind,
            person,
            ..EventFilter::default()
        };
        let page = b
            .store
            .events(&at_acme(), &acmes(), filter, Page::default())
            .await
            .unwrap();
        page.items
            .into_iter()
            .map(|e| e.number)
            .collect::<Vec<u64>>()
    };
    assert_eq!(list(None, None).await, [1, 2, 3]);
    assert_eq!(list(Some(EventKind::PACKET_READ), None).await, [2, 3]);
    assert_eq!(list(None, Some(ada())).await, [1, 2]);
    assert_eq!(list(Some(EventKind::PACKET_READ), Some(bob())).await, [3]);
}

/// Numbers of acme's events, page by page.
async fn asked(b: &Bench, filter: EventFilter) -> Vec<u64> {
    let (mut numbers, mut next) = (Vec::new(), None);
    let (scope, chain) = (at_acme(), acmes());
    loop {
        let page = Page::first(2).after(next);
        let page = b.store.events(&scope, &chain, filter.clone(), page);
        let page = page.await.unwrap();
        numbers.extend(page.items.iter().map(|e| e.number));
        next = page.next;
        if next.is_none() {
            return numbers;
        }
    }
}

pub async fn events_are_listed_by_what_they_are_about_and_in_either_order(mut b: Bench) {
    let event = |ticket: Option<&str>, hook: Option<&HookId>, instance: Option<u32>| {
        let mut event = read("x");
        event.refs.ticket = ticket.map(|key| TicketRef {
            system: "zendesk".into(),
            key: key.into(),
        });
        event.refs.hook = hook.cloned();
        event.refs.instance = instance.map(iid);
        event
    };
    let (one, two) = (HookId::fresh(), HookId::fresh());
    let mut group = event(Some("4711"), Some(&two), None);
    let names = [iid(1), iid(2)].map(|i| i.to_string());
    group.details = doc! { "instances": names.to_vec() };
    let all = [
        event(Some("4711"), Some(&one), Some(1)),
        event(Some("4711/0"), Some(&one), Some(2)),
        event(None, None, Some(1)),
        group,
        event(Some("4711"), Some(&one), None),
    ];
    for event in all {
        let write = b.ada();
        done(
            b.store
                .record_event(&Scope::System, write, acmes(), event)
                .await,
        );
        b.later(DAY / 2);
    }
    let ticket = Some(ticket());
    let of = EventFilter::default;
    let cases: [(EventFilter, &[u64]); 7] = [
        (of(), &[1, 2, 3, 4, 5]),
        (
            EventFilter {
                ticket: ticket.clone(),
                ..of()
            },
            &[1, 4, 5],
        ),
        (
            EventFilter {
                hook: Some(one.clone()),
                ..of()
            },
            &[1, 2, 5],
        ),
        (
            EventFilter {
                instance: Some(iid(1)),
                ..of()
            },
            &[1, 3, 4],
        ),
        (
            EventFilter {
                instance: Some(iid(2)),
                ..of()
            },
            &[2, 4],
        ),
        (
            EventFilter {
                ticket,
                hook: Some(two),
                ..of()
            },
            &[4],
        ),
        (
            EventFilter {
                instance: Some(iid(1)),
                kind: Some(EventKind::TICKET_PUT),
                ..of()
            },
            &[],
        ),
    ];
    for (filter, numbers) in cases {
        assert_eq!(asked(&b, filter.clone()).await, numbers, "{filter:?}");
        let newest_first = true;
        let back: Vec<u64> = numbers.iter().rev().copied().collect();
        let filter = EventFilter {
            newest_first,
            ..filter
        };
        assert_eq!(asked(&b, filter.clone()).await, back, "{filter:?}");
    }
}

pub async fn events_are_listed_by_time(mut b: Bench) {
    let begin = b.now;
    for n in 0..6 {
        record(&b, acmes()).await;
        // 12:00, 00:00 the next day, 12:00, …: two a day, and a day without any in between.
        b.later(if n == 2 { 2 * DAY } else { DAY / 2 });
    }
    let at = |days: f64| Some(begin.plus_ms((days * DAY as f64) as i64));
    let cases: [(Option<Time>, Option<Time>, &[u64]); 8] = [
        (None, None, &[1, 2, 3, 4, 5, 6]),
        (at(0.5), None, &[2, 3, 4, 5, 6]),
        (None, at(0.5), &[1]),
        (at(0.4), at(1.1), &[2, 3]),
        (at(1.5), at(2.5), &[]),
        (at(3.0), at(3.6), &[4, 5]),
        (at(9.0), None, &[]),
        (at(-9.0), at(-8.0), &[]),
    ];
    for (from, before, numbers) in cases {
        for kind in [None, Some(EventKind::PACKET_READ)] {
            for newest_first in [false, true] {
                let filter = EventFilter {
                    kind: kind.clone(),
                    from,
                    before,
                    newest_first,
                    ..EventFilter::default()
                };
                let mut wanted = numbers.to_vec();
                if newest_first {
                    wanted.reverse();
                }
                assert_eq!(asked(&b, filter.clone()).await, wanted, "{filter:?}");
            }
        }
    }
}

/// What was done with a ticket before its hook was published is found by it too.
pub async fn the_drafts_and_signatures_of_a_tickets_hook_are_the_tickets(b: Bench) {
    let hook = b.signed(&[acme()]).await;
    let numbers = async |filter: EventFilter| asked(&b, filter).await.len();
    let of_ticket = EventFilter {
        ticket: Some(ticket()),
        ..EventFilter::default()
    };
    let of_hook = EventFilter {
        hook: Some(hook.id),
        ..EventFilter::default()
    };
    // A draft, the review, two signatures.
    assert_eq!((numbers(of_ticket).await, numbers(of_hook).await), (4, 4));
}

pub async fn heads_are_listed_the_house_first(b: Bench) {
    let house = record(&b, Chain::House).await;
    let bolts = record(&b, Chain::Customer(bolt())).await;
    let acmes = record(&b, acmes()).await;
    let list = async |scope: Scope| -> Vec<(String, Head)> {
        let page = b.store.heads(&scope, Page::default()).await.unwrap();
        page.items
            .into_iter()
            .map(|h| (h.chain.to_string(), h.head))
            .collect()
    };
    let expected = [
        ("house".to_owned(), house.clone()),
        ("customer:acme".to_owned(), acmes.clone()),
        ("customer:bolt".to_owned(), bolts),
    ];
    assert_eq!(list(Scope::All).await, expected);
    assert_eq!(list(at_bolt()).await, [expected[2].clone()]);
    let first = b.store.heads(&Scope::All, Page::first(1)).await.unwrap();
    let second = Page::first(1).after(first.next);
    let second = b.store.heads(&Scope::All, second).await.unwrap();
    assert_eq!(second.items[0].chain.to_string(), "customer:acme");
    let both = b.store.heads_of(&at_acme(), &acme()).await.unwrap();
    assert_eq!((both.customer, both.house), (acmes, house));
}

/// So that a customer's chain cannot be rewritten without the house's, which every customer sees the head of.
pub async fn the_house_takes_a_digest_over_all_customers_heads(b: Bench) {
    record(&b, acmes()).await;
    let digest = async || {
        done(b.store.digest_heads(&Scope::System, b.system()).await);
        let events = b
            .events(Chain::House, Some(EventKind::HEADS_DIGESTED))
            .await;
        events.last().unwrap().details.clone()
    };
    let first = digest().await;
    assert_eq!(
        first,
        digest().await,
        "the house's own head is not part of it"
    );
    record(&b, acmes()).await;
    assert_ne!(first, digest().await);
    let foreign = b.store.digest_heads(&at_acme(), b.ada()).await;
    assert_eq!(refused(foreign), Refused::OutOfScope);
}

pub async fn day_statistics_are_made_from_the_days_events(mut b: Bench) {
    record(&b, acmes()).await;
    record(&b, acmes()).await;
    record(&b, Chain::Customer(bolt())).await;
    b.later(DAY);
    record(&b, acmes()).await;
    let stats = async |scope: Scope, chain: Option<Chain>| -> Vec<(String, String, u64, u64)> {
        let (from, to) = ("2026-11-21", "2026-11-22");
        let all = b.store.day_stats(&scope, chain, from, to).await.unwrap();
        all.into_iter()
            .map(|s| (s.day, s.chain.to_string(), s.count, s.bytes))
            .collect()
    };
    let row = |day: &str, customer: &str, count, bytes| {
        (
            format!("2026-11-{day}"),
            format!("customer:{customer}"),
            count,
            bytes,
        )
    };
    let (a21, b21, a22) = (
        row("21", "acme", 2, 20),
        row("21", "bolt", 1, 10),
        row("22", "acme", 1, 10),
    );
    assert_eq!(
        stats(Scope::All, None).await,
        [a21.clone(), b21.clone(), a22.clone()]
    );
    assert_eq!(stats(at_acme(), None).await, [a21.clone(), a22.clone()]);
    assert_eq!(
        stats(Scope::All, Some(Chain::Customer(bolt()))).await,
        [b21]
    );
    assert_eq!(stats(at_bolt(), Some(acmes())).await, []);
    let recount = b
        .store
        .recount_day(&Scope::System, b.system(), acmes(), "2026-11-21".into());
    assert_eq!(done(recount.await), 2);
    assert_eq!(stats(at_acme(), None).await, [a21, a22]);
    let nonsense = b
        .store
        .recount_day(&Scope::System, b.system(), acmes(), "yesterday".into());
    assert!(matches!(refused(nonsense.await), Refused::Malformed(_)));
}

pub async fn chains_of_another_customer_are_not_there(b: Bench) {
    record(&b, acmes()).await;
    let page = b
        .store
        .events(
            &at_bolt(),
            &acmes(),
            EventFilter::default(),
            Page::default(),
        )
        .await;
    assert_eq!(page.unwrap().items, []);
    let (scope, filter) = (at_acme(), EventFilter::default());
    let page = b
        .store
        .events(&scope, &Chain::House, filter, Page::default())
        .await;
    assert_eq!(page.unwrap().items, []);
    let answer = b
        .store
        .record_event(&at_bolt(), b.ada(), acmes(), read("x"))
        .await;
    assert_eq!(refused(answer), Refused::OutOfScope);
    let seen = b
        .store
        .verify_chain(&at_bolt(), &acmes(), None)
        .await
        .unwrap();
    assert_eq!(
        seen,
        ChainVerdict::Whole {
            head: Head::default()
        }
    );
}
