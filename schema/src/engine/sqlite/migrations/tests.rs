#![allow(clippy::unwrap_used)]
use super::*;

fn open() -> Connection {
    Connection::open_in_memory().unwrap()
}

/// Everything that the schema holds, as text.
fn schema(conn: &Connection) -> Vec<String> {
    let mut statement = conn
        .prepare("SELECT name || coalesce(sql, '') FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' AND name <> 'schema_version' ORDER BY 1")
        .unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

#[test]
fn up_makes_what_down_takes_away() {
    let mut conn = open();
    assert_eq!(run(&mut conn, Migrate::Up, "x").unwrap().to, VERSION);
    let whole = schema(&conn);
    for version in (0..VERSION).rev() {
        assert_eq!(run(&mut conn, Migrate::Down, "x").unwrap().to, version);
    }
    assert_eq!(schema(&conn), Vec::<String>::new());
    run(&mut conn, Migrate::To(1), "x").unwrap();
    run(&mut conn, Migrate::To(VERSION), "x").unwrap();
    assert_eq!(schema(&conn), whole);
}

#[test]
fn every_step_is_safe_to_repeat() {
    let mut conn = open();
    run(&mut conn, Migrate::Up, "x").unwrap();
    let whole = schema(&conn);
    assert_eq!(run(&mut conn, Migrate::Up, "x").unwrap().from, VERSION);
    // Run the scripts themselves again, as after a cut-off and a force.
    run(&mut conn, Migrate::Force(0), "x").unwrap();
    run(&mut conn, Migrate::Up, "x").unwrap();
    assert_eq!(schema(&conn), whole);
    run(&mut conn, Migrate::To(0), "x").unwrap();
    run(&mut conn, Migrate::Force(VERSION), "x").unwrap();
    run(&mut conn, Migrate::To(0), "x").unwrap();
    assert_eq!(run(&mut conn, Migrate::Down, "x").unwrap().to, 0);
}

#[test]
fn a_store_without_schema_says_which_command_to_run() {
    let error = check(&open(), "/srv/store").unwrap_err();
    assert!(
        error.to_string().contains("boathook-server migrate"),
        "{error}"
    );
}

#[test]
fn a_newer_store_opens_only_if_it_says_so() {
    let mut conn = open();
    run(&mut conn, Migrate::Up, "x").unwrap();
    set(&conn, VERSION + 1, VERSION).unwrap();
    assert!(check(&conn, "x").is_ok());
    assert_eq!(run(&mut conn, Migrate::Up, "x").unwrap().to, VERSION + 1);
    set(&conn, VERSION + 2, VERSION + 1).unwrap();
    assert!(matches!(check(&conn, "x"), Err(StoreError::TooNew { .. })));
    assert!(matches!(
        run(&mut conn, Migrate::Up, "x"),
        Err(StoreError::TooNew { .. })
    ));
    assert!(matches!(
        run(&mut conn, Migrate::To(1), "x"),
        Err(StoreError::NoSuchMigration { .. })
    ));
}

#[test]
fn a_migration_that_was_cut_off_is_refused_until_forced() {
    let mut conn = open();
    run(&mut conn, Migrate::To(1), "x").unwrap();
    conn.execute("UPDATE schema_version SET dirty = 2", [])
        .unwrap();
    for result in [
        check(&conn, "x"),
        run(&mut conn, Migrate::Up, "x").map(drop),
    ] {
        assert!(matches!(
            result,
            Err(StoreError::Dirty {
                version: 2,
                before: 1
            })
        ));
    }
    run(&mut conn, Migrate::Force(1), "x").unwrap();
    assert_eq!(run(&mut conn, Migrate::Up, "x").unwrap().to, VERSION);
}

#[test]
fn a_version_that_this_program_does_not_know_is_refused() {
    for asked in [Migrate::To(VERSION + 1), Migrate::Force(VERSION + 1)] {
        assert!(matches!(
            run(&mut open(), asked, "x"),
            Err(StoreError::NoSuchMigration { .. })
        ));
    }
}

/// A table with a row in it, up again after a down of one version: what the older version keeps is kept.
#[test]
fn going_down_one_version_keeps_the_records() {
    let mut conn = open();
    run(&mut conn, Migrate::Up, "x").unwrap();
    conn.execute(
        "INSERT INTO rows (tbl, id, row, body) VALUES ('names', 'logs', 'head', 'x')",
        [],
    )
    .unwrap();
    run(&mut conn, Migrate::To(1), "x").unwrap();
    run(&mut conn, Migrate::Up, "x").unwrap();
    let kept: String = conn
        .query_row("SELECT body FROM rows WHERE id = 'logs'", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(kept, "x");
}

#[test]
fn the_store_says_its_version_and_from_which_it_is_compatible() {
    let mut conn = open();
    for version in 1..=VERSION {
        run(&mut conn, Migrate::To(version), "x").unwrap();
        let found = stand(&conn).unwrap();
        assert_eq!(found.version, version);
        assert_eq!(found.compatible_from, compatible_from(version));
        assert!(
            found.compatible_from <= version,
            "no version refuses itself"
        );
        assert_eq!(found.dirty, None);
    }
    assert_eq!(compatible_from(0), 0);
}

#[test]
fn an_older_store_is_not_opened_but_migrated() {
    let mut conn = open();
    run(&mut conn, Migrate::To(VERSION - 1), "x").unwrap();
    assert!(matches!(
        check(&conn, "x"),
        Err(StoreError::NotMigrated { found, wanted, .. }) if found == VERSION - 1 && wanted == VERSION
    ));
    let done = run(&mut conn, Migrate::Up, "x").unwrap();
    assert_eq!((done.from, done.to), (VERSION - 1, VERSION));
    assert!(check(&conn, "x").is_ok());
}

/// A script that fails half-way leaves nothing of itself, and the version as it was.
#[test]
fn a_migration_that_fails_is_undone_whole() {
    let mut conn = open();
    run(&mut conn, Migrate::To(1), "x").unwrap();
    // 0002 makes a table and then its index, in whose way stands a table of its name.
    conn.execute_batch("CREATE TABLE ops_at (x)").unwrap();
    let before = schema(&conn);
    assert!(run(&mut conn, Migrate::Up, "x").is_err());
    assert_eq!(schema(&conn), before);
    assert_eq!(stand(&conn).unwrap().version, 1);
    conn.execute_batch("DROP TABLE ops_at").unwrap();
    assert_eq!(run(&mut conn, Migrate::Up, "x").unwrap().to, VERSION);
}

/// Ten processes at once: the scripts run once each, and all end at the newest version.
#[test]
fn migrations_run_one_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("x.db");
    Connection::open(&file)
        .unwrap()
        .execute_batch("PRAGMA journal_mode = WAL")
        .unwrap();
    let threads: Vec<_> = (0..10)
        .map(|_| {
            let file = file.clone();
            std::thread::spawn(move || {
                let mut conn = Connection::open(&file).unwrap();
                conn.busy_timeout(std::time::Duration::from_secs(20))
                    .unwrap();
                run(&mut conn, Migrate::Up, "x").unwrap()
            })
        })
        .collect();
    let moved: u32 = threads
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .map(|done| {
            assert_eq!(done.to, VERSION);
            u32::from(done.from < VERSION)
        })
        .sum();
    assert!(moved >= 1);
    assert!(check(&Connection::open(&file).unwrap(), "x").is_ok());
}
