//! The wire between agents and the server, in the test's hands: a proxy at the server's origin that sees every request
//! in the clear, and can hold the bytes at a moment that a test names, until one of the two ends is gone.
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use rustls::{ServerConfig, pki_types::PrivateKeyDer};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::{oneshot, watch},
};
use tokio_rustls::{TlsAcceptor, client, server};

use super::{World, process::free_port};
use crate::{sim::raw, tls::Ca};

/// A moment in the life of a packet, as the wire sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// A claim is asked for; the server has not heard of it.
    ClaimAsked,
    /// The server has granted it; the agent has not heard of it.
    ClaimGiven,
    /// So many thousandths of the packet have gone to the server.
    Uploading(u64),
    /// The server has answered to the last byte; the agent has not heard of it.
    UploadAnswered,
    /// The server has said what became of the claim; the agent has not heard of it.
    ReceiptGiven,
    /// The server has an answer instead of a packet; the agent does not know that.
    AnswerGiven,
}

struct Trap {
    moment: Moment,
    /// Nothing passes on that connection from this moment on.
    hold: bool,
    reached: oneshot::Sender<()>,
}

#[derive(Default)]
struct Inner {
    trap: Mutex<Option<Trap>>,
    /// What the server said to each question how far an upload is.
    offsets: Mutex<Vec<u64>>,
    /// Of the latest upload that was created.
    length: AtomicU64,
    port: u16,
    ca: String,
    release: watch::Sender<u64>,
}

pub struct Wire {
    inner: Arc<Inner>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Wire {
    /// Moves the world's server to another port, and stands where it was.
    pub async fn between(world: &mut World) -> Result<Self> {
        world.server.stop()?;
        let port: u16 = world
            .server
            .origin
            .rsplit(':')
            .next()
            .context("no port")?
            .parse()?;
        let other = free_port()?;
        let text = std::fs::read_to_string(&world.server.config)?;
        let moved = text.replace(
            &format!("listen = \"127.0.0.1:{port}\""),
            &format!("listen = \"127.0.0.1:{other}\""),
        );
        ensure!(moved != text, "the server does not listen on {port}");
        std::fs::write(&world.server.config, moved)?;
        let inner = Arc::new(Inner {
            port: other,
            ca: world.server.ca.clone(),
            ..Inner::default()
        });
        let acceptor = acceptor(&world.ca)?;
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let task = tokio::spawn(accept(listener, acceptor, inner.clone()));
        world.server.start().await?;
        Ok(Self { inner, task })
    }

    /// Resolves at the moment; with `hold`, the bytes of that connection stop there.
    pub fn trap(&self, moment: Moment, hold: bool) -> oneshot::Receiver<()> {
        let (reached, heard) = oneshot::channel();
        *lock(&self.inner.trap) = Some(Trap {
            moment,
            hold,
            reached,
        });
        heard
    }

    /// Drops the connections that are held, and the trap if nothing fell into it.
    pub fn release(&self) {
        *lock(&self.inner.trap) = None;
        self.inner.release.send_modify(|n| *n += 1);
    }

    /// What the server said, since it was asked here last, to the question how far an upload is.
    pub fn offsets(&self) -> Vec<u64> {
        std::mem::take(&mut lock(&self.inner.offsets))
    }

    /// Bytes of the latest upload.
    pub fn length(&self) -> u64 {
        self.inner.length.load(Ordering::Relaxed)
    }
}

fn acceptor(ca: &Ca) -> Result<TlsAcceptor> {
    crate::provider();
    let made = ca.server(&["localhost"])?;
    let chain = rustls_pemfile::certs(&mut made.chain.as_bytes()).collect::<Result<_, _>>()?;
    let key: PrivateKeyDer<'static> =
        rustls_pemfile::private_key(&mut made.key.as_bytes())?.context("no key")?;
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, inner: Arc<Inner>) {
    while let Ok((tcp, _)) = listener.accept().await {
        let (acceptor, inner) = (acceptor.clone(), inner.clone());
        tokio::spawn(async move {
            // A server that is gone is a connection that breaks.
            let Ok(server) = raw::dial("localhost", inner.port, &inner.ca).await else {
                return;
            };
            let _ = tcp.set_nodelay(true);
            if let Ok(agent) = acceptor.accept(tcp).await {
                let mut carrier = Carrier {
                    inner,
                    request: Request::default(),
                };
                let _ = carrier.carry(agent, server).await;
            }
        });
    }
}

/// The request that a connection is about. HTTP/1.1, one after the other: a head begins where a read begins.
#[derive(Clone, Copy, Debug, Default)]
struct Request {
    kind: Kind,
    /// Offset of the next byte of an upload.
    at: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Other,
    Claim,
    Answer,
    Create,
    Patch,
    Head,
    Status,
}

struct Carrier {
    inner: Arc<Inner>,
    request: Request,
}

type Agent = server::TlsStream<TcpStream>;
type Server = client::TlsStream<TcpStream>;

impl Carrier {
    async fn carry(&mut self, mut agent: Agent, mut server: Server) -> Result<()> {
        let (mut up, mut down) = (vec![0; 32 << 10], vec![0; 32 << 10]);
        let mut released = self.inner.release.subscribe();
        loop {
            tokio::select! {
                got = agent.read(&mut up) => {
                    let bytes = &up[..got?];
                    if bytes.is_empty() {
                        server.shutdown().await?;
                        return Ok(());
                    }
                    let (pass, hold) = self.towards_server(bytes);
                    server.write_all(&bytes[..pass]).await?;
                    server.flush().await?;
                    if hold {
                        return held(&mut released).await;
                    }
                }
                got = server.read(&mut down) => {
                    let bytes = &down[..got?];
                    if bytes.is_empty() {
                        return Ok(());
                    }
                    if self.towards_agent(bytes) {
                        return held(&mut released).await;
                    }
                    agent.write_all(bytes).await?;
                    agent.flush().await?;
                }
            }
        }
    }

    /// How many of these bytes pass, and whether all is held then.
    fn towards_server(&mut self, bytes: &[u8]) -> (usize, bool) {
        let mut body = bytes.len();
        if let Some((kind, head)) = begins(bytes) {
            self.request = Request {
                kind,
                at: number(head, "upload-offset").unwrap_or(0),
            };
            body = bytes.len() - head.len();
            if let (Kind::Create, Some(length)) = (kind, number(head, "upload-length")) {
                self.inner.length.store(length, Ordering::Relaxed);
            }
            if kind == Kind::Claim && self.is(|m| m == Moment::ClaimAsked) {
                return (0, true);
            }
        }
        if self.request.kind != Kind::Patch {
            return (bytes.len(), false);
        }
        let length = self.inner.length.load(Ordering::Relaxed);
        let begin = self.request.at;
        self.request.at += body as u64;
        let limit = match lock(&self.inner.trap).as_ref().map(|t| t.moment) {
            Some(Moment::Uploading(part)) => length * part / 1000,
            _ => return (bytes.len(), false),
        };
        if !(begin..=self.request.at).contains(&limit) {
            return (bytes.len(), false);
        }
        let hold = self.is(|_| true);
        let pass = bytes.len() - body + usize::try_from(limit - begin).unwrap_or(0);
        (if hold { pass } else { bytes.len() }, hold)
    }

    /// Whether the answer is held.
    fn towards_agent(&mut self, bytes: &[u8]) -> bool {
        let Some(head) = bytes.starts_with(b"HTTP/1.1 ").then(|| head_of(bytes)) else {
            return false;
        };
        match self.request.kind {
            Kind::Claim => self.is(|m| m == Moment::ClaimGiven),
            Kind::Answer => self.is(|m| m == Moment::AnswerGiven),
            Kind::Head => {
                if let Some(offset) = number(head, "upload-offset") {
                    lock(&self.inner.offsets).push(offset);
                }
                false
            }
            Kind::Patch if self.request.at == self.inner.length.load(Ordering::Relaxed) => {
                self.is(|m| m == Moment::UploadAnswered)
            }
            Kind::Status => self.is(|m| m == Moment::ReceiptGiven),
            _ => false,
        }
    }

    /// Springs the trap if it is set for this moment; true when it holds.
    fn is(&self, now: impl FnOnce(Moment) -> bool) -> bool {
        let mut trap = lock(&self.inner.trap);
        match trap.take_if(|t| now(t.moment)) {
            None => false,
            Some(found) => {
                // A test that does not wait any more does not mind.
                let _ = found.reached.send(());
                found.hold
            }
        }
    }
}

/// Until the test lets go; then the connection is dropped.
async fn held(released: &mut watch::Receiver<u64>) -> Result<()> {
    tokio::time::timeout(Duration::from_secs(120), released.changed()).await??;
    Ok(())
}

fn head_of(bytes: &[u8]) -> &[u8] {
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n");
    end.map_or(bytes, |end| &bytes[..end + 4])
}

/// The kind and head of a request that begins here.
fn begins(bytes: &[u8]) -> Option<(Kind, &[u8])> {
    let line = bytes.split(|b| *b == b'\r').next()?;
    let line = std::str::from_utf8(line).ok()?;
    let (method, rest) = line.split_once(' ')?;
    let path = rest.strip_suffix(" HTTP/1.1")?;
    let is_claim = path.starts_with("/agent/v1/claims/");
    let kind = match method {
        "POST" if path.starts_with("/agent/v1/hooks/") && path.ends_with("/claims") => Kind::Claim,
        "POST" if path.starts_with("/agent/v1/hooks/") && path.ends_with("/answers") => {
            Kind::Answer
        }
        "POST" if is_claim && path.ends_with("/upload") => Kind::Create,
        "PATCH" if is_claim => Kind::Patch,
        "HEAD" if is_claim => Kind::Head,
        "GET" if is_claim => Kind::Status,
        _ => Kind::Other,
    };
    Some((kind, head_of(bytes)))
}

fn number(head: &[u8], name: &str) -> Option<u64> {
    std::str::from_utf8(head).ok()?.lines().find_map(|line| {
        let (key, value) = line.split_once(": ")?;
        key.eq_ignore_ascii_case(name)
            .then(|| value.trim().parse().ok())?
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_told_by_their_first_line() {
        let patch = b"PATCH /agent/v1/claims/abc/upload HTTP/1.1\r\nUpload-Offset: 42\r\n\r\nbody";
        let (kind, head) = begins(patch).unwrap();
        assert_eq!((kind, head.len()), (Kind::Patch, patch.len() - 4));
        assert_eq!(number(head, "upload-offset"), Some(42));
        assert!(begins(b"PK\x03\x04 a packet's bytes").is_none());
        let kind = |line: &str| {
            begins(format!("{line} HTTP/1.1\r\n\r\n").as_bytes())
                .unwrap()
                .0
        };
        assert_eq!(kind("POST /agent/v1/hooks/d/claims"), Kind::Claim);
        assert_eq!(kind("GET /agent/v1/claims/c"), Kind::Status);
        assert_eq!(kind("GET /agent/v1/hooks?wait=5"), Kind::Other);
    }
}
