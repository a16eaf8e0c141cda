//! A receipt: signed by an online key of the house's roots, and over which packet.
use std::path::Path;

use boathook_hooks::{
    documents::{Document as _, receipt::Receipt, revocation::Revoked, root::Root},
    envelope::Envelope,
    keys::{KeyId, PublicKey},
    strict::MAX_DOCUMENT,
    verify::TrustStore,
};

use crate::{
    check::Proof,
    error::{Error, Result},
    files::EnvelopeFile,
    trust::unverified,
};

const TELL: &str = "tell the operator of the server; do not rely on the packet until it is clear";

/// The receipt in `path`, if an online key of one of `trust`'s roots signed it.
pub fn verified(path: &Path, trust: &TrustStore) -> Result<(Receipt, Root)> {
    let file = EnvelopeFile::read(path)?;
    verified_envelope(&file.envelope, trust)
}

pub fn verified_envelope(envelope: &Envelope, trust: &TrustStore) -> Result<(Receipt, Root)> {
    let receipt: Receipt = unverified(envelope)?;
    let root = signing_root(envelope, trust).ok_or_else(|| {
        Error::failed(
            "the receipt is not signed by an online key of the root",
            "give all roots in order, the first one first; if it stays, the receipt is forged",
        )
    })?;
    if let Some(unknown) = receipt.critical.first() {
        return Err(Error::failed(
            format!("the receipt needs the extension {unknown:?}"),
            "a newer `boathook` may know it",
        ));
    }
    Ok((receipt, root))
}

/// The newest root one of whose online keys, not revoked, signed it: an old receipt outlives a change of the online key.
pub(super) fn signing_root(envelope: &Envelope, trust: &TrustStore) -> Option<Root> {
    let versions = (1..=trust.root().version).rev();
    let mut roots = versions.filter_map(|v| {
        let envelope = Envelope::from_bson(trust.root_envelope(v)?, MAX_DOCUMENT).ok()?;
        Root::from_payload(&envelope.payload.0).ok()
    });
    roots.find(|root| {
        let mut keys = root.online.iter();
        keys.any(|key| !is_revoked(trust, &key.id()) && envelope.is_signed_by(key))
    })
}

fn is_revoked(trust: &TrustStore, key: &KeyId) -> bool {
    let undone = &trust.root().undone;
    let mut standing = trust.revocations().all().filter(|r| {
        !undone
            .iter()
            .any(|u| u.revoker == r.revoker && u.number == r.number)
    });
    standing.any(|r| r.revoked == Revoked::Key(*key))
}

/// Whether the receipt is for this very packet.
pub fn is_for(
    receipt: &Receipt,
    zip: &boathook_hooks::ids::Digest,
    bytes: u64,
    key: &PublicKey,
) -> Result<()> {
    if receipt.packet != *zip || receipt.bytes != bytes {
        return Err(Error::failed(
            format!(
                "the receipt is for another packet: SHA-256 {} of {} bytes, here {zip} of {bytes}",
                receipt.packet, receipt.bytes
            ),
            TELL,
        ));
    }
    if receipt.instance_key != *key {
        return Err(Error::failed(
            "the receipt names another instance's key than the packet",
            TELL,
        ));
    }
    Ok(())
}

/// A receipt by itself.
pub fn prove(envelope: &Envelope, trust: Option<&TrustStore>) -> Result<Proof> {
    let trust = trust.ok_or_else(|| {
        Error::usage(
            "a receipt is judged by the roots",
            "give them with --root FILE; `boathook trust fetch` gets them from the server",
        )
    })?;
    let (receipt, root) = verified_envelope(envelope, trust)?;
    let mut proof = Proof::of("receipt");
    proof.holds(format!("signed by an online key of root {}", root.version));
    if root.version != trust.root().version {
        proof.open("the newest root no longer names that key; ask when it was replaced, and why");
    }
    proof.holds(format!(
        "the server received the packet {} of {} bytes at {}",
        receipt.packet, receipt.bytes, receipt.received_at
    ));
    proof.open(
        "give the packet itself with `boathook verify PACKET.zip --receipt …` to compare them",
    );
    proof.facts = serde_json::to_value(&receipt).unwrap_or_default();
    Ok(proof)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use boathook_hooks::{ids::Digest, keys::SecretKey, time::Time, verify::sample::Sample};

    use super::*;

    fn receipt(house: &Sample) -> Receipt {
        let none = boathook_hooks::documents::hook_list::Head::default();
        Receipt {
            packet: Digest::of(b"zip"),
            bytes: 3,
            hook: None,
            claim: None,
            instance_key: house.instance_key.public(),
            received_at: house.now,
            heads: boathook_hooks::documents::hook_list::Heads {
                customer: none.clone(),
                house: none,
            },
            extensions: std::collections::BTreeMap::new(),
            critical: Vec::new(),
        }
    }

    #[test]
    fn a_receipt_holds_under_the_online_key_alone() {
        let house = Sample::new(Time::from_ms(1_700_000_000_000));
        let signed = |key: &SecretKey| receipt(&house).envelope(&[key]).unwrap();
        assert!(prove(&signed(&house.online), Some(&house.trust())).is_ok());
        assert!(prove(&signed(&house.ada_file), Some(&house.trust())).is_err());
        assert!(matches!(
            prove(&signed(&house.online), None),
            Err(Error::Usage { .. })
        ));
    }

    #[test]
    fn a_receipt_that_needs_what_is_not_known_here_is_refused() {
        let house = Sample::new(Time::from_ms(1_700_000_000_000));
        let new = Receipt {
            critical: vec!["new".into()],
            ..receipt(&house)
        };
        let envelope = new.envelope(&[&house.online]).unwrap();
        assert!(prove(&envelope, Some(&house.trust())).is_err());
    }

    #[test]
    fn a_receipt_is_for_one_packet_of_one_instance() {
        let house = Sample::new(Time::from_ms(1_700_000_000_000));
        let (receipt, key) = (receipt(&house), house.instance_key.public());
        is_for(&receipt, &Digest::of(b"zip"), 3, &key).unwrap();
        assert!(is_for(&receipt, &Digest::of(b"other"), 3, &key).is_err());
        assert!(is_for(&receipt, &Digest::of(b"zip"), 4, &key).is_err());
        let other = SecretKey::from_seed(&[77; 32]).public();
        assert!(is_for(&receipt, &Digest::of(b"zip"), 3, &other).is_err());
    }
}
