//! TLS by rustls: given certificates, read again when they change, or a self-signed CA for demos that says so.
mod self_signed;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Once},
    time::{Duration, SystemTime},
};

use axum_server::tls_rustls::RustlsConfig;
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use tokio_util::sync::CancellationToken;

use crate::config::Config;

const LOOK_EVERY: Duration = Duration::from_secs(2);

#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("[tls] names no certificate and key; give both, or self_signed = true for a demo")]
    NoCertificate,
    #[error("cannot read {what} from {path}: {message}")]
    Read {
        what: &'static str,
        path: PathBuf,
        message: String,
    },
    #[error("the certificate and the key do not fit each other")]
    Mismatch(#[source] rustls::Error),
    #[error("cannot make a self-signed certificate")]
    Make(#[from] rcgen::Error),
    #[error("cannot keep the self-signed certificate")]
    Keep(#[from] crate::keys::KeysError),
    #[error("cannot write {path}")]
    Write {
        path: PathBuf,
        source: std::io::Error,
    },
}

/// What the HTTPS listener needs, and what agents must trust.
pub struct Tls {
    pub rustls: RustlsConfig,
    /// PEM that goes into join strings; none is the agent's own CAs.
    pub ca_pem: Option<String>,
}

/// Installs aws-lc-rs as the process' one provider. Safe to call again.
pub fn install_provider() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // An error means that the program has installed one already, which is as good.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    });
}

/// TLS as the config says. With certificate files, they are looked at again until `shutdown`.
pub fn start(config: &Config, shutdown: &CancellationToken) -> Result<Tls, TlsError> {
    install_provider();
    let tls = &config.tls;
    if tls.self_signed {
        let made = self_signed::make(&config.data_dir, &config.origin)?;
        tracing::warn!(
            ca = %made.ca_path.display(),
            "TLS IS SELF-SIGNED: for a demo only. Join strings carry this CA, and for curl it is what --cacert wants"
        );
        return Ok(Tls {
            rustls: RustlsConfig::from_config(Arc::new(made.server)),
            ca_pem: Some(made.ca_pem),
        });
    }
    // Before they are read: what changes from here on is seen as a change.
    let seen = stamps([&tls.certificate, &tls.key]);
    let server = from_files(&tls.certificate, &tls.key)?;
    let rustls = RustlsConfig::from_config(Arc::new(server));
    tokio::spawn(reload(
        rustls.clone(),
        tls.certificate.clone(),
        tls.key.clone(),
        seen,
        shutdown.clone(),
    ));
    Ok(Tls {
        rustls,
        ca_pem: given_ca(config)?,
    })
}

/// PEM of the CA that join strings carry, without starting anything: for commands beside a running server.
pub fn ca_pem(config: &Config) -> Result<Option<String>, TlsError> {
    if config.tls.self_signed {
        let path = self_signed::ca_path(&config.data_dir);
        return std::fs::read_to_string(&path).map(Some).or_else(|_| {
            install_provider();
            self_signed::make(&config.data_dir, &config.origin).map(|made| Some(made.ca_pem))
        });
    }
    given_ca(config)
}

fn given_ca(config: &Config) -> Result<Option<String>, TlsError> {
    let path = &config.tls.ca;
    if path.as_os_str().is_empty() {
        return Ok(None);
    }
    let read = |message: String| TlsError::Read {
        what: "a CA",
        path: path.clone(),
        message,
    };
    let pem = std::fs::read_to_string(path).map_err(|e| read(e.to_string()))?;
    match CertificateDer::pem_slice_iter(pem.as_bytes()).next() {
        Some(Ok(_)) => Ok(Some(pem)),
        _ => Err(read("there is no certificate in PEM".into())),
    }
}

fn from_files(certificate: &Path, key: &Path) -> Result<ServerConfig, TlsError> {
    if certificate.as_os_str().is_empty() || key.as_os_str().is_empty() {
        return Err(TlsError::NoCertificate);
    }
    let read = |what, path: &Path, message: String| TlsError::Read {
        what,
        path: path.to_owned(),
        message,
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(|e| read("certificates", certificate, e.to_string()))?;
    if chain.is_empty() {
        return Err(read(
            "certificates",
            certificate,
            "there is none in PEM".into(),
        ));
    }
    let key = PrivateKeyDer::from_pem_file(key).map_err(|e| read("a key", key, e.to_string()))?;
    server_config(chain, key)
}

fn server_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, TlsError> {
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(TlsError::Mismatch)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

type Stamps = [Option<(SystemTime, u64)>; 2];

fn stamps(paths: [&Path; 2]) -> Stamps {
    paths.map(|path| {
        let meta = std::fs::metadata(path).ok()?;
        Some((meta.modified().ok()?, meta.len()))
    })
}

async fn reload(
    rustls: RustlsConfig,
    certificate: PathBuf,
    key: PathBuf,
    mut seen: Stamps,
    shutdown: CancellationToken,
) {
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        let now = stamps([&certificate, &key]);
        if now == seen {
            continue;
        }
        match from_files(&certificate, &key) {
            Ok(config) => {
                rustls.reload_from_config(Arc::new(config));
                tracing::info!(certificate = %certificate.display(), "certificate read again");
                seen = now;
            }
            // Both files are seldom written in one moment: looked at again next time, the old ones stay in use.
            Err(error) => tracing::warn!(%error, "the changed certificate is not usable yet"),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn pair(dir: &Path, name: &str) {
        install_provider();
        let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
        std::fs::write(dir.join("crt"), made.cert.pem()).unwrap();
        std::fs::write(dir.join("key"), made.signing_key.serialize_pem()).unwrap();
    }

    #[tokio::test]
    async fn a_changed_certificate_is_read_again() {
        let dir = tempfile::tempdir().unwrap();
        pair(dir.path(), "one.example");
        let mut config = Config::new(dir.path(), "https://one.example");
        config.tls.certificate = dir.path().join("crt");
        config.tls.key = dir.path().join("key");
        let shutdown = CancellationToken::new();
        let tls = start(&config, &shutdown).unwrap();
        let before = Arc::as_ptr(&tls.rustls.get_inner());
        pair(dir.path(), "a-longer-name.example");
        tokio::time::timeout(Duration::from_secs(20), async {
            while Arc::as_ptr(&tls.rustls.get_inner()) == before {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
        .await
        .unwrap();
        shutdown.cancel();
    }

    #[tokio::test]
    async fn without_a_certificate_it_is_never_silently_self_signed() {
        let dir = tempfile::tempdir().unwrap();
        let config = Config::new(dir.path(), "https://h.example");
        assert!(matches!(
            start(&config, &CancellationToken::new()),
            Err(TlsError::NoCertificate)
        ));
    }

    #[tokio::test]
    async fn a_self_signed_ca_stays_the_same_over_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config::new(dir.path(), "https://127.0.0.1:8443");
        config.tls.self_signed = true;
        let shutdown = CancellationToken::new();
        let first = start(&config, &shutdown).unwrap().ca_pem;
        assert_eq!(first, start(&config, &shutdown).unwrap().ca_pem);
        assert_eq!(first, ca_pem(&config).unwrap());
    }
}
