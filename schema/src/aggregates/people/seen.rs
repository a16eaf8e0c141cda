//! Until when a person has seen what came: a row of theirs, which nobody else reads.
use boathook_hooks::{ids::PersonId, time::Time};
use serde::{Deserialize, Serialize};

use super::home;
use crate::{
    Actor, Answer, Refused, Scope, Write,
    engine::{Engine, HEAD, Look as _, ensure, not_found},
    verbs::Read,
};

const ROW: &str = "seen";

#[derive(Serialize, Deserialize)]
struct Seen {
    at: Time,
}

impl Engine {
    pub(crate) async fn mark_seen(&self, scope: &Scope, write: Write, at: Time) -> Answer<Time> {
        let allowed = !scope.is_agent();
        let Actor::Person(person) = write.actor.clone() else {
            return Ok(crate::Outcome::Refused(Refused::OutOfScope));
        };
        self.write("mark_seen", write, home(&person), move |tx| {
            ensure(allowed, Refused::OutOfScope)?;
            tx.bytes(&tx.here(HEAD))?
                .ok_or_else(|| not_found("person"))?;
            // A clock that was ahead once must not hide what comes later.
            let at = at.min(tx.now());
            let known: Option<Seen> = tx.read("seen", &tx.here(ROW))?;
            if let Some(known) = known.filter(|known| known.at >= at) {
                return Ok(known.at);
            }
            tx.put("seen", ROW, &Seen { at })?;
            Ok(at)
        })
        .await
    }

    pub(crate) async fn seen(&self, scope: &Scope, person: &PersonId) -> Read<Option<Time>> {
        let (allowed, row) = (!scope.is_agent(), home(person).at(ROW));
        self.read("seen", move |look| {
            let found: Option<Seen> = match allowed {
                true => look.record("seen", &row)?,
                false => None,
            };
            Ok(found.map(|seen| seen.at))
        })
        .await
    }
}
