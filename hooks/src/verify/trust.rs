//! `TrustStore`: the chain of roots, the roster, the revocations and the last hook list, all verified.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    documents::{
        hook_list::{Heads, HookList},
        root::Root,
        roster::Roster,
    },
    envelope::Envelope,
    ids::{Blob, Digest},
    keys::KeyId,
    strict::MAX_DOCUMENT,
    time::Time,
    verify::{Refusal, revocations::Revocations, root, roster},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    New,
    Known,
}

/// A document that the hook list names and that is not here yet, to be fetched in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    Root(u64),
    Revocation { revoker: KeyId, number: u64 },
    Roster(u64),
}

/// The latest time and number that one online key has said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Floor {
    pub online: KeyId,
    pub time: Time,
    pub number: u64,
}

/// All of a `TrustStore` as bytes, for the disk and for the child's pipe. Reading it verifies everything again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustBundle {
    pub fingerprint: Digest,
    pub roots: Vec<Blob>,
    pub roster: Option<Blob>,
    pub roster_seen: u64,
    pub revocations: Vec<Blob>,
    pub list: Option<Blob>,
    pub floors: Vec<Floor>,
    pub heads: Option<Heads>,
}

/// Largest bundle that is read, in bytes.
pub const MAX_BUNDLE: usize = 16 * 1024 * 1024;

#[derive(Clone, Debug)]
pub struct TrustStore {
    pub(super) fingerprint: Digest,
    pub(super) roots: Vec<Root>,
    pub(super) root_bytes: Vec<Vec<u8>>,
    pub(super) roster: Option<(Roster, Vec<u8>)>,
    /// The highest roster version seen, kept when a new root drops the roster itself.
    pub(super) roster_seen: u64,
    pub(super) revocations: Revocations,
    pub(super) list: Option<(HookList, Vec<u8>)>,
    pub(super) floors: BTreeMap<KeyId, Floor>,
    pub(super) heads: Option<Heads>,
}

impl TrustStore {
    /// Begins with the first root, known by the SHA-256 of its payload. It may have expired: a later one can follow.
    pub fn pin(envelope: &[u8], fingerprint: Digest) -> Result<Self, Refusal> {
        let parsed = Envelope::from_bson(envelope, MAX_DOCUMENT)?;
        let found = parsed.digest();
        if found != fingerprint {
            return Err(Refusal::OtherRoot {
                expected: fingerprint,
                found,
            });
        }
        let first = root::check(&parsed, None)?;
        let mut revocations = Revocations::default();
        revocations.follow(&first);
        Ok(Self {
            fingerprint,
            roots: vec![first],
            root_bytes: vec![envelope.to_vec()],
            roster: None,
            roster_seen: 0,
            revocations,
            list: None,
            floors: BTreeMap::new(),
            heads: None,
        })
    }

    pub fn bundle(&self) -> TrustBundle {
        TrustBundle {
            fingerprint: self.fingerprint,
            roots: self.root_bytes.iter().cloned().map(Blob).collect(),
            roster: self.roster.as_ref().map(|(_, b)| Blob(b.clone())),
            roster_seen: self.roster_seen,
            revocations: self
                .revocations
                .envelopes()
                .map(|b| Blob(b.to_vec()))
                .collect(),
            list: self.list.as_ref().map(|(_, b)| Blob(b.clone())),
            floors: self.floors.values().cloned().collect(),
            heads: self.heads.clone(),
        }
    }

    /// Verifies every signature again; only times are left to whoever uses it.
    pub fn from_bundle(bundle: &TrustBundle) -> Result<Self, Refusal> {
        let first = bundle.roots.first().ok_or(Refusal::Unsound {
            document: "trust bundle",
            what: "it has no root".into(),
        })?;
        let mut store = Self::pin(&first.0, bundle.fingerprint)?;
        for next in &bundle.roots[1..] {
            store.add_root(&next.0)?;
        }
        for revocation in &bundle.revocations {
            store.add_revocation(&revocation.0)?;
        }
        if let Some(roster) = &bundle.roster {
            store.add_roster(&roster.0)?;
        }
        store.roster_seen = store.roster_seen.max(bundle.roster_seen);
        store.heads.clone_from(&bundle.heads);
        store.floors = bundle
            .floors
            .iter()
            .filter(|f| store.online_ids().any(|id| id == f.online))
            .map(|f| (f.online, f.clone()))
            .collect();
        if let Some(list) = &bundle.list {
            store.restore_list(&list.0)?;
        }
        Ok(store)
    }

    /// The root that counts now: the last of the chain.
    pub fn root(&self) -> &Root {
        // The chain is never empty: `pin` begins it and nothing removes from it.
        &self.roots[self.roots.len() - 1]
    }

    pub fn fingerprint(&self) -> Digest {
        self.fingerprint
    }

    /// Envelope bytes of root `version`.
    pub fn root_envelope(&self, version: u64) -> Option<&[u8]> {
        let at = self.roots.iter().position(|r| r.version == version)?;
        Some(&self.root_bytes[at])
    }

    pub fn roster(&self) -> Option<&Roster> {
        self.roster.as_ref().map(|(r, _)| r)
    }

    pub fn roster_envelope(&self) -> Option<&[u8]> {
        self.roster.as_ref().map(|(_, b)| b.as_slice())
    }

    pub fn revocations(&self) -> &Revocations {
        &self.revocations
    }

    pub fn list(&self) -> Option<&HookList> {
        self.list.as_ref().map(|(l, _)| l)
    }

    /// The last number of each revoker of the current root and of those who have revoked something.
    pub fn revoker_heads(&self) -> BTreeMap<KeyId, u64> {
        let named = self
            .roots
            .iter()
            .flat_map(|r| &r.revokers)
            .map(|h| h.key.id());
        named
            .map(|id| (id, self.revocations.last(&id)))
            .filter(|(_, n)| *n > 0)
            .collect()
    }

    /// Adds root N+1. Known ones are let pass when they are the same bytes.
    pub fn add_root(&mut self, envelope: &[u8]) -> Result<Added, Refusal> {
        let parsed = Envelope::from_bson(envelope, MAX_DOCUMENT)?;
        let digest = parsed.digest();
        for known in &self.root_bytes {
            if Envelope::from_bson(known, MAX_DOCUMENT)?.digest() == digest {
                return Ok(Added::Known);
            }
        }
        let next = root::check(&parsed, Some(self.root()))?;
        self.revocations.follow(&next);
        self.roots.push(next);
        self.root_bytes.push(envelope.to_vec());
        // What an online key has said is forgotten with the key.
        let online: Vec<KeyId> = self.online_ids().collect();
        self.floors.retain(|id, _| online.contains(id));
        if let Some((_, bytes)) = &self.list
            && !Envelope::from_bson(bytes, MAX_DOCUMENT)
                .is_ok_and(|e| self.online_signer(&e).is_some())
        {
            self.list = None;
            self.heads = None;
        }
        self.recheck_roster();
        Ok(Added::New)
    }

    /// Adds a roster. An expired one is kept too (and starts nothing), so that its version still counts.
    pub fn add_roster(&mut self, envelope: &[u8]) -> Result<Added, Refusal> {
        let parsed = Envelope::from_bson(envelope, MAX_DOCUMENT)?;
        let next = roster::check(&parsed, self.root(), &self.revocations)?;
        if let Some((_, known)) = self
            .roster
            .as_ref()
            .filter(|(r, _)| r.version == next.version)
        {
            let same = Envelope::from_bson(known, MAX_DOCUMENT)?.digest() == parsed.digest();
            return if same {
                Ok(Added::Known)
            } else {
                Err(Refusal::RosterFork(next.version))
            };
        }
        if next.version < self.roster_seen {
            return Err(Refusal::RosterRollback {
                seen: self.roster_seen,
                found: next.version,
            });
        }
        self.roster_seen = next.version;
        self.roster = Some((next, envelope.to_vec()));
        Ok(Added::New)
    }

    pub fn add_revocation(&mut self, envelope: &[u8]) -> Result<Added, Refusal> {
        let parsed = Envelope::from_bson(envelope, MAX_DOCUMENT)?;
        if self.revocations.add(envelope, &parsed, &self.roots)? {
            self.recheck_roster();
            Ok(Added::New)
        } else {
            Ok(Added::Known)
        }
    }

    /// A roster counts only under the root and the revocations of now.
    fn recheck_roster(&mut self) {
        let stands = self.roster.as_ref().is_some_and(|(_, bytes)| {
            Envelope::from_bson(bytes, MAX_DOCUMENT)
                .is_ok_and(|e| roster::check(&e, self.root(), &self.revocations).is_ok())
        });
        if !stands {
            self.roster = None;
        }
    }

    pub(super) fn online_ids(&self) -> impl Iterator<Item = KeyId> {
        self.root().online.iter().map(|k| k.id())
    }

    /// The online key of the current root, not revoked, that signed `envelope`.
    pub(super) fn online_signer(&self, envelope: &Envelope) -> Option<KeyId> {
        let keys = self.root().online.iter();
        keys.filter(|k| self.revocations.of_key(&k.id()).is_none())
            .find(|k| envelope.is_signed_by(k))
            .map(|k| k.id())
    }

    /// Time for what must not outlive its end: never before what an online key has said already.
    pub(super) fn not_before_floor(&self, now: Time) -> Time {
        self.floors.values().map(|f| f.time).fold(now, Time::max)
    }

    /// What the hook list names and is not here yet.
    pub fn missing(&self) -> Vec<Missing> {
        let Some(list) = self.list() else {
            return Vec::new();
        };
        let mut out: Vec<Missing> = (self.root().version + 1..=list.root_version)
            .map(Missing::Root)
            .collect();
        for head in &list.revokers {
            let have = self.revocations.last(&head.revoker);
            let wanted = self.revocations.countable(&head.revoker, head.number);
            out.extend((have + 1..=wanted).map(|number| Missing::Revocation {
                revoker: head.revoker,
                number,
            }));
        }
        if self
            .roster()
            .is_none_or(|r| r.version < list.roster_version)
            && list.roster_version > 0
        {
            out.push(Missing::Roster(list.roster_version));
        }
        // Bounded: a list that names absurd numbers must not make the agent ask for ever.
        out.truncate(1_000);
        out
    }
}
