//! The link that makes the first admin: one aggregate, which holds the newest link alone.
use boathook_hooks::{ids::Digest, time::Time};
use bson::doc;

use crate::{
    Answer, Chain, EventKind, NewEvent, Refused, Scope, SetUp, Write,
    engine::{Engine, HEAD, Home, Look as _, Table, ensure, not_found},
    verbs::Read,
};

fn home() -> Home {
    Home::new(Table::Work, "set-up")
}

impl Engine {
    pub(crate) async fn put_set_up(
        &self,
        scope: &Scope,
        write: Write,
        hash: Digest,
        expires_at: Time,
        forced: bool,
    ) -> Answer<SetUp> {
        let allowed = scope.holds_house();
        self.write("put_set_up", write, home(), move |tx| {
            ensure(allowed, Refused::OutOfScope)?;
            let link = SetUp {
                hash,
                expires_at,
                forced,
                used_at: None,
            };
            tx.put("set-up link", HEAD, &link)?;
            let mut event = NewEvent::new(EventKind::SET_UP_LINK_MADE);
            event.details = doc! { "expires_at": expires_at.to_string(), "forced": forced };
            tx.event(&Chain::House, event)?;
            Ok(link)
        })
        .await
    }

    pub(crate) async fn set_up(&self, scope: &Scope) -> Read<Option<SetUp>> {
        let allowed = scope.holds_house();
        self.read("set_up", move |look| {
            let found = look.record("set-up link", &home().head())?;
            Ok(found.filter(|_| allowed))
        })
        .await
    }

    pub(crate) async fn use_set_up(
        &self,
        scope: &Scope,
        write: Write,
        hash: Digest,
    ) -> Answer<SetUp> {
        let allowed = scope.holds_house();
        self.write("use_set_up", write, home(), move |tx| {
            ensure(allowed, Refused::OutOfScope)?;
            let found = tx.stored::<SetUp>("set-up link", &tx.here(HEAD))?;
            let mut found = found
                .filter(|link| link.value.hash == hash)
                .ok_or_else(|| not_found("set-up link"))?;
            let ended = |state: &str| Refused::Ended {
                state: state.to_owned(),
            };
            ensure(found.value.used_at.is_none(), ended("used"))?;
            ensure(tx.now() < found.value.expires_at, ended("over"))?;
            found.value.used_at = Some(tx.now());
            tx.save(HEAD, &found)?;
            tx.event(&Chain::House, NewEvent::new(EventKind::SET_UP_LINK_USED))?;
            Ok(found.value)
        })
        .await
    }
}
