//! The schema's versions in CQL: numbered statements, up and down, each safe to repeat; one program at a time.
use std::time::Duration;

use scylla::client::session::Session;
use uuid::Uuid;

use super::{
    address::Address,
    installations,
    session::{Cluster, connect, failed},
};
use crate::{
    Migrate, Migrated, StoreError,
    engine::keys::{List, Table},
};

/// The version that this program makes and needs.
pub(super) const VERSION: u32 = 2;
/// The oldest program version that can work on a store after migration N.
const COMPATIBLE_FROM: [u32; VERSION as usize] = [1, 2];
/// How long a program that migrates may be silent before another takes over.
const LEASE_S: i32 = 60;
/// How long one waits for another that migrates.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a store says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Stand {
    version: u32,
    compatible_from: u32,
    dirty: Option<u32>,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

pub(super) fn sql<E: Into<Failure>>(e: E) -> StoreError {
    failed("migrating")(e.into())
}

/// The version that makes a list's table.
const fn made_by(list: List) -> u32 {
    match list {
        List::Runs => 2,
        _ => 1,
    }
}

fn tables(version: u32) -> impl Iterator<Item = Table> {
    let all: &[Table] = if version == 1 { &Table::ALL } else { &[] };
    all.iter().copied()
}

fn lists(version: u32) -> impl Iterator<Item = List> {
    let all = List::ALL.into_iter();
    all.filter(move |list| made_by(*list) == version)
}

/// Statements that lead from version N − 1 to N, and back.
fn up(version: u32, keyspace: &str) -> Vec<String> {
    let table = |t: Table| {
        // What changes nothing but the audit is forgotten after three days.
        let ttl = match t {
            Table::Loose => " WITH default_time_to_live = 259200",
            _ => "",
        };
        format!(
            "CREATE TABLE IF NOT EXISTS {keyspace}.{} (id text, row text, version bigint static, body blob, PRIMARY KEY (id, row)){ttl}",
            t.name()
        )
    };
    // None of them forgets by itself, hints least of all: each goes when nothing is owed, and one that went before would leave
    // a change half done that nobody looks for.
    let list = |l: List| {
        format!(
            "CREATE TABLE IF NOT EXISTS {keyspace}.{} (part text, sort text, body blob, PRIMARY KEY (part, sort))",
            l.name()
        )
    };
    tables(version)
        .map(table)
        .chain(lists(version).map(list))
        .collect()
}

fn down(version: u32, keyspace: &str) -> Vec<String> {
    let names = tables(version)
        .map(Table::name)
        .chain(lists(version).map(List::name));
    names
        .map(|name| format!("DROP TABLE IF EXISTS {keyspace}.{name}"))
        .collect()
}

/// Cassandra and ScyllaDB differ here: lightweight transactions and tablets do not go together everywhere.
async fn make_keyspace(session: &Session, address: &Address) -> Result<(), StoreError> {
    let scylla = session
        .query_unpaged("SELECT key FROM system.scylla_local LIMIT 1", ())
        .await
        .is_ok();
    let replication = match &address.datacenter {
        Some(datacenter)
            if datacenter
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)) =>
        {
            format!(
                "{{'class': 'NetworkTopologyStrategy', '{datacenter}': {}}}",
                address.replicas
            )
        }
        Some(other) => return Err(sql(format!("a data centre is not called {other:?}"))),
        None => format!(
            "{{'class': 'NetworkTopologyStrategy', 'replication_factor': {}}}",
            address.replicas
        ),
    };
    let tablets = if scylla {
        " AND tablets = {'enabled': false}"
    } else {
        ""
    };
    let keyspace = &address.keyspace;
    let cql = format!(
        "CREATE KEYSPACE IF NOT EXISTS {keyspace} WITH replication = {replication}{tablets}"
    );
    session.query_unpaged(cql, ()).await.map_err(sql)?;
    let cql = format!(
        "CREATE TABLE IF NOT EXISTS {keyspace}.schema_version (one int PRIMARY KEY, version int, compatible_from int, dirty int, holder text)"
    );
    session.query_unpaged(cql, ()).await.map_err(sql)?;
    installations::make_table(session, keyspace).await
}

async fn stand(session: &Session, keyspace: &str) -> Result<Stand, StoreError> {
    let cql = format!(
        "SELECT version, compatible_from, dirty FROM {keyspace}.schema_version WHERE one = 1"
    );
    let result = session.query_unpaged(cql, ()).await.map_err(sql)?;
    let rows = result.into_rows_result().map_err(sql)?;
    let row: Option<(Option<i32>, Option<i32>, Option<i32>)> =
        rows.maybe_first_row().map_err(sql)?;
    let number = |n: Option<i32>| u32::try_from(n.unwrap_or(0)).unwrap_or(0);
    Ok(
        row.map_or_else(Stand::default, |(version, from, dirty)| Stand {
            version: number(version),
            compatible_from: number(from),
            dirty: dirty.and_then(|n| u32::try_from(n).ok()),
        }),
    )
}

async fn set(
    session: &Session,
    keyspace: &str,
    version: u32,
    dirty: Option<u32>,
) -> Result<(), StoreError> {
    let from = version
        .checked_sub(1)
        .and_then(|n| COMPATIBLE_FROM.get(n as usize))
        .copied()
        .unwrap_or(0);
    let cql = format!(
        "UPDATE {keyspace}.schema_version SET version = ?, compatible_from = ?, dirty = ? WHERE one = 1"
    );
    let int = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
    let values = (int(version), int(from), dirty.map(int));
    session.query_unpaged(cql, values).await.map_err(sql)?;
    Ok(())
}

/// Takes the one place for a program that migrates; a holder that is silent loses it.
async fn lock(session: &Session, keyspace: &str, holder: &str) -> Result<(), StoreError> {
    let cql = format!(
        "INSERT INTO {keyspace}.schema_version (one, holder) VALUES (2, ?) IF NOT EXISTS USING TTL {LEASE_S}"
    );
    let until = tokio::time::Instant::now() + PATIENCE;
    loop {
        let result = session
            .query_unpaged(cql.as_str(), (holder,))
            .await
            .map_err(sql)?
            .into_rows_result()
            .map_err(sql)?;
        let row: scylla::value::Row = result.first_row().map_err(sql)?;
        let first = row.columns.into_iter().next().flatten();
        if first.and_then(|v| v.as_boolean()) == Some(true) {
            return Ok(());
        }
        if tokio::time::Instant::now() > until {
            return Err(StoreError::TryAgain {
                operation: "another program migrates the store",
            });
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

async fn unlock(session: &Session, keyspace: &str, holder: &str) {
    let cql = format!("DELETE FROM {keyspace}.schema_version WHERE one = 2 IF holder = ?");
    if let Err(error) = session.query_unpaged(cql, (holder,)).await {
        tracing::warn!(%error, "the place of a program that migrates is given back late");
    }
}

pub(crate) async fn migrate(url: &str, asked: Migrate) -> Result<Migrated, StoreError> {
    let address = Address::parse(url)?;
    let session = connect(&address).await?;
    make_keyspace(&session, &address).await?;
    let holder = Uuid::now_v7().to_string();
    lock(&session, &address.keyspace, &holder).await?;
    let done = run_noted(&session, &address, asked).await;
    unlock(&session, &address.keyspace, &holder).await;
    done
}

/// One program at a time looks who else is there and says that it is, before it makes any row.
async fn run_noted(
    session: &Session,
    address: &Address,
    asked: Migrate,
) -> Result<Migrated, StoreError> {
    installations::refuse_mixed(session, address).await?;
    let done = run(session, address, asked).await?;
    installations::note(session, address, done.to > 0).await?;
    Ok(done)
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

async fn run(session: &Session, address: &Address, asked: Migrate) -> Result<Migrated, StoreError> {
    let keyspace = &address.keyspace;
    let first = stand(session, keyspace).await?;
    let from = first.version;
    if let Migrate::Force(version) = asked {
        set(session, keyspace, known(version)?, None).await?;
        return Ok(Migrated { from, to: version });
    }
    let target = match asked {
        Migrate::Up => from.max(VERSION),
        Migrate::To(version) => known(version)?,
        Migrate::Down | Migrate::Force(_) => from.saturating_sub(1),
    };
    // Each statement is safe to repeat: what was cut off is done again, if it leads the way that is asked for.
    let on_the_way = |to: u32| (from < to && to <= target) || (target <= to && to < from);
    if !first.dirty.is_some_and(on_the_way) {
        refuse_dirty(first)?;
    }
    if target >= from {
        refuse_newer(first, &address.keyspace)?;
    } else {
        known(from)?;
    }
    if target == 0 && from > 0 {
        installations::refuse_others(session, address).await?;
    }
    let mut now = from;
    while now != target {
        let to = if now < target { now + 1 } else { now - 1 };
        let statements = if now < target {
            up(to, keyspace)
        } else {
            down(now, keyspace)
        };
        set(session, keyspace, now, Some(to)).await?;
        for cql in statements {
            session.query_unpaged(cql, ()).await.map_err(sql)?;
        }
        set(session, keyspace, to, None).await?;
        now = to;
    }
    Ok(Migrated { from, to: now })
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

/// Whether this program may work on the store.
pub(super) async fn check(cluster: &Cluster, address: &Address) -> Result<(), StoreError> {
    let not_migrated = |found| StoreError::NotMigrated {
        at: address.keyspace.clone(),
        found,
        wanted: VERSION,
    };
    if !installations::is_known(&cluster.session, address).await? {
        return Err(not_migrated(0));
    }
    let found = stand(&cluster.session, &address.keyspace).await?;
    refuse_dirty(found)?;
    if found.version < VERSION {
        return Err(not_migrated(found.version));
    }
    refuse_newer(found, &address.keyspace)?;
    installations::refuse_mixed(&cluster.session, address).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_hint_is_forgotten_before_it_is_done() {
        let made = up(1, "k");
        let hints: Vec<_> = made.iter().filter(|cql| cql.contains("k.hints ")).collect();
        assert_eq!(hints.len(), 1);
        assert!(!hints[0].contains("time_to_live"), "{hints:?}");
    }

    #[test]
    fn every_table_is_made_once_and_taken_away_by_the_same_version() {
        let made: Vec<_> = (1..=VERSION).flat_map(|v| up(v, "k")).collect();
        assert_eq!(made.len(), Table::ALL.len() + List::ALL.len());
        for version in 1..=VERSION {
            assert_eq!(up(version, "k").len(), down(version, "k").len());
        }
    }
}
