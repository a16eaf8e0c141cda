//! Sealed secrets: changed at the version that was read, for the house alone.
use boathook_hooks::ids::Blob;

use super::bench::{Bench, at_acme, done, refused};
use crate::{EventKind, MAX_SEALED, Refused, Scope};

fn name() -> String {
    "keys".to_owned()
}

fn blob(text: &str) -> Blob {
    Blob(text.as_bytes().to_vec())
}

pub async fn a_secret_changes_at_the_version_that_was_read(b: Bench) {
    assert_eq!(b.store.sealed(&Scope::System, "keys").await.unwrap(), None);
    let put = |expect, text| {
        b.store
            .put_sealed(&Scope::System, b.system(), name(), expect, blob(text))
    };
    let first = done(put(0, "one").await);
    assert_eq!((first.version, &first.bytes), (1, &blob("one")));
    assert_eq!(
        refused(put(0, "other").await),
        Refused::Version { found: 1 }
    );
    assert_eq!(done(put(1, "two").await).version, 2);
    let found = b.store.sealed(&Scope::System, "keys").await.unwrap();
    assert_eq!(found.unwrap().bytes, blob("two"));
    let events = b
        .events(crate::Chain::House, Some(EventKind::SECRET_SEALED))
        .await;
    assert_eq!(events.len(), 2);
}

pub async fn of_two_servers_at_once_one_makes_the_secret(b: Bench) {
    let other = b.another().await;
    let put = |store: crate::Store, text: &'static str| {
        let write = b.system();
        async move {
            store
                .put_sealed(&Scope::System, write, name(), 0, blob(text))
                .await
        }
    };
    let (one, two) = tokio::join!(put(b.store.clone(), "one"), put(other, "two"));
    let won = [one, two].map(|answer| answer.unwrap().done().is_ok());
    assert_eq!(won.iter().filter(|won| **won).count(), 1);
    let found = b.store.sealed(&Scope::System, "keys").await.unwrap();
    assert_eq!(
        found.unwrap().bytes,
        blob(if won[0] { "one" } else { "two" })
    );
}

pub async fn sealed_secrets_are_the_houses_alone(b: Bench) {
    let put = |scope, bytes| async {
        let scope: Scope = scope;
        b.store
            .put_sealed(&scope, b.system(), name(), 0, bytes)
            .await
    };
    let answer = put(at_acme(), blob("one")).await;
    assert_eq!(refused(answer), Refused::OutOfScope);
    let answer = put(Scope::System, Blob(vec![0; MAX_SEALED + 1])).await;
    assert!(matches!(refused(answer), Refused::TooLarge { .. }));
    done(put(Scope::System, blob("one")).await);
    assert_eq!(b.store.sealed(&at_acme(), "keys").await.unwrap(), None);
}
