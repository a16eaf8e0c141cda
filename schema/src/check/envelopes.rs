//! A published hook's signed bytes: without them no server can offer it. They are made again of what its hook holds.
use boathook_hooks::{
    documents::{Document as _, hook::Hook},
    envelope::{Envelope, EnvelopeSignature},
};

use super::{Check, Eye, FaultKind, aggregates::name};
use crate::{
    Revision, Scope, StoreError, codec,
    engine::{HEAD, Home, List, Table, scan::Aggregate},
};

impl Check<'_> {
    pub(super) async fn signed(&mut self, home: &Home) -> Result<(), StoreError> {
        if home.table != Table::Revisions {
            return Ok(());
        }
        let (store, head) = (self.eye.store, home.head());
        let found = store
            .0
            .read("check", move |look| {
                look.record::<Revision>("revision", &head)
            })
            .await;
        let revision = match found {
            Ok(Some(revision)) => revision,
            // That is said elsewhere.
            Ok(None) | Err(StoreError::Record { .. }) => return Ok(()),
            Err(e) => return Err(e),
        };
        let Some(why) = self.eye.envelope_of(&revision).await? else {
            return Ok(());
        };
        let mut repaired = false;
        if self.eye.options.repair
            && let Some(bytes) = self.eye.made_again(&revision).await?
        {
            let put = store.0.put_envelope(&revision.digest, bytes, self.eye.now);
            repaired = put.await?.done().is_ok();
        }
        let kind = FaultKind::HookWithoutEnvelope;
        self.done.fault(kind, name(home), why, repaired);
        Ok(())
    }
}

impl Eye<'_> {
    pub(super) async fn has_envelope(
        self,
        aggregate: &Aggregate,
    ) -> Result<Option<String>, StoreError> {
        let head = aggregate.rows.iter().find(|(row, _)| row == HEAD);
        // One that cannot be read is said elsewhere.
        match head.and_then(|(_, body)| codec::decode::<Revision>("revision", body).ok()) {
            Some(revision) => self.envelope_of(&revision).await,
            None => Ok(None),
        }
    }

    async fn envelope_of(self, revision: &Revision) -> Result<Option<String>, StoreError> {
        let (part, size) = (revision.digest.to_string(), revision.size);
        let found = self.store.0.read("check", move |look| {
            let bytes = look.entry(List::Envelopes, &part, "")?;
            Ok(bytes.map(|bytes| bytes.len() as u64))
        });
        Ok(match found.await? {
            None => Some("its envelope is not there".to_owned()),
            Some(bytes) => {
                (bytes != size).then(|| format!("its envelope has {bytes} bytes, not {size}"))
            }
        })
    }

    /// The envelope of what people signed; none where it would not be the one that was published.
    async fn made_again(self, revision: &Revision) -> Result<Option<Vec<u8>>, StoreError> {
        let hook = self
            .store
            .hook_revision(&Scope::System, &revision.hook, revision.revision);
        let Some(hook) = hook.await? else {
            return Ok(None);
        };
        let Some(payload) = hook.payload else {
            return Ok(None);
        };
        let mut envelope = Envelope::unsigned(Hook::PAYLOAD_TYPE, payload.0);
        envelope
            .signatures
            .extend(hook.signatures.iter().map(|s| EnvelopeSignature {
                keyid: s.keyid,
                sig: s.sig,
            }));
        let same = envelope.digest() == revision.digest;
        let bytes = envelope.to_bson().ok();
        Ok(bytes.filter(|bytes| same && bytes.len() as u64 == revision.size))
    }
}
