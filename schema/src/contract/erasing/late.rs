//! What comes late: of an instance that is being erased, or of a server that was held up.
use boathook_hooks::{documents::identity::Facts, ids::Digest, protocol::AnswerKind, time::SECOND};

use super::{agent, begin, erase, finish, listed, open, packet, pieces, retire};
use crate::{
    AnswerRow, Chain, ClaimReply, ClaimState, ErasedKind, Erasure, EventKind, NewAnswer,
    NewInstance, PacketsBy, Page, Refused, Scope, StoreError, codec,
    contract::bench::{Bench, acme, at_acme, at_bolt, done, iid, public, refused},
    engine::{Engine, HEAD, Home, List, Step, Table, look::beyond},
};

/// Instance 1 is on its way out.
async fn erasing(b: &Bench) -> Erasure {
    b.instance(1, acme()).await;
    retire(b, iid(1)).await;
    done(erase(b, &iid(1)).await)
}

async fn answers_of(b: &Bench, digest: &Digest) -> Vec<AnswerRow> {
    let page = b.store.answers(&Scope::All, digest, Page::default()).await;
    page.unwrap().items
}

/// Says which packets are left.
async fn erase_answers(b: &Bench) -> Vec<boathook_hooks::ids::ClaimId> {
    let s = &b.store;
    let erased = done(s.erase_answers(&at_acme(), b.ada(), iid(1), None).await);
    assert_eq!(erased.next, None);
    erased.packets
}

pub async fn an_instance_that_is_erased_brings_and_says_nothing(b: Bench) {
    let digest = b.published(3).await;
    let lease = b.granted(digest, 1, 100).await;
    let erasure = erasing(&b).await;
    let s = &b.store;
    for finished in [false, true] {
        if finished {
            finish(&b, &erasure).await;
        }
        let gone = Refused::Erased { at: erasure.begun };
        let until = b.lease();
        for scope in [agent(1), Scope::System] {
            let claim = || lease.claim.clone();
            let sized = s.size_claim(&scope, b.system(), claim(), 50, until);
            assert_eq!(refused(sized.await), gone);
            let renewed = s.renew(&scope, b.system(), claim(), until).await;
            assert_eq!(refused(renewed), gone);
            let (kind, words) = (AnswerKind::Declined, "ask Eve".to_owned());
            let released = s.release(&scope, b.system(), claim(), kind, words.clone());
            assert_eq!(refused(released.await), gone);
            let rejected = s.reject(&scope, b.system(), claim(), words.clone()).await;
            assert_eq!(refused(rejected), gone);
            let overrun = s.overrun(&scope, b.system(), claim(), 200).await;
            assert_eq!(refused(overrun), gone);
            let packet = b.packet(&lease.claim, 100, "x");
            let committed = s.commit_packet(&scope, b.system(), packet).await;
            assert_eq!(refused(committed), gone);
            let answer = NewAnswer {
                revision: digest,
                instance: iid(1),
                customer: acme(),
                kind,
                reason: words,
            };
            assert_eq!(refused(s.answer(&scope, b.system(), answer).await), gone);
        }
        let replies = b
            .claims(digest, vec![b.ask(1, 1, 100), b.ask(2, 1, 100)])
            .await;
        let at = erasure.begun;
        assert_eq!(replies[0], ClaimReply::Erased { at });
        assert!(!matches!(replies[1], ClaimReply::Erased { .. }));
    }
    assert_eq!(answers_of(&b, &digest).await, []);
    assert_eq!(
        listed(&b, PacketsBy::Ticket(super::super::bench::ticket())).await,
        0
    );
}

pub async fn the_claims_of_an_instance_end_with_it(b: Bench) {
    let digest = b.published(3).await;
    let s = &b.store;
    b.granted(digest, 1, 100).await;
    let other = b.published(3).await;
    let failed = b.granted(other, 1, 100).await.claim;
    let (kind, words) = (AnswerKind::Failed, "ask Eve".to_owned());
    done(s.release(&agent(1), b.system(), failed, kind, words).await);
    erasing(&b).await;
    assert_eq!(erase_answers(&b).await, []);
    assert_eq!(b.revision(&digest).await.usage.reserved, 0);
    for (digest, counted) in [(digest, 0), (other, 1)] {
        let claim = s.claim_of(&Scope::System, &digest, &iid(1)).await;
        let claim = claim.unwrap().unwrap();
        assert_eq!((claim.state, claim.is_final), (ClaimState::Failed, true));
        assert_eq!(claim.reason, None);
        assert_eq!(b.revision(&digest).await.usage.failed, counted);
    }
    let version = b.revision(&digest).await.version;
    assert_eq!(erase_answers(&b).await, []);
    assert_eq!(b.revision(&digest).await.version, version, "once");
    assert_eq!(b.count(EventKind::LEASES_RETURNED).await, 1);
}

/// Nobody waits a week for bytes that can be no packet.
pub async fn what_an_erased_instance_began_to_send_may_be_deleted(b: Bench) {
    let digest = b.published(3).await;
    let lease = b.granted(digest, 1, 100).await;
    let other = b.granted(digest, 2, 100).await;
    let may = async |claim| {
        let may = b
            .store
            .may_delete_chunks(&Scope::System, claim, b.now)
            .await;
        may.unwrap()
    };
    let erasure = erasing(&b).await;
    erase_answers(&b).await;
    assert!(!may(&lease.claim).await, "a commit may be on its way");
    finish(&b, &erasure).await;
    assert!(may(&lease.claim).await);
    assert!(!may(&other.claim).await);
}

/// Accepted before its instance was erased, put after it.
pub async fn a_packet_that_arrives_after_its_instance_is_erased_is_erased(b: Bench) {
    let digest = b.published(3).await;
    let claim = b.accepted(digest, 1, 100).await;
    let accepted = packet(&b, &claim).await.unwrap();
    let home = Home::new(Table::Packets, &claim);
    // As if it were on its way still.
    done(b.store.0.raw_put(&home, HEAD, None).await);
    let instance = erasing(&b).await;
    assert_eq!(erase_answers(&b).await, std::slice::from_ref(&claim));
    let step = Step::PutPacket {
        packet: Box::new(accepted.clone()),
    };
    let put = b
        .store
        .0
        .write("put_packet", b.system(), home, move |tx| step.run(tx));
    done(put.await);
    assert_eq!(packet(&b, &claim).await, None);
    assert_eq!(pieces(&b, &claim, &accepted.sha256).await, 0);
    let found = open(&b)
        .await
        .into_iter()
        .find(|e| e.kind == ErasedKind::Packet);
    let erasure = found.unwrap();
    assert_eq!(
        (&erasure.id, &erasure.why),
        (&claim.to_string(), &instance.why)
    );
    assert_eq!(erasure.folder(), Some(accepted.folder()));
    // Its chunks are there until that is finished, too.
    assert_eq!(erase_answers(&b).await, [claim]);
    finish(&b, &erasure).await;
    assert_eq!(erase_answers(&b).await, []);
    finish(&b, &instance).await;
    assert_eq!(open(&b).await, []);
}

/// In one transaction nothing comes late.
pub async fn an_answer_that_is_listed_late_does_not_stand(b: Bench) {
    if matches!(b.store.0, Engine::Sqlite(_)) {
        return;
    }
    let digest = b.published(1).await;
    erasing(&b).await;
    erase_answers(&b).await;
    let answer = AnswerRow {
        revision: digest,
        instance: iid(1),
        customer: acme(),
        kind: AnswerKind::Declined,
        reason: "ask Eve".into(),
        // By a clock that is ahead.
        at: b.now.plus_ms(SECOND),
    };
    let body = codec::encode("answer", &answer).unwrap();
    let (part, stamp) = (digest.to_string(), u64::try_from(answer.at.ms()).unwrap());
    let place = (List::Answers, part.as_str(), "i-00001");
    done(b.store.0.raw_list(place, Some(body), stamp).await);
    assert_eq!(answers_of(&b, &digest).await, []);
}

/// What a write left undone would tell of the instance once more.
pub async fn an_erasure_ends_once_nothing_is_owed(b: Bench) {
    let erasure = erasing(&b).await;
    let (home, row) = (Home::new(Table::Instances, iid(1)), format!("o/{:020}", 1));
    done(b.store.0.raw_put(&home, &row, Some(Vec::new())).await);
    let soon = b.ada().until(b.now.plus_ms(SECOND));
    let (kind, id) = (ErasedKind::Instance, erasure.id.clone());
    let finished = b.store.finish_erasure(&at_acme(), soon, kind, id).await;
    assert!(
        matches!(finished, Err(StoreError::TryAgain { .. })),
        "{finished:?}"
    );
    assert_eq!(open(&b).await, std::slice::from_ref(&erasure));
    done(b.store.0.raw_put(&home, &row, None).await);
    finish(&b, &erasure).await;
}

/// An answer that tells what was erased is nowhere remembered, and is not written again by who was held up.
pub async fn what_an_erased_instance_was_answered_is_forgotten(b: Bench) {
    let new = |n: u8| NewInstance {
        id: iid(u32::from(n)),
        customer: acme(),
        key: public(n),
        facts: Facts {
            name: format!("eves-laptop-{n}"),
            ..Facts::default()
        },
        confirm: false,
    };
    for n in [1, 2] {
        let put = b.store.put_instance(&Scope::System, b.system(), new(n));
        done(put.await);
    }
    retire(&b, iid(1)).await;
    let erasure = done(erase(&b, &iid(1)).await);
    finish(&b, &erasure).await;
    let late = b"eves-laptop-1".to_vec();
    let home = Home::new(Table::Instances, iid(1));
    b.store.0.raw_settle(&home, 1, late).await.unwrap();
    let rows = b.store.0.raw_rows(&home, "", &beyond("")).await.unwrap();
    let mut all: Vec<Vec<u8>> = rows.into_iter().map(|(_, body)| body).collect();
    if let Some(dir) = b.url.strip_prefix("sqlite://") {
        let conn = rusqlite::Connection::open(format!("{dir}/boathook.db")).unwrap();
        let mut answers = conn.prepare("SELECT answer FROM ops").unwrap();
        let rows = answers.query_map([], |row| row.get(0)).unwrap();
        all.extend(rows.map(Result::unwrap));
        let others = |body: &&Vec<u8>| String::from_utf8_lossy(body).contains("eves-laptop-2");
        assert_eq!(
            all.iter().filter(others).count(),
            1,
            "the other one's stays"
        );
    }
    for body in all {
        let text = String::from_utf8_lossy(&body);
        assert!(!text.contains("eves-laptop-1"), "{text:?}");
        assert!(!text.contains("sold to Eve"), "{text:?}");
    }
}

/// A copy of before a packet came, and its bytes are there: by the list that was kept apart it comes no more.
pub async fn a_packet_that_only_a_list_knows_is_erased_before_it_comes(b: Bench) {
    let digest = b.published(3).await;
    let known = b.accepted(digest, 1, 100).await;
    let begun = begin(&b, &known).await;
    let (here, lease) = (
        b.accepted(digest, 2, 100).await,
        b.granted(digest, 3, 100).await,
    );
    let s = &b.store;
    let of = |id: &boathook_hooks::ids::ClaimId| Erasure {
        id: id.to_string(),
        head: Some(crate::Head::default()),
        finished: Some(b.now),
        ..begun.clone()
    };
    for scope in [Scope::All, at_acme(), at_bolt(), agent(3)] {
        let put = s.put_erasure(&scope, b.system(), of(&lease.claim)).await;
        assert_eq!(refused(put), Refused::OutOfScope);
    }
    let system = &Scope::System;
    let put = s.put_erasure(system, b.system(), of(&known)).await;
    assert_eq!(done(put), begun);
    let put = s.put_erasure(system, b.system(), of(&here)).await;
    assert_eq!(refused(put), Refused::Exists("the packet".into()));
    let of_none = Erasure {
        kind: ErasedKind::Instance,
        packet: None,
        id: iid(9).to_string(),
        ..begun.clone()
    };
    let put = s.put_erasure(system, b.system(), of_none).await;
    assert!(matches!(refused(put), Refused::Malformed(_)));
    let erasure = done(s.put_erasure(system, b.system(), of(&lease.claim)).await);
    assert_eq!((erasure.finished, &erasure.head), (None, &None));
    assert!(open(&b).await.contains(&erasure));
    let gone = Refused::Erased { at: b.now };
    assert_eq!(
        refused(b.commit(b.packet(&lease.claim, 100, "3")).await),
        gone
    );
    assert_eq!(
        b.revision(&digest).await.usage.accepted,
        2,
        "it takes no place"
    );
    let may = s.may_delete_chunks(system, &lease.claim, b.now).await;
    assert!(may.unwrap());
    finish(&b, &erasure).await;
    let chain = Chain::Customer(acme());
    assert_eq!(
        b.events(chain, Some(EventKind::PACKET_ERASED)).await.len(),
        1
    );
}
