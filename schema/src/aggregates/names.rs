//! Reserved names: one aggregate each, taken once and never given back.
use bson::doc;
use serde::{Deserialize, Serialize};

use crate::{
    Answer, Chain, EventKind, NewEvent, Refused, Reserved, Scope, Write,
    engine::{Engine, HEAD, Home, Look as _, Table, ensure},
    verbs::Read,
};

#[derive(Serialize, Deserialize)]
struct Name {
    kind: String,
    name: String,
    /// Whose it is.
    id: String,
}

/// The kind's length in front: a kind and a name of any characters, and no two pairs share an id.
fn home(kind: &str, name: &str) -> Home {
    Home::new(Table::Names, format!("{}/{kind}/{name}", kind.len()))
}

impl Engine {
    pub(crate) async fn reserve_name(
        &self,
        scope: &Scope,
        write: Write,
        kind: String,
        name: String,
        id: String,
    ) -> Answer<Reserved> {
        let allowed = !scope.is_agent();
        self.write("reserve_name", write, home(&kind, &name), move |tx| {
            ensure(allowed, Refused::OutOfScope)?;
            if let Some(held) = tx.read::<Name>("name", &tx.here(HEAD))? {
                return Ok(if held.id == id {
                    Reserved::Won
                } else {
                    Reserved::Taken { by: held.id }
                });
            }
            let held = Name {
                kind: kind.clone(),
                name: name.clone(),
                id: id.clone(),
            };
            tx.put("name", HEAD, &held)?;
            let mut event = NewEvent::new(EventKind::NAME_RESERVED);
            event.details = doc! { "kind": &kind, "name": &name, "id": &id };
            tx.event(&Chain::House, event)?;
            Ok(Reserved::Won)
        })
        .await
    }

    pub(crate) async fn reserved_name(
        &self,
        scope: &Scope,
        kind: &str,
        name: &str,
    ) -> Read<Option<String>> {
        let (allowed, head) = (!scope.is_agent(), home(kind, name).head());
        self.read("reserved_name", move |look| {
            let held = look.record::<Name>("name", &head)?;
            Ok(held.filter(|_| allowed).map(|held| held.id))
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::home;

    #[test]
    fn no_two_names_share_an_aggregate() {
        assert_ne!(home("a/b", "c"), home("a", "b/c"));
    }
}
