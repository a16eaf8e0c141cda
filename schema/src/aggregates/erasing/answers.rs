//! What an instance that is being erased said to hooks, and what it holds of them. Both stand by revision: the hooks that
//! could have asked it are gone through.
use boathook_hooks::{
    ids::{ClaimId, Digest, InstanceId},
    time::HOUR,
};

use super::{at_instance, erased, home};
use crate::{
    Answer, ErasedAnswers, ErasedKind, HookRecord, Outcome, Refused, Scope, Write,
    aggregates::claims,
    codec,
    engine::{Engine, Home, List, Look, Need, Stop, Table, ensure, not_found},
};

/// Hooks that one turn looks at.
const HOOKS: usize = 200;

/// A page of hooks: behind which the next one begins, and the revisions that hold a claim of the instance.
type Hooks = (Option<String>, Vec<Digest>);

impl Engine {
    pub(crate) async fn erase_answers(
        &self,
        scope: &Scope,
        write: Write,
        id: InstanceId,
        after: Option<String>,
    ) -> Answer<ErasedAnswers> {
        let (next, claimed) = match self.take_answers(scope, &write, &id, after).await? {
            Outcome::Done(found) => found,
            Outcome::Refused(reason) => return Ok(Outcome::Refused(reason)),
        };
        let mut packets = Vec::new();
        for (n, digest) in claimed.into_iter().enumerate() {
            let ended = self.end_claim(write.following(n), digest, id.clone());
            match ended.await? {
                Outcome::Done(accepted) => packets.extend(accepted),
                Outcome::Refused(reason) => return Ok(Outcome::Refused(reason)),
            }
        }
        let read = self.read("erase_answers", move |look| unfinished(look, &packets));
        let packets = read.await?;
        Ok(Outcome::Done(ErasedAnswers { next, packets }))
    }

    async fn take_answers(
        &self,
        scope: &Scope,
        write: &Write,
        id: &InstanceId,
        after: Option<String>,
    ) -> Answer<Hooks> {
        let (scope, id, write) = (scope.clone(), id.clone(), write.clone());
        let loose = Home::new(Table::Loose, write.op_id.0);
        self.write("erase_answers", write, loose, move |tx| {
            ensure(!scope.is_agent(), Refused::OutOfScope)?;
            let own = erased(tx, &at_instance(&id))?.is_some_and(|e| scope.holds(&e.customer));
            if !own {
                return Err(not_found("erasure"));
            }
            let from = after.clone().unwrap_or_default();
            let hooks = tx.list(List::Hooks, "*", &from, HOOKS)?;
            let mut digests: Vec<Digest> = Vec::new();
            for (sort, body) in &hooks {
                // Of whatever customers: a hook's record says its newest draft's, and older revisions had their own. One
                // that cannot be read holds up nobody's erasing.
                match codec::decode::<HookRecord>("hook", body) {
                    Ok(hook) => digests.extend(hook.revisions.iter().filter_map(|row| row.digest)),
                    Err(error) => {
                        tracing::error!(%error, entry = sort, "a hook cannot be read, and what an erased instance said to it stays");
                    }
                }
            }
            let claim = |digest: &Digest| claims::home(digest).at(claims::row_of(&id));
            tx.ahead(digests.iter().map(|d| Need::Row(claim(d))).collect())?;
            // Whether there is an answer or not: one that was begun before may be on its way. The newest stands, and this is
            // newer than any that was given, by a clock that is ahead, too.
            let stamp = u64::try_from(tx.now().plus_ms(HOUR).ms()).unwrap_or(0);
            let mut claimed = Vec::new();
            for digest in digests {
                tx.list_stamped(List::Answers, &digest.to_string(), id.as_str(), None, stamp);
                if tx.bytes(&claim(&digest))?.is_some() {
                    claimed.push(digest);
                }
            }
            let more = hooks.len() == HOOKS;
            let next = hooks.last().filter(|_| more).map(|(sort, _)| sort.clone());
            Ok((next, claimed))
        })
        .await
    }
}

/// Those of which anything may be there still.
fn unfinished(look: &mut dyn Look, packets: &[ClaimId]) -> Result<Vec<ClaimId>, Stop> {
    let head = |id: &ClaimId| home(ErasedKind::Packet, &id.to_string()).head();
    look.ahead(packets.iter().map(|id| Need::Row(head(id))).collect())?;
    let mut left = Vec::new();
    for id in packets {
        let erasure = erased(look, &head(id))?;
        if erasure.is_none_or(|erasure| erasure.finished.is_none()) {
            left.push(id.clone());
        }
    }
    Ok(left)
}
