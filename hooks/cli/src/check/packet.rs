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
    let limits = CheckLimits::of_size(bytes);
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeMap;

    use boathook_hooks::{
        documents::{
            Document as _,
            hook_list::{Head, Heads},
            receipt::Receipt,
        },
        ids::ClaimId,
        keys::SecretKey,
        packet::{Consent, Content, HookRef, Mode, Outcome, PacketWriter, RunFacts, WriteLimits},
        redaction::Redactor,
        time::Time,
        verify::sample::Sample,
    };

    use super::*;

    const NOW: Time = Time::from_ms(1_700_000_000_000);

    /// A packet of the sample's instance with one file, in a folder with its receipt beside it.
    struct Brought {
        house: Sample,
        folder: tempfile::TempDir,
        receipt: Receipt,
    }

    fn brought() -> Brought {
        let house = Sample::new(NOW);
        let digest = Digest::of(b"hook");
        let claim = ClaimId {
            revision: digest,
            instance: house.me().instance,
            reservation: 1,
        };
        let facts = RunFacts {
            mode: Mode::Verified,
            hook: Some(HookRef {
                digest,
                id: house.hook().id,
                revision: 1,
            }),
            subject: None,
            claim: Some(claim.clone()),
            instance: Some(house.me().instance),
            customer: Some(house.me().customer),
            policy: Digest::of(b"policy"),
            consent: Consent::Auto,
            signed_by: Vec::new(),
            privileges: Vec::new(),
            agent_version: "1.0.0".into(),
            started_at: NOW,
        };
        let folder = tempfile::tempdir().unwrap();
        let zip = File::create(folder.path().join("p.zip")).unwrap();
        let redactor = Redactor::builder().build().unwrap();
        let limits = WriteLimits::zip_bytes(1 << 20);
        let mut writer = PacketWriter::new(zip, redactor, facts, limits).unwrap();
        writer
            .begin_section("logs".parse().unwrap(), "file", NOW)
            .unwrap();
        writer.begin_file("a.log", Content::Text).unwrap();
        writer.write(b"listening\n").unwrap();
        writer.finish_file().unwrap();
        writer.finish_section(Outcome::Ok, "", vec![], 1).unwrap();
        writer.finish(NOW, false, &house.instance_key).unwrap();
        let bytes = std::fs::read(folder.path().join("p.zip")).unwrap();
        let none = Head::default();
        let receipt = Receipt {
            packet: Digest::of(&bytes),
            bytes: bytes.len() as u64,
            hook: Some(digest),
            claim: Some(claim),
            instance_key: house.instance_key.public(),
            received_at: NOW,
            heads: Heads {
                customer: none.clone(),
                house: none,
            },
            extensions: BTreeMap::new(),
            critical: Vec::new(),
        };
        Brought {
            house,
            folder,
            receipt,
        }
    }

    impl Brought {
        fn path(&self) -> PathBuf {
            self.folder.path().join("p.zip")
        }

        fn judged(&self, change: impl FnOnce(&mut Receipt), key: &SecretKey) -> Result<Proof> {
            let mut receipt = self.receipt.clone();
            change(&mut receipt);
            let bytes = receipt.envelope(&[key]).unwrap().to_bson().unwrap();
            std::fs::write(self.folder.path().join("p.zip.receipt"), bytes).unwrap();
            let trust = self.house.trust();
            let known = Known {
                trust: Some(&trust),
                ..Known::default()
            };
            prove(&self.path(), known)
        }
    }

    #[test]
    fn a_packet_holds_with_the_receipt_beside_it_and_no_other() {
        let packet = brought();
        let online = &packet.house.online;
        let proof = packet.judged(|_| (), online).unwrap();
        assert!(proof.holds.join("\n").contains("this very zip"));
        assert!(packet.judged(|_| (), &packet.house.ada_file).is_err());
        for wrong in [
            |r: &mut Receipt| r.packet = Digest::of(b"other"),
            |r: &mut Receipt| r.bytes += 1,
            |r: &mut Receipt| r.hook = None,
            |r: &mut Receipt| r.claim = None,
            |r: &mut Receipt| r.instance_key = SecretKey::from_seed(&[77; 32]).public(),
        ] {
            assert!(packet.judged(wrong, online).is_err());
        }
    }

    #[test]
    fn a_packet_without_receipt_or_root_says_what_is_open() {
        let packet = brought();
        let proof = prove(&packet.path(), Known::default()).unwrap();
        assert!(proof.open[0].contains("--receipt"), "{:?}", proof.open);
        let _ = packet.judged(|_| (), &packet.house.online);
        let proof = prove(&packet.path(), Known::default()).unwrap();
        assert!(proof.open[0].contains("--root"), "{:?}", proof.open);
    }

    #[test]
    fn another_key_or_another_byte_is_found() {
        let packet = brought();
        let judged = |key: &SecretKey| {
            let key = key.public();
            let known = Known {
                instance_key: Some(&key),
                ..Known::default()
            };
            prove(&packet.path(), known)
        };
        assert!(judged(&packet.house.instance_key).is_ok());
        assert!(judged(&packet.house.ada_file).is_err());
        let mut bytes = std::fs::read(packet.path()).unwrap();
        let middle = bytes.len() / 3;
        bytes[middle] ^= 1;
        std::fs::write(packet.path(), bytes).unwrap();
        assert!(prove(&packet.path(), Known::default()).is_err());
    }
}
