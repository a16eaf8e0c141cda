//! The connection to the cluster: consistency in one place, statements prepared once.
use std::{
    collections::HashMap,
    sync::{Arc, RwLock},
    time::Duration,
};

use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use scylla::{
    client::{
        execution_profile::ExecutionProfile, session::Session, session_builder::SessionBuilder,
    },
    errors::{DbError, ExecutionError, RequestAttemptError},
    policies::retry::{DefaultRetryPolicy, FallthroughRetryPolicy},
    response::query_result::QueryResult,
    serialize::row::SerializeRow,
    statement::{
        Consistency, SerialConsistency, batch::Batch, batch::BatchType, prepared::PreparedStatement,
    },
};

use super::address::Address;
use crate::{
    StoreError,
    engine::keys::{List, Table},
};

/// What is acknowledged is on most replicas of the data centre.
const DURABLE: Consistency = Consistency::LocalQuorum;
/// The one consistency of all lightweight transactions and of the reads that decide them.
const SERIAL: SerialConsistency = SerialConsistency::LocalSerial;
const SERIAL_READ: Consistency = Consistency::LocalSerial;
/// How long one request may take. A verb's deadline is above it.
const PATIENCE: Duration = Duration::from_secs(4);
const CONNECTING: Duration = Duration::from_secs(5);

pub(super) struct Cluster {
    pub(super) session: Session,
    /// In front of each table: a session that used a keyspace could not tell which one its statements were prepared in.
    keyspace: String,
    prepared: RwLock<HashMap<(String, Kind), PreparedStatement>>,
}

/// How a statement is to be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Read,
    /// A read that sees what transactions under way decided.
    SerialRead,
    /// Idempotent by its own timestamp.
    Plain,
    /// Part of a transaction: never repeated by the driver.
    Conditional,
}

pub(super) fn failed(
    operation: &'static str,
) -> impl FnOnce(Box<dyn std::error::Error + Send + Sync>) -> StoreError {
    move |source| StoreError::Backend { operation, source }
}

pub(super) fn again(operation: &'static str, e: &dyn std::fmt::Display) -> StoreError {
    tracing::warn!(error = %e, operation, "the cluster did not answer as it should");
    StoreError::TryAgain { operation }
}

fn opening<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
    address: &Address,
) -> impl FnOnce(E) -> StoreError {
    let at = format!("cql://{}/{}", address.nodes.join(","), address.keyspace);
    move |e| StoreError::Open {
        at,
        source: e.into(),
    }
}

fn tls(address: &Address) -> Result<Arc<rustls::ClientConfig>, StoreError> {
    let mut roots = rustls::RootCertStore::empty();
    // `Address` sees to it that there is one.
    let ca = address.ca.as_deref().unwrap_or(std::path::Path::new(""));
    let pem = std::fs::read(ca).map_err(opening(address))?;
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(opening(address))?;
        roots.add(certificate).map_err(opening(address))?;
    }
    let config = rustls::ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// Connects, to no keyspace yet.
pub(super) async fn connect(address: &Address) -> Result<Session, StoreError> {
    let profile = ExecutionProfile::builder()
        .consistency(DURABLE)
        .serial_consistency(Some(SERIAL))
        .request_timeout(Some(PATIENCE))
        .retry_policy(Arc::new(DefaultRetryPolicy::new()))
        .build();
    let mut builder = SessionBuilder::new()
        .known_nodes(&address.nodes)
        .connection_timeout(CONNECTING)
        .default_execution_profile_handle(profile.into_handle());
    if let Some(datacenter) = &address.datacenter {
        builder = builder.prefer_datacenter(datacenter.clone());
    }
    if let (Some(user), Some(file)) = (&address.user, &address.password_file) {
        let password = std::fs::read_to_string(file).map_err(opening(address))?;
        builder = builder.user(user, password.trim_end_matches(['\r', '\n']));
    }
    if address.tls {
        builder = builder.tls_context(Some(tls(address)?));
    }
    builder.build().await.map_err(opening(address))
}

impl Cluster {
    pub(super) async fn open(address: &Address) -> Result<Self, StoreError> {
        Ok(Self {
            session: connect(address).await?,
            keyspace: address.keyspace.clone(),
            prepared: RwLock::default(),
        })
    }

    /// A table's name in a statement.
    pub(super) fn table(&self, table: Table) -> String {
        format!("{}.{}", self.keyspace, table.name())
    }

    /// A list's name in a statement.
    pub(super) fn list(&self, list: List) -> String {
        format!("{}.{}", self.keyspace, list.name())
    }

    async fn prepared(&self, cql: &str, kind: Kind) -> Result<PreparedStatement, StoreError> {
        let key = (cql.to_owned(), kind);
        let known = self
            .prepared
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .get(&key)
            .cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let mut statement = self
            .session
            .prepare(cql)
            .await
            .map_err(|e| again("preparing a statement", &e))?;
        match kind {
            Kind::Read => statement.set_is_idempotent(true),
            Kind::SerialRead => {
                statement.set_consistency(SERIAL_READ);
                statement.set_is_idempotent(true);
            }
            Kind::Plain => statement.set_is_idempotent(true),
            Kind::Conditional => {
                statement.set_is_idempotent(false);
                statement.set_retry_policy(Some(Arc::new(FallthroughRetryPolicy::new())));
            }
        }
        self.prepared
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .insert(key, statement.clone());
        Ok(statement)
    }

    /// Runs a statement that may be repeated, a few times if it must.
    pub(super) async fn run(
        &self,
        operation: &'static str,
        kind: Kind,
        cql: &str,
        values: impl SerializeRow,
    ) -> Result<QueryResult, StoreError> {
        let statement = self.prepared(cql, kind).await?;
        let mut pause = Duration::from_millis(20);
        for _ in 0..4 {
            match self.session.execute_unpaged(&statement, &values).await {
                Ok(result) => return Ok(result),
                Err(e) if is_fault(&e) => return Err(failed(operation)(Box::new(e))),
                Err(e) => {
                    tracing::debug!(error = %e, operation, "once more");
                    tokio::time::sleep(pause).await;
                    pause *= 3;
                }
            }
        }
        match self.session.execute_unpaged(&statement, &values).await {
            Ok(result) => Ok(result),
            Err(e) => Err(again(operation, &e)),
        }
    }

    /// One transaction over rows of one partition: whether it was applied, or none when nobody knows.
    pub(super) async fn transaction(
        &self,
        statements: Vec<(&str, Values)>,
    ) -> Result<Option<bool>, StoreError> {
        let mut batch = Batch::new(BatchType::Logged);
        let mut values = Vec::with_capacity(statements.len());
        for (cql, row) in statements {
            batch.append_statement(self.prepared(cql, Kind::Conditional).await?);
            values.push(row);
        }
        batch.set_is_idempotent(false);
        batch.set_retry_policy(Some(Arc::new(FallthroughRetryPolicy::new())));
        batch.set_serial_consistency(Some(SERIAL));
        batch.set_consistency(DURABLE);
        match self.session.batch(&batch, values).await {
            Ok(result) => applied(result).map(Some),
            Err(e) if is_fault(&e) => Err(failed("a transaction")(Box::new(e))),
            Err(e) => {
                tracing::debug!(error = %e, "a transaction without an answer");
                Ok(None)
            }
        }
    }
}

/// Whether the cluster said that it will never do this: asking again is no use, and nothing was done.
fn is_fault(e: &ExecutionError) -> bool {
    match e {
        ExecutionError::BadQuery(_) => true,
        ExecutionError::LastAttemptError(RequestAttemptError::DbError(e, _)) => matches!(
            e,
            DbError::SyntaxError
                | DbError::Invalid
                | DbError::AuthenticationError
                | DbError::Unauthorized
                | DbError::ConfigError
                | DbError::ProtocolError
        ),
        _ => false,
    }
}

/// One statement's values.
pub(super) type Values = Vec<Option<scylla::value::CqlValue>>;

/// Cassandra and ScyllaDB agree on the first column of a transaction's result and on nothing else.
fn applied(result: QueryResult) -> Result<bool, StoreError> {
    let read = || -> Result<bool, Box<dyn std::error::Error + Send + Sync>> {
        let rows = result.into_rows_result()?;
        let row: scylla::value::Row = rows.first_row()?;
        let first = row.columns.into_iter().next().flatten();
        first
            .and_then(|value| value.as_boolean())
            .ok_or_else(|| "no [applied] in front".into())
    };
    read().map_err(failed("reading a transaction's result"))
}
