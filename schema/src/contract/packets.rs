//! Packets: chunks put once, committed whole, accepted once.
use boathook_hooks::{
    ids::{Blob, ClaimId, Digest},
    protocol::AnswerKind,
    states::HookState,
    time::{DAY, HOUR, MINUTE},
};
use bytes::Bytes;
use futures_util::{TryStreamExt as _, future::join_all};

use super::bench::{Bench, acme, at_acme, at_bolt, bolt, done, iid, refused, ticket};
use crate::{
    Chunk, Claim, ClaimState, CommitPacket, Committed, EventKind, Outcome, Packet, PacketsBy, Page,
    Put, Refused, Scope,
};

async fn claim(b: &Bench, digest: &Digest, n: u32) -> Claim {
    b.store
        .claim_of(&Scope::System, digest, &iid(n))
        .await
        .unwrap()
        .unwrap()
}

async fn put(b: &Bench, claim: &Claim, offset: u64, bytes: &'static [u8]) -> Put {
    b.store
        .objects()
        .put(&claim.folder(), offset, Bytes::from_static(bytes))
        .await
        .unwrap()
}

async fn list(b: &Bench, by: PacketsBy) -> Vec<ClaimId> {
    let page = b
        .store
        .packets(&at_acme(), by, Page::default())
        .await
        .unwrap();
    page.items.into_iter().map(|p| p.claim).collect()
}

pub async fn a_packet_is_its_chunks_in_order(b: Bench) {
    let digest = b.published(1).await;
    let lease = b.granted(digest, 1, 100).await;
    let held = claim(&b, &digest, 1).await;
    assert_eq!(put(&b, &held, 0, b"hello ").await, Put::Stored);
    assert_eq!(put(&b, &held, 6, b"wor").await, Put::Stored);
    // A chunk beyond a gap counts for nothing; the one that closes it brings both.
    assert_eq!(put(&b, &held, 11, b"!").await, Put::Stored);
    let objects = b.store.objects();
    assert_eq!(objects.run(&held.folder()).await.unwrap().bytes, 9);
    assert_eq!(put(&b, &held, 9, b"ld").await, Put::Stored);
    let run = objects.run(&held.folder()).await.unwrap();
    assert_eq!((run.bytes, run.chunks.len()), (12, 4));
    let commit = CommitPacket {
        bytes: run.bytes,
        sha256: Digest::of(b"hello world!"),
        chunks: run.chunks,
        ..b.packet(&lease.claim, 12, "x")
    };
    let packet = done(b.commit(commit).await).packet().clone();
    let read = objects
        .read(&packet.folder(), &packet.chunks, 0..packet.bytes)
        .await
        .unwrap();
    assert_eq!(Digest::of(&read), packet.sha256);
    let part = objects.stream(packet.folder(), packet.chunks.clone(), 4..10);
    let part: Vec<Bytes> = part.try_collect().await.unwrap();
    assert_eq!(part.concat(), b"o worl");
}

pub async fn the_writer_that_comes_second_to_an_offset_loses(b: Bench) {
    let digest = b.published(1).await;
    b.granted(digest, 1, 100).await;
    let held = claim(&b, &digest, 1).await;
    let all = join_all((0..8).map(|_| put(&b, &held, 0, b"same place"))).await;
    assert_eq!(all.iter().filter(|p| **p == Put::Stored).count(), 1);
    assert_eq!(put(&b, &held, 0, b"others").await, Put::Lost);
    let run = b.store.objects().run(&held.folder()).await.unwrap();
    let read = b
        .store
        .objects()
        .read(&held.folder(), &run.chunks, 0..run.bytes)
        .await
        .unwrap();
    assert_eq!(read, "same place");
}

pub async fn an_accepted_packet_is_found_by_ticket_hook_instance_and_day(mut b: Bench) {
    let digest = b.published(5).await;
    let first = b.accepted(digest, 1, 100).await;
    b.later(MINUTE);
    let second = b.accepted(digest, 2, 200).await;
    let found: Packet = b.store.packet(&at_acme(), &first).await.unwrap().unwrap();
    assert_eq!(
        (found.bytes, found.ticket.clone(), found.revision),
        (100, Some(ticket()), 1)
    );
    let newest_first = [second.clone(), first];
    assert_eq!(list(&b, PacketsBy::Ticket(ticket())).await, newest_first);
    assert_eq!(list(&b, PacketsBy::Hook(found.hook)).await, newest_first);
    assert_eq!(
        list(&b, PacketsBy::Day("2026-11-21".into())).await,
        newest_first
    );
    assert_eq!(list(&b, PacketsBy::Instance(iid(2))).await, [second]);
    assert_eq!(list(&b, PacketsBy::Day("2026-11-22".into())).await, []);
    let usage = b.revision(&digest).await.usage;
    assert_eq!(
        (usage.accepted, usage.accepted_bytes, usage.reserved),
        (2, 300, 0)
    );
    let events = b
        .events(
            crate::Chain::Customer(acme()),
            Some(EventKind::PACKET_ACCEPTED),
        )
        .await;
    let bytes: Vec<u64> = events.iter().map(|e| e.bytes).collect();
    assert_eq!(bytes, [100, 200]);
}

pub async fn the_same_packet_twice_is_the_same_and_another_is_refused(b: Bench) {
    let digest = b.published(5).await;
    let lease = b.granted(digest, 1, 100).await;
    let packet = b.packet(&lease.claim, 100, "x");
    let first = done(b.commit(packet.clone()).await);
    let Committed::Accepted(first) = first else {
        panic!("not accepted: {first:?}");
    };
    let again = done(b.commit(packet).await);
    assert_eq!(again, Committed::Same(first));
    let other = b.commit(b.packet(&lease.claim, 100, "y")).await;
    assert_eq!(refused(other), Refused::OtherBytes);
    assert_eq!(b.revision(&digest).await.usage.accepted, 1);
    assert_eq!(b.count(EventKind::PACKET_ACCEPTED).await, 1);
}

pub async fn of_many_commits_at_once_one_is_accepted(b: Bench) {
    let digest = b.published(5).await;
    let lease = b.granted(digest, 1, 100).await;
    let other = b.another().await;
    let commits = (0..20).map(|n| {
        let store = if n % 2 == 0 { &b.store } else { &other };
        let packet = b.packet(&lease.claim, 100, "x");
        store.commit_packet(&Scope::System, b.system(), packet)
    });
    let all: Vec<Committed> = join_all(commits).await.into_iter().map(done).collect();
    let accepted = all
        .iter()
        .filter(|c| matches!(c, Committed::Accepted(_)))
        .count();
    assert_eq!((accepted, b.revision(&digest).await.usage.accepted), (1, 1));
}

pub async fn a_packet_with_a_gap_or_other_bytes_than_its_chunks_is_refused(b: Bench) {
    let digest = b.published(1).await;
    let lease = b.granted(digest, 1, 10_000).await;
    let whole = b.packet(&lease.claim, 100, "x");
    let chunk = |offset, bytes| Chunk { offset, bytes };
    let wrong = [
        vec![],
        vec![chunk(0, 40), chunk(50, 60)],
        vec![chunk(0, 60), chunk(50, 50)],
        vec![chunk(0, 99)],
        vec![chunk(0, 101)],
        vec![chunk(0, 100), chunk(100, 0)],
        vec![chunk(0, u64::MAX), chunk(u64::MAX, 101)],
        vec![chunk(50, 50), chunk(0, 50)],
    ];
    for chunks in wrong {
        let commit = CommitPacket {
            chunks: chunks.clone(),
            ..whole.clone()
        };
        let answer = refused(b.commit(commit).await);
        assert!(
            matches!(answer, Refused::Malformed(_)),
            "{chunks:?}: {answer:?}"
        );
    }
    let many: Vec<Chunk> = (0..1_025).map(|n| chunk(n, 1)).collect();
    let commit = CommitPacket {
        bytes: 1_025,
        chunks: many,
        ..whole.clone()
    };
    assert!(matches!(
        refused(b.commit(commit).await),
        Refused::Malformed(_)
    ));
    done(b.commit(whole).await);
}

pub async fn a_commit_after_the_lease_ran_out_takes_a_free_place(mut b: Bench) {
    let digest = b.published(2).await;
    let lease = b.granted(digest, 1, 100).await;
    b.later(11 * MINUTE);
    done(
        b.store
            .return_leases(&Scope::System, b.system(), digest)
            .await,
    );
    assert_eq!(b.revision(&digest).await.usage.reserved, 0);
    done(b.commit(b.packet(&lease.claim, 100, "late")).await);
    let usage = b.revision(&digest).await.usage;
    assert_eq!(
        (usage.accepted, usage.reserved, usage.reserved_bytes),
        (1, 0, 0)
    );
}

pub async fn a_commit_after_the_lease_ran_out_and_all_is_full_is_gone(mut b: Bench) {
    let digest = b.published(1).await;
    let lease = b.granted(digest, 1, 100).await;
    b.later(11 * MINUTE);
    b.accepted(digest, 2, 100).await;
    assert_eq!(b.revision(&digest).await.state, HookState::Full);
    let late = b.commit(b.packet(&lease.claim, 100, "late")).await;
    assert_eq!(refused(late), Refused::NoPlace);
    assert_eq!(b.revision(&digest).await.usage.accepted, 1);
    assert_eq!(
        b.store.packet(&at_acme(), &lease.claim).await.unwrap(),
        None
    );
}

/// Ten uploads whose leases ran out race ten new claims for the same places.
pub async fn late_packets_and_new_claims_never_exceed_the_places(mut b: Bench) {
    let digest = b.published(10).await;
    let mut late = Vec::new();
    for n in 0..10 {
        late.push(b.granted(digest, n, 100).await.claim);
    }
    b.later(11 * MINUTE);
    let other = b.another().await;
    let commits = join_all(late.iter().map(|claim| {
        let packet = b.packet(claim, 100, claim.instance.as_str());
        b.store.commit_packet(&Scope::System, b.system(), packet)
    }));
    let claims = join_all((10..20).map(|n| {
        let asks = vec![b.ask(n, 1, 100)];
        other.claim(&Scope::System, b.system(), digest, b.lease(), asks)
    }));
    let (commits, claims) = futures_util::future::join(commits, claims).await;
    let accepted = commits
        .into_iter()
        .filter(|c| matches!(c, Ok(Outcome::Done(_))))
        .count();
    let granted = claims.into_iter().flat_map(done);
    let granted = granted
        .filter(|r| matches!(r, crate::ClaimReply::Granted(_)))
        .count();
    let usage = b.revision(&digest).await.usage;
    assert_eq!(
        (usage.accepted as usize, usage.reserved as usize),
        (accepted, granted)
    );
    assert_eq!(accepted + granted, 10);
}

pub async fn the_first_receipt_stands(b: Bench) {
    let digest = b.published(1).await;
    let claim = b.accepted(digest, 1, 100).await;
    let receipt = async |scope: Scope, bytes: &[u8]| {
        let blob = Blob(bytes.to_vec());
        b.store
            .put_receipt(&scope, b.system(), claim.clone(), blob)
            .await
    };
    assert_eq!(
        refused(receipt(Scope::All, b"forged").await),
        Refused::OutOfScope
    );
    let first = done(receipt(Scope::System, b"first").await);
    assert_eq!(first.receipt, Some(Blob(b"first".to_vec())));
    let second = done(receipt(Scope::System, b"second").await);
    assert_eq!(second, first);
    assert_eq!(
        b.store.packet(&at_acme(), &claim).await.unwrap(),
        Some(first)
    );
}

pub async fn chunks_are_given_free_only_when_their_claim_cannot_come_back(mut b: Bench) {
    let digest = b.published(6).await;
    let accepted = b.accepted(digest, 0, 100).await;
    let rejected = b.granted(digest, 1, 100).await.claim;
    let words = "bad".to_owned();
    done(
        b.store
            .reject(&Scope::System, b.system(), rejected.clone(), words)
            .await,
    );
    let reserved = b.granted(digest, 2, 100).await.claim;
    let waiting = b.granted(digest, 3, 100).await.claim;
    let (kind, words) = (AnswerKind::Waiting, String::new());
    done(
        b.store
            .release(&Scope::System, b.system(), waiting.clone(), kind, words)
            .await,
    );
    let unknown = ClaimId {
        revision: Digest::of(b"unknown"),
        ..accepted.clone()
    };
    let free = async |b: &Bench, claim: &ClaimId| {
        b.store
            .may_delete_chunks(&Scope::System, claim, b.now)
            .await
            .unwrap()
    };
    assert!(free(&b, &rejected).await);
    for kept in [&accepted, &reserved, &waiting, &unknown] {
        assert!(!free(&b, kept).await, "{kept}");
    }
    assert!(
        !b.store
            .may_delete_chunks(&Scope::All, &rejected, b.now)
            .await
            .unwrap()
    );
    // Seven days and an hour after the revision's end, and not before.
    b.later(14 * DAY + HOUR);
    assert!(!free(&b, &waiting).await);
    b.later(1);
    for gone in [&reserved, &waiting] {
        assert!(free(&b, gone).await, "{gone}");
    }
    for kept in [&accepted, &unknown] {
        assert!(!free(&b, kept).await, "{kept}");
    }
}

pub async fn no_packet_comes_in_once_its_chunks_may_be_deleted(mut b: Bench) {
    let digest = b.published(3).await;
    let first = b.granted(digest, 1, 100).await;
    let second = b.granted(digest, 2, 100).await;
    // The revision expires after 7 days; that is noted late, which gives nobody more time.
    b.later(8 * DAY);
    let (system, s) = (Scope::System, b.store.clone());
    done(s.expire(&system, b.system(), digest).await);
    done(s.return_leases(&system, b.system(), digest).await);
    b.later(6 * DAY);
    done(b.commit(b.packet(&first.claim, 100, "1")).await);
    b.later(1);
    let late = |refusal| matches!(refusal, Refused::Ended { .. });
    let committed = b.commit(b.packet(&second.claim, 100, "2")).await;
    assert!(late(refused(committed)));
    let until = b.lease();
    let renewed = s.renew(&system, b.system(), second.claim.clone(), until);
    assert!(late(refused(renewed.await)));
    let sized = s.size_claim(&system, b.system(), second.claim.clone(), 50, until);
    assert!(late(refused(sized.await)));
    let may = async |b: &Bench| {
        let may = s.may_delete_chunks(&system, &second.claim, b.now).await;
        may.unwrap()
    };
    // Who began a commit in time ends it within an hour.
    b.later(HOUR - 1);
    assert!(!may(&b).await);
    b.later(1);
    assert!(may(&b).await);
}

pub async fn a_large_statement_comes_back_byte_for_byte(b: Bench) {
    let digest = b.published(1).await;
    let lease = b.granted(digest, 1, 100).await;
    // No piece of it is like another, and the last is not full.
    let statement: Vec<u8> = (0..1_300_000_u32).map(|n| (n % 251) as u8).collect();
    let commit = CommitPacket {
        statement: Blob(statement.clone()),
        ..b.packet(&lease.claim, 100, "x")
    };
    let committed = done(b.commit(commit).await);
    assert!(committed.packet().statement.0 == statement);
    let read = b.store.packet(&at_acme(), &lease.claim).await.unwrap();
    assert!(read.unwrap().statement.0 == statement);
}

pub async fn packets_of_another_customer_are_not_there(b: Bench) {
    let digest = b.published(1).await;
    let claim = b.accepted(digest, 1, 100).await;
    assert_eq!(b.store.packet(&at_bolt(), &claim).await.unwrap(), None);
    let hook = b.revision(&digest).await.hook;
    for by in [
        PacketsBy::Ticket(ticket()),
        PacketsBy::Hook(hook),
        PacketsBy::Instance(iid(1)),
        PacketsBy::Day("2026-11-21".into()),
    ] {
        assert_eq!(list(&b, by.clone()).await, std::slice::from_ref(&claim));
        let page = b.store.packets(&at_bolt(), by, Page::default()).await;
        assert_eq!(page.unwrap().items, []);
    }
    let person = b
        .store
        .commit_packet(&Scope::All, b.ada(), b.packet(&claim, 100, "1"))
        .await;
    assert_eq!(refused(person), Refused::OutOfScope);
    assert_eq!(claim_state(&b, &claim).await, ClaimState::Accepted);
}

/// Of a hook for two customers, page by page.
pub async fn each_customer_of_a_hook_sees_its_own_packets(b: Bench) {
    let digest = b.published_with(&[acme(), bolt()], b.quota(4)).await;
    let mut all = Vec::new();
    for (n, customer) in [acme(), bolt(), acme(), bolt()].into_iter().enumerate() {
        let ask = crate::ClaimAsk {
            customer,
            ..b.ask(u32::try_from(n).unwrap(), 1, 100)
        };
        let reply = b.claims(digest, vec![ask]).await.remove(0);
        let crate::ClaimReply::Granted(lease) = reply else {
            panic!("{n}: {reply:?}");
        };
        done(b.commit(b.packet(&lease.claim, 100, &n.to_string())).await);
        all.push(lease.claim);
    }
    let hook = b.revision(&digest).await.hook;
    let both = Scope::Only([acme(), bolt()].into());
    let whose: [(Scope, &[usize]); 4] = [
        (at_acme(), &[0, 2]),
        (at_bolt(), &[1, 3]),
        (both, &[0, 1, 2, 3]),
        (Scope::All, &[0, 1, 2, 3]),
    ];
    for (scope, own) in whose {
        let own: Vec<&ClaimId> = own.iter().map(|n| &all[*n]).collect();
        for by in [
            PacketsBy::Ticket(ticket()),
            PacketsBy::Hook(hook.clone()),
            PacketsBy::Day("2026-11-21".into()),
        ] {
            let (mut found, mut next) = (Vec::new(), None);
            loop {
                let page = Page::first(1).after(next);
                let page = b.store.packets(&scope, by.clone(), page).await.unwrap();
                found.extend(page.items.into_iter().map(|p| p.claim));
                next = page.next;
                if next.is_none() {
                    break;
                }
            }
            found.sort();
            let mut own = own.clone();
            own.sort();
            assert_eq!(found.iter().collect::<Vec<_>>(), own, "{scope:?} {by:?}");
        }
    }
}

async fn claim_state(b: &Bench, claim: &ClaimId) -> ClaimState {
    b.store
        .claim_by_id(&Scope::System, claim)
        .await
        .unwrap()
        .unwrap()
        .state
}
