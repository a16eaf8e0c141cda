//! An instance: once it is retired, with its packets and answers.
use boathook_hooks::{documents::identity::Facts, protocol::AnswerKind, time::MINUTE};

use super::{agent, begin, erase, finish, found, retire, whole};
use crate::{
    ErasedAnswers, ErasedKind, InstanceFilter, NewAnswer, NewInstance, Page, Refused, Scope,
    SessionAsk, SuspendReason,
    contract::bench::{Bench, acme, at_acme, at_bolt, bolt, done, iid, refused},
    engine::List,
};

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
    assert_eq!(done(next), ErasedAnswers::default());
    let page = b.store.answers(&Scope::All, &digest, Page::default()).await;
    let left = page.unwrap().items.into_iter().map(|row| row.instance);
    assert_eq!(left.collect::<Vec<_>>(), [iid(2)]);
}
