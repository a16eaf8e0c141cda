//! Trust documents in SQLite: bytes by kind and number, never changed once there.
mod admissions;

use boathook_hooks::{
    ids::{Blob, Digest},
    keys::KeyId,
};
use bson::doc;
use rusqlite::{Connection, params};

use crate::{
    Answer, Chain, Change, EventKind, NewEvent, Refused, Scope, Trust, TrustDocument, Write, codec,
    embedded::{
        Embedded, control,
        rows::{bodies, body, int},
        tx::{Stop, Tx, ensure},
    },
    verbs::Read,
};

/// Roots and rosters have no revoker: their key part is empty.
const NONE: &[u8] = &[];

fn get(
    conn: &Connection,
    kind: &str,
    revoker: &[u8],
    number: u64,
) -> Result<Option<TrustDocument>, Stop> {
    body(
        conn,
        "trust document",
        "SELECT body FROM trust WHERE kind = ?1 AND revoker = ?2 AND number = ?3",
        params![kind, revoker, int(number)],
    )
}

/// The newest number of its kind, 0 for none.
fn newest(conn: &Connection, kind: &str, revoker: &[u8]) -> Result<u64, Stop> {
    let newest: Option<i64> = conn
        .prepare_cached("SELECT max(number) FROM trust WHERE kind = ?1 AND revoker = ?2")?
        .query_row(params![kind, revoker], |row| row.get(0))?;
    Ok(newest.map_or(0, super::rows::uint))
}

struct New {
    kind: &'static str,
    revoker: Option<KeyId>,
    number: u64,
    envelope: Blob,
    event: EventKind,
}

/// Adds a document whose number is in order, unless the same bytes are there already. Says the control number.
fn add(
    tx: &mut Tx<'_>,
    new: New,
    in_order: impl FnOnce(u64) -> Result<(), Refused>,
) -> Result<u64, Stop> {
    let revoker = new.revoker.map_or_else(|| NONE.to_vec(), |r| r.0.to_vec());
    if let Some(known) = get(tx.conn, new.kind, &revoker, new.number)? {
        ensure(known.envelope == new.envelope, Refused::OtherDocument)?;
        return control::head(tx.conn);
    }
    in_order(newest(tx.conn, new.kind, &revoker)?)?;
    let mut event = NewEvent::new(new.event);
    event.details = doc! {
        "number": int(new.number),
        "envelope": Digest::of(&new.envelope.0).to_string(),
    };
    if let Some(revoker) = new.revoker {
        event.details.insert("revoker", revoker.to_string());
    }
    let document = TrustDocument {
        number: new.number,
        revoker: new.revoker,
        envelope: new.envelope,
        added_at: tx.now(),
    };
    tx.conn
        .prepare_cached("INSERT INTO trust (kind, revoker, number, body) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![
            new.kind,
            revoker,
            int(new.number),
            codec::encode("trust document", &document)?
        ])?;
    tx.event(&Chain::House, event)?;
    tx.control(Change::Trust)
}

impl Embedded {
    pub(crate) async fn add_root(
        &self,
        scope: &Scope,
        write: Write,
        version: u64,
        envelope: Blob,
    ) -> Answer<u64> {
        let allowed = scope.holds_house();
        self.write("add_root", write, move |tx| {
            ensure(allowed, Refused::OutOfScope)?;
            let new = New {
                kind: "root",
                revoker: None,
                number: version,
                envelope,
                event: EventKind::ROOT_ADDED,
            };
            add(tx, new, |newest| match newest {
                0 => Ok(()),
                n if version == n + 1 => Ok(()),
                n => Err(Refused::NotNext { expected: n + 1 }),
            })
        })
        .await
    }

    pub(crate) async fn add_roster(
        &self,
        scope: &Scope,
        write: Write,
        version: u64,
        envelope: Blob,
    ) -> Answer<u64> {
        let allowed = scope.holds_house();
        self.write("add_roster", write, move |tx| {
            ensure(allowed, Refused::OutOfScope)?;
            let new = New {
                kind: "roster",
                revoker: None,
                number: version,
                envelope,
                event: EventKind::ROSTER_ADDED,
            };
            add(tx, new, |newest| {
                if version > newest {
                    Ok(())
                } else {
                    Err(Refused::NotNext {
                        expected: newest + 1,
                    })
                }
            })
        })
        .await
    }

    pub(crate) async fn add_revocation(
        &self,
        scope: &Scope,
        write: Write,
        revoker: KeyId,
        number: u64,
        envelope: Blob,
    ) -> Answer<u64> {
        let allowed = scope.holds_house();
        self.write("add_revocation", write, move |tx| {
            ensure(allowed, Refused::OutOfScope)?;
            let new = New {
                kind: "revocation",
                revoker: Some(revoker),
                number,
                envelope,
                event: EventKind::REVOCATION_ADDED,
            };
            add(tx, new, |newest| {
                if number == newest + 1 {
                    Ok(())
                } else {
                    Err(Refused::NotNext {
                        expected: newest + 1,
                    })
                }
            })
        })
        .await
    }

    /// Public documents: the scope is taken as every verb's is, and any one may read.
    pub(crate) async fn trust(&self, _scope: &Scope) -> Read<Trust> {
        self.read("trust", |conn| {
            let all = |kind: &str| -> Result<Vec<TrustDocument>, Stop> {
                bodies(
                    conn,
                    "trust document",
                    "SELECT body FROM trust WHERE kind = ?1 ORDER BY revoker, number",
                    params![kind],
                )
            };
            let version = newest(conn, "roster", NONE)?;
            Ok(Trust {
                roots: all("root")?,
                roster: get(conn, "roster", NONE, version)?,
                revocations: all("revocation")?,
            })
        })
        .await
    }

    pub(crate) async fn root(&self, _scope: &Scope, version: u64) -> Read<Option<TrustDocument>> {
        self.read("root", move |conn| get(conn, "root", NONE, version))
            .await
    }

    pub(crate) async fn roster(&self, _scope: &Scope, version: u64) -> Read<Option<TrustDocument>> {
        self.read("roster", move |conn| get(conn, "roster", NONE, version))
            .await
    }

    pub(crate) async fn revocation(
        &self,
        _scope: &Scope,
        revoker: &KeyId,
        number: u64,
    ) -> Read<Option<TrustDocument>> {
        let revoker = *revoker;
        self.read("revocation", move |conn| {
            get(conn, "revocation", &revoker.0, number)
        })
        .await
    }
}
