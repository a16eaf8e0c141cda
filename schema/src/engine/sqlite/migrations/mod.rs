//! Numbered pairs of SQL, up and down. Each runs in one transaction with the note that it ran, under SQLite's write
//! lock: so one at a time, and whole or not at all. Safe to repeat.
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};

use crate::{Migrate, Migrated, error::StoreError};

struct Migration {
    up: &'static str,
    down: &'static str,
    /// The oldest program version that can work on a store after this migration. Expand in one release, contract in a
    /// later one.
    compatible_from: u32,
}

/// Migration N is the Nth: it leads from version N − 1 to N.
const MIGRATIONS: &[Migration] = &[
    Migration {
        up: include_str!("0001_rows.up.sql"),
        down: include_str!("0001_rows.down.sql"),
        compatible_from: 1,
    },
    Migration {
        up: include_str!("0002_ops.up.sql"),
        down: include_str!("0002_ops.down.sql"),
        compatible_from: 1,
    },
    Migration {
        up: include_str!("0003_op_homes.up.sql"),
        down: include_str!("0003_op_homes.down.sql"),
        compatible_from: 1,
    },
];

/// The version that this program makes and needs.
pub(crate) const VERSION: u32 = MIGRATIONS.len() as u32;

/// What a store says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stand {
    version: u32,
    compatible_from: u32,
    /// A migration to this version was begun and not finished. One transaction never leaves it; a copy made by hand
    /// or a backend without such transactions can.
    dirty: Option<u32>,
}

fn sql(operation: &'static str) -> impl FnOnce(rusqlite::Error) -> StoreError {
    move |e| match e.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => {
            StoreError::TryAgain { operation }
        }
        _ => StoreError::Backend {
            operation,
            source: Box::new(e),
        },
    }
}

fn stand(conn: &Connection) -> Result<Stand, StoreError> {
    let exists: bool = conn
        .query_row(
            "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'schema_version')",
            [],
            |row| row.get(0),
        )
        .map_err(sql("reading the schema's version"))?;
    let empty = Stand {
        version: 0,
        compatible_from: 0,
        dirty: None,
    };
    if !exists {
        return Ok(empty);
    }
    conn.query_row(
        "SELECT version, compatible_from, dirty FROM schema_version",
        [],
        |row| {
            Ok(Stand {
                version: row.get(0)?,
                compatible_from: row.get(1)?,
                dirty: row.get(2)?,
            })
        },
    )
    .optional()
    .map(|found| found.unwrap_or(empty))
    .map_err(sql("reading the schema's version"))
}

fn set(conn: &Connection, version: u32, compatible_from: u32) -> Result<(), StoreError> {
    conn.execute_batch(
        "CREATE TABLE IF NOT EXISTS schema_version (one INTEGER PRIMARY KEY CHECK (one = 1),
           version INTEGER NOT NULL, compatible_from INTEGER NOT NULL, dirty INTEGER)",
    )
    .and_then(|()| {
        conn.execute(
            "INSERT OR REPLACE INTO schema_version (one, version, compatible_from, dirty) VALUES (1, ?1, ?2, NULL)",
            params![version, compatible_from],
        )
    })
    .map(drop)
    .map_err(sql("noting the schema's version"))
}

fn compatible_from(version: u32) -> u32 {
    let nth = usize::try_from(version).ok().and_then(|n| n.checked_sub(1));
    nth.and_then(|n| MIGRATIONS.get(n))
        .map_or(0, |m| m.compatible_from)
}

/// Whether this program may work on the store at `at`.
pub(crate) fn check(conn: &Connection, at: &str) -> Result<(), StoreError> {
    let found = stand(conn)?;
    refuse_dirty(found)?;
    if found.version < VERSION {
        return Err(StoreError::NotMigrated {
            at: at.to_owned(),
            found: found.version,
            wanted: VERSION,
        });
    }
    refuse_newer(found, at)
}

fn refuse_dirty(found: Stand) -> Result<(), StoreError> {
    match found.dirty {
        Some(version) => Err(StoreError::Dirty {
            version,
            before: found.version,
        }),
        None => Ok(()),
    }
}

fn refuse_newer(found: Stand, at: &str) -> Result<(), StoreError> {
    if found.compatible_from > VERSION {
        return Err(StoreError::TooNew {
            at: at.to_owned(),
            found: found.version,
            compatible_from: found.compatible_from,
            own: VERSION,
        });
    }
    Ok(())
}

pub(crate) fn run(conn: &mut Connection, asked: Migrate, at: &str) -> Result<Migrated, StoreError> {
    let first = stand(conn)?;
    if let Migrate::Force(version) = asked {
        known(version)?;
        let tx = begin(conn)?;
        set(&tx, version, compatible_from(version))?;
        tx.commit().map_err(sql("committing a migration"))?;
        return Ok(Migrated {
            from: first.version,
            to: version,
        });
    }
    let target = match asked {
        Migrate::Up => first.version.max(VERSION),
        Migrate::To(version) => known(version)?,
        Migrate::Down | Migrate::Force(_) => first.version.saturating_sub(1),
    };
    loop {
        let tx = begin(conn)?;
        // Read again under the lock: another process may have gone on meanwhile.
        let now = stand(&tx)?;
        refuse_dirty(now)?;
        if now.version == target || (asked == Migrate::Up && now.version > target) {
            // A newer store that this program may work on is no reason to go down.
            refuse_newer(now, at)?;
            return Ok(Migrated {
                from: first.version,
                to: now.version,
            });
        }
        if now.version > VERSION {
            // What a newer program made only a newer program can unmake.
            return Err(StoreError::NoSuchMigration {
                asked: now.version,
                newest: VERSION,
            });
        }
        let (batch, to) = if now.version < target {
            (MIGRATIONS[now.version as usize].up, now.version + 1)
        } else {
            (MIGRATIONS[now.version as usize - 1].down, now.version - 1)
        };
        tx.execute_batch(batch)
            .map_err(sql("running a migration"))?;
        set(&tx, to, compatible_from(to))?;
        tx.commit().map_err(sql("committing a migration"))?;
    }
}

fn known(version: u32) -> Result<u32, StoreError> {
    if version > VERSION {
        return Err(StoreError::NoSuchMigration {
            asked: version,
            newest: VERSION,
        });
    }
    Ok(version)
}

/// Takes the write lock, so that migrations run one at a time.
fn begin(conn: &mut Connection) -> Result<Transaction<'_>, StoreError> {
    conn.transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(sql("beginning a migration"))
}

#[cfg(test)]
mod tests;
