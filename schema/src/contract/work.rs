//! Leases of the house's work, and the servers that live.
use boathook_hooks::time::MINUTE;

use super::bench::{Bench, at_acme, done, refused};
use crate::{Leased, MAX_LEASE_MS, Refused, Scope, Store, WorkLease};

async fn take(b: &Bench, store: &Store, holder: &str) -> Leased {
    let (name, holder) = ("periodic".to_owned(), holder.to_owned());
    done(
        store
            .lease(&Scope::System, b.system(), name, holder, MINUTE)
            .await,
    )
}

fn yours(leased: Leased) -> WorkLease {
    match leased {
        Leased::Yours(lease) => lease,
        Leased::Held { by, .. } => panic!("held by {by}"),
    }
}

async fn give(b: &Bench, holder: &str, fencing: u64) -> bool {
    let (name, holder) = ("periodic".to_owned(), holder.to_owned());
    let answer = b
        .store
        .give_lease(&Scope::System, b.system(), name, holder, fencing);
    done(answer.await)
}

pub async fn a_lease_is_its_holders_until_it_runs_out(mut b: Bench) {
    let first = yours(take(&b, &b.store, "one").await);
    assert_eq!((first.fencing, first.until), (1, b.now.plus_ms(MINUTE)));
    let by = "one".to_owned();
    let until = first.until;
    assert_eq!(take(&b, &b.store, "two").await, Leased::Held { by, until });
    b.later(MINUTE - 1);
    let renewed = yours(take(&b, &b.store, "one").await);
    assert_eq!((renewed.fencing, renewed.until), (1, b.now.plus_ms(MINUTE)));
    b.later(MINUTE);
    let second = yours(take(&b, &b.store, "two").await);
    assert_eq!(second.fencing, 2);
    assert!(matches!(
        take(&b, &b.store, "one").await,
        Leased::Held { .. }
    ));
}

pub async fn a_lease_given_back_goes_on_with_a_higher_number(b: Bench) {
    let first = yours(take(&b, &b.store, "one").await);
    assert!(!give(&b, "two", first.fencing).await);
    assert!(!give(&b, "one", first.fencing + 1).await);
    assert!(give(&b, "one", first.fencing).await);
    assert!(!give(&b, "one", first.fencing).await);
    let second = yours(take(&b, &b.store, "two").await);
    assert!(second.fencing > first.fencing);
}

pub async fn of_many_servers_at_once_one_gets_the_lease(b: Bench) {
    let other = b.another().await;
    let tries = (0..8).map(|n| {
        let (b, store) = (b.clone(), [&b.store, &other][n % 2].clone());
        tokio::spawn(async move { take(&b, &store, &format!("server-{n}")).await })
    });
    let tries: Vec<_> = tries.collect();
    let mut won = 0;
    for one in tries {
        won += u32::from(matches!(one.await.unwrap(), Leased::Yours(_)));
    }
    assert_eq!(won, 1);
}

pub async fn servers_that_are_silent_are_not_shown(mut b: Bench) {
    let register = |b: &Bench, id: &str| {
        let (b, id) = (b.clone(), id.to_owned());
        async move {
            let address = format!("https://{id}.example");
            let write = b.system();
            done(
                b.store
                    .register_server(&Scope::System, write, id, address, b.now)
                    .await,
            );
        }
    };
    register(&b, "one").await;
    b.later(MINUTE / 2);
    register(&b, "two").await;
    let ids = |b: &Bench| {
        let b = b.clone();
        async move {
            let servers = b.store.servers(&Scope::System, b.now).await.unwrap();
            servers.into_iter().map(|s| s.id).collect::<Vec<_>>()
        }
    };
    assert_eq!(ids(&b).await, ["one", "two"]);
    b.later(MINUTE / 2 + 1);
    assert_eq!(ids(&b).await, ["two"]);
    register(&b, "one").await;
    assert_eq!(ids(&b).await, ["one", "two"]);
    assert_eq!(b.store.servers(&at_acme(), b.now).await.unwrap(), []);
    let leave = |scope: Scope| {
        let b = b.clone();
        async move {
            let write = b.system();
            b.store.unregister_server(&scope, write, "one".into()).await
        }
    };
    assert_eq!(refused(leave(at_acme()).await), Refused::OutOfScope);
    done(leave(Scope::System).await);
    assert_eq!(ids(&b).await, ["two"]);
}

pub async fn the_houses_work_is_the_houses_alone(b: Bench) {
    let lease = |scope: Scope, ttl: i64| {
        let b = b.clone();
        async move {
            let (name, holder) = ("periodic".to_owned(), "one".to_owned());
            b.store.lease(&scope, b.system(), name, holder, ttl).await
        }
    };
    assert_eq!(refused(lease(at_acme(), MINUTE).await), Refused::OutOfScope);
    for ttl in [0, -1, MAX_LEASE_MS + 1] {
        let reason = refused(lease(Scope::System, ttl).await);
        assert!(matches!(reason, Refused::Malformed(_)), "{reason:?}");
    }
}
