//! Erasing: gone from everywhere, told for ever, and the chain stays whole.
use boathook_hooks::{
    documents::identity::Facts,
    ids::{Blob, ClaimId, Digest, InstanceId},
    protocol::AnswerKind,
    time::MINUTE,
};
use futures_util::future::join_all;

use super::bench::{
    Bench, Tampering, acme, ada, at_acme, at_bolt, bolt, done, iid, public, refused, ticket,
};
use crate::{
    Actor, BrokenChain, Chain, ChainVerdict, ErasedKind, Erasure, ErasureReceipt, EventFilter,
    EventKind, Head, InstanceFilter, NewAnswer, NewInstance, Packet, PacketsBy, Page, Refused,
    Scope, SessionAsk, SuspendReason,
    engine::{HEAD, Home, List, Step, Table, look::beyond},
};

fn agent(n: u32) -> Scope {
    Scope::Instance {
        customer: acme(),
        instance: iid(n),
    }
}

fn acmes() -> Chain {
    Chain::Customer(acme())
}

fn why() -> String {
    "the customer asked".into()
}

async fn begin(b: &Bench, claim: &ClaimId) -> Erasure {
    let erased = b
        .store
        .erase_packet(&at_acme(), b.ada(), claim.clone(), why())
        .await;
    done(erased)
}

async fn finish(b: &Bench, erasure: &Erasure) -> ErasureReceipt {
    let (kind, id) = (erasure.kind, erasure.id.clone());
    done(b.store.finish_erasure(&at_acme(), b.ada(), kind, id).await)
}

async fn erase(b: &Bench, id: &InstanceId) -> crate::Answer<Erasure> {
    b.store
        .erase_instance(&at_acme(), b.ada(), id.clone(), why())
        .await
}

async fn retire(b: &Bench, id: InstanceId) {
    let retired = b
        .store
        .retire_instance(&at_acme(), b.ada(), id, "sold to Eve".into())
        .await;
    done(retired);
}

async fn packet(b: &Bench, claim: &ClaimId) -> Option<Packet> {
    b.store.packet(&at_acme(), claim).await.unwrap()
}

async fn listed(b: &Bench, by: PacketsBy) -> usize {
    let page = b.store.packets(&Scope::System, by, Page::default()).await;
    page.unwrap().items.len()
}

async fn found(b: &Bench, text: &str) -> usize {
    let page = b.store.search(&Scope::All, text, Page::default()).await;
    page.unwrap().items.len()
}

async fn pieces(b: &Bench, claim: &ClaimId, sha256: &Digest) -> usize {
    let part = format!("{claim}/{sha256}");
    let read = b.store.0.read("pieces", move |look| {
        look.list(List::Statements, &part, "", 10)
    });
    read.await.unwrap().len()
}

async fn whole(b: &Bench, against: Option<Head>) -> Head {
    let verdict = b.store.verify_chain(&Scope::All, &acmes(), against).await;
    match verdict.unwrap() {
        ChainVerdict::Whole { head } => head,
        ChainVerdict::Broken { at, why } => panic!("broken at {at}: {why}"),
    }
}

pub async fn an_erased_packet_is_gone_from_everywhere(b: Bench) {
    let digest = b.published(3).await;
    let claim = b.accepted(digest, 7, 100).await;
    let other = b.accepted(digest, 8, 100).await;
    let receipt = Blob(b"receipt".to_vec());
    let kept = b
        .store
        .put_receipt(&Scope::System, b.system(), claim.clone(), receipt);
    let before = done(kept.await);
    assert_eq!(found(&b, "00007 zip").await, 1);
    assert_eq!(pieces(&b, &claim, &before.sha256).await, 1);

    let begun = begin(&b, &claim).await;
    assert_eq!(packet(&b, &claim).await, None);
    for by in [
        PacketsBy::Ticket(ticket()),
        PacketsBy::Hook(before.hook.clone()),
        PacketsBy::Day("2026-11-21".into()),
    ] {
        assert_eq!(listed(&b, by).await, 1, "the other one");
    }
    assert_eq!(listed(&b, PacketsBy::Instance(iid(7))).await, 0);
    let day = PacketsBy::Day("2026-11-21".into());
    let page = b.store.packets(&at_acme(), day, Page::default()).await;
    let left: Vec<ClaimId> = page.unwrap().items.into_iter().map(|p| p.claim).collect();
    assert_eq!(left, [other]);
    assert_eq!(found(&b, "00007 zip").await, 0);
    assert_eq!(pieces(&b, &claim, &before.sha256).await, 0);
    // What stands in its place tells what it was by its hash and sizes alone.
    let rows = b
        .store
        .0
        .raw_rows(&Home::new(Table::Packets, &claim), HEAD, &beyond(HEAD))
        .await
        .unwrap();
    let text = String::from_utf8_lossy(&rows[0].1).into_owned();
    for word in ["4711", "zip", "sections", "receipt", "ada"] {
        assert!(!text.contains(word), "{word} in {text:?}");
    }
    assert_eq!(begun.folder(), Some(before.folder()));
    let kept = begun.packet.unwrap();
    assert_eq!((kept.bytes, kept.sha256), (100, before.sha256));
    assert_eq!((kept.chunks, begun.finished), (2, None));
}

pub async fn an_erasing_ends_with_an_event_and_its_receipt(b: Bench) {
    let digest = b.published(1).await;
    let claim = b.accepted(digest, 1, 100).await;
    let before = whole(&b, None).await;
    let begun = begin(&b, &claim).await;
    let open = async || {
        let open = b.store.unfinished_erasures(&Scope::System, 10).await;
        open.unwrap()
    };
    assert_eq!(open().await, std::slice::from_ref(&begun));
    assert_eq!(b.count(EventKind::PACKET_ERASED).await, 0);
    let receipt = finish(&b, &begun).await;
    assert_eq!((receipt.begun, receipt.chunks), (b.now, 2));
    assert_eq!(open().await, []);
    let id = claim.to_string();
    let stands = b.store.erasure(&at_acme(), ErasedKind::Packet, &id).await;
    let stands = stands.unwrap().unwrap();
    assert_eq!(stands.receipt(), Some(receipt.clone()));
    let all = b.store.erasures(&at_acme(), Page::default()).await.unwrap();
    assert_eq!(all.items, [stands]);
    let events = b.events(acmes(), Some(EventKind::PACKET_ERASED)).await;
    assert_eq!(events.len(), 1);
    let event = &events[0];
    assert_eq!(
        (event.number, event.hash),
        (receipt.head.number, receipt.head.hash)
    );
    assert_eq!(
        (&event.refs.claim, &event.actor, event.bytes),
        (&Some(claim), &Some(Actor::Person(ada())), 100)
    );
    // Who asked, and in which words, is told when it begins.
    let asked = b.events(acmes(), Some(EventKind::ERASURE_BEGUN)).await;
    assert_eq!(asked[0].personal, Some(bson::doc! { "words": why() }));
    assert_eq!(whole(&b, Some(before)).await, receipt.head);
}

pub async fn a_repeated_erasing_has_the_same_receipt(mut b: Bench) {
    let digest = b.published(1).await;
    let claim = b.accepted(digest, 1, 100).await;
    let begun = begin(&b, &claim).await;
    b.later(MINUTE);
    assert_eq!(begin(&b, &claim).await, begun);
    let other = b.another().await;
    let scope = at_acme();
    let all = join_all((0..6).map(|n| {
        let store = if n % 2 == 0 { &b.store } else { &other };
        store.finish_erasure(&scope, b.ada(), begun.kind, begun.id.clone())
    }));
    let all: Vec<ErasureReceipt> = all.await.into_iter().map(done).collect();
    b.later(MINUTE);
    let receipt = finish(&b, &begun).await;
    assert!(receipt.finished > receipt.begun && receipt.finished < b.now);
    assert!(all.iter().all(|one| *one == receipt), "{all:?}");
    assert_eq!(begin(&b, &claim).await.receipt(), Some(receipt));
    for kind in [EventKind::ERASURE_BEGUN, EventKind::PACKET_ERASED] {
        assert_eq!(b.count(kind).await, 1);
    }
}

pub async fn an_erased_packet_does_not_come_back(b: Bench) {
    let digest = b.published(1).await;
    let lease = b.granted(digest, 1, 100).await;
    let commit = b.packet(&lease.claim, 100, "x");
    done(b.commit(commit.clone()).await);
    let before = packet(&b, &lease.claim).await.unwrap();
    let may_delete = async || {
        let free = b
            .store
            .may_delete_chunks(&Scope::System, &lease.claim, b.now);
        free.await.unwrap()
    };
    assert!(!may_delete().await);
    let begun = begin(&b, &lease.claim).await;
    let gone = Refused::Erased { at: begun.begun };
    // The same bytes again, by an agent that had no answer.
    assert_eq!(refused(b.commit(commit.clone()).await), gone);
    let receipt = b.store.put_receipt(
        &Scope::System,
        b.system(),
        lease.claim.clone(),
        Blob(b"late".to_vec()),
    );
    assert_eq!(refused(receipt.await), gone);
    // What a server that died owed, done late.
    let step = Step::PutPacket {
        packet: Box::new(before.clone()),
    };
    let replayed = b
        .store
        .0
        .write(step.verb(), b.system(), step.home(), move |tx| step.run(tx));
    done(replayed.await);
    assert_eq!(packet(&b, &lease.claim).await, None);
    assert_eq!(listed(&b, PacketsBy::Ticket(ticket())).await, 0);
    finish(&b, &begun).await;
    assert_eq!(refused(b.commit(commit).await), gone);
    assert_eq!(pieces(&b, &lease.claim, &before.sha256).await, 0);
    assert_eq!(b.revision(&digest).await.usage.accepted, 1);
    // Chunks that come back with a copy are nobody's.
    assert!(may_delete().await);
}

pub async fn erasing_is_for_people_of_the_customer(b: Bench) {
    let digest = b.published(1).await;
    let claim = b.accepted(digest, 1, 100).await;
    b.instance(1, acme()).await;
    retire(&b, iid(1)).await;
    let s = &b.store;
    let packets = async |scope: &Scope, why: &str| {
        refused(
            s.erase_packet(scope, b.ada(), claim.clone(), why.into())
                .await,
        )
    };
    let instances = async |scope: &Scope, why: &str| {
        refused(s.erase_instance(scope, b.ada(), iid(1), why.into()).await)
    };
    let finishes = async |scope: &Scope, kind: ErasedKind| {
        let id = match kind {
            ErasedKind::Packet => claim.to_string(),
            ErasedKind::Instance => iid(1).to_string(),
        };
        refused(s.finish_erasure(scope, b.ada(), kind, id).await)
    };
    let answers =
        async |scope: &Scope| refused(s.erase_answers(scope, b.ada(), iid(1), None).await);
    let missing = |what: &str| Refused::NotFound(what.into());
    let (p, i) = (ErasedKind::Packet, ErasedKind::Instance);
    // Neither before it is begun nor after.
    for begun in [false, true] {
        if begun {
            begin(&b, &claim).await;
            done(erase(&b, &iid(1)).await);
        } else {
            assert_eq!(finishes(&at_acme(), p).await, missing("packet"));
            assert_eq!(finishes(&at_acme(), i).await, missing("instance"));
            assert_eq!(answers(&at_acme()).await, missing("erasure"));
        }
        assert_eq!(packets(&at_bolt(), "x").await, missing("packet"));
        assert_eq!(instances(&at_bolt(), "x").await, missing("instance"));
        assert_eq!(finishes(&at_bolt(), p).await, missing("packet"));
        assert_eq!(finishes(&at_bolt(), i).await, missing("instance"));
        assert_eq!(answers(&at_bolt()).await, missing("erasure"));
        assert_eq!(packets(&agent(1), "x").await, Refused::OutOfScope);
        assert_eq!(instances(&agent(1), "x").await, Refused::OutOfScope);
        assert_eq!(finishes(&agent(1), p).await, Refused::OutOfScope);
        assert_eq!(finishes(&agent(1), i).await, Refused::OutOfScope);
        assert_eq!(answers(&agent(1)).await, Refused::OutOfScope);
        for why in ["", "  ", &"x".repeat(1_001)] {
            let refusals = [
                packets(&at_acme(), why).await,
                instances(&at_acme(), why).await,
            ];
            for reason in refusals {
                assert!(matches!(reason, Refused::Malformed(_)), "{reason:?}");
            }
        }
    }
    for scope in [at_bolt(), agent(1)] {
        for (kind, id) in [(p, claim.to_string()), (i, iid(1).to_string())] {
            assert_eq!(s.erasure(&scope, kind, &id).await.unwrap(), None);
        }
        let page = s.erasures(&scope, Page::default()).await.unwrap();
        assert_eq!(page.items, []);
    }
    for scope in [Scope::All, at_acme(), agent(1)] {
        let open = s.unfinished_erasures(&scope, 10).await.unwrap();
        assert_eq!(open, [], "the runner's alone");
    }
    let open = s.unfinished_erasures(&Scope::System, 10).await.unwrap();
    assert_eq!(open.len(), 2);
}

pub async fn only_a_retired_instance_is_erased_and_then_for_ever(b: Bench) {
    let made = b.instance(1, acme()).await;
    b.instance(2, acme()).await;
    let state = |state: &str| Refused::NotRetired {
        state: state.to_owned(),
    };
    assert_eq!(refused(erase(&b, &iid(1)).await), state("confirmed"));
    let s = &b.store;
    let reason = SuspendReason::Cloned;
    done(
        s.suspend_instance(&at_acme(), b.ada(), iid(1), reason)
            .await,
    );
    assert_eq!(refused(erase(&b, &iid(1)).await), state("suspended"));
    let seen = vec![(iid(1), b.now.plus_ms(MINUTE))];
    let touched = s.touch_instances(&Scope::System, b.system(), seen.clone());
    assert_eq!(done(touched.await), 1);
    retire(&b, iid(1)).await;
    assert_eq!(found(&b, "app 1").await, 1);

    let begun = done(erase(&b, &iid(1)).await);
    assert_eq!((begun.folder(), begun.kind), (None, ErasedKind::Instance));
    assert_eq!(s.instance(&Scope::System, &iid(1)).await.unwrap(), None);
    for (customer, word) in [
        (None, None),
        (Some(acme()), None),
        (None, Some("retired")),
        (Some(acme()), Some("retired")),
    ] {
        let filter = InstanceFilter {
            customer,
            state: word.map(ToOwned::to_owned),
        };
        let page = s.instances(&Scope::All, filter, Page::default()).await;
        let left = page.unwrap().items.into_iter().map(|i| i.id);
        let expected = if word.is_none() { vec![iid(2)] } else { vec![] };
        assert_eq!(left.collect::<Vec<_>>(), expected);
    }
    assert_eq!(found(&b, "app 1").await, 0);
    assert_eq!(found(&b, "app").await, 1);
    // Seen late by a server that does not know yet.
    let late = vec![(iid(1), b.now.plus_ms(2 * MINUTE))];
    let touched = s.touch_instances(&Scope::System, b.system(), late);
    assert_eq!(done(touched.await), 0);
    let entry =
        s.0.read("seen", |look| look.entry(List::Seen, iid(1).as_str(), ""));
    assert_eq!(entry.await.unwrap(), None);

    let gone = Refused::Erased { at: begun.begun };
    for finished in [false, true] {
        if finished {
            finish(&b, &begun).await;
        }
        let new = NewInstance {
            id: iid(1),
            customer: acme(),
            key: made.key,
            facts: Facts::default(),
            confirm: false,
        };
        let again = s.put_instance(&Scope::System, b.system(), new).await;
        assert_eq!(refused(again), gone);
        let ask = SessionAsk {
            instance: iid(1),
            value: String::new(),
            nonce: "n".into(),
            fresh: "f".into(),
            facts: Facts::default(),
        };
        let session = s.next_session(&agent(1), b.system(), ask).await;
        assert_eq!(refused(session), gone);
        let resume = async |scope: Scope| {
            let resumed = s.resume_instance(&scope, b.ada(), iid(1), "x".into());
            refused(resumed.await)
        };
        assert_eq!(resume(at_acme()).await, gone);
        let missing = Refused::NotFound("instance".into());
        assert_eq!(resume(at_bolt()).await, missing);
        let key = made.key.id();
        let confirmed = s.confirm_instance(&at_acme(), b.ada(), iid(1), key).await;
        assert_eq!(refused(confirmed), gone);
    }
    assert_eq!(s.instance(&Scope::System, &iid(1)).await.unwrap(), None);
}

pub async fn an_instance_is_gone_once_its_packets_are(b: Bench) {
    b.instance(1, acme()).await;
    let digest = b.published(2).await;
    let claim = b.accepted(digest, 1, 100).await;
    retire(&b, iid(1)).await;
    let begun = done(erase(&b, &iid(1)).await);
    let id = iid(1).to_string();
    let finished = b
        .store
        .finish_erasure(&at_acme(), b.ada(), ErasedKind::Instance, id)
        .await;
    assert_eq!(refused(finished), Refused::PacketsLeft);
    let packet = begin(&b, &claim).await;
    finish(&b, &packet).await;
    let receipt = finish(&b, &begun).await;
    assert_eq!((receipt.id.as_str(), receipt.chunks), ("i-00001", 0));
    assert_eq!(finish(&b, &begun).await, receipt);
    assert_eq!(whole(&b, None).await, receipt.head);
}

pub async fn what_an_erased_instance_answered_goes_with_it(b: Bench) {
    let digest = b.published_with(&[acme(), bolt()], b.quota(2)).await;
    for n in [1, 2] {
        b.instance(n, acme()).await;
        let answer = NewAnswer {
            revision: digest,
            instance: iid(n),
            customer: acme(),
            kind: AnswerKind::Declined,
            reason: "ask Eve".into(),
        };
        done(b.store.answer(&agent(n), b.system(), answer).await);
    }
    retire(&b, iid(1)).await;
    done(erase(&b, &iid(1)).await);
    let next = b
        .store
        .erase_answers(&at_acme(), b.ada(), iid(1), None)
        .await;
    assert_eq!(done(next), None);
    let page = b.store.answers(&Scope::All, &digest, Page::default()).await;
    let left = page.unwrap().items.into_iter().map(|row| row.instance);
    assert_eq!(left.collect::<Vec<_>>(), [iid(2)]);
}

/// Two instances that people let in, looked at and took out again.
async fn talked_of(b: &Bench) {
    for n in [1, 2] {
        let new = NewInstance {
            id: iid(n),
            customer: acme(),
            key: public(n as u8),
            facts: Facts {
                name: format!("eves-laptop-{n}"),
                ..Facts::default()
            },
            confirm: true,
        };
        let s = &b.store;
        done(s.put_instance(&Scope::System, b.system(), new).await);
        let (scope, key) = (at_acme(), public(n as u8).id());
        done(s.confirm_instance(&scope, b.ada(), iid(n), key).await);
        let reason = SuspendReason::Words("Eve said so".into());
        done(s.suspend_instance(&scope, b.ada(), iid(n), reason).await);
        let words = "Eve is well".to_owned();
        done(s.resume_instance(&scope, b.ada(), iid(n), words).await);
        retire(b, iid(n)).await;
    }
}

pub async fn what_people_said_of_an_instance_goes_and_the_chain_stays_whole(b: Bench) {
    talked_of(&b).await;
    let kept = whole(&b, None).await;
    let events = b.events(acmes(), None).await;
    let of = |n: u32| {
        let own = events.iter().filter(move |e| {
            e.refs.instance == Some(iid(n)) && e.actor == Some(Actor::Person(ada()))
        });
        own.map(|e| e.number).collect::<Vec<u64>>()
    };
    let (gone, stays) = (of(1), of(2));
    assert_eq!((gone.len(), stays.len()), (4, 4));
    let begun = done(erase(&b, &iid(1)).await);
    // Not before it is finished.
    whole(&b, None).await;
    let receipt = finish(&b, &begun).await;
    assert_eq!(whole(&b, Some(kept)).await, receipt.head);
    let told = b.events(acmes(), Some(EventKind::INSTANCE_ERASED)).await;
    let numbers = told[0].details.get_array("personal").unwrap().iter();
    let numbers: Vec<u64> = numbers.map(|n| n.as_i64().unwrap() as u64).collect();
    assert_eq!(numbers, gone);
    for event in b.events(acmes(), None).await {
        if gone.contains(&event.number) {
            assert_eq!((event.actor, event.personal), (None, None));
        } else if stays.contains(&event.number) {
            assert_eq!(event.actor, Some(Actor::Person(ada())));
        }
    }
    let filter = EventFilter {
        kind: None,
        person: Some(ada()),
    };
    let page = b
        .store
        .events(&at_acme(), &acmes(), filter, Page::first(100))
        .await;
    let by_ada: Vec<u64> = page.unwrap().items.iter().map(|e| e.number).collect();
    assert!(gone.iter().all(|n| !by_ada.contains(n)), "{by_ada:?}");
    assert!(stays.iter().all(|n| by_ada.contains(n)), "{by_ada:?}");
    // Neither in its own rows, what was answered to earlier writes included.
    let home = Home::new(Table::Instances, iid(1));
    b.store.finish_left(true).await.unwrap();
    finish(&b, &begun).await;
    let rows = b.store.0.raw_rows(&home, "", &beyond("")).await.unwrap();
    for (row, body) in rows {
        let text = String::from_utf8_lossy(&body).into_owned();
        for word in ["eves-laptop", "Eve ", "to Eve"] {
            assert!(!text.contains(word), "{word} in {row}");
        }
    }
}

/// What an erasure tells of is no other event's excuse.
pub async fn what_was_wiped_beside_an_erasure_is_detected(b: Bench) {
    talked_of(&b).await;
    let begun = done(erase(&b, &iid(1)).await);
    finish(&b, &begun).await;
    whole(&b, None).await;
    let events = b.events(acmes(), Some(EventKind::INSTANCE_RETIRED)).await;
    let other = events.iter().find(|e| e.actor.is_some()).unwrap().number;
    b.tamper(&acmes(), Tampering::Erase(other)).await;
    let verdict = b.store.verify_chain(&Scope::All, &acmes(), None).await;
    let broken = ChainVerdict::Broken {
        at: other,
        why: BrokenChain::Personal,
    };
    assert_eq!(verdict.unwrap(), broken);
}

pub async fn erasures_are_listed_newest_first(mut b: Bench) {
    let digest = b.published(4).await;
    let mut all = Vec::new();
    for n in 0..4 {
        let claim = b.accepted(digest, n, 100).await;
        b.later(MINUTE);
        let begun = begin(&b, &claim).await;
        if n % 2 == 0 {
            finish(&b, &begun).await;
        }
        all.insert(0, claim.to_string());
    }
    for scope in [Scope::All, at_acme()] {
        let (mut found, mut next) = (Vec::new(), None);
        loop {
            let page = Page::first(3).after(next);
            let page = b.store.erasures(&scope, page).await.unwrap();
            found.extend(page.items.into_iter().map(|e| e.id));
            next = page.next;
            if next.is_none() {
                break;
            }
        }
        assert_eq!(found, all);
    }
    let open = b.store.unfinished_erasures(&Scope::System, 10).await;
    let open: Vec<String> = open.unwrap().into_iter().map(|e| e.id).collect();
    assert_eq!(open, [all[2].clone(), all[0].clone()], "the oldest first");
    let one = b.store.unfinished_erasures(&Scope::System, 1).await;
    assert_eq!(one.unwrap().len(), 1);
}
