//! Sessions.
use super::{event, find, home, illegal, index, record, save, seen};
use crate::{
    Answer, Change, EventKind, InstanceState, Refused, Scope, SessionAsk, SessionStep, SpentValue,
    Write,
    engine::{Engine, HEAD, ensure},
};

impl Engine {
    pub(crate) async fn next_session(
        &self,
        scope: &Scope,
        write: Write,
        ask: SessionAsk,
    ) -> Answer<SessionStep> {
        let scope = scope.clone();
        self.write("next_session", write, home(&ask.instance), move |tx| {
            let own = scope.is_agent() || scope == Scope::System;
            ensure(own, Refused::OutOfScope)?;
            let mut instance = find(tx, &scope, &ask.instance)?;
            match &instance.value.state {
                InstanceState::Confirmed | InstanceState::Unconfirmed => {}
                other => return Err(illegal(other).into()),
            }
            let session = &mut instance.value.session;
            let retry = session
                .spent
                .as_ref()
                .is_some_and(|s| s.value == ask.value && s.nonce == ask.nonce);
            if retry {
                return Ok(SessionStep::Next {
                    value: session.value.clone(),
                    retry: true,
                    facts_changed: false,
                });
            }
            if ask.value != session.value {
                let e = event(EventKind::SESSION_FORKED, &instance.value);
                record(tx, &instance.value, e)?;
                return Ok(SessionStep::Fork);
            }
            session.spent = Some(SpentValue {
                value: ask.value.clone(),
                nonce: ask.nonce.clone(),
            });
            session.value.clone_from(&ask.fresh);
            instance.value.last_seen = instance.value.last_seen.max(tx.now());
            seen::see(tx, &ask.instance, tx.now())?;
            let facts_changed = instance.value.facts != ask.facts;
            if facts_changed {
                let before = std::mem::replace(&mut instance.value.facts, ask.facts.clone());
                let state = instance.value.state.clone();
                save(tx, &mut instance, &state)?;
                index(tx, &instance.value, Some(&before))?;
                tx.control(Change::Facts {
                    instance: ask.instance.clone(),
                });
                let e = event(EventKind::FACTS_CHANGED, &instance.value);
                record(tx, &instance.value, e)?;
            } else {
                // Nothing that people see: neither listed again nor another version.
                tx.save(HEAD, &instance)?;
            }
            Ok(SessionStep::Next {
                value: ask.fresh.clone(),
                retry: false,
                facts_changed,
            })
        })
        .await
    }
}
