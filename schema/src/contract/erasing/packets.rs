//! A packet: gone from everywhere, and for good.
use boathook_hooks::{
    ids::{Blob, ClaimId},
    time::MINUTE,
};
use futures_util::future::join_all;

use super::{acmes, begin, finish, found, listed, open, packet, pieces, whole, why};
use crate::{
    Actor, ErasedKind, ErasureReceipt, EventKind, PacketsBy, Page, Refused, Scope,
    contract::bench::{Bench, ada, at_acme, at_bolt, done, iid, refused, ticket},
    engine::{HEAD, Home, Step, Table, look::beyond},
};

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

pub async fn which_of_several_were_erased_is_told_within_the_scope(b: Bench) {
    let digest = b.published(3).await;
    let claim = b.accepted(digest, 7, 100).await;
    let other = b.accepted(digest, 8, 100).await;
    begin(&b, &claim).await;
    let ids = vec![other.to_string(), claim.to_string(), "nothing".to_owned()];
    let (packet, scope) = (ErasedKind::Packet, at_acme());
    let erased = b.store.erased_of(&scope, packet, ids.clone()).await;
    assert_eq!(erased.unwrap(), [claim.to_string()]);
    let foreign = b.store.erased_of(&at_bolt(), packet, ids).await;
    assert_eq!(foreign.unwrap(), [""; 0]);
}

pub async fn an_erasing_ends_with_an_event_and_its_receipt(b: Bench) {
    let digest = b.published(1).await;
    let claim = b.accepted(digest, 1, 100).await;
    let before = whole(&b, None).await;
    let begun = begin(&b, &claim).await;
    assert_eq!(open(&b).await, std::slice::from_ref(&begun));
    assert_eq!(b.count(EventKind::PACKET_ERASED).await, 0);
    let receipt = finish(&b, &begun).await;
    assert_eq!((receipt.begun, receipt.chunks), (b.now, 2));
    assert_eq!(open(&b).await, []);
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
