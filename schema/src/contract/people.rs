//! People, sign-ins, API tokens: the house's.
use boathook_hooks::{
    ids::{Digest, PersonId},
    time::DAY,
};

use super::bench::{AN_HOUR, Bench, ada, at_acme, bob, done, refused};
use crate::{
    ApiToken, Chain, Customers, EventKind, Grant, Page, Person, PutPerson, Refused, Role, Scope,
    SignIn, Who,
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
            .open_sign_in(&Scope::System, b.system(), opened.clone())
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
        .open_sign_in(&Scope::System, b.system(), opened)
        .await;
    assert!(matches!(refused(again), Refused::Exists(_)));
    let unknown = sign_in(&b, bob(), "other");
    let answer = b
        .store
        .open_sign_in(&Scope::System, b.system(), unknown)
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
                .open_sign_in(&Scope::System, b.system(), opened)
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
        .open_sign_in(&scope, b.ada(), sign_in(&b, ada(), "x"))
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
