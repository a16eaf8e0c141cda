//! What instances say, with a claim or without.
use boathook_hooks::{ids::Digest, protocol::AnswerKind};
use rusqlite::params;

use super::for_agents;
use crate::{
    Answer, AnswerRow, Chain, EventKind, NewAnswer, Page, Paged, Refused, Scope, Write, codec,
    embedded::{
        Embedded, revisions,
        rows::{body, walk},
        tx::{Stop, Tx, ensure},
    },
    verbs::Read,
};

pub(super) fn put_answer(tx: &Tx<'_>, answer: &AnswerRow) -> Result<(), Stop> {
    tx.conn
        .prepare_cached(
            "INSERT OR REPLACE INTO answers (digest, instance, customer, body) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![
            answer.revision.0,
            answer.instance.as_str(),
            answer.customer.as_str(),
            codec::encode("answer", answer)?
        ])?;
    Ok(())
}

pub(super) fn kind_word(kind: AnswerKind) -> Result<bson::Bson, Stop> {
    bson::serialize_to_bson(&kind).map_err(|e| {
        Stop::Error(crate::StoreError::Encode {
            what: "answer",
            why: e.to_string(),
        })
    })
}

impl Embedded {
    pub(crate) async fn answer(&self, scope: &Scope, write: Write, new: NewAnswer) -> Answer<()> {
        let scope = scope.clone();
        self.write("answer", write, move |tx| {
            for_agents(&scope)?;
            ensure(
                scope.holds_instance(&new.customer, &new.instance),
                Refused::OutOfScope,
            )?;
            let revision = revisions::load(tx, &new.revision)?.value;
            ensure(
                revision.is_for(&new.customer),
                Refused::NotFound("hook".into()),
            )?;
            let before = body::<AnswerRow>(
                tx.conn,
                "answer",
                "SELECT body FROM answers WHERE digest = ?1 AND instance = ?2",
                params![new.revision.0, new.instance.as_str()],
            )?;
            if before.is_some_and(|b| b.kind == new.kind && b.reason == new.reason) {
                return Ok(());
            }
            let mut e = revisions::event(EventKind::ANSWER_GIVEN, &revision);
            e.refs.instance = Some(new.instance.clone());
            e.details.insert("answer", kind_word(new.kind)?);
            let chain = Chain::Customer(new.customer.clone());
            put_answer(
                tx,
                &AnswerRow {
                    revision: new.revision,
                    instance: new.instance,
                    customer: new.customer,
                    kind: new.kind,
                    reason: new.reason,
                    at: tx.now(),
                },
            )?;
            tx.event(&chain, e)?;
            Ok(())
        })
        .await
    }

    pub(crate) async fn answers(
        &self,
        scope: &Scope,
        digest: &Digest,
        page: Page,
    ) -> Read<Paged<AnswerRow>> {
        let (scope, digest) = (scope.clone(), *digest);
        self.read("answers", move |conn| {
            let (after, size) = (page.key::<String>()?.unwrap_or_default(), page.size());
            let sql = "SELECT instance, body FROM answers WHERE digest = ?1 AND instance > ?2 ORDER BY instance";
            let rows = walk(conn, sql, params![digest.0, after], size, |row| {
                let answer: AnswerRow = codec::decode("answer", &row.get::<_, Vec<u8>>(1)?)?;
                let seen = scope.holds_instance(&answer.customer, &answer.instance);
                Ok(seen.then_some((row.get::<_, String>(0)?, answer)))
            })?;
            Ok(Paged::of(rows, size))
        })
        .await
    }
}
