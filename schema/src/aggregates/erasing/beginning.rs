//! How an erasing begins: the record becomes what is kept of it, and stands in no list any more.
use boathook_hooks::ids::{ClaimId, InstanceId};
use bson::doc;

use super::{allowed, at_instance, chain, erased, event, home, put};
use crate::{
    Answer, ErasedKind, ErasedPacket, Erasure, EventKind, Instance, InstanceState, Packet, Refused,
    Scope, Write,
    aggregates::{instances, packets},
    engine::{Engine, HEAD, Look as _, Stop, Tx, ensure, not_found},
};

/// Who asked, and in which words, is told by the audit alone.
fn begin(tx: &mut Tx<'_>, erasure: &Erasure) -> Result<(), Stop> {
    put(tx, erasure)?;
    let mut e = event(EventKind::ERASURE_BEGUN, erasure);
    e.personal = doc! { "words": &erasure.why };
    tx.event(&chain(erasure), e)
}

/// The packet of this aggregate goes from all that tells of it.
fn erase(tx: &mut Tx<'_>, packet: &Packet, why: &str) -> Result<Erasure, Stop> {
    packets::forget(tx, packet)?;
    let erasure = Erasure {
        kind: ErasedKind::Packet,
        id: packet.claim.to_string(),
        customer: packet.customer.clone(),
        why: why.to_owned(),
        begun: tx.now(),
        finished: None,
        head: None,
        packet: Some(ErasedPacket {
            bytes: packet.bytes,
            sha256: packet.sha256,
            chunks: u32::try_from(packet.chunks.len()).unwrap_or(u32::MAX),
            received_at: packet.received_at,
            reserved_at: packet.reserved_at,
        }),
    };
    begin(tx, &erasure)?;
    Ok(erasure)
}

/// A packet that was accepted and whose instance was erased since: it is erased, too, before anybody sees it. Whether it was.
pub(in crate::aggregates) fn erase_arriving(
    tx: &mut Tx<'_>,
    packet: &Packet,
) -> Result<bool, Stop> {
    match erased(tx, &at_instance(packet.instance()))? {
        Some(instance) => erase(tx, packet, &instance.why).map(|_| true),
        None => Ok(false),
    }
}

impl Engine {
    pub(crate) async fn erase_packet(
        &self,
        scope: &Scope,
        write: Write,
        claim: ClaimId,
        why: String,
    ) -> Answer<Erasure> {
        let scope = scope.clone();
        let home = home(ErasedKind::Packet, &claim.to_string());
        self.write("erase_packet", write, home, move |tx| {
            allowed(&scope, &why)?;
            let head = tx.here(HEAD);
            if let Some(known) = erased(tx, &head)? {
                ensure(
                    scope.holds(&known.customer),
                    Refused::NotFound("packet".into()),
                )?;
                return Ok(known);
            }
            let packet = tx
                .read::<Packet>("packet", &head)?
                .filter(|packet| scope.holds(&packet.customer))
                .ok_or_else(|| not_found("packet"))?;
            let erasure = erase(tx, &packet, &why)?;
            Ok(erasure)
        })
        .await
    }

    pub(crate) async fn erase_instance(
        &self,
        scope: &Scope,
        write: Write,
        id: InstanceId,
        why: String,
    ) -> Answer<Erasure> {
        let scope = scope.clone();
        let home = home(ErasedKind::Instance, id.as_str());
        self.write("erase_instance", write, home, move |tx| {
            allowed(&scope, &why)?;
            let head = tx.here(HEAD);
            if let Some(known) = erased(tx, &head)? {
                ensure(
                    scope.holds(&known.customer),
                    Refused::NotFound("instance".into()),
                )?;
                return Ok(known);
            }
            let instance = tx
                .read::<Instance>("instance", &head)?
                .filter(|instance| scope.holds(&instance.customer))
                .ok_or_else(|| not_found("instance"))?;
            // What works still would be listed again by its next session.
            ensure(
                matches!(instance.state, InstanceState::Retired { .. }),
                Refused::NotRetired {
                    state: instance.state.word().to_owned(),
                },
            )?;
            instances::forget(tx, &instance)?;
            let erasure = Erasure {
                kind: ErasedKind::Instance,
                id: id.to_string(),
                customer: instance.customer.clone(),
                why: why.clone(),
                begun: tx.now(),
                finished: None,
                head: None,
                packet: None,
            };
            begin(tx, &erasure)?;
            Ok(erasure)
        })
        .await
    }

    /// Of a packet that this store does not know: what a list told that was kept apart from it.
    pub(crate) async fn put_erasure(
        &self,
        scope: &Scope,
        write: Write,
        known: Erasure,
    ) -> Answer<Erasure> {
        let allowed = *scope == Scope::System;
        let home = home(known.kind, &known.id);
        self.write("put_erasure", write, home, move |tx| {
            ensure(allowed, Refused::OutOfScope)?;
            let (packet, head) = (known.folder().is_some(), tx.here(HEAD));
            ensure(packet, Refused::Malformed("it is no packet's".into()))?;
            if let Some(stands) = erased(tx, &head)? {
                return Ok(stands);
            }
            ensure(
                tx.bytes(&head)?.is_none(),
                Refused::Exists("the packet".into()),
            )?;
            // The event and the receipt are this store's own: its chain may not have those that the list tells of.
            let erasure = Erasure {
                begun: tx.now(),
                finished: None,
                head: None,
                ..known.clone()
            };
            begin(tx, &erasure)?;
            Ok(erasure)
        })
        .await
    }
}
