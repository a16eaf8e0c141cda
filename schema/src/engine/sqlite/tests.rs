//! What SQLite must be told, and how readers and the writer get through trouble.
#![allow(clippy::unwrap_used)]
use std::time::Duration;

use futures_util::future::join_all;
use rusqlite::OpenFlags;

use super::{
    open::{directory, writing},
    *,
};
use crate::{
    Migrate, Scope,
    engine::{At, Engine, HEAD, Table, as_is},
};

fn work() -> Home {
    Home::new(Table::Work, "test")
}

/// Any write.
async fn touch(store: &Sqlite, write: Write) -> Answer<()> {
    store.write("x", write, work(), |_| Ok(()), as_is).await
}

async fn next(store: &Sqlite) {
    store.read("next", |_| Ok(())).await.unwrap();
}

fn place() -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", dir.path().display());
    migrate(&url, Migrate::Up).unwrap();
    (dir, url)
}

#[test]
fn a_commit_is_synced_before_it_returns() {
    let (dir, _) = place();
    let conn = writing(dir.path(), OpenFlags::empty()).unwrap();
    let pragma = |name: &str| -> String {
        let sql = format!("SELECT CAST({name} AS TEXT) FROM pragma_{name}");
        conn.query_row(&sql, [], |row| row.get(0)).unwrap()
    };
    assert_eq!(pragma("journal_mode"), "wal");
    assert_eq!(pragma("synchronous"), "2", "FULL");
}

#[test]
fn an_address_that_is_no_directory_is_refused() {
    for url in [
        "sqlite://",
        "sqlite:///",
        "/srv/store",
        "cql://a,b/store",
        "",
    ] {
        assert!(
            matches!(directory(url), Err(StoreError::Address { .. })),
            "{url:?}"
        );
    }
    assert_eq!(
        directory("sqlite:///srv/x").unwrap(),
        std::path::PathBuf::from("/srv/x")
    );
}

#[tokio::test]
async fn a_store_that_was_never_migrated_is_not_opened() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", dir.path().display());
    let opened = Sqlite::open(&url);
    assert!(matches!(
        opened,
        Err(StoreError::NotMigrated { found: 0, .. })
    ));
    assert!(
        !dir.path().join("boathook.db").exists(),
        "and nothing is made"
    );
}

#[cfg(unix)]
#[test]
fn the_directory_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let new = dir.path().join("a/b");
    migrate(&format!("sqlite://{}", new.display()), Migrate::Up).unwrap();
    assert_eq!(new.metadata().unwrap().permissions().mode() & 0o777, 0o700);
}

/// A caller that goes away (a broken connection) must not take its reader with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_that_are_given_up_leave_their_connections() {
    let (_dir, url) = place();
    let store = Sqlite::open(&url).unwrap();
    for _ in 0..20 {
        let slow = join_all((0..READERS).map(|_| {
            store.read("slow", |_| {
                std::thread::sleep(Duration::from_millis(20));
                Ok(())
            })
        }));
        let gone = tokio::time::timeout(Duration::from_millis(2), slow).await;
        assert!(gone.is_err());
        next(&store).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_that_panics_leaves_its_connection() {
    let (_dir, url) = place();
    let store = Sqlite::open(&url).unwrap();
    for _ in 0..2 * READERS {
        let read = store.read::<()>("odd", |_| panic!("a bug in a verb"));
        assert!(read.await.is_err());
    }
    next(&store).await;
}

/// One verb's bug or refusal undoes that verb alone, also in the middle of a round.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_panics_undoes_itself_alone() {
    let (_dir, url) = place();
    let store = Sqlite::open(&url).unwrap();
    let insert = |n: u32| {
        let body = move |tx: &mut Tx<'_>| {
            tx.put_bytes(&format!("x/{n}"), vec![]);
            match n % 3 {
                0 => Ok(n),
                1 => Err(crate::Refused::TokenUnknown.into()),
                _ => panic!("a bug in a verb"),
            }
        };
        store.write(
            "insert",
            Write::system(Default::default()),
            work(),
            body,
            as_is,
        )
    };
    let all = join_all((0..30).map(insert)).await;
    for (n, answer) in all.into_iter().enumerate() {
        match n % 3 {
            0 => assert!(matches!(answer, Ok(crate::Outcome::Done(_)))),
            1 => assert!(matches!(answer, Ok(crate::Outcome::Refused(_)))),
            _ => assert!(matches!(answer, Err(StoreError::Backend { .. }))),
        }
    }
    let rows = store.read("count", |look| look.rows_of(&work(), "x/", 100));
    assert_eq!(rows.await.unwrap().len(), 10);
}

/// Another process holds the write lock for longer than anybody waits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_under_anothers_lock_says_try_again() {
    let (dir, url) = place();
    let store = Sqlite::open(&url).unwrap();
    let other = writing(dir.path(), OpenFlags::empty()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let answer = touch(&store, Write::system(Default::default())).await;
    assert!(
        matches!(answer, Err(StoreError::TryAgain { .. })),
        "{answer:?}"
    );
    other.execute_batch("ROLLBACK").unwrap();
    let answer = touch(&store, Write::system(Default::default())).await;
    assert!(matches!(answer, Ok(crate::Outcome::Done(()))));
}

fn put(title: &str) -> crate::PutTicket {
    crate::PutTicket {
        at: crate::TicketRef {
            system: "jira".into(),
            key: "1".into(),
        },
        customer: "acme".parse().unwrap(),
        title: title.into(),
        url: None,
        state: None,
    }
}

/// A newer program on the same store writes fields that this one does not know: a change by this one keeps them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_newer_program_wrote_stays_in_a_record_that_this_one_changes() {
    let (_dir, url) = place();
    let engine = Engine::Sqlite(Sqlite::open(&url).unwrap());
    let change = |title: &'static str| {
        let write = Write::system(Default::default());
        engine.put_ticket(&Scope::System, write, put(title))
    };
    let _ = change("first").await.unwrap();
    let at = Home::new(Table::Tickets, "jira\u{1}1").head();
    let body = async |at: At| -> bson::Document {
        let bytes = engine.read("body", move |look| look.bytes(&at));
        bson::deserialize_from_slice(&bytes.await.unwrap().unwrap()).unwrap()
    };
    let mut ticket = body(at.clone()).await;
    ticket.insert("priority", "high");
    let bytes = bson::serialize_to_vec(&ticket).unwrap();
    let home = at.home.clone();
    let newer = engine.write(
        "newer",
        Write::system(Default::default()),
        home,
        move |tx| {
            tx.put_bytes(HEAD, bytes.clone());
            Ok(())
        },
    );
    let _ = newer.await.unwrap();
    let _ = change("second").await.unwrap();
    let kept = body(at).await;
    assert_eq!(kept.get_str("title").unwrap(), "second");
    assert_eq!(kept.get_str("priority").unwrap(), "high");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn op_ids_are_remembered_for_two_days_and_not_for_ever() {
    use boathook_hooks::time::{DAY, HOUR, Time};
    let (dir, url) = place();
    let store = Sqlite::open(&url).unwrap();
    let begin: Time = "2026-11-21T12:00:00Z".parse().unwrap();
    let known = async |at: Time| {
        // The round that forgets does so after its writes: the second one sees it.
        for _ in 0..2 {
            let _ = touch(&store, Write::system(at)).await.unwrap();
        }
        // Another process's eyes: readers of the store know rows only.
        let conn = writing(dir.path(), OpenFlags::empty()).unwrap();
        let sql = "SELECT count(*) FROM ops WHERE at = ?1";
        conn.query_row(sql, [begin.ms()], |row| row.get::<_, u32>(0))
            .unwrap()
    };
    assert_eq!(known(begin).await, 2);
    assert_eq!(known(begin.plus_ms(2 * DAY - HOUR)).await, 2);
    assert_eq!(known(begin.plus_ms(2 * DAY + HOUR)).await, 0);
}
