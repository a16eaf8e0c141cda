//! What SQLite must be told, and how readers and the writer get through trouble.
use std::time::Duration;

use futures_util::future::join_all;

use super::*;

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
        PathBuf::from("/srv/x")
    );
}

#[tokio::test]
async fn a_store_that_was_never_migrated_is_not_opened() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", dir.path().display());
    let opened = Embedded::open(&url);
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
    let store = Embedded::open(&url).unwrap();
    for _ in 0..20 {
        let slow = join_all((0..READERS).map(|_| {
            store.read("slow", |_| {
                std::thread::sleep(Duration::from_millis(20));
                Ok(())
            })
        }));
        let gone = tokio::time::timeout(Duration::from_millis(2), slow).await;
        assert!(gone.is_err());
        store.read("next", |_| Ok(())).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_that_panics_leaves_its_connection() {
    let (_dir, url) = place();
    let store = Embedded::open(&url).unwrap();
    for _ in 0..2 * READERS {
        let read = store.read::<()>("odd", |_| panic!("a bug in a verb"));
        assert!(read.await.is_err());
    }
    store.read("next", |_| Ok(())).await.unwrap();
}

/// One verb's bug or refusal undoes that verb alone, also in the middle of a round.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_panics_undoes_itself_alone() {
    let (_dir, url) = place();
    let store = Embedded::open(&url).unwrap();
    let insert = |n: u32| {
        store.write("insert", Write::system(Default::default()), move |tx| {
            let sql = "INSERT INTO names (kind, name, id) VALUES ('test', ?1, 'x')";
            tx.conn.execute(sql, [n])?;
            match n % 3 {
                0 => Ok(n),
                1 => Err(crate::Refused::TokenUnknown.into()),
                _ => panic!("a bug in a verb"),
            }
        })
    };
    let all = join_all((0..30).map(insert)).await;
    for (n, answer) in all.into_iter().enumerate() {
        match n % 3 {
            0 => assert!(matches!(answer, Ok(crate::Outcome::Done(_)))),
            1 => assert!(matches!(answer, Ok(crate::Outcome::Refused(_)))),
            _ => assert!(matches!(answer, Err(StoreError::Backend { .. }))),
        }
    }
    let count = store.read("count", |conn| {
        Ok(conn.query_row("SELECT count(*) FROM names", [], |row| row.get::<_, u32>(0))?)
    });
    assert_eq!(count.await.unwrap(), 10);
}

/// Another process holds the write lock for longer than anybody waits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_under_anothers_lock_says_try_again() {
    let (dir, url) = place();
    let store = Embedded::open(&url).unwrap();
    let other = writing(dir.path(), OpenFlags::empty()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let answer = store
        .write("x", Write::system(Default::default()), |_| Ok(()))
        .await;
    assert!(
        matches!(answer, Err(StoreError::TryAgain { .. })),
        "{answer:?}"
    );
    other.execute_batch("ROLLBACK").unwrap();
    let answer = store
        .write("x", Write::system(Default::default()), |_| Ok(()))
        .await;
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
    let store = Embedded::open(&url).unwrap();
    let change = |title: &'static str| {
        store.put_ticket(
            &Scope::System,
            Write::system(Default::default()),
            put(title),
        )
    };
    let _ = change("first").await.unwrap();
    let body = |conn: &Connection| -> bson::Document {
        let bytes: Vec<u8> = conn
            .query_row("SELECT body FROM tickets", [], |row| row.get(0))
            .unwrap();
        bson::deserialize_from_slice(&bytes).unwrap()
    };
    let newer = store.write("newer", Write::system(Default::default()), move |tx| {
        let mut ticket = body(tx.conn);
        ticket.insert("priority", "high");
        let bytes = bson::serialize_to_vec(&ticket).unwrap();
        tx.conn.execute("UPDATE tickets SET body = ?1", [bytes])?;
        Ok(())
    });
    let _ = newer.await.unwrap();
    let _ = change("second").await.unwrap();
    let kept = store
        .read("body", move |conn| Ok(body(conn)))
        .await
        .unwrap();
    assert_eq!(kept.get_str("title").unwrap(), "second");
    assert_eq!(kept.get_str("priority").unwrap(), "high");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn op_ids_are_remembered_for_two_days_and_not_for_ever() {
    use boathook_hooks::time::{DAY, HOUR, Time};
    let (_dir, url) = place();
    let store = Embedded::open(&url).unwrap();
    let begin: Time = "2026-11-21T12:00:00Z".parse().unwrap();
    let known = async |at: Time| {
        // The round that forgets does so after its writes: the second one sees it.
        for _ in 0..2 {
            let write = store.write("x", Write::system(at), |_| Ok(()));
            let _ = write.await.unwrap();
        }
        let count = store.read("count", move |conn| {
            let sql = "SELECT count(*) FROM ops WHERE at = ?1";
            Ok(conn.query_row(sql, [begin.ms()], |row| row.get::<_, u32>(0))?)
        });
        count.await.unwrap()
    };
    assert_eq!(known(begin).await, 2);
    assert_eq!(known(begin.plus_ms(2 * DAY - HOUR)).await, 2);
    assert_eq!(known(begin.plus_ms(2 * DAY + HOUR)).await, 0);
}
