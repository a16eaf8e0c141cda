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
