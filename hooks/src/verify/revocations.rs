//! Revocations: a union over all revokers, for ever, less what the root undoes and what a dropped revoker signs after it.
use std::collections::{BTreeMap, BTreeSet};

use crate::{
    documents::{
        Document,
        revocation::{Revocation, Revoked},
        root::Root,
    },
    envelope::Envelope,
    ids::{Digest, PersonId},
    keys::KeyId,
    strict,
    verify::Refusal,
};

/// All revocations seen, by revoker and number.
#[derive(Clone, Debug, Default)]
pub struct Revocations {
    seen: BTreeMap<(KeyId, u64), (Revocation, Digest, Vec<u8>)>,
    undone: BTreeSet<(KeyId, u64)>,
    /// The last number that counts of each revoker whom the root dropped.
    last_counted: BTreeMap<KeyId, u64>,
}

impl Revocations {
    /// The last number of `revoker`; 0 when there is none.
    pub(super) fn last(&self, revoker: &KeyId) -> u64 {
        self.seen
            .range((*revoker, 0)..=(*revoker, u64::MAX))
            .next_back()
            .map_or(0, |((_, n), _)| *n)
    }

    /// `root` is the one that counts from now on. What it does not let stand is forgotten, so that all who have this root
    /// have the same revocations.
    pub(super) fn follow(&mut self, root: &Root) {
        self.undone = root.undone.iter().map(|u| (u.revoker, u.number)).collect();
        let last = root.last_revocations.iter();
        self.last_counted = last.map(|l| (l.revoker, l.number)).collect();
        let last = &self.last_counted;
        self.seen
            .retain(|(revoker, number), _| last.get(revoker).is_none_or(|l| number <= l));
    }

    /// How many of the `number` that a hook list knows of `revoker` can count here.
    pub(super) fn countable(&self, revoker: &KeyId, number: u64) -> u64 {
        self.last_counted
            .get(revoker)
            .map_or(number, |last| number.min(*last))
    }

    /// Adds one that a revoker of some root of the chain signed; false when it is known already.
    pub(super) fn add(
        &mut self,
        bytes: &[u8],
        envelope: &Envelope,
        roots: &[Root],
    ) -> Result<bool, Refusal> {
        envelope.expect_type(Revocation::PAYLOAD_TYPE)?;
        let signer = roots
            .iter()
            .flat_map(|r| &r.revokers)
            .find(|holder| envelope.is_signed_by(&holder.key))
            .ok_or(Refusal::NotARevoker)?;
        let revocation: Revocation = strict::decode(&envelope.payload.0, strict::MAX_DOCUMENT)
            .map_err(|source| Refusal::Unreadable {
                document: "revocation",
                source,
            })?;
        if revocation.revoker != signer.key.id() {
            return Err(Refusal::NotARevoker);
        }
        let id = (revocation.revoker, revocation.number);
        let digest = envelope.digest();
        if let Some((_, known, _)) = self.seen.get(&id) {
            return if *known == digest {
                Ok(false)
            } else {
                Err(Refusal::RevocationFork(id.1))
            };
        }
        if let Some(last) = self.last_counted.get(&id.0).filter(|last| id.1 > **last) {
            return Err(Refusal::BeyondLastRevocation {
                last: *last,
                found: id.1,
            });
        }
        let expected = self.last(&id.0) + 1;
        if id.1 != expected {
            return Err(Refusal::RevocationGap {
                expected,
                found: id.1,
            });
        }
        self.seen.insert(id, (revocation, digest, bytes.to_vec()));
        Ok(true)
    }

    /// Those that no root undid.
    pub fn standing(&self) -> impl Iterator<Item = &Revocation> {
        self.seen
            .iter()
            .filter(|(id, _)| !self.undone.contains(id))
            .map(|(_, (r, _, _))| r)
    }

    fn reason(&self, what: impl Fn(&Revoked) -> bool) -> Option<&str> {
        self.standing()
            .find(|r| what(&r.revoked))
            .map(|r| r.reason.as_str())
    }

    /// Why that key was revoked, if it is.
    pub fn of_key(&self, key: &KeyId) -> Option<&str> {
        self.reason(|r| matches!(r, Revoked::Key(k) if k == key))
    }

    /// Why that person was revoked, if they are.
    pub fn of_person(&self, person: &PersonId) -> Option<&str> {
        self.reason(|r| matches!(r, Revoked::Person(p) if p == person))
    }

    pub(super) fn of_hook(&self, hook: &Digest) -> Option<&str> {
        self.reason(|r| matches!(r, Revoked::Hook(d) if d == hook))
    }

    /// The envelopes, in order of revoker and number.
    pub(super) fn envelopes(&self) -> impl Iterator<Item = &[u8]> {
        self.seen.values().map(|(_, _, bytes)| bytes.as_slice())
    }

    pub fn digest(&self) -> Digest {
        revocations_digest(self.seen.values().map(|(_, d, _)| *d))
    }

    /// Every revocation, undone ones too.
    pub fn all(&self) -> impl Iterator<Item = &Revocation> {
        self.seen.values().map(|(r, _, _)| r)
    }
}

/// SHA-256 over the payload digests in order of revoker and number, as a hook list carries it.
pub fn revocations_digest(digests: impl IntoIterator<Item = Digest>) -> Digest {
    let joined: Vec<u8> = digests.into_iter().flat_map(|d| d.0).collect();
    Digest::of(&joined)
}
