//! A small HTTPS server for tests that misbehaves on purpose: HTTP/1.1 over TLS with any certificate, which can be
//! changed while it runs. It keeps all that clients sent, and why handshakes failed.
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result};
use futures_util::future::BoxFuture;
use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpListener,
    sync::watch,
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

use crate::tls::Certificate;

/// A request, whole.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    /// With its query.
    pub path: String,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn new(status: u16, body: Vec<u8>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body,
        }
    }

    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }
}

pub type Handler = Arc<dyn Fn(Asked) -> BoxFuture<'static, Reply> + Send + Sync>;

/// What came in.
#[derive(Default)]
struct Seen {
    requests: Vec<Asked>,
    failures: Vec<String>,
}

/// An open port. Closed with all its connections on drop.
pub struct Doors {
    pub port: u16,
    tls: watch::Sender<Arc<ServerConfig>>,
    seen: Arc<Mutex<Seen>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Doors {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn config(certificate: &Certificate) -> Result<Arc<ServerConfig>> {
    crate::provider();
    let chain =
        rustls_pemfile::certs(&mut certificate.chain.as_bytes()).collect::<Result<_, _>>()?;
    let key = rustls_pemfile::private_key(&mut certificate.key.as_bytes())?.context("no key")?;
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok(Arc::new(config))
}

impl Doors {
    pub async fn open(certificate: &Certificate, handler: Handler) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let (tls, present) = watch::channel(config(certificate)?);
        let seen = Arc::<Mutex<Seen>>::default();
        let task = tokio::spawn(accept(listener, present, Arc::clone(&seen), handler));
        Ok(Self {
            port,
            tls,
            seen,
            task,
        })
    }

    /// Shows another certificate from now on; open connections are cut.
    pub fn present(&self, certificate: &Certificate) -> Result<()> {
        self.tls.send_replace(config(certificate)?);
        Ok(())
    }

    /// All requests that came through a finished handshake.
    pub fn requests(&self) -> Vec<Asked> {
        lock(&self.seen).requests.clone()
    }

    /// Why handshakes failed, as this side saw it.
    pub fn failures(&self) -> Vec<String> {
        lock(&self.seen).failures.clone()
    }
}

async fn accept(
    listener: TcpListener,
    present: watch::Receiver<Arc<ServerConfig>>,
    seen: Arc<Mutex<Seen>>,
    handler: Handler,
) {
    // Dropped with this task, and all connections with it.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (mut present, seen, handler) =
            (present.clone(), Arc::clone(&seen), Arc::clone(&handler));
        connections.spawn(async move {
            let config = present.borrow_and_update().clone();
            let talk = async {
                match TlsAcceptor::from(config).accept(stream).await {
                    // A client that goes away is no failure of this side.
                    Ok(stream) => drop(talk(stream, &seen, &handler).await),
                    Err(error) => lock(&seen).failures.push(error.to_string()),
                }
            };
            tokio::select! {
                () = talk => {}
                _ = present.changed() => {}
            }
        });
    }
}

async fn talk(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    seen: &Mutex<Seen>,
    handler: &Handler,
) -> Result<()> {
    let mut buffer = Vec::new();
    loop {
        let asked = read(&mut stream, &mut buffer).await?;
        lock(seen).requests.push(asked.clone());
        let head_only = asked.method == "HEAD";
        let reply = handler(asked).await;
        let mut head = format!("HTTP/1.1 {} -\r\n", reply.status);
        for (name, value) in &reply.headers {
            head += &format!("{name}: {value}\r\n");
        }
        if !matches!(reply.status, 204 | 304) && !head_only {
            head += &format!("content-length: {}\r\n", reply.body.len());
        }
        head += "\r\n";
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(&reply.body).await?;
        stream.flush().await?;
    }
}

async fn read(stream: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> Result<Asked> {
    let end = loop {
        if let Some(at) = buffer.windows(4).position(|w| w == b"\r\n\r\n") {
            break at + 4;
        }
        fill(stream, buffer).await?;
    };
    let head = String::from_utf8(buffer.drain(..end).collect())?;
    let mut lines = head.lines();
    let mut first = lines.next().unwrap_or_default().split(' ');
    let mut asked = Asked {
        method: first.next().unwrap_or_default().to_owned(),
        path: first.next().unwrap_or_default().to_owned(),
        headers: lines
            .filter_map(|l| l.split_once(": "))
            .map(|(n, v)| (n.to_owned(), v.to_owned()))
            .collect(),
        body: Vec::new(),
    };
    let length: usize = asked.header("content-length").map_or(Ok(0), str::parse)?;
    while buffer.len() < length {
        fill(stream, buffer).await?;
    }
    asked.body = buffer.drain(..length).collect();
    Ok(asked)
}

async fn fill(stream: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> Result<()> {
    let read = stream.read_buf(buffer).await?;
    anyhow::ensure!(read > 0, "the client went away");
    Ok(())
}
