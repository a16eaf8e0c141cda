//! `audit verify|export`: a chain proves itself, and shows where it was touched.
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::home::Home;

fn database(home: &Home) -> Connection {
    let store = home.path("data/store");
    let mut files = std::fs::read_dir(store).unwrap().map(|e| e.unwrap().path());
    let path = files
        .find(|p| p.extension().is_some_and(|e| e == "sqlite" || e == "db"))
        .unwrap();
    Connection::open(path).unwrap()
}

/// A house with a chain of a few events.
fn house() -> Home {
    let home = Home::with_trust("");
    for person in ["ada", "ben", "eve"] {
        home.person(person, &["viewer"]);
    }
    home
}

#[test]
fn whole_chains_verify_and_tell_their_heads() {
    let home = house();
    let rows = home.json(&["audit", "verify"]);
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert!(
        rows.iter()
            .all(|r| r["whole"] == true && r["number"].as_u64() > Some(0))
    );
    assert!(
        home.ok(&["audit", "verify", "--chain", "customer:acme"])
            .starts_with("customer:acme: whole to event 1")
    );
    let head = format!("1:{}", "11".repeat(32));
    assert!(
        home.fails(&["audit", "verify", "--against", &head])
            .contains("--chain")
    );
}

/// Where the house's event N stands.
fn row(n: u64) -> String {
    format!("tbl = 'chains' AND id = 'house/0000000000' AND row = 'e/{n:020}'")
}

/// Changes event N's record behind the store's back.
fn change(conn: &Connection, n: u64, change: impl FnOnce(&mut bson::Document)) {
    let at = row(n);
    let bytes: Vec<u8> = conn
        .query_row(&format!("SELECT body FROM rows WHERE {at}"), [], |row| {
            row.get(0)
        })
        .unwrap();
    let mut event = bson::deserialize_from_slice(&bytes).unwrap();
    change(&mut event);
    let bytes = bson::serialize_to_vec(&event).unwrap();
    let changed = conn
        .execute(&format!("UPDATE rows SET body = ?1 WHERE {at}"), [bytes])
        .unwrap();
    assert_eq!(changed, 1);
}

fn flip(bytes: &mut bson::Bson) {
    let bson::Bson::Binary(bytes) = bytes else {
        panic!("{bytes:?}")
    };
    let middle = bytes.bytes.len() / 2;
    bytes.bytes[middle] ^= 1;
}

fn touch(conn: &Connection, how: &str) {
    match how {
        "changed" => change(conn, 3, |event| {
            let entry = event.get_document_mut("entry").unwrap();
            flip(entry.get_mut("stored").unwrap());
        }),
        "another hash" => change(conn, 4, |event| flip(event.get_mut("hash").unwrap())),
        "taken out" => {
            let sql = format!("DELETE FROM rows WHERE {}", row(3));
            assert_eq!(conn.execute(&sql, []).unwrap(), 1);
        }
        "cut off" => {
            let sql = "DELETE FROM rows WHERE tbl = 'chains' AND id = 'house/0000000000' AND row >= 'e/00000000000000000005' AND row < 'e0'";
            assert!(conn.execute(sql, []).unwrap() > 0);
        }
        other => panic!("{other}"),
    }
}

#[test]
fn a_chain_that_was_touched_is_broken_where_it_was_touched() {
    for (name, at) in [
        ("changed", 3),
        ("taken out", 3),
        ("another hash", 4),
        ("cut off", 5),
    ] {
        let home = house();
        touch(&database(&home), name);
        let ran = home.run(&["audit", "verify", "--json"], "");
        assert_eq!(ran.code, 1, "{name}: {ran:?}");
        assert!(ran.err.contains("a chain is broken"), "{name}: {ran:?}");
        let rows: Value = serde_json::from_str(&ran.out).unwrap();
        let row = rows
            .as_array()
            .unwrap()
            .iter()
            .find(|r| r["chain"] == "house")
            .unwrap();
        assert_eq!(
            (&row["whole"], &row["broken_at"]),
            (&json!(false), &json!(at)),
            "{name}: {row}"
        );
        let other = home.ok(&["audit", "verify", "--chain", "customer:acme"]);
        assert!(
            other.contains("whole"),
            "{name}: the other chain is as it was"
        );
    }
}

#[test]
fn a_head_that_was_told_earlier_shows_that_all_was_written_anew() {
    let home = house();
    let head = |row: &Value| format!("{}:{}", row["number"], row["hash"].as_str().unwrap());
    let told = home.json(&["audit", "verify", "--chain", "house"])[0].clone();
    home.person("gil", &["viewer"]);
    home.ok(&[
        "audit",
        "verify",
        "--chain",
        "house",
        "--against",
        &head(&told),
    ]);
    let mut other = told.clone();
    other["hash"] = json!("11".repeat(32));
    assert_eq!(
        home.run(
            &[
                "audit",
                "verify",
                "--chain",
                "house",
                "--against",
                &head(&other)
            ],
            ""
        )
        .code,
        1
    );
    other["number"] = json!(1_000);
    assert_eq!(
        home.run(
            &[
                "audit",
                "verify",
                "--chain",
                "house",
                "--against",
                &head(&other)
            ],
            ""
        )
        .code,
        1
    );
}

#[test]
fn an_export_has_every_event_in_order_with_its_stored_bytes() {
    let home = house();
    let lines = home.ok(&["audit", "export", "--chain", "house"]);
    let lines: Vec<Value> = lines
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let numbers: Vec<u64> = lines
        .iter()
        .map(|l| l["number"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    let head = &home.json(&["audit", "verify", "--chain", "house"])[0];
    assert_eq!(lines.last().unwrap()["hash"], head["hash"]);
    assert!(
        lines
            .iter()
            .all(|l| l["stored"].as_str().is_some_and(|s| s.len() > 40))
    );
    home.fails(&["audit", "export", "--chain", "street"]);
}
