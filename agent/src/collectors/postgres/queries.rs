//! The built-in queries. `*` stands where versions differ in columns: the file's first line names them.
use boathook_hooks::collectors::postgres::Section as Part;

pub struct Query {
    pub file: &'static str,
    pub sql: &'static str,
    /// Rows are settings: a name first, and values that may be secrets.
    pub settings: bool,
    /// `server_version_num` from which it is understood.
    since: u32,
}

const fn query(file: &'static str, sql: &'static str) -> Query {
    Query {
        file,
        sql,
        settings: false,
        since: 0,
    }
}

/// The queries of one part that a server of this version understands.
pub fn of(part: Part, version: u32) -> impl Iterator<Item = &'static Query> {
    let all = match part {
        Part::Version => VERSION,
        Part::Settings => SETTINGS,
        Part::Activity => ACTIVITY,
        Part::Databases => DATABASES,
        Part::Tables => TABLES,
        Part::Sizes => SIZES,
    };
    all.iter().filter(move |query| version >= query.since)
}

const VERSION: &[Query] = &[
    query(
        "version.csv",
        "SELECT version() AS version, current_setting('server_version_num') AS number, pg_postmaster_start_time() AS started_at,
            pg_conf_load_time() AS settings_loaded_at, pg_is_in_recovery() AS is_standby, current_database() AS database,
            now() AS now, inet_server_addr() AS address, inet_server_port() AS port,
            (SELECT string_agg(extname || ' ' || extversion, ', ' ORDER BY extname) FROM pg_extension) AS extensions",
    ),
];

const SETTINGS: &[Query] = &[
    Query {
        file: "settings.csv",
        sql: "SELECT name, setting, unit, source, boot_val, reset_val, pending_restart, context, sourcefile, sourceline
            FROM pg_settings ORDER BY source = 'default', category, name",
        settings: true,
        since: 0,
    },
    Query {
        file: "settings_by_role_and_database.csv",
        sql: "SELECT split_part(entry, '=', 1) AS name, substr(entry, strpos(entry, '=') + 1) AS value, r.rolname AS role,
                d.datname AS database
            FROM pg_db_role_setting s CROSS JOIN LATERAL unnest(s.setconfig) AS entry
            LEFT JOIN pg_roles r ON r.oid = s.setrole LEFT JOIN pg_database d ON d.oid = s.setdatabase
            ORDER BY 1, 3, 4",
        settings: true,
        since: 0,
    },
];

const ACTIVITY: &[Query] = &[
    query(
        "activity_summary.csv",
        "SELECT datname, usename, application_name, backend_type, state, wait_event_type, wait_event, count(*) AS sessions,
            max(extract(epoch FROM now() - xact_start))::bigint AS longest_transaction_s,
            (max(extract(epoch FROM now() - query_start)) FILTER (WHERE state = 'active'))::bigint AS longest_query_s
        FROM pg_stat_activity WHERE pid <> pg_backend_pid() GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY count(*) DESC, 1, 2, 3",
    ),
    query(
        "activity.csv",
        "SELECT pid, datname, usename, application_name, client_addr, backend_type, state, wait_event_type, wait_event,
            backend_start, xact_start, query_start, state_change, extract(epoch FROM now() - xact_start)::bigint AS transaction_s,
            extract(epoch FROM now() - query_start)::bigint AS query_s, age(backend_xmin) AS xmin_age,
            array_to_string(pg_blocking_pids(pid), ' ') AS blocked_by
        FROM pg_stat_activity WHERE pid <> pg_backend_pid() ORDER BY xact_start NULLS LAST, pid",
    ),
    query(
        "locks.csv",
        "SELECT l.locktype, l.mode, l.granted, d.datname AS database, c.relname AS relation, count(*) AS locks,
            count(DISTINCT l.pid) AS sessions
        FROM pg_locks l LEFT JOIN pg_database d ON d.oid = l.database
            LEFT JOIN pg_class c ON c.oid = l.relation AND d.datname = current_database()
        WHERE l.pid IS DISTINCT FROM pg_backend_pid() GROUP BY 1, 2, 3, 4, 5 ORDER BY l.granted, count(*) DESC",
    ),
    query(
        "replication.csv",
        "SELECT pid, usename, application_name, client_addr, backend_start, state, sync_state, sync_priority, sent_lsn, write_lsn,
            flush_lsn, replay_lsn, write_lag, flush_lag, replay_lag
        FROM pg_stat_replication ORDER BY application_name, pid",
    ),
    query("replication_slots.csv", "SELECT * FROM pg_replication_slots ORDER BY slot_name"),
    query(
        "wal_receiver.csv",
        "SELECT pid, status, receive_start_lsn, received_tli, last_msg_send_time, last_msg_receipt_time, latest_end_lsn,
            latest_end_time, slot_name
        FROM pg_stat_wal_receiver",
    ),
    query("archiver.csv", "SELECT * FROM pg_stat_archiver"),
];

const DATABASES: &[Query] = &[
    query("databases.csv", "SELECT * FROM pg_stat_database ORDER BY datname NULLS FIRST"),
    query("database_conflicts.csv", "SELECT * FROM pg_stat_database_conflicts ORDER BY datname"),
    query(
        "database_ages.csv",
        "SELECT datname, pg_encoding_to_char(encoding) AS encoding, datcollate, datctype, datallowconn, datconnlimit,
            age(datfrozenxid) AS frozen_xid_age, mxid_age(datminmxid) AS min_mxid_age
        FROM pg_database ORDER BY datname",
    ),
    query("bgwriter.csv", "SELECT * FROM pg_stat_bgwriter"),
    Query { file: "checkpointer.csv", sql: "SELECT * FROM pg_stat_checkpointer", settings: false, since: 170_000 },
    Query { file: "wal.csv", sql: "SELECT * FROM pg_stat_wal", settings: false, since: 140_000 },
];

const TABLES: &[Query] = &[
    query(
        "tables.csv",
        "SELECT * FROM pg_stat_user_tables ORDER BY n_dead_tup DESC NULLS LAST, seq_tup_read DESC NULLS LAST, schemaname, relname",
    ),
    query(
        "tables_io.csv",
        "SELECT * FROM pg_statio_user_tables ORDER BY heap_blks_read DESC NULLS LAST, schemaname, relname",
    ),
    query(
        "indexes.csv",
        "SELECT * FROM pg_stat_user_indexes ORDER BY idx_scan, schemaname, relname, indexrelname",
    ),
];

const SIZES: &[Query] = &[
    query(
        "database_sizes.csv",
        "SELECT datname, CASE WHEN has_database_privilege(datname, 'CONNECT') OR pg_has_role('pg_read_all_stats', 'MEMBER')
            THEN pg_database_size(datname) END AS bytes
        FROM pg_database ORDER BY 2 DESC NULLS LAST, 1",
    ),
    query(
        "table_sizes.csv",
        "SELECT n.nspname AS schema, c.relname AS name, c.relkind AS kind, c.reltuples::bigint AS rows_estimated,
            pg_table_size(c.oid) AS table_bytes, pg_indexes_size(c.oid) AS index_bytes, pg_total_relation_size(c.oid) AS bytes
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'm', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_toast'
        ORDER BY 7 DESC NULLS LAST, 1, 2",
    ),
    query(
        "tablespaces.csv",
        "SELECT spcname, CASE WHEN has_tablespace_privilege(spcname, 'CREATE') OR pg_has_role('pg_read_all_stats', 'MEMBER')
            THEN pg_tablespace_size(spcname) END AS bytes
        FROM pg_tablespace ORDER BY 1",
    ),
];

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_part_has_queries_of_names_that_do_not_repeat() {
        let mut files: Vec<&str> = Part::ALL
            .into_iter()
            .flat_map(|part| of(part, u32::MAX))
            .map(|q| q.file)
            .collect();
        assert!(
            Part::ALL
                .into_iter()
                .all(|part| of(part, 100_000).count() > 0)
        );
        let all = files.len();
        files.sort_unstable();
        files.dedup();
        assert_eq!(files.len(), all);
    }

    #[test]
    fn no_query_holds_a_semicolon_or_a_word_that_writes() {
        for query in Part::ALL.into_iter().flat_map(|part| of(part, u32::MAX)) {
            let sql = query.sql.to_ascii_lowercase();
            assert!(
                sql.starts_with("select ") && !sql.contains(';'),
                "{}",
                query.file
            );
            for word in sql.split(|c: char| !c.is_alphanumeric() && c != '_') {
                assert!(
                    ![
                        "insert", "update", "delete", "copy", "set", "call", "do", "create"
                    ]
                    .contains(&word)
                        || sql.contains("'create'"),
                    "{}",
                    query.file
                );
            }
        }
    }
}
