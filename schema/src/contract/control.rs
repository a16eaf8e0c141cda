//! The control log: numbers that never go back, and what servers hold from it.
use std::time::Duration;

use boathook_hooks::time::DAY;
use futures_util::future::join_all;

use super::bench::{Bench, acme, at_acme, bolt, done, iid, refused};
use crate::{Change, DraftText, Refused, Scope, Write};

fn facts(n: u32) -> Change {
    Change::Facts { instance: iid(n) }
}

async fn append(b: &Bench, n: u32) -> u64 {
    done(
        b.store
            .append_control(&Scope::System, b.system(), facts(n))
            .await,
    )
}

pub async fn numbers_rise_and_begin_at_the_clock(mut b: Bench) {
    let ms = |b: &Bench| u64::try_from(b.now.ms()).unwrap();
    let first = append(&b, 1).await;
    assert_eq!(first, ms(&b));
    assert_eq!(append(&b, 2).await, first + 1);
    b.later(DAY);
    let later = append(&b, 3).await;
    assert_eq!(later, ms(&b));
    // A clock that was set back takes no number back.
    b.later(-2 * DAY);
    assert_eq!(append(&b, 4).await, later + 1);
}

pub async fn changes_are_read_in_order_from_a_number_on(b: Bench) {
    let mut numbers = Vec::new();
    for n in 0..5 {
        numbers.push(append(&b, n).await);
    }
    let page = b
        .store
        .changes_since(&Scope::System, numbers[1], 2)
        .await
        .unwrap();
    let read: Vec<(u64, Change)> = page
        .entries
        .into_iter()
        .map(|e| (e.number, e.change))
        .collect();
    assert_eq!(read, [(numbers[2], facts(2)), (numbers[3], facts(3))]);
    assert_eq!(page.head, numbers[4], "beyond the page");
    let end = b
        .store
        .changes_since(&Scope::System, numbers[4], 10)
        .await
        .unwrap();
    assert_eq!((end.entries, end.head), (vec![], numbers[4]));
    let people = b.store.append_control(&at_acme(), b.ada(), facts(1)).await;
    assert_eq!(refused(people), Refused::OutOfScope);
}

pub async fn of_many_appends_at_once_no_number_is_given_twice(b: Bench) {
    let other = b.another().await;
    let all = join_all((0..60).map(|n| {
        let store = if n % 2 == 0 { &b.store } else { &other };
        store.append_control(&Scope::System, b.system(), facts(n))
    }))
    .await;
    let mut numbers: Vec<u64> = all.into_iter().map(done).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 60);
}

pub async fn who_waits_is_woken_by_a_change(b: Bench) {
    let mut waiting = b.store.control();
    waiting.borrow_and_update();
    let number = append(&b, 1).await;
    let woken = tokio::time::timeout(Duration::from_secs(10), waiting.changed()).await;
    woken.unwrap().unwrap();
    assert_eq!(*waiting.borrow_and_update(), number);
    // Another server's change is seen when the head is read.
    let other = b.another().await;
    let write = Write::system(b.now);
    let number = done(other.append_control(&Scope::System, write, facts(2)).await);
    assert_eq!(b.store.refresh_control().await.unwrap(), number);
    assert!(waiting.has_changed().unwrap());
}

pub async fn active_hooks_are_the_published_ones_of_the_scope(b: Bench) {
    let mine = b.published(1).await;
    let theirs = b.published_with(&[bolt()], b.quota(1)).await;
    let ended = b.published(1).await;
    let told = b.stop(ended).await;
    b.drafted(&[acme()]).await;
    let opted = {
        let draft = DraftText {
            opted_in: true,
            customers: vec![],
            ..b.draft(&boathook_hooks::ids::HookId::fresh(), &[])
        };
        let hook = done(
            b.store
                .submit_draft(&Scope::All, b.ada(), draft, None)
                .await,
        );
        let submit = boathook_hooks::states::Move::Submit;
        let hook = b
            .sign_out(done(b.step(&hook, submit, Some(b"for all")).await))
            .await;
        let publish = b.publish(&hook, b.quota(1));
        let digest = publish.digest;
        done(b.store.publish(&Scope::All, b.ada(), publish).await);
        digest
    };
    let active = b.store.active_hooks(&Scope::System, b.now).await.unwrap();
    let mut digests: Vec<_> = active.hooks.iter().map(|h| h.digest).collect();
    digests.sort();
    let mut expected = vec![mine, theirs, opted];
    expected.sort();
    assert_eq!(digests, expected);
    assert!(active.number > told.control);
    assert_eq!(active.stopped[0].digest, ended);
    let agent = Scope::Instance {
        customer: acme(),
        instance: iid(1),
    };
    let seen = b.store.active_hooks(&agent, b.now).await.unwrap();
    assert_eq!(
        seen.hooks.len(),
        2,
        "its customer's, and what is for all who opted in"
    );
    let later = b.now.plus_ms(7 * DAY);
    let seen = b.store.active_hooks(&Scope::System, later).await.unwrap();
    assert_eq!((seen.hooks.len(), seen.stopped.len()), (0, 0));
}
