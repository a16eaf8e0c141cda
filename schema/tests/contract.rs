//! The contract of the store, on the embedded backend.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use boathook_schema::{
    Migrate,
    contract::{Bench, Tampering},
    migrate,
};
use rusqlite::{Connection, params};
use tempfile::TempDir;

async fn bench() -> (Bench, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", dir.path().display());
    migrate(&url, Migrate::Up).await.unwrap();
    let file = dir.path().join("boathook.db");
    let tamper = Arc::new(move |chain: &boathook_schema::Chain, how| {
        let conn = Connection::open(&file).unwrap();
        let chain = chain.to_string();
        let flip = |column: &str, number: u64| {
            let sql = format!("SELECT {column} FROM events WHERE chain = ?1 AND number = ?2");
            let key = params![chain, number as i64];
            let mut bytes: Vec<u8> = conn.query_row(&sql, key, |row| row.get(0)).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            let sql = format!("UPDATE events SET {column} = ?3 WHERE chain = ?1 AND number = ?2");
            conn.execute(&sql, params![chain, number as i64, bytes])
                .unwrap();
        };
        let run = |sql: &str, number: u64| {
            conn.execute(sql, params![chain, number as i64]).unwrap();
        };
        match how {
            Tampering::Bytes(n) => flip("stored", n),
            Tampering::Personal(n) => flip("personal", n),
            Tampering::Kind(n) => {
                run(
                    "UPDATE events SET kind = 'ticket_put' WHERE chain = ?1 AND number = ?2",
                    n,
                );
            }
            Tampering::Drop(n) => run("DELETE FROM events WHERE chain = ?1 AND number = ?2", n),
            Tampering::CutAfter(n) => {
                run("DELETE FROM events WHERE chain = ?1 AND number > ?2", n);
                run(
                    "UPDATE chains SET number = ?2, hash =
                       (SELECT hash FROM events WHERE chain = ?1 AND number = ?2) WHERE chain = ?1",
                    n,
                );
            }
            Tampering::Erase(n) => run(
                "UPDATE events SET personal = NULL, person = NULL WHERE chain = ?1 AND number = ?2",
                n,
            ),
        }
    });
    (Bench::new(url, tamper).await, dir)
}

boathook_schema::contract_tests!(bench);
