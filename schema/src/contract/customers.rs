//! Customers, join tokens, reserved names.
use boathook_hooks::{
    ids::{CustomerId, Digest},
    time::DAY,
};
use futures_util::future::join_all;

use super::bench::{Bench, acme, at_acme, at_bolt, bolt, done, iid, public, refused};
use crate::{EventKind, JoinToken, Joined, NewJoinToken, Page, Refused, Reserved, Scope};

fn hash(n: u8) -> Digest {
    Digest::of(&[n])
}

async fn token(b: &Bench, n: u8, count: u32) -> JoinToken {
    let new = NewJoinToken {
        hash: hash(n),
        count,
        ends_at: b.now.plus_ms(DAY),
        confirm: false,
    };
    done(
        b.store
            .add_join_token(&at_acme(), b.ada(), acme(), new)
            .await,
    )
}

async fn join(b: &Bench, n: u8, who: u8) -> crate::Answer<Joined> {
    let proposed = iid(who.into());
    b.store
        .use_token(
            &Scope::System,
            b.system(),
            hash(n),
            public(who).id(),
            proposed,
        )
        .await
}

pub async fn a_customer_is_made_by_the_house_and_renamed_by_its_own(b: Bench) {
    let by_its_own = b
        .store
        .put_customer(&at_acme(), b.ada(), acme(), "Acme".into())
        .await;
    assert_eq!(refused(by_its_own), Refused::OutOfScope);
    b.customer(acme()).await;
    let renamed = done(
        b.store
            .put_customer(&at_acme(), b.ada(), acme(), "Acme".into())
            .await,
    );
    assert_eq!((renamed.version, renamed.name.as_str()), (2, "Acme"));
    let by_another = b
        .store
        .put_customer(&at_bolt(), b.ada(), acme(), "Mine".into())
        .await;
    assert_eq!(refused(by_another), Refused::OutOfScope);
    let house = b
        .store
        .put_customer(&Scope::All, b.ada(), CustomerId::house(), "x".into())
        .await;
    assert!(matches!(refused(house), Refused::Malformed(_)));
    assert_eq!(
        b.store.customer(&Scope::All, &acme()).await.unwrap(),
        Some(renamed)
    );
    assert_eq!(b.count(EventKind::CUSTOMER_PUT).await, 2);
}

pub async fn a_join_token_is_used_as_often_as_it_counts_and_no_more(b: Bench) {
    b.customer(acme()).await;
    token(&b, 1, 2).await;
    for who in [1, 2] {
        let joined = done(join(&b, 1, who).await);
        assert_eq!(
            (joined.instance, joined.customer, joined.again),
            (iid(who.into()), acme(), false)
        );
    }
    assert_eq!(refused(join(&b, 1, 3).await), Refused::TokenSpent);
    assert_eq!(refused(join(&b, 9, 3).await), Refused::TokenUnknown);
    let stored = b
        .store
        .join_token(&at_acme(), &hash(1))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(stored.used.len(), 2);
    assert_eq!(b.count(EventKind::TOKEN_USED).await, 2);
    let never = NewJoinToken {
        hash: hash(2),
        count: 0,
        ends_at: b.now.plus_ms(DAY),
        confirm: false,
    };
    let answer = b
        .store
        .add_join_token(&at_acme(), b.ada(), acme(), never)
        .await;
    assert!(matches!(refused(answer), Refused::Malformed(_)));
}

pub async fn a_join_token_ends(mut b: Bench) {
    b.customer(acme()).await;
    let made = token(&b, 1, 2).await;
    b.later(DAY - 1);
    done(join(&b, 1, 1).await);
    b.later(1);
    assert_eq!(
        refused(join(&b, 1, 2).await),
        Refused::TokenEnded { at: made.ends_at }
    );
}

pub async fn the_same_key_gets_the_same_instance_again_even_from_a_token_that_is_over(
    mut b: Bench,
) {
    b.customer(acme()).await;
    token(&b, 1, 1).await;
    let first = done(join(&b, 1, 1).await);
    b.later(2 * DAY);
    let key = public(1).id();
    let again = b
        .store
        .use_token(&Scope::System, b.system(), hash(1), key, iid(77))
        .await;
    let expected = Joined {
        again: true,
        ..first
    };
    assert_eq!(done(again), expected);
}

pub async fn of_many_keys_at_once_a_token_admits_its_count(b: Bench) {
    b.customer(acme()).await;
    token(&b, 1, 10).await;
    let all = join_all((0..100).map(|who| join(&b, 1, who))).await;
    let joined = all
        .into_iter()
        .filter(|a| matches!(a, Ok(crate::Outcome::Done(_))))
        .count();
    assert_eq!(joined, 10);
}

pub async fn join_tokens_are_listed_for_their_customer_alone(b: Bench) {
    b.customer(acme()).await;
    b.customer(bolt()).await;
    for n in [1, 2, 3] {
        token(&b, n, 1).await;
    }
    let list = |scope: Scope, customer: CustomerId| {
        let store = b.store.clone();
        async move {
            let page = store
                .join_tokens(&scope, &customer, Page::default())
                .await
                .unwrap();
            page.items.len()
        }
    };
    assert_eq!(list(at_acme(), acme()).await, 3);
    assert_eq!(list(Scope::All, bolt()).await, 0);
    assert_eq!(list(at_bolt(), acme()).await, 0);
    assert_eq!(
        b.store.join_token(&at_bolt(), &hash(1)).await.unwrap(),
        None
    );
    let foreign = NewJoinToken {
        hash: hash(9),
        count: 1,
        ends_at: b.now.plus_ms(DAY),
        confirm: true,
    };
    let answer = b
        .store
        .add_join_token(&at_bolt(), b.ada(), acme(), foreign.clone())
        .await;
    assert_eq!(refused(answer), Refused::OutOfScope);
    let same = NewJoinToken {
        hash: hash(1),
        ..foreign
    };
    let answer = b
        .store
        .add_join_token(&Scope::All, b.ada(), bolt(), same)
        .await;
    assert!(matches!(refused(answer), Refused::Exists(_)));
}

pub async fn a_name_is_won_once_and_by_one(b: Bench) {
    let reserve = |id: &str| {
        let write = b.ada();
        b.store.reserve_name(
            &Scope::All,
            write,
            "template".into(),
            "logs".into(),
            id.into(),
        )
    };
    assert_eq!(done(reserve("one").await), Reserved::Won);
    assert_eq!(done(reserve("one").await), Reserved::Won);
    let taken = Reserved::Taken { by: "one".into() };
    assert_eq!(done(reserve("two").await), taken);
}
