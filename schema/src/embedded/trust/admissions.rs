//! Requests for admission.
use boathook_hooks::{ids::Digest, keys::KeyId};
use bson::doc;
use rusqlite::params;

use crate::{
    Actor, Admission, Answer, Chain, EventKind, NewEvent, Page, Paged, Refused, Scope, Write,
    codec,
    embedded::{
        Embedded,
        rows::{body, digest, walk},
        tx::ensure,
    },
    verbs::Read,
};

impl Embedded {
    pub(crate) async fn ask_admission(
        &self,
        scope: &Scope,
        write: Write,
        admission: Admission,
    ) -> Answer<Admission> {
        let agent = scope.is_agent();
        // A person asks for themselves; the house may ask for anybody.
        let own = scope.holds_house()
            || matches!(&write.actor, Actor::Person(id) if *id == admission.person);
        self.write("ask_admission", write, move |tx| {
            ensure(own && !agent, Refused::OutOfScope)?;
            let keyid = admission.key.id();
            let known = body::<Admission>(
                tx.conn,
                "admission",
                "SELECT body FROM admissions WHERE keyid = ?1",
                params![keyid.0],
            )?;
            ensure(
                known.is_none_or(|k| k.person == admission.person),
                Refused::Exists("a request of another person for that key".into()),
            )?;
            tx.conn
                .prepare_cached(
                    "INSERT OR REPLACE INTO admissions (keyid, person, body) VALUES (?1, ?2, ?3)",
                )?
                .execute(params![
                    keyid.0,
                    admission.person.as_str(),
                    codec::encode("admission", &admission)?
                ])?;
            let mut event = NewEvent::new(EventKind::ADMISSION_ASKED);
            event.details = doc! { "key": keyid.to_string() };
            event.personal = doc! { "person": admission.person.as_str() };
            tx.event(&Chain::House, event)?;
            Ok(admission)
        })
        .await
    }

    pub(crate) async fn admissions(&self, scope: &Scope, page: Page) -> Read<Paged<Admission>> {
        let allowed = scope.holds_house();
        self.read("admissions", move |conn| {
            if !allowed {
                return Ok(Paged::of(Vec::<(Digest, Admission)>::new(), 0));
            }
            let (after, size) = (page.key::<Digest>()?, page.size());
            let after = after.map_or_else(Vec::new, |d| d.0.to_vec());
            let sql = "SELECT keyid, body FROM admissions WHERE keyid > ?1 ORDER BY keyid";
            let rows = walk(conn, sql, params![after], size, |row| {
                let key = digest(&row.get::<_, Vec<u8>>(0)?)?;
                let admission = codec::decode("admission", &row.get::<_, Vec<u8>>(1)?)?;
                Ok(Some((key, admission)))
            })?;
            Ok(Paged::of(rows, size))
        })
        .await
    }

    pub(crate) async fn drop_admission(
        &self,
        scope: &Scope,
        write: Write,
        key: KeyId,
    ) -> Answer<()> {
        let allowed = scope.holds_house();
        self.write("drop_admission", write, move |tx| {
            ensure(allowed, Refused::OutOfScope)?;
            let dropped = tx
                .conn
                .prepare_cached("DELETE FROM admissions WHERE keyid = ?1")?
                .execute(params![key.0])?;
            ensure(dropped == 1, Refused::NotFound("request".into()))?;
            let mut event = NewEvent::new(EventKind::ADMISSION_DROPPED);
            event.details = doc! { "key": key.to_string() };
            tx.event(&Chain::House, event)?;
            Ok(())
        })
        .await
    }
}
