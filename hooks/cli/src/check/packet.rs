//! A packet's zip: whole, every file as signed for by the instance's key, and the one that a receipt names.
use std::{
    fs::File,
    io::{Read, Seek as _},
    path::{Path, PathBuf},
};

use boathook_hooks::{
    ids::Digest,
    keys::PublicKey,
    packet::{self, CheckLimits, CheckedPacket, Statement},
    verify::TrustStore,
};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::{
    check::{Proof, receipt},
    error::{Error, Result},
};

/// What is known of the packet from elsewhere.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known<'a> {
    pub trust: Option<&'a TrustStore>,
    /// The receipt; without it the file beside the packet, `PACKET.zip.receipt`.
    pub receipt: Option<&'a Path>,
    pub instance_key: Option<&'a PublicKey>,
}

/// The packet's statement, after structure, signature and every file were checked. The key is the packet's own unless
/// `key` says another.
pub fn checked(path: &Path, key: Option<&PublicKey>) -> Result<(Statement, Digest, u64)> {
    let failed = |operation| {
        move |source| Error::File {
            operation,
            path: path.to_owned(),
            source,
        }
    };
    let mut zip = File::open(path).map_err(failed("read"))?;
    let mut hash = Sha256::new();
    let mut bytes = 0_u64;
    let mut piece = vec![0; 64 * 1024];
    loop {
        let n = zip.read(&mut piece).map_err(failed("read"))?;
        if n == 0 {
            break;
        }
        hash.update(&piece[..n]);
        bytes += n as u64;
    }
    zip.rewind().map_err(failed("read"))?;
    let limits = CheckLimits::zip_bytes(bytes);
    let checked: CheckedPacket = match key {
        Some(key) => packet::check(&mut zip, key, limits),
        None => packet::check_unknown(&mut zip, limits),
    }
    .map_err(|e| {
        Error::failed(
            format!("{} is no sound packet: {e}", path.display()),
            "fetch it again with `boathook packet get`; if it stays, do not rely on it",
        )
    })?;
    let digest = Digest(hash.finalize().into());
    Ok((checked.into_statement(), digest, bytes))
}

pub fn prove(path: &Path, known: Known<'_>) -> Result<Proof> {
    let (statement, digest, bytes) = checked(path, known.instance_key)?;
    let mut proof = Proof::of("packet");
    let files = statement.all_files().count();
    proof.holds(format!(
        "whole: {files} files, each as the statement says, and nothing else"
    ));
    proof.holds(format!(
        "the statement is signed by the instance's key {}",
        statement.instance_key.id().short()
    ));
    let beside = beside(path);
    let receipt = known.receipt.or(beside.as_deref());
    match (receipt, known.trust) {
        (Some(file), Some(trust)) => {
            let (receipt, root) = receipt::verified(file, trust)?;
            receipt::is_for(&receipt, &digest, bytes, &statement.instance_key)?;
            let hook = statement.hook.as_ref().map(|h| h.digest);
            if receipt.hook != hook || receipt.claim != statement.claim {
                return Err(Error::failed(
                    "the receipt is for another hook or claim than the packet's",
                    "tell the operator of the server",
                ));
            }
            proof.holds(format!(
                "the server received this very zip at {} ({}, online key of root {})",
                receipt.received_at,
                file.display(),
                root.version
            ));
        }
        (Some(file), None) => proof.open(format!(
            "the receipt {} was not judged: give the roots with --root",
            file.display()
        )),
        (None, _) => proof.open(
            "without a receipt only the packet itself vouches for its key: give --receipt and --root, or --instance-key",
        ),
    }
    if known.instance_key.is_some() {
        proof.holds("that key is the one given with --instance-key");
    }
    proof.facts = json!({"sha256": digest, "bytes": bytes, "statement": statement});
    Ok(proof)
}

/// `packet get` puts the receipt beside the packet.
fn beside(path: &Path) -> Option<PathBuf> {
    let mut name = path.as_os_str().to_owned();
    name.push(".receipt");
    Some(PathBuf::from(name)).filter(|p| p.exists())
}
