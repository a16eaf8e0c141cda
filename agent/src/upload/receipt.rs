//! The receipt: believed only if an online key of the root signed it over this very packet.
use boathook_hooks::{
    documents::{Document, receipt::Receipt, revocation::Revoked},
    envelope::Envelope,
    keys::PublicKey,
    strict::{self, MAX_DOCUMENT},
    verify::TrustStore,
};

use crate::spool::Entry;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the receipt does not count: {0}")]
pub struct BadReceipt(pub String);

pub fn check(
    bytes: &[u8],
    entry: &Entry,
    instance_key: &PublicKey,
    trust: &TrustStore,
) -> Result<(), BadReceipt> {
    let bad = |what: &str| BadReceipt(what.to_owned());
    let envelope =
        Envelope::from_bson(bytes, MAX_DOCUMENT).map_err(|e| BadReceipt(e.to_string()))?;
    envelope
        .expect_type(Receipt::PAYLOAD_TYPE)
        .map_err(|e| BadReceipt(e.to_string()))?;
    if !trust
        .root()
        .online
        .iter()
        .any(|key| !revoked(trust, key) && envelope.is_signed_by(key))
    {
        return Err(bad("it is not signed by an online key of the root"));
    }
    let receipt: Receipt =
        strict::decode(&envelope.payload.0, MAX_DOCUMENT).map_err(|e| BadReceipt(e.to_string()))?;
    if let Some(unknown) = receipt.critical.first() {
        return Err(BadReceipt(format!("it needs the extension {unknown:?}")));
    }
    if receipt.packet != entry.sha256 || receipt.bytes != entry.bytes {
        return Err(bad("it is for another packet"));
    }
    if receipt.claim.as_ref() != Some(&entry.claim) || receipt.hook != Some(entry.hook) {
        return Err(bad("it is for another claim"));
    }
    if receipt.instance_key != *instance_key {
        return Err(bad("it is for another instance"));
    }
    Ok(())
}

fn revoked(trust: &TrustStore, key: &PublicKey) -> bool {
    let undone = &trust.root().undone;
    trust
        .revocations()
        .all()
        .filter(|r| {
            !undone
                .iter()
                .any(|u| u.revoker == r.revoker && u.number == r.number)
        })
        .any(|r| r.revoked == Revoked::Key(key.id()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use boathook_hooks::{
        documents::hook_list::Heads,
        ids::{ClaimId, Digest},
        keys::SecretKey,
        time::Time,
        verify::sample::Sample,
    };

    fn entry() -> Entry {
        let hook = Digest::of(b"hook");
        Entry {
            run: "r1".into(),
            claim: ClaimId {
                revision: hook,
                instance: "app-01".parse().unwrap(),
                reservation: 1,
            },
            hook,
            sha256: Digest::of(b"zip"),
            bytes: 3,
            name: "x.zip".into(),
            made_at: Time::from_ms(0),
            interrupted: false,
        }
    }

    fn verdict(
        change: impl FnOnce(&mut Receipt),
        key: impl FnOnce(&Sample) -> SecretKey,
    ) -> Result<(), BadReceipt> {
        let house = Sample::new(Time::wall_clock());
        let entry = entry();
        let mut receipt = Receipt {
            packet: entry.sha256,
            bytes: entry.bytes,
            hook: Some(entry.hook),
            claim: Some(entry.claim.clone()),
            instance_key: house.instance_key.public(),
            received_at: house.now,
            heads: Heads {
                customer: Default::default(),
                house: Default::default(),
            },
            extensions: Default::default(),
            critical: vec![],
        };
        change(&mut receipt);
        let bytes = house.signed(&receipt, &[&key(&house)]);
        check(&bytes, &entry, &house.instance_key.public(), &house.trust())
    }

    #[test]
    fn a_receipt_counts_only_for_this_packet_claim_and_instance_under_the_online_key() {
        let online = |h: &Sample| h.online.clone();
        assert_eq!(verdict(|_| (), online), Ok(()));
        assert!(
            verdict(|_| (), |h| h.ada_file.clone())
                .unwrap_err()
                .0
                .contains("online key")
        );
        assert!(
            verdict(|r| r.packet = Digest::of(b"other"), online)
                .unwrap_err()
                .0
                .contains("packet")
        );
        assert!(
            verdict(|r| r.bytes = 4, online)
                .unwrap_err()
                .0
                .contains("packet")
        );
        assert!(
            verdict(|r| r.claim = None, online)
                .unwrap_err()
                .0
                .contains("claim")
        );
        assert!(
            verdict(|r| r.hook = None, online)
                .unwrap_err()
                .0
                .contains("claim")
        );
        let other = SecretKey::from_seed(&[77; 32]).public();
        assert!(
            verdict(|r| r.instance_key = other, online)
                .unwrap_err()
                .0
                .contains("instance")
        );
        assert!(
            verdict(|r| r.critical.push("x".into()), online)
                .unwrap_err()
                .0
                .contains("extension")
        );
    }
}
