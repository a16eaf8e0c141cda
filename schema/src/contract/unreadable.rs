//! What cannot be read, or moved on, holds up nothing else.
use boathook_hooks::{protocol::AnswerKind, states::StoppedBy};

use super::bench::{Bench, acme, ada, at_acme, bolt, done, iid};
use crate::{
    ClaimReply, ErasedKind, Page, Scope,
    engine::{Engine, HEAD, Home, List, Table},
};

async fn retire_and_erase(b: &Bench) {
    let s = &b.store;
    done(
        s.retire_instance(&at_acme(), b.ada(), iid(1), "sold".into())
            .await,
    );
    done(
        s.erase_instance(&at_acme(), b.ada(), iid(1), "asked".into())
            .await,
    );
}

async fn end(b: &Bench) {
    let s = &b.store;
    let erased = done(s.erase_answers(&at_acme(), b.ada(), iid(1), None).await);
    assert_eq!((erased.next, erased.packets), (None, vec![]));
    let (kind, id) = (ErasedKind::Instance, iid(1).to_string());
    done(s.finish_erasure(&at_acme(), b.ada(), kind, id).await);
}

/// The next revision's draft is for another customer; the first revision, which asked the instance, runs still.
pub async fn what_was_answered_to_a_hook_that_moved_on_goes_too(b: Bench) {
    b.instance(1, acme()).await;
    let hook = b.signed(&[acme()]).await;
    let publish = b.publish(&hook, b.quota(3));
    let digest = publish.digest;
    let s = &b.store;
    done(s.publish(&Scope::All, b.ada(), publish).await);
    let claim = b.granted(digest, 1, 100).await.claim;
    let (kind, words) = (AnswerKind::Waiting, "ask Eve Smith".to_owned());
    done(
        s.release(&Scope::System, b.system(), claim, kind, words)
            .await,
    );
    let hook = b.hook(&hook.id).await;
    let draft = b.draft(&hook.id, &[bolt()]);
    done(
        s.submit_draft(&Scope::All, b.ada(), draft, Some(hook.version))
            .await,
    );
    retire_and_erase(&b).await;
    end(&b).await;
    let page = s.answers(&Scope::All, &digest, Page::default()).await;
    let claim = s
        .claim_of(&Scope::System, &digest, &iid(1))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(page.unwrap().items, []);
    assert_eq!((claim.is_final, claim.reason), (true, None));
}

/// The record of a hook's drafts cannot be read; the revision that runs can be, and must be stoppable.
pub async fn a_hook_whose_record_is_unreadable_is_stopped(b: Bench) {
    let hook = b.signed(&[acme()]).await;
    let publish = b.publish(&hook, b.quota(1));
    let digest = publish.digest;
    let s = &b.store;
    done(s.publish(&Scope::All, b.ada(), publish).await);
    let lease = b.granted(digest, 1, 100).await;
    let home = Home::new(Table::Hooks, &hook.id);
    done(s.0.raw_put(&home, HEAD, Some(vec![1, 2, 3])).await);
    // The last place fills the hook, which cannot follow.
    b.commit(b.packet(&lease.claim, 100, "x"))
        .await
        .unwrap()
        .done()
        .unwrap();
    let by = StoppedBy::Person(ada());
    let stopped = s
        .stop(&Scope::All, b.ada(), digest, by, "enough".into())
        .await;
    done(stopped);
}

/// One entry of one hook, of anybody's, cannot be read.
pub async fn an_unreadable_hook_does_not_hold_up_an_erasing(b: Bench) {
    b.instance(1, acme()).await;
    let digest = b.published(3).await;
    b.granted(digest, 1, 100).await;
    let place = (List::Hooks, "*", "h-unreadable");
    done(b.store.0.raw_list(place, Some(vec![1, 2, 3]), 9).await);
    retire_and_erase(&b).await;
    end(&b).await;
}

/// One outbox that nobody can read: a check names it and goes on.
pub async fn a_check_goes_on_behind_a_broken_outbox(b: Bench) {
    if matches!(b.store.0, Engine::Sqlite(_)) {
        return;
    }
    b.customer(acme()).await;
    let home = Home::new(Table::Customers, acme());
    let row = format!("o/{:020}", 99);
    done(b.store.0.raw_put(&home, &row, Some(vec![1])).await);
    let checked = b
        .store
        .check(crate::CheckOptions::default(), b.now, |_| {})
        .await;
    assert!(!checked.unwrap().is_clean());
}

/// Somebody means "now" and names a day long ago: the hook ends now, and a run that goes on is not cut off.
pub async fn lowering_to_a_past_end_cuts_no_run_off(b: Bench) {
    let digest = b.published(3).await;
    let lease = b.granted(digest, 1, 100).await;
    let past = b.now.plus_ms(-8 * boathook_hooks::time::DAY);
    let lower = b
        .store
        .lower(&Scope::All, b.ada(), digest, None, Some(past));
    done(lower.await);
    let committed = b.commit(b.packet(&lease.claim, 100, "x")).await;
    let later = b.now.plus_ms(boathook_hooks::time::HOUR);
    let may = b
        .store
        .may_delete_chunks(&Scope::System, &lease.claim, later)
        .await;
    done(committed);
    assert!(!may.unwrap());
}

/// One instance whose record cannot be read: the others of its group get their places.
pub async fn an_unreadable_instance_does_not_hold_up_a_group(b: Bench) {
    b.instance(1, acme()).await;
    b.instance(2, acme()).await;
    let digest = b.published(3).await;
    let home = Home::new(Table::Instances, iid(1));
    done(b.store.0.raw_put(&home, HEAD, Some(vec![1, 2, 3])).await);
    let asks = vec![b.ask(1, 1, 100), b.ask(2, 1, 100)];
    let (write, until) = (b.system(), b.lease());
    let claimed = b
        .store
        .claim(&Scope::System, write, digest, until, asks)
        .await;
    assert!(matches!(done(claimed)[1], ClaimReply::Granted(_)));
}

/// One listed instance that cannot be read: hooks are published all the same (their first wave is of a sample).
pub async fn an_unreadable_instance_does_not_hold_up_publishing(b: Bench) {
    b.instance(1, acme()).await;
    let place = (List::Instances, "*", "i-00009");
    done(b.store.0.raw_list(place, Some(vec![1, 2, 3]), 9).await);
    let sample = b.store.instance_sample(&Scope::System, None).await;
    sample.unwrap();
}
