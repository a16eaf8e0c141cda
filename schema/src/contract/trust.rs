//! Trust documents: numbers in order, bytes for ever. Requests for admission.
use boathook_hooks::{documents::roster::KeyPlace, ids::Blob, keys::KeyId};

use super::bench::{Bench, ada, at_acme, bob, done, public, refused};
use crate::{Admission, Answer, Chain, Change, EventKind, Page, Refused, Scope, Write};

fn bytes(text: &str) -> Blob {
    Blob(text.as_bytes().to_vec())
}

async fn root(b: &Bench, version: u64, text: &str) -> Answer<u64> {
    b.store
        .add_root(&Scope::All, b.ada(), version, bytes(text))
        .await
}

async fn roster(b: &Bench, version: u64, text: &str) -> Answer<u64> {
    b.store
        .add_roster(&Scope::All, b.ada(), version, bytes(text))
        .await
}

async fn revoke(b: &Bench, revoker: KeyId, number: u64, text: &str) -> Answer<u64> {
    b.store
        .add_revocation(&Scope::All, b.ada(), revoker, number, bytes(text))
        .await
}

pub async fn roots_follow_one_another(b: Bench) {
    done(root(&b, 3, "three").await);
    for version in [1, 2, 5] {
        assert_eq!(
            refused(root(&b, version, "x").await),
            Refused::NotNext { expected: 4 }
        );
    }
    let number = done(root(&b, 4, "four").await);
    assert_eq!(
        done(root(&b, 4, "four").await),
        number,
        "the same bytes again"
    );
    assert_eq!(refused(root(&b, 4, "other").await), Refused::OtherDocument);
    assert_eq!(refused(root(&b, 3, "other").await), Refused::OtherDocument);
    let found = b.store.root(&at_acme(), 3).await.unwrap().unwrap();
    assert_eq!((found.number, found.envelope), (3, bytes("three")));
    let trust = b.store.trust(&at_acme()).await.unwrap();
    let versions: Vec<u64> = trust.roots.iter().map(|r| r.number).collect();
    assert_eq!(versions, [3, 4]);
    assert_eq!(b.changes().await, [Change::Trust, Change::Trust]);
    assert_eq!(
        b.events(Chain::House, Some(EventKind::ROOT_ADDED))
            .await
            .len(),
        2
    );
}

pub async fn rosters_only_rise(b: Bench) {
    done(roster(&b, 2, "two").await);
    done(roster(&b, 7, "seven").await);
    assert_eq!(
        refused(roster(&b, 5, "five").await),
        Refused::NotNext { expected: 8 }
    );
    assert_eq!(
        refused(roster(&b, 7, "other").await),
        Refused::OtherDocument
    );
    done(roster(&b, 2, "two").await);
    let newest = b.store.trust(&at_acme()).await.unwrap().roster.unwrap();
    assert_eq!((newest.number, newest.envelope), (7, bytes("seven")));
    assert!(b.store.roster(&at_acme(), 2).await.unwrap().is_some());
    assert_eq!(b.store.roster(&at_acme(), 3).await.unwrap(), None);
}

pub async fn each_revokers_numbers_are_its_own(b: Bench) {
    let (one, two) = (public(1).id(), public(2).id());
    assert_eq!(
        refused(revoke(&b, one, 2, "x").await),
        Refused::NotNext { expected: 1 }
    );
    done(revoke(&b, one, 1, "one of one").await);
    done(revoke(&b, two, 1, "one of two").await);
    done(revoke(&b, one, 2, "two of one").await);
    done(revoke(&b, one, 1, "one of one").await);
    assert_eq!(
        refused(revoke(&b, one, 1, "other").await),
        Refused::OtherDocument
    );
    assert_eq!(
        refused(revoke(&b, one, 4, "x").await),
        Refused::NotNext { expected: 3 }
    );
    assert_eq!(
        b.store.trust(&at_acme()).await.unwrap().revocations.len(),
        3
    );
    let found = b
        .store
        .revocation(&at_acme(), &two, 1)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (found.revoker, found.envelope),
        (Some(two), bytes("one of two"))
    );
}

pub async fn trust_is_changed_by_the_house_alone(b: Bench) {
    let answer = b.store.add_root(&at_acme(), b.ada(), 1, bytes("x")).await;
    assert_eq!(refused(answer), Refused::OutOfScope);
    let answer = b.store.add_roster(&at_acme(), b.ada(), 1, bytes("x")).await;
    assert_eq!(refused(answer), Refused::OutOfScope);
    let answer = b
        .store
        .add_revocation(&at_acme(), b.ada(), public(1).id(), 1, bytes("x"))
        .await;
    assert_eq!(refused(answer), Refused::OutOfScope);
    assert_eq!(b.changes().await, []);
}

pub async fn a_person_asks_for_a_key_of_their_own(b: Bench) {
    let ask = |comment: &str| Admission {
        person: ada(),
        key: public(1),
        place: KeyPlace::Token,
        comment: comment.into(),
        asked_at: b.now,
    };
    let asked = async |scope: Scope, write: Write, admission: Admission| {
        b.store.ask_admission(&scope, write, admission).await
    };
    let forged = asked(at_acme(), Write::person(bob(), b.now), ask("x")).await;
    assert_eq!(refused(forged), Refused::OutOfScope);
    done(asked(at_acme(), b.ada(), ask("first")).await);
    done(asked(at_acme(), b.ada(), ask("second")).await);
    let bobs = Admission {
        person: bob(),
        ..ask("mine")
    };
    let taken = asked(at_acme(), Write::person(bob(), b.now), bobs).await;
    assert!(matches!(refused(taken), Refused::Exists(_)));
    let page = b
        .store
        .admissions(&Scope::All, Page::default())
        .await
        .unwrap();
    assert_eq!(page.items, [ask("second")]);
    assert_eq!(
        b.store
            .admissions(&at_acme(), Page::default())
            .await
            .unwrap()
            .items,
        []
    );
    let drop = async |scope: Scope| {
        b.store
            .drop_admission(&scope, b.ada(), public(1).id())
            .await
    };
    assert_eq!(refused(drop(at_acme()).await), Refused::OutOfScope);
    done(drop(Scope::All).await);
    assert!(matches!(
        refused(drop(Scope::All).await),
        Refused::NotFound(_)
    ));
}
