//! Requests for admission: rows beside the trust documents.
use boathook_hooks::keys::KeyId;
use bson::doc;

use super::home;
use crate::{
    Actor, Admission, Answer, Chain, EventKind, NewEvent, Page, Paged, Refused, Scope, Write,
    codec,
    engine::{Engine, List, Look as _, Stop, Tx, ensure, listing},
    verbs::Read,
};

fn row(key: &KeyId) -> String {
    format!("a/{key}")
}

/// What the requests should be listed under.
pub(in crate::aggregates) fn relist(tx: &mut Tx<'_>) -> Result<(), Stop> {
    let at = tx.home.clone();
    for (_, body) in tx.rows_of(&at, "a/", usize::MAX)? {
        let admission: Admission = codec::decode("admission", &body)?;
        let sort = admission.key.id().to_string();
        tx.list_put(List::Admissions, "", &sort, "admission", &admission)?;
    }
    Ok(())
}

impl Engine {
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
        self.write("ask_admission", write, home(), move |tx| {
            ensure(own && !agent, Refused::OutOfScope)?;
            let keyid = admission.key.id();
            let row = row(&keyid);
            let known = tx.read::<Admission>("admission", &tx.here(&row))?;
            ensure(
                known.is_none_or(|k| k.person == admission.person),
                Refused::Exists("a request of another person for that key".into()),
            )?;
            tx.put("admission", &row, &admission)?;
            let sort = keyid.to_string();
            tx.list_put(List::Admissions, "", &sort, "admission", &admission)?;
            let mut event = NewEvent::new(EventKind::ADMISSION_ASKED);
            event.details = doc! { "key": keyid.to_string() };
            event.personal = doc! { "person": admission.person.as_str() };
            tx.event(&Chain::House, event)?;
            Ok(admission.clone())
        })
        .await
    }

    pub(crate) async fn admissions(&self, scope: &Scope, page: Page) -> Read<Paged<Admission>> {
        let allowed = scope.holds_house();
        self.read("admissions", move |look| {
            if !allowed {
                return Ok(Paged::of(Vec::<(String, Admission)>::new(), 0));
            }
            let all = [String::new()];
            listing::page(look, List::Admissions, &all, &page, |_, _, body| {
                Ok(Some(codec::decode("admission", body)?))
            })
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
        self.write("drop_admission", write, home(), move |tx| {
            ensure(allowed, Refused::OutOfScope)?;
            let row = row(&key);
            let known = tx.bytes(&tx.here(&row))?;
            ensure(known.is_some(), Refused::NotFound("request".into()))?;
            tx.delete(&row);
            tx.unlist(List::Admissions, "", &key.to_string());
            let mut event = NewEvent::new(EventKind::ADMISSION_DROPPED);
            event.details = doc! { "key": key.to_string() };
            tx.event(&Chain::House, event)?;
            Ok(())
        })
        .await
    }
}
