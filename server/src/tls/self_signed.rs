//! A CA and a certificate of one's own, for demos. The CA stays over restarts, so that agents keep trusting it.
use std::{
    fs,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};

use crate::{
    keys::{read_secret, write_secret},
    tls::{TlsError, server_config},
};

pub struct Made {
    pub server: ServerConfig,
    pub ca_pem: String,
    pub ca_path: PathBuf,
}

pub fn ca_path(data_dir: &Path) -> PathBuf {
    data_dir.join("tls").join("ca.pem")
}

/// A certificate for the origin's host (and localhost), signed by the CA in `data_dir`, which is made if missing.
pub fn make(data_dir: &Path, origin: &str) -> Result<Made, TlsError> {
    let (issuer, ca_pem) = authority(data_dir)?;
    let mut names = vec![
        host_of(origin),
        "localhost".into(),
        "127.0.0.1".into(),
        "::1".into(),
    ];
    names.dedup();
    let mut params = CertificateParams::new(names)?;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate()?;
    let leaf = params.signed_by(&key, &issuer)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    Ok(Made {
        server: server_config(vec![leaf.der().clone()], key)?,
        ca_pem,
        ca_path: ca_path(data_dir),
    })
}

fn authority(data_dir: &Path) -> Result<(Issuer<'static, KeyPair>, String), TlsError> {
    let folder = data_dir.join("tls");
    let (key_path, path) = (folder.join("ca.key"), ca_path(data_dir));
    if path.exists() {
        let pem = read_secret(&key_path)?;
        let key = KeyPair::from_pem(&String::from_utf8_lossy(&pem))?;
        let ca_pem = fs::read_to_string(&path).map_err(|e| TlsError::Read {
            what: "the CA",
            path: path.clone(),
            message: e.to_string(),
        })?;
        return Ok((Issuer::new(authority_params()?, key), ca_pem));
    }
    let write = |path: &Path| {
        let path = path.to_owned();
        move |source| TlsError::Write { path, source }
    };
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)
        .map_err(write(&folder))?;
    let key = KeyPair::generate()?;
    write_secret(&key_path, key.serialize_pem().as_bytes())?;
    let ca_pem = authority_params()?.self_signed(&key)?.pem();
    fs::write(&path, &ca_pem).map_err(write(&path))?;
    Ok((Issuer::new(authority_params()?, key), ca_pem))
}

fn authority_params() -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(
        DnType::CommonName,
        "boathook self-signed CA, for a demo only",
    );
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

/// The host of `https://host[:port]`, brackets of IPv6 taken off.
fn host_of(origin: &str) -> String {
    let authority = origin.strip_prefix("https://").unwrap_or(origin);
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host.to_owned()
}

#[cfg(test)]
mod tests {
    use super::host_of;

    #[test]
    fn the_host_of_an_origin_has_no_port_and_no_brackets() {
        assert_eq!(host_of("https://b.example:8443"), "b.example");
        assert_eq!(host_of("https://[::1]:8443"), "::1");
        assert_eq!(host_of("https://127.0.0.1"), "127.0.0.1");
    }
}
