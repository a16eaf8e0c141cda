//! People, sign-ins, API tokens: the house's.
use boathook_hooks::{
    ids::{Digest, PersonId},
    time::DAY,
};

use super::bench::{AN_HOUR, Bench, ada, at_acme, bob, done, refused};
use crate::{
    ApiToken, Chain, Customers, EventKind, Grant, How, Origin, OutsidePerson, Page, Person,
    PutPerson, Refused, Reserved, Role, Scope, SignIn, Who, Write,
};

fn put(id: PersonId, role: Role) -> PutPerson {
    PutPerson {
        name: format!("{id} Example"),
        id,
        password: None,
        roles: vec![Grant {
            role,
            customers: Customers::All,
        }],
    }
}

async fn person(b: &Bench, id: PersonId) -> Person {
    let put = put(id, Role::Engineer);
    done(
        b.store
            .put_person(&Scope::System, b.system(), put, None)
            .await,
    )
}

fn sign_in(b: &Bench, id: PersonId, secret: &str) -> SignIn {
    SignIn {
        hash: Digest::of(secret.as_bytes()),
        person: id,
        label: "a browser".into(),
        how: How::Password,
        opened_at: b.now,
        expires_at: b.now.plus_ms(AN_HOUR),
    }
}

fn token(b: &Bench, id: PersonId, secret: &str) -> ApiToken {
    ApiToken {
        hash: Digest::of(secret.as_bytes()),
        person: id,
        label: "nightly".into(),
        roles: vec![],
        created_at: b.now,
        expires_at: b.now.plus_ms(DAY),
    }
}

async fn who(b: &Bench, secret: &str) -> Option<Who> {
    let hash = Digest::of(secret.as_bytes());
    b.store.who(&Scope::System, &hash, b.now).await.unwrap()
}

pub async fn a_person_changes_at_the_version_that_was_read(b: Bench) {
    let expect = Some(7);
    let answer = b
        .store
        .put_person(&Scope::All, b.ada(), put(bob(), Role::Viewer), expect)
        .await;
    assert!(matches!(refused(answer), Refused::NotFound(_)));
    let mut with_password = put(bob(), Role::Viewer);
    with_password.password = Some("$argon2id$x".into());
    let made = done(
        b.store
            .put_person(&Scope::All, b.ada(), with_password, None)
            .await,
    );
    let promoted = put(bob(), Role::Admin);
    let changed = b
        .store
        .put_person(&Scope::All, b.ada(), promoted.clone(), Some(made.version));
    let changed = done(changed.await);
    assert_eq!((changed.version, changed.roles[0].role), (2, Role::Admin));
    assert_eq!(changed.password, made.password, "none leaves what is there");
    let stale = b
        .store
        .put_person(&Scope::All, b.ada(), promoted, Some(made.version))
        .await;
    assert_eq!(refused(stale), Refused::Version { found: 2 });
    assert_eq!(
        b.store.person(&Scope::All, &bob()).await.unwrap(),
        Some(changed)
    );
    let events = b.events(Chain::House, Some(EventKind::PERSON_PUT)).await;
    assert_eq!(events.len(), 2);
}

pub async fn a_sign_in_is_known_by_its_hash_until_it_expires(mut b: Bench) {
    let person = person(&b, ada()).await;
    let opened = sign_in(&b, ada(), "secret");
    done(
        b.store
            .open_sign_in(&Scope::System, b.system(), opened.clone(), None)
            .await,
    );
    let expected = Who::SignIn {
        person,
        sign_in: opened.clone(),
    };
    assert_eq!(who(&b, "secret").await, Some(expected));
    assert_eq!(who(&b, "guess").await, None);
    let again = b
        .store
        .open_sign_in(&Scope::System, b.system(), opened, None)
        .await;
    assert!(matches!(refused(again), Refused::Exists(_)));
    let unknown = sign_in(&b, bob(), "other");
    let answer = b
        .store
        .open_sign_in(&Scope::System, b.system(), unknown, None)
        .await;
    assert!(matches!(refused(answer), Refused::NotFound(_)));
    b.later(AN_HOUR - 1);
    assert!(who(&b, "secret").await.is_some());
    b.later(1);
    assert_eq!(who(&b, "secret").await, None);
}

pub async fn ending_sign_ins_ends_one_or_all_of_a_person(b: Bench) {
    person(&b, ada()).await;
    person(&b, bob()).await;
    for (id, secret) in [(ada(), "a1"), (ada(), "a2"), (ada(), "a3"), (bob(), "b1")] {
        let opened = sign_in(&b, id, secret);
        done(
            b.store
                .open_sign_in(&Scope::System, b.system(), opened, None)
                .await,
        );
    }
    let end = async |secret: &str| {
        let hash = Digest::of(secret.as_bytes());
        done(b.store.end_sign_in(&Scope::System, b.ada(), hash).await)
    };
    assert_eq!((end("a1").await, end("a1").await), (1, 0));
    assert!(who(&b, "a1").await.is_none() && who(&b, "a2").await.is_some());
    assert_eq!(
        done(b.store.end_sign_ins(&Scope::System, b.ada(), ada()).await),
        2
    );
    assert!(who(&b, "a2").await.is_none() && who(&b, "a3").await.is_none());
    assert!(who(&b, "b1").await.is_some());
    // One that was under way while the password was changed.
    let mut put = put(bob(), Role::Engineer);
    put.password = Some("$argon2id$new".into());
    done(
        b.store
            .put_person(&Scope::System, b.system(), put, Some(1))
            .await,
    );
    let late = |checked: &str| {
        let opened = sign_in(&b, bob(), "late");
        b.store
            .open_sign_in(&Scope::System, b.system(), opened, Some(checked.to_owned()))
    };
    let reason = refused(late("$argon2id$old").await);
    assert!(matches!(reason, Refused::Version { .. }), "{reason:?}");
    assert!(who(&b, "late").await.is_none());
    done(late("$argon2id$new").await);
    assert!(who(&b, "late").await.is_some());
}

pub async fn ending_the_other_sign_ins_keeps_the_one_that_asks(mut b: Bench) {
    person(&b, ada()).await;
    person(&b, bob()).await;
    let mut opened = Vec::new();
    for (id, secret) in [(ada(), "a1"), (ada(), "a2"), (ada(), "a3"), (bob(), "b1")] {
        b.later(1);
        let one = sign_in(&b, id, secret);
        let open = b
            .store
            .open_sign_in(&Scope::System, b.system(), one.clone(), None);
        done(open.await);
        opened.push(one);
    }
    let listed = b.store.sign_ins(&Scope::All, &ada()).await.unwrap();
    assert_eq!(listed, opened[..3], "the oldest first, hers alone");
    assert_eq!(b.store.sign_ins(&at_acme(), &ada()).await.unwrap(), []);
    let keep = Digest::of(b"a2");
    let end = async |scope: &Scope| {
        let ended = b.store.end_other_sign_ins(scope, b.ada(), ada(), keep);
        ended.await
    };
    assert_eq!(refused(end(&at_acme()).await), Refused::OutOfScope);
    assert_eq!(done(end(&Scope::System).await), 2);
    assert_eq!(done(end(&Scope::System).await), 0);
    assert!(who(&b, "a1").await.is_none() && who(&b, "a3").await.is_none());
    assert!(who(&b, "a2").await.is_some() && who(&b, "b1").await.is_some());
    let listed = b.store.sign_ins(&Scope::All, &ada()).await.unwrap();
    assert_eq!(listed, opened[1..2]);
}

fn outside(id: PersonId, subject: &str, role: Role) -> OutsidePerson {
    let put = put(id, role);
    OutsidePerson {
        id: put.id,
        name: put.name,
        roles: put.roles,
        origin: Origin {
            issuer: "https://idp.example".into(),
            subject: subject.into(),
        },
    }
}

pub async fn a_person_from_outside_is_bound_to_their_origin(b: Bench) {
    let put = async |person: OutsidePerson| {
        let put = b
            .store
            .put_outside_person(&Scope::System, b.system(), person);
        put.await
    };
    let made = done(put(outside(ada(), "1", Role::Viewer)).await);
    assert_eq!((made.version, made.password.as_deref()), (1, None));
    let same = done(put(outside(ada(), "1", Role::Viewer)).await);
    assert_eq!(same, made, "what changes nothing is no change");
    let changed = done(put(outside(ada(), "1", Role::Engineer)).await);
    assert_eq!(
        (changed.version, changed.roles[0].role),
        (2, Role::Engineer)
    );
    let other = put(outside(ada(), "2", Role::Admin)).await;
    assert!(matches!(refused(other), Refused::Exists(_)));
    let mut elsewhere = outside(ada(), "1", Role::Admin);
    elsewhere.origin.issuer = "https://other.example".into();
    assert!(matches!(refused(put(elsewhere).await), Refused::Exists(_)));
    // Nobody vouches for Bob but we.
    person(&b, bob()).await;
    let taken = put(outside(bob(), "3", Role::Admin)).await;
    assert!(matches!(refused(taken), Refused::Exists(_)));
    let own = at_acme();
    let answer = b
        .store
        .put_outside_person(&own, b.ada(), outside(ada(), "1", Role::Admin));
    assert_eq!(refused(answer.await), Refused::OutOfScope);
    let found = b.store.person(&Scope::All, &ada()).await.unwrap().unwrap();
    assert_eq!(found, changed);
    // An admin's change leaves them bound.
    let renamed = b.store.put_person(
        &Scope::All,
        b.ada(),
        self::put(ada(), Role::Viewer),
        Some(2),
    );
    assert_eq!(done(renamed.await).origin, made.origin);
    let events = b.events(Chain::House, Some(EventKind::PERSON_PUT)).await;
    assert_eq!(events.len(), 4);

    let (kind, name) = ("person", "https://idp.example 1");
    let reserved = b.store.reserved_name(&Scope::System, kind, name);
    assert_eq!(reserved.await.unwrap(), None);
    let reserve = b.store.reserve_name(
        &Scope::System,
        b.system(),
        kind.into(),
        name.into(),
        ada().to_string(),
    );
    assert_eq!(done(reserve.await), Reserved::Won);
    let reserved = b.store.reserved_name(&Scope::System, kind, name);
    assert_eq!(reserved.await.unwrap().as_deref(), Some(ada().as_str()));
}

pub async fn a_set_up_link_is_used_once_and_in_time(mut b: Bench) {
    let (one, two) = (Digest::of(b"one"), Digest::of(b"two"));
    let make = async |b: &Bench, scope: &Scope, hash| {
        let ends = b.now.plus_ms(AN_HOUR);
        let made = b.store.put_set_up(scope, b.system(), hash, ends, false);
        made.await
    };
    let spend = async |b: &Bench, hash| {
        let used = b.store.use_set_up(&Scope::System, b.system(), hash);
        used.await
    };
    assert!(matches!(
        refused(spend(&b, one).await),
        Refused::NotFound(_)
    ));
    assert_eq!(
        refused(make(&b, &at_acme(), one).await),
        Refused::OutOfScope
    );
    let made = done(make(&b, &Scope::System, one).await);
    assert_eq!(b.store.set_up(&Scope::All).await.unwrap(), Some(made));
    assert_eq!(b.store.set_up(&at_acme()).await.unwrap(), None);
    assert!(matches!(
        refused(spend(&b, two).await),
        Refused::NotFound(_)
    ));
    assert_eq!(done(spend(&b, one).await).used_at, Some(b.now));
    assert!(matches!(
        refused(spend(&b, one).await),
        Refused::Ended { .. }
    ));
    done(make(&b, &Scope::System, one).await);
    done(make(&b, &Scope::System, two).await);
    let older = refused(spend(&b, one).await);
    assert!(matches!(older, Refused::NotFound(_)), "the newest alone");
    b.later(AN_HOUR);
    assert!(matches!(
        refused(spend(&b, two).await),
        Refused::Ended { .. }
    ));
    let used = b
        .events(Chain::House, Some(EventKind::SET_UP_LINK_USED))
        .await;
    assert_eq!(used.len(), 1);
}

pub async fn an_api_token_is_known_until_it_ends_or_expires(mut b: Bench) {
    person(&b, ada()).await;
    let (one, two) = (token(&b, ada(), "one"), token(&b, ada(), "two"));
    done(
        b.store
            .add_api_token(&Scope::All, b.ada(), one.clone())
            .await,
    );
    done(
        b.store
            .add_api_token(&Scope::All, b.ada(), two.clone())
            .await,
    );
    let twice = b
        .store
        .add_api_token(&Scope::All, b.ada(), one.clone())
        .await;
    assert!(matches!(refused(twice), Refused::Exists(_)));
    let found = who(&b, "one").await;
    assert!(matches!(found, Some(Who::Token { token, .. }) if token == one));
    assert_eq!(
        done(b.store.end_api_token(&Scope::All, b.ada(), one.hash).await),
        1
    );
    assert_eq!(
        done(b.store.end_api_token(&Scope::All, b.ada(), one.hash).await),
        0
    );
    assert_eq!(who(&b, "one").await, None);
    b.later(DAY);
    assert_eq!(who(&b, "two").await, None);
    let listed = b.store.api_tokens(&Scope::All, &ada()).await.unwrap();
    assert_eq!(listed, [two], "also those that are over");
}

pub async fn people_are_the_houses_alone(b: Bench) {
    let made = person(&b, ada()).await;
    let scope = at_acme();
    assert_eq!(b.store.person(&scope, &ada()).await.unwrap(), None);
    assert_eq!(
        b.store.people(&scope, Page::default()).await.unwrap().items,
        []
    );
    assert_eq!(
        b.store
            .people(&Scope::All, Page::default())
            .await
            .unwrap()
            .items,
        [made]
    );
    let answer = b
        .store
        .put_person(&scope, b.ada(), put(ada(), Role::Admin), None)
        .await;
    assert_eq!(refused(answer), Refused::OutOfScope);
    let answer = b
        .store
        .open_sign_in(&scope, b.ada(), sign_in(&b, ada(), "x"), None)
        .await;
    assert_eq!(refused(answer), Refused::OutOfScope);
    let answer = b
        .store
        .add_api_token(&scope, b.ada(), token(&b, ada(), "x"))
        .await;
    assert_eq!(refused(answer), Refused::OutOfScope);
    let answer = b.store.end_sign_ins(&scope, b.ada(), ada()).await;
    assert_eq!(refused(answer), Refused::OutOfScope);
    let hash = Digest::of(b"x");
    assert_eq!(b.store.who(&Scope::All, &hash, b.now).await.unwrap(), None);
}

pub async fn what_a_person_has_seen_never_goes_back_and_is_theirs(mut b: Bench) {
    person(&b, ada()).await;
    assert_eq!(b.store.seen(&Scope::System, &ada()).await.unwrap(), None);
    let first = b.now;
    assert_eq!(
        done(b.store.mark_seen(&at_acme(), b.ada(), first).await),
        first
    );
    b.later(1_000);
    let later = b.now;
    assert_eq!(
        done(b.store.mark_seen(&at_acme(), b.ada(), later).await),
        later
    );
    assert_eq!(
        done(b.store.mark_seen(&at_acme(), b.ada(), first).await),
        later
    );
    // Nobody has seen what comes tomorrow.
    let tomorrow = later.plus_ms(DAY);
    assert_eq!(
        done(b.store.mark_seen(&at_acme(), b.ada(), tomorrow).await),
        later
    );
    assert_eq!(
        b.store.seen(&Scope::System, &ada()).await.unwrap(),
        Some(later)
    );
    assert_eq!(b.store.seen(&Scope::System, &bob()).await.unwrap(), None);
    let nobody = b
        .store
        .mark_seen(&Scope::All, Write::person(bob(), b.now), later)
        .await;
    assert_eq!(refused(nobody), Refused::NotFound("person".into()));
    let nobody = b.store.mark_seen(&Scope::System, b.system(), later).await;
    assert_eq!(refused(nobody), Refused::OutOfScope);
    let whole = b
        .store
        .person(&Scope::System, &ada())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(whole.version, 1, "a person's record is not touched");
}
