//! A write that is sent again with its op id gets the answer of the first, and changes nothing more.
use boathook_hooks::{
    ids::{Blob, HookId},
    states::Move,
};
use futures_util::future::join_all;

use super::bench::{Bench, acme, at_acme, bob, done, refused, ticket};
use crate::{EventKind, OpId, PutTicket, Refused, Scope, StoreError, Write};

fn put(title: &str) -> PutTicket {
    PutTicket {
        at: ticket(),
        customer: acme(),
        title: title.into(),
        url: None,
        state: None,
    }
}

pub async fn a_repeat_gets_the_same_answer(mut b: Bench) {
    let op = OpId::fresh();
    let first = done(
        b.store
            .put_ticket(&at_acme(), b.ada().op(op), put("one"))
            .await,
    );
    done(b.store.put_ticket(&at_acme(), b.ada(), put("two")).await);
    b.later(1_000);
    let other = b.another().await;
    let again = done(
        other
            .put_ticket(&at_acme(), b.ada().op(op), put("one"))
            .await,
    );
    assert_eq!(again, first, "as it was then");
    let now = b
        .store
        .ticket(&at_acme(), &ticket())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(now.title, "two", "and nothing is written again");
    assert_eq!(b.count(EventKind::TICKET_PUT).await, 2);
}

pub async fn of_repeats_at_once_one_is_written(b: Bench) {
    let other = b.another().await;
    for round in 0..10 {
        let write = b.ada().op(OpId::fresh());
        let title = format!("round {round}");
        let sent = (0..6).map(|n| {
            let store = if n % 2 == 0 { &b.store } else { &other };
            let (write, title) = (write.clone(), put(&title));
            async move { store.put_ticket(&at_acme(), write, title).await }
        });
        let answers: Vec<_> = join_all(sent).await.into_iter().map(done).collect();
        assert!(answers.iter().all(|a| *a == answers[0]), "{answers:?}");
        assert_eq!(b.count(EventKind::TICKET_PUT).await, round + 1);
    }
}

pub async fn a_refusal_is_repeated_too(b: Bench) {
    let op = OpId::fresh();
    let hook = b.drafted(&[acme()]).await;
    let draft = b.draft(&hook.id, &[acme()]);
    let stale = b
        .store
        .submit_draft(&Scope::All, b.ada().op(op), draft.clone(), Some(9))
        .await;
    let first = refused(stale);
    done(
        b.store
            .submit_draft(&Scope::All, b.ada(), draft.clone(), Some(1))
            .await,
    );
    let again = b
        .store
        .submit_draft(&Scope::All, b.ada().op(op), draft, Some(9))
        .await;
    assert_eq!(refused(again), first);
}

pub async fn claims_sent_again_are_the_same_claims(b: Bench) {
    let digest = b.published(1).await;
    let op = OpId::fresh();
    let send = || {
        let asks = (0..3).map(|n| b.ask(n, 1, 100)).collect();
        b.store
            .claim(&Scope::System, b.system().op(op), digest, b.lease(), asks)
    };
    let first = done(send().await);
    let all = join_all((0..5).map(|_| send())).await;
    for again in all {
        assert_eq!(done(again), first);
    }
    assert_eq!(b.revision(&digest).await.usage.reserved, 1);
}

/// Within the aggregate that the first write changed: nobody gives one op id to writes of two.
pub async fn an_op_id_is_one_actors_and_one_verbs(b: Bench) {
    let op = OpId::fresh();
    let draft = b.draft(&HookId::fresh(), &[acme()]);
    let (scope, s) = (at_acme(), &b.store);
    let submit = |write| s.submit_draft(&scope, write, draft.clone(), None);
    let hook = done(submit(b.ada().op(op)).await);
    let bobs = Write::person(bob(), b.now).op(op);
    assert_eq!(refused(submit(bobs).await), Refused::OpReused);
    let (write, payload) = (b.ada().op(op), Some(Blob(b"bytes".to_vec())));
    let answer = b
        .store
        .advance(&at_acme(), write, hook.id, 1, None, Move::Submit, payload)
        .await;
    assert_eq!(refused(answer), Refused::OpReused);
}

pub async fn a_write_without_time_is_not_begun(b: Bench) {
    let write = b.ada().until(b.now);
    let answer = b.store.put_ticket(&at_acme(), write, put("one")).await;
    assert!(
        matches!(answer, Err(StoreError::TryAgain { .. })),
        "{answer:?}"
    );
    assert_eq!(b.store.ticket(&at_acme(), &ticket()).await.unwrap(), None);
}
