//! Sealed secrets: one aggregate a name.
use boathook_hooks::ids::Blob;
use bson::doc;

use crate::{
    Answer, Chain, EventKind, MAX_SEALED, NewEvent, Refused, Scope, Sealed, Write,
    engine::{At, Engine, HEAD, Home, Stop, Table, ensure, look::Look},
    verbs::Read,
};

pub(crate) fn id(name: &str) -> String {
    format!("sealed/{name}")
}

/// Whether such bytes are kept under such a name.
pub(crate) fn fits(name: &str, bytes: &Blob) -> Result<(), Refused> {
    let is_word = !name.is_empty()
        && name.len() <= 63
        && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    if !is_word {
        return Err(Refused::Malformed(
            "a sealed secret's name is of lower-case letters".into(),
        ));
    }
    if bytes.0.len() > MAX_SEALED {
        return Err(Refused::TooLarge {
            limit: MAX_SEALED as u64,
        });
    }
    Ok(())
}

pub(crate) fn event(name: &str, version: u64) -> NewEvent {
    let mut event = NewEvent::new(EventKind::SECRET_SEALED);
    event.details = doc! { "name": name, "version": i64::try_from(version).unwrap_or(i64::MAX) };
    event
}

impl Engine {
    pub(crate) async fn put_sealed(
        &self,
        scope: &Scope,
        write: Write,
        name: String,
        expect: u64,
        bytes: Blob,
    ) -> Answer<Sealed> {
        let allowed = scope.holds_house();
        let home = Home::new(Table::Work, id(&name));
        self.write("put_sealed", write, home, move |tx| {
            ensure(allowed, Refused::OutOfScope)?;
            fits(&name, &bytes)?;
            let head = tx.here(HEAD);
            let found = tx.read::<Sealed>("sealed secret", &head)?;
            let found = found.map_or(0, |s| s.version);
            ensure(found == expect, Refused::Version { found })?;
            let sealed = Sealed {
                version: found + 1,
                bytes: bytes.clone(),
                at: tx.now(),
            };
            tx.put("sealed secret", HEAD, &sealed)?;
            tx.event(&Chain::House, event(&name, sealed.version))?;
            Ok(sealed)
        })
        .await
    }

    pub(crate) async fn sealed(&self, scope: &Scope, name: &str) -> Read<Option<Sealed>> {
        let allowed = scope.holds_house();
        let head = Home::new(Table::Work, id(name)).head();
        self.read("sealed", move |look| read(look, allowed, &head))
            .await
    }
}

fn read(look: &mut dyn Look, allowed: bool, head: &At) -> Result<Option<Sealed>, Stop> {
    let found = look.record("sealed secret", head)?;
    Ok(found.filter(|_| allowed))
}
