//! The installations that share a keyspace. Those with a prefix never see each other's rows, as no prefix holds the colon
//! that ends it. One without a prefix sees all rows: it must be alone, and each says at its first migration that it is there.
use scylla::client::session::Session;

use super::{address::Address, migrate::sql};
use crate::StoreError;

/// A prefix without its colon; empty for an installation without one.
fn name(address: &Address) -> &str {
    address.prefix.trim_end_matches(':')
}

pub(super) async fn make_table(session: &Session, keyspace: &str) -> Result<(), StoreError> {
    let cql = format!(
        "CREATE TABLE IF NOT EXISTS {keyspace}.installations (one int, prefix text, PRIMARY KEY (one, prefix))"
    );
    session.query_unpaged(cql, ()).await.map_err(sql)?;
    Ok(())
}

/// The first installation for which that holds.
async fn first(
    session: &Session,
    address: &Address,
    which: &str,
) -> Result<Option<String>, StoreError> {
    let keyspace = &address.keyspace;
    let cql = format!(
        "SELECT prefix FROM {keyspace}.installations WHERE one = 1 AND prefix {which} ? LIMIT 1"
    );
    let result = session.query_unpaged(cql, (name(address),)).await;
    let rows = result.map_err(sql)?.into_rows_result().map_err(sql)?;
    let row: Option<(String,)> = rows.maybe_first_row().map_err(sql)?;
    Ok(row.map(|(prefix,)| prefix))
}

fn shared(address: &Address, found: &str, why: &'static str) -> StoreError {
    let found = match found {
        "" => "an installation without a prefix".to_owned(),
        prefix => format!("the installation prefix={prefix}"),
    };
    StoreError::Shared {
        at: address.keyspace.clone(),
        found,
        why,
    }
}

/// Refuses where this one would take another's rows for its own, or another this one's.
pub(super) async fn refuse_mixed(session: &Session, address: &Address) -> Result<(), StoreError> {
    const WHY: &str =
        "one without a prefix takes all rows there for its own; give it a keyspace of its own";
    let others = match name(address) {
        "" => first(session, address, ">").await?,
        // The one without a prefix is first of all; another with one does no harm.
        _ => first(session, address, "<").await?.filter(String::is_empty),
    };
    match others {
        Some(found) => Err(shared(address, &found, WHY)),
        None => Ok(()),
    }
}

/// Refuses to take away tables that hold others' rows, too.
pub(super) async fn refuse_others(session: &Session, address: &Address) -> Result<(), StoreError> {
    for which in ["<", ">"] {
        if let Some(found) = first(session, address, which).await? {
            let why = "the tables are its own, too, and cannot go";
            return Err(shared(address, &found, why));
        }
    }
    Ok(())
}

/// Says that this one is there, or is no more.
pub(super) async fn note(
    session: &Session,
    address: &Address,
    there: bool,
) -> Result<(), StoreError> {
    let keyspace = &address.keyspace;
    let cql = match there {
        true => format!("INSERT INTO {keyspace}.installations (one, prefix) VALUES (1, ?)"),
        false => format!("DELETE FROM {keyspace}.installations WHERE one = 1 AND prefix = ?"),
    };
    let noted = session.query_unpaged(cql, (name(address),)).await;
    noted.map(drop).map_err(sql)
}

/// Whether this one was migrated in that keyspace, if there is such a keyspace.
pub(super) async fn is_known(session: &Session, address: &Address) -> Result<bool, StoreError> {
    let cql = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ? AND table_name = 'installations'";
    let result = session
        .query_unpaged(cql, (address.keyspace.as_str(),))
        .await;
    let tables = result.map_err(sql)?.into_rows_result().map_err(sql)?;
    Ok(tables.rows_num() > 0 && first(session, address, "=").await?.is_some())
}
