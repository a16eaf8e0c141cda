//! What instances say, with a claim or without. An answer is no change of the revision, which claims contend on: it is
//! listed, and the newest stands.
use boathook_hooks::{ids::Digest, protocol::AnswerKind};

use super::{for_agents, home, runs};
use crate::{
    Answer, AnswerRow, Chain, EventKind, NewAnswer, Page, Paged, Refused, Revision, Scope,
    StoreError, Write,
    aggregates::{erasing, revisions},
    codec,
    engine::{Engine, Home, List, Look as _, Need, Stop, Table, Tx, ensure, listing, not_found},
    verbs::Read,
};

pub(super) fn list_answer(tx: &mut Tx<'_>, answer: &AnswerRow) -> Result<(), Stop> {
    let (part, sort) = (answer.revision.to_string(), answer.instance.as_str());
    let stamp = u64::try_from(answer.at.ms()).unwrap_or(0);
    let body = codec::encode("answer", answer)?;
    tx.list_stamped(List::Answers, &part, sort, Some(body), stamp);
    Ok(())
}

pub(super) fn kind_word(kind: AnswerKind) -> Result<bson::Bson, Stop> {
    bson::serialize_to_bson(&kind).map_err(|e| {
        Stop::Error(StoreError::Encode {
            what: "answer",
            why: e.to_string(),
        })
    })
}

impl Engine {
    pub(crate) async fn answer(&self, scope: &Scope, write: Write, new: NewAnswer) -> Answer<()> {
        let scope = scope.clone();
        let loose = Home::new(Table::Loose, write.op_id.0);
        self.write("answer", write, loose, move |tx| {
            for_agents(&scope)?;
            ensure(
                scope.holds_instance(&new.customer, &new.instance),
                Refused::OutOfScope,
            )?;
            let (head, part) = (home(&new.revision).head(), new.revision.to_string());
            let sort = new.instance.to_string();
            let instance = erasing::at_instance(&new.instance);
            tx.ahead(vec![
                Need::Row(head.clone()),
                Need::Row(instance.clone()),
                Need::Entry {
                    list: List::Answers,
                    part: part.clone(),
                    sort: sort.clone(),
                },
            ])?;
            let revision: Option<Revision> = tx.read("revision", &head)?;
            let revision = revision
                .filter(|r| r.is_for(&new.customer))
                .ok_or_else(|| not_found("hook"))?;
            // What slips by before the erasing begins is taken out by the end of it.
            erasing::not_erased(tx, &instance)?;
            if let Some(body) = tx.entry(List::Answers, &part, &sort)? {
                let before: AnswerRow = codec::decode("answer", &body)?;
                if before.kind == new.kind && before.reason == new.reason {
                    return Ok(());
                }
            }
            let answer = AnswerRow {
                revision: new.revision,
                instance: new.instance.clone(),
                customer: new.customer.clone(),
                kind: new.kind,
                reason: new.reason.clone(),
                at: tx.now(),
            };
            list_answer(tx, &answer)?;
            runs::list(tx, &revision, &new.instance);
            let mut e = revisions::event(EventKind::ANSWER_GIVEN, &revision);
            e.refs.instance = Some(new.instance.clone());
            e.details.insert("answer", kind_word(new.kind)?);
            tx.event(&Chain::Customer(new.customer.clone()), e)
        })
        .await
    }

    pub(crate) async fn answers(
        &self,
        scope: &Scope,
        digest: &Digest,
        page: Page,
    ) -> Read<Paged<AnswerRow>> {
        let (scope, parts) = (scope.clone(), [digest.to_string()]);
        self.read("answers", move |look| {
            listing::page(look, List::Answers, &parts, &page, |_, _, body| {
                let answer: AnswerRow = codec::decode("answer", body)?;
                let seen = scope.holds_instance(&answer.customer, &answer.instance);
                Ok(seen.then_some(answer))
            })
        })
        .await
    }
}
