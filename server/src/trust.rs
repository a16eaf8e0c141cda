//! The trust documents that the store has, verified and held in memory until the control log says that more came.
use std::{
    collections::BTreeMap,
    sync::{Arc, RwLock},
};

use boathook_hooks::{
    documents::revocation::Revoked,
    envelope::Envelope,
    ids::PersonId,
    keys::KeyId,
    strict::MAX_DOCUMENT,
    verify::{Refusal, TrustStore},
};
use boathook_schema::{self as schema, Scope, Store};

/// All trust as of one moment.
#[derive(Debug, Default)]
pub struct Current {
    /// None before the first root.
    pub verifier: Option<TrustStore>,
    /// The same documents as bytes, to be served.
    pub documents: schema::Trust,
}

impl Current {
    /// The verifier, or the refusal that there is no root yet.
    pub fn verifier(&self) -> Result<&TrustStore, Refusal> {
        self.verifier.as_ref().ok_or(Refusal::NoRoster)
    }

    /// Keys that were revoked, and why; undone revocations are left out.
    pub fn revoked_keys(&self) -> BTreeMap<KeyId, String> {
        let all = self
            .verifier
            .iter()
            .flat_map(|t| t.revocations().standing());
        all.filter_map(|r| match &r.revoked {
            Revoked::Key(key) => Some((*key, r.reason.clone())),
            _ => None,
        })
        .collect()
    }

    /// Why that person's signatures count no more, whatever the key.
    pub fn revoked_person(&self, person: &PersonId) -> Option<String> {
        let trust = self.verifier.as_ref()?;
        trust.revocations().of_person(person).map(str::to_owned)
    }
}

/// The server's view of root, roster and revocations. Cheap to read.
pub struct Trust(RwLock<Arc<Current>>);

impl Trust {
    pub async fn load(store: &Store) -> Result<Self, String> {
        Ok(Self(RwLock::new(Arc::new(read(store).await?))))
    }

    pub fn current(&self) -> Arc<Current> {
        self.0.read().unwrap_or_else(|e| e.into_inner()).clone()
    }

    /// Reads the store again. What does not verify leaves the old view in place.
    pub async fn reload(&self, store: &Store) -> Result<(), String> {
        let fresh = Arc::new(read(store).await?);
        *self.0.write().unwrap_or_else(|e| e.into_inner()) = fresh;
        Ok(())
    }
}

async fn read(store: &Store) -> Result<Current, String> {
    let documents = store
        .trust(&Scope::System)
        .await
        .map_err(|e| e.to_string())?;
    let verifier = verify(&documents).map_err(|e| e.to_string())?;
    Ok(Current {
        verifier,
        documents,
    })
}

/// Verifies documents from the first root on; the store itself is not trusted.
pub fn verify(documents: &schema::Trust) -> Result<Option<TrustStore>, Refusal> {
    let Some(first) = documents.roots.first() else {
        return Ok(None);
    };
    let fingerprint = Envelope::from_bson(&first.envelope.0, MAX_DOCUMENT)?.digest();
    let mut trust = TrustStore::pin(&first.envelope.0, fingerprint)?;
    for root in &documents.roots[1..] {
        trust.add_root(&root.envelope.0)?;
    }
    for revocation in &documents.revocations {
        match trust.add_revocation(&revocation.envelope.0) {
            // A later root dropped its revoker. It stays on record, and counts for nobody.
            Err(Refusal::BeyondLastRevocation { .. }) => {}
            other => drop(other?),
        }
    }
    if let Some(roster) = &documents.roster {
        // A later root or revocation may have taken the roster's ground away: then there is none.
        if let Err(refusal) = trust.add_roster(&roster.envelope.0) {
            tracing::warn!(%refusal, "the stored roster no longer counts");
        }
    }
    Ok(Some(trust))
}
