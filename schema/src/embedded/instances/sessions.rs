//! Sessions, and when an instance was seen last.
use boathook_hooks::{ids::InstanceId, time::Time};
use rusqlite::params;

use super::{INSTANCE, event, find, illegal, index, record, save};
use crate::{
    Answer, Change, EventKind, Instance, InstanceState, Refused, Scope, SessionAsk, SessionStep,
    SpentValue, Write,
    embedded::{Embedded, rows::stored, tx::ensure},
};

impl Embedded {
    pub(crate) async fn next_session(
        &self,
        scope: &Scope,
        write: Write,
        ask: SessionAsk,
    ) -> Answer<SessionStep> {
        let scope = scope.clone();
        self.write("next_session", write, move |tx| {
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
                value: ask.value,
                nonce: ask.nonce,
            });
            session.value.clone_from(&ask.fresh);
            let facts_changed = instance.value.facts != ask.facts;
            instance.value.facts = ask.facts;
            instance.value.last_seen = instance.value.last_seen.max(tx.now());
            save(tx, &mut instance)?;
            if facts_changed {
                index(tx, &instance.value)?;
                tx.control(Change::Facts {
                    instance: ask.instance,
                })?;
                let e = event(EventKind::FACTS_CHANGED, &instance.value);
                record(tx, &instance.value, e)?;
            }
            Ok(SessionStep::Next {
                value: ask.fresh,
                retry: false,
                facts_changed,
            })
        })
        .await
    }

    pub(crate) async fn touch_instances(
        &self,
        scope: &Scope,
        write: Write,
        seen: Vec<(InstanceId, Time)>,
    ) -> Answer<u32> {
        let allowed = *scope == Scope::System;
        self.write("touch_instances", write, move |tx| {
            ensure(allowed, Refused::OutOfScope)?;
            let mut moved = 0;
            for (id, at) in seen {
                let found =
                    stored::<Instance>(tx.conn, "instance", INSTANCE, params![id.as_str()])?;
                let Some(mut instance) = found else {
                    continue;
                };
                if at > instance.value.last_seen {
                    instance.value.last_seen = at;
                    save(tx, &mut instance)?;
                    moved += 1;
                }
            }
            Ok(moved)
        })
        .await
    }
}
