//! A connection that can only read: every query in a read-only transaction of its own, within a time, and never as a
//! superuser.
use std::{path::Path, pin::Pin, time::Duration};

use boathook_hooks::collectors::postgres::Params;
use futures_util::{Stream, StreamExt};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
    task::JoinHandle,
};
use tokio_postgres::{
    Client, Config, Error, NoTls, SimpleQueryMessage as Message, SimpleQueryRow,
    config::{ChannelBinding, SslMode},
    error::SqlState,
};

use super::{CONNECT, connect::Place, guard::Guard};
use crate::child::{
    out::{Stop, plain},
    wire::Credential,
};

/// What a query may wait for a lock.
const LOCK_MS: u64 = 1_000;
const FAREWELL: Duration = Duration::from_millis(200);

pub struct Session {
    client: Client,
    connection: JoinHandle<()>,
    timeout_ms: u64,
    /// `server_version_num`, such as 150006.
    pub version: u32,
}

impl Session {
    pub async fn begin(
        params: &Params,
        credential: &Credential,
        place: &Place,
    ) -> Result<Self, Stop> {
        let mut config = Config::new();
        config
            .user(&credential.user)
            .dbname(&params.database)
            .application_name("boathook")
            .ssl_mode(SslMode::Disable)
            .channel_binding(ChannelBinding::Disable);
        if !credential.password.is_empty() {
            config.password(&credential.password);
        }
        let attempt = tokio::time::timeout(CONNECT, connect(&config, place));
        let (client, connection) = attempt.await.map_err(|_| {
            Stop::TimedOut(format!(
                "connecting to {} took longer than {} s",
                place.words(),
                CONNECT.as_secs()
            ))
        })??;
        let timeout_ms = params.statement_timeout.saturating_mul(1_000);
        let mut session = Self {
            client,
            connection,
            timeout_ms,
            version: 0,
        };
        session.check(credential).await?;
        Ok(session)
    }

    /// Learns the version, and refuses who could do more than read.
    async fn check(&mut self, credential: &Credential) -> Result<(), Stop> {
        let failed = |error: Error| Stop::Failed(format!("asking who we are: {}", words(&error)));
        let mut rows = self.query(WHO, 1).await.map_err(failed)?;
        let row = rows.next().await.map_err(failed)?;
        rows.end().await.map_err(failed)?;
        let row = row.ok_or_else(|| Stop::Failed("the server did not say who we are".into()))?;
        let version = row.get(0).and_then(|v| v.parse().ok());
        self.version =
            version.ok_or_else(|| Stop::Failed("the server did not say its version".into()))?;
        // Anything but a clear no is a yes.
        if row.get(1) != Some("f") {
            let name = &credential.name;
            return Err(Stop::DeniedByPolicy(format!(
                "the user of the credential {name:?} is a superuser or may become one, which is refused: make one for \
                 boathook with the role pg_monitor alone"
            )));
        }
        Ok(())
    }

    /// The rows of `sql`, at most one more than `most`. The transaction is open until [`Rows::end`].
    pub async fn query(&mut self, sql: &str, most: u32) -> Result<Rows<'_>, Error> {
        let begin = format!(
            "BEGIN TRANSACTION READ ONLY; SET LOCAL statement_timeout = {}; SET LOCAL lock_timeout = {LOCK_MS}; \
             SET LOCAL search_path = pg_catalog; SET LOCAL DateStyle = 'ISO'; SET LOCAL TimeZone = 'UTC'",
            self.timeout_ms
        );
        if let Err(error) = self.client.batch_execute(&begin).await {
            let _ = self.client.batch_execute("ROLLBACK").await;
            return Err(error);
        }
        let sql = format!(
            "SELECT * FROM ({sql}) AS boathook LIMIT {}",
            u64::from(most) + 1
        );
        let mut rows = match self.client.simple_query_raw(&sql).await {
            Ok(stream) => Rows {
                client: &self.client,
                stream: Box::pin(stream),
                columns: Vec::new(),
            },
            Err(error) => {
                let _ = self.client.batch_execute("ROLLBACK").await;
                return Err(error);
            }
        };
        // The names come first, whether there are rows or not.
        if let Some(Message::RowDescription(columns)) = rows.message().await? {
            rows.columns = columns.iter().map(|c| c.name().to_owned()).collect();
        }
        Ok(rows)
    }

    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    pub async fn end(self) {
        // The connection says goodbye once its client is dropped.
        drop(self.client);
        let _ = tokio::time::timeout(FAREWELL, self.connection).await;
    }
}

/// Version, and whether this user or any role that it can take is a superuser.
const WHO: &str = "SELECT current_setting('server_version_num') AS version,
    EXISTS (SELECT FROM pg_roles r WHERE r.rolsuper
        AND (pg_has_role(session_user, r.oid, 'MEMBER') OR pg_has_role(current_user, r.oid, 'MEMBER'))) AS superuser";

/// Rows as they come, so that none but one is in memory.
pub struct Rows<'a> {
    client: &'a Client,
    stream: Pin<Box<dyn Stream<Item = Result<Message, Error>> + 'a>>,
    pub columns: Vec<String>,
}

impl Rows<'_> {
    pub async fn next(&mut self) -> Result<Option<SimpleQueryRow>, Error> {
        while let Some(message) = self.message().await? {
            if let Message::Row(row) = message {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }

    async fn message(&mut self) -> Result<Option<Message>, Error> {
        match self.stream.next().await.transpose() {
            Ok(message) => Ok(message),
            Err(error) => {
                let _ = self.client.batch_execute("ROLLBACK").await;
                Err(error)
            }
        }
    }

    pub async fn end(self) -> Result<(), Error> {
        drop(self.stream);
        self.client.batch_execute("ROLLBACK").await
    }
}

async fn connect(config: &Config, place: &Place) -> Result<(Client, JoinHandle<()>), Stop> {
    match place {
        Place::Socket { path, owner } => {
            let stream = UnixStream::connect(path).await;
            let stream = stream.map_err(|e| unreachable_server(&path.display().to_string(), &e))?;
            let peer = stream.peer_cred();
            let peer = peer.map_err(|error| Stop::system("asking who listens", &error))?;
            answers(peer.uid(), *owner, path)?;
            sign_in(config, Guard::new(stream), place).await
        }
        Place::Tcp(addresses) => {
            let mut last = Stop::Failed("there is no address to connect to".into());
            for address in addresses {
                match TcpStream::connect(address).await {
                    Ok(stream) => return sign_in(config, Guard::new(stream), place).await,
                    Err(error) => last = unreachable_server(&address.to_string(), &error),
                }
            }
            Err(last)
        }
    }
}

/// A socket may be swapped after it was looked at; who listens is then another. Root may be anyone anyway.
fn answers(peer: u32, owner: u32, path: &Path) -> Result<(), Stop> {
    if peer == owner || peer == 0 {
        return Ok(());
    }
    Err(Stop::DeniedByPolicy(format!(
        "at {} another user listens than the socket's owner",
        path.display()
    )))
}

fn unreachable_server(place: &str, error: &std::io::Error) -> Stop {
    let words = format!("connecting to {place}: {}", plain(error));
    match error.kind() {
        std::io::ErrorKind::PermissionDenied => Stop::DeniedBySystem(words),
        _ => Stop::Failed(words),
    }
}

async fn sign_in<S>(
    config: &Config,
    stream: S,
    place: &Place,
) -> Result<(Client, JoinHandle<()>), Stop>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (client, connection) = config.connect_raw(stream, NoTls).await.map_err(|error| {
        let why = format!("signing in at {}: {}", place.words(), words(&error));
        let denied = [
            SqlState::INVALID_PASSWORD,
            SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
            SqlState::INSUFFICIENT_PRIVILEGE,
        ];
        match error.code() {
            Some(code) if denied.contains(code) => Stop::DeniedBySystem(why),
            _ => Stop::Failed(why),
        }
    })?;
    // Its errors come to the client's queries too.
    let connection = tokio::spawn(async move {
        let _ = connection.await;
    });
    Ok((client, connection))
}

/// The server's own words, without what was asked.
pub fn words(error: &Error) -> String {
    match error.as_db_error() {
        Some(db) => db.message().to_owned(),
        None => {
            let mut text = error.to_string();
            let mut source = std::error::Error::source(error);
            while let Some(inner) = source {
                text = format!("{text}: {inner}");
                source = inner.source();
            }
            text
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_sockets_owner_or_root_may_listen_there() {
        let path = Path::new("/run/postgresql/.s.PGSQL.5432");
        assert!(answers(101, 101, path).is_ok());
        assert!(answers(0, 101, path).is_ok());
        assert!(matches!(
            answers(1000, 101, path),
            Err(Stop::DeniedByPolicy(_))
        ));
    }
}
