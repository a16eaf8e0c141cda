//! A bare TLS connection to a server: what a client that keeps to no rule would write.
use std::sync::Arc;

use anyhow::{Context as _, Result};
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

/// Connects to `origin` by HTTP/1.1, trusting only `ca` (PEM).
pub async fn connect(origin: &str, ca: &str) -> Result<TlsStream<TcpStream>> {
    let (host, port) = origin
        .strip_prefix("https://")
        .and_then(|rest| rest.split_once(':'))
        .context("the origin is not https://HOST:PORT")?;
    dial(host, port.parse()?, ca).await
}

/// As [`connect`], to `port` of this machine, whatever `host` the certificate must be for.
pub async fn dial(host: &str, port: u16, ca: &str) -> Result<TlsStream<TcpStream>> {
    let tcp = TcpStream::connect(("127.0.0.1", port)).await?;
    tcp.set_nodelay(true)?;
    let name = ServerName::try_from(host.to_owned())?;
    Ok(connector(ca)?.connect(name, tcp).await?)
}

fn connector(ca: &str) -> Result<TlsConnector> {
    crate::provider();
    let mut roots = RootCertStore::empty();
    for certificate in rustls_pemfile::certs(&mut ca.as_bytes()) {
        roots.add(certificate?)?;
    }
    let mut config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}
