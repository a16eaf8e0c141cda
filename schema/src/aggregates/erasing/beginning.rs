//! How an erasing begins: the record becomes what is kept of it, and stands in no list any more.
use boathook_hooks::ids::{ClaimId, InstanceId};
use bson::doc;

use super::{allowed, chain, erased, event, home, put};
use crate::{
    Answer, ErasedKind, ErasedPacket, Erasure, EventKind, HookRecord, Instance, InstanceState,
    Packet, Refused, Scope, Write,
    aggregates::{instances, packets},
    codec,
    engine::{Engine, HEAD, Home, List, Look as _, Need, Stop, Table, Tx, ensure, not_found},
};

/// Hooks that one turn of `erase_answers` looks at.
const HOOKS: usize = 200;

/// Who asked, and in which words, is told by the audit alone.
fn begin(tx: &mut Tx<'_>, erasure: &Erasure) -> Result<(), Stop> {
    put(tx, erasure)?;
    let mut e = event(EventKind::ERASURE_BEGUN, erasure);
    e.personal = doc! { "words": &erasure.why };
    tx.event(&chain(erasure), e)
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
            packets::forget(tx, &packet)?;
            let erasure = Erasure {
                kind: ErasedKind::Packet,
                id: claim.to_string(),
                customer: packet.customer.clone(),
                why: why.clone(),
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

    /// Answers stand by revision: the hooks that could have asked it are gone through.
    pub(crate) async fn erase_answers(
        &self,
        scope: &Scope,
        write: Write,
        id: InstanceId,
        after: Option<String>,
    ) -> Answer<Option<String>> {
        let (scope, loose) = (scope.clone(), Home::new(Table::Loose, write.op_id.0));
        self.write("erase_answers", write, loose, move |tx| {
            ensure(!scope.is_agent(), Refused::OutOfScope)?;
            let head = home(ErasedKind::Instance, id.as_str()).head();
            let erasure = erased(tx, &head)?
                .filter(|erasure| scope.holds(&erasure.customer))
                .ok_or_else(|| not_found("erasure"))?;
            let from = after.clone().unwrap_or_default();
            let hooks = tx.list(List::Hooks, "*", &from, HOOKS)?;
            let mut digests = Vec::new();
            for (_, body) in &hooks {
                let hook: HookRecord = codec::decode("hook", body)?;
                if hook.opted_in || hook.customers.contains(&erasure.customer) {
                    digests.extend(hook.revisions.iter().filter_map(|row| row.digest));
                }
            }
            let entry = |digest: &boathook_hooks::ids::Digest| Need::Entry {
                list: List::Answers,
                part: digest.to_string(),
                sort: id.to_string(),
            };
            tx.ahead(digests.iter().map(entry).collect())?;
            // The newest answer stands: this is newer than any that was given.
            let stamp = u64::try_from(tx.now().ms()).unwrap_or(0) + 1;
            for digest in digests {
                let part = digest.to_string();
                if tx.entry(List::Answers, &part, id.as_str())?.is_some() {
                    tx.list_stamped(List::Answers, &part, id.as_str(), None, stamp);
                }
            }
            let more = hooks.len() == HOOKS;
            Ok(hooks.last().filter(|_| more).map(|(sort, _)| sort.clone()))
        })
        .await
    }
}
