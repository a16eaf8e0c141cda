//! Instances and sessions in SQLite.
use boathook_hooks::{ids::InstanceId, keys::KeyId, time::Time};
use bson::doc;
use rusqlite::params;

use super::{
    Embedded, customers_of,
    rows::{Stored, body, changed_one, int, merged, stored, walk},
    tx::{Stop, Tx, ensure, not_found},
};
use crate::{
    Answer, Chain, Change, EventKind, Instance, InstanceFilter, InstanceState, NewEvent,
    NewInstance, Page, Paged, Refs, Refused, Scope, SessionAsk, SessionChain, SessionStep,
    SpentValue, SuspendReason, Write, codec, verbs::Read,
};

const INSTANCE: &str = "SELECT body FROM instances WHERE id = ?1";

fn find(tx: &Tx<'_>, scope: &Scope, id: &InstanceId) -> Result<Stored<Instance>, Stop> {
    stored::<Instance>(tx.conn, "instance", INSTANCE, params![id.as_str()])?
        .filter(|i| scope.holds_instance(&i.value.customer, id))
        .ok_or_else(|| not_found("instance"))
}

fn save(tx: &Tx<'_>, instance: &mut Stored<Instance>) -> Result<(), Stop> {
    let before = instance.value.version;
    instance.value.version += 1;
    let Instance {
        id, state, version, ..
    } = &instance.value;
    changed_one(
        tx.conn
            .prepare_cached(
                "UPDATE instances SET state = ?2, version = ?3, body = ?4 WHERE id = ?1 AND version = ?5",
            )?
            .execute(params![
                id.as_str(),
                state.word(),
                int(*version),
                instance.bytes()?,
                int(before)
            ])?,
    )
}

fn event(kind: EventKind, instance: &Instance) -> NewEvent {
    let mut event = NewEvent::new(kind);
    event.refs = Refs {
        instance: Some(instance.id.clone()),
        ..Refs::default()
    };
    event
}

fn record(tx: &Tx<'_>, instance: &Instance, event: NewEvent) -> Result<(), Stop> {
    tx.event(&Chain::Customer(instance.customer.clone()), event)?;
    Ok(())
}

fn illegal(state: &InstanceState) -> Refused {
    Refused::InstanceState {
        state: state.word().to_owned(),
    }
}

impl Embedded {
    pub(crate) async fn put_instance(
        &self,
        scope: &Scope,
        write: Write,
        new: NewInstance,
    ) -> Answer<Instance> {
        let allowed = *scope == Scope::System;
        self.write("put_instance", write, move |tx| {
            ensure(allowed, Refused::OutOfScope)?;
            if let Some(known) =
                body::<Instance>(tx.conn, "instance", INSTANCE, params![new.id.as_str()])?
            {
                ensure(
                    known.key == new.key && known.customer == new.customer,
                    Refused::OtherKey,
                )?;
                return Ok(known);
            }
            let instance = Instance {
                id: new.id,
                customer: new.customer,
                key: new.key,
                facts: new.facts,
                state: if new.confirm {
                    InstanceState::Unconfirmed
                } else {
                    InstanceState::Confirmed
                },
                enrolled_at: tx.now(),
                last_seen: tx.now(),
                session: SessionChain::default(),
                version: 1,
            };
            tx.conn
                .prepare_cached("INSERT INTO instances (id, customer, state, version, body) VALUES (?1, ?2, ?3, 1, ?4)")?
                .execute(params![
                    instance.id.as_str(),
                    instance.customer.as_str(),
                    instance.state.word(),
                    codec::encode("instance", &instance)?
                ])?;
            index(tx, &instance)?;
            let mut e = event(EventKind::INSTANCE_ENROLLED, &instance);
            e.details = doc! {
                "key": instance.key.id().to_string(), "state": instance.state.word(),
            };
            record(tx, &instance, e)?;
            Ok(instance)
        })
        .await
    }

    pub(crate) async fn instance(&self, scope: &Scope, id: &InstanceId) -> Read<Option<Instance>> {
        let (scope, id) = (scope.clone(), id.clone());
        self.read("instance", move |conn| {
            let found = body::<Instance>(conn, "instance", INSTANCE, params![id.as_str()])?;
            Ok(found.filter(|i| scope.holds_instance(&i.customer, &i.id)))
        })
        .await
    }

    pub(crate) async fn instances(
        &self,
        scope: &Scope,
        filter: InstanceFilter,
        page: Page,
    ) -> Read<Paged<Instance>> {
        let only = match scope {
            Scope::Instance { .. } => Some(Vec::new()),
            other => customers_of(other, filter.customer),
        };
        self.read("instances", move |conn| {
            let (after, size) = (page.key::<String>()?.unwrap_or_default(), page.size());
            let keep = |row: &rusqlite::Row<'_>| -> Result<_, Stop> {
                let instance = codec::decode("instance", &row.get::<_, Vec<u8>>(1)?)?;
                Ok(Some((row.get::<_, String>(0)?, instance)))
            };
            let state = match filter.state {
                Some(_) => "state = ?2",
                None => "?2 IS NULL",
            };
            let Some(only) = only else {
                let sql = format!(
                    "SELECT id, body FROM instances WHERE id > ?1 AND {state} ORDER BY id"
                );
                let rows = walk(conn, &sql, params![after, filter.state], size, keep)?;
                return Ok(Paged::of(rows, size));
            };
            let sql = format!(
                "SELECT id, body FROM instances WHERE id > ?1 AND {state} AND customer = ?3 ORDER BY id"
            );
            let mut rows = Vec::new();
            for customer in only {
                let params = params![after, filter.state, customer.as_str()];
                rows.extend(walk(conn, &sql, params, size, keep)?);
            }
            Ok(merged(rows, size))
        })
        .await
    }

    pub(crate) async fn confirm_instance(
        &self,
        scope: &Scope,
        write: Write,
        id: InstanceId,
        fingerprint: KeyId,
    ) -> Answer<Instance> {
        let scope = scope.clone();
        self.write("confirm_instance", write, move |tx| {
            ensure(!scope.is_agent(), Refused::OutOfScope)?;
            let mut instance = find(tx, &scope, &id)?;
            ensure(
                instance.value.fingerprint() == fingerprint,
                Refused::OtherKey,
            )?;
            match instance.value.state {
                InstanceState::Confirmed => return Ok(instance.value),
                InstanceState::Unconfirmed => {}
                ref other => return Err(illegal(other).into()),
            }
            instance.value.state = InstanceState::Confirmed;
            save(tx, &mut instance)?;
            tx.control(Change::Facts { instance: id })?;
            let mut e = event(EventKind::INSTANCE_CONFIRMED, &instance.value);
            e.details = doc! { "key": fingerprint.to_string() };
            record(tx, &instance.value, e)?;
            Ok(instance.value)
        })
        .await
    }

    pub(crate) async fn suspend_instance(
        &self,
        scope: &Scope,
        write: Write,
        id: InstanceId,
        reason: SuspendReason,
    ) -> Answer<Instance> {
        let scope = scope.clone();
        self.write("suspend_instance", write, move |tx| {
            ensure(!scope.is_agent(), Refused::OutOfScope)?;
            let mut instance = find(tx, &scope, &id)?;
            let confirmed = match &instance.value.state {
                InstanceState::Suspended { .. } => return Ok(instance.value),
                retired @ InstanceState::Retired { .. } => return Err(illegal(retired).into()),
                InstanceState::Confirmed => true,
                InstanceState::Unconfirmed => false,
            };
            let mut e = event(EventKind::INSTANCE_SUSPENDED, &instance.value);
            match &reason {
                SuspendReason::Overrun => e.details = doc! { "reason": "overrun" },
                SuspendReason::Cloned => e.details = doc! { "reason": "cloned" },
                SuspendReason::Words(words) => {
                    e.details = doc! { "reason": "words" };
                    e.personal = doc! { "words": words };
                }
            }
            instance.value.state = InstanceState::Suspended { reason, confirmed };
            save(tx, &mut instance)?;
            tx.control(Change::Deny { instance: id })?;
            record(tx, &instance.value, e)?;
            Ok(instance.value)
        })
        .await
    }

    pub(crate) async fn resume_instance(
        &self,
        scope: &Scope,
        write: Write,
        id: InstanceId,
        why: String,
    ) -> Answer<Instance> {
        let scope = scope.clone();
        self.write("resume_instance", write, move |tx| {
            ensure(!scope.is_agent(), Refused::OutOfScope)?;
            let mut instance = find(tx, &scope, &id)?;
            instance.value.state = match instance.value.state {
                InstanceState::Suspended {
                    confirmed: true, ..
                } => InstanceState::Confirmed,
                InstanceState::Suspended { .. } => InstanceState::Unconfirmed,
                ref other => return Err(illegal(other).into()),
            };
            save(tx, &mut instance)?;
            tx.control(Change::Facts { instance: id })?;
            let mut e = event(EventKind::INSTANCE_RESUMED, &instance.value);
            e.personal = doc! { "words": why };
            record(tx, &instance.value, e)?;
            Ok(instance.value)
        })
        .await
    }

    pub(crate) async fn retire_instance(
        &self,
        scope: &Scope,
        write: Write,
        id: InstanceId,
        why: String,
    ) -> Answer<Instance> {
        let scope = scope.clone();
        self.write("retire_instance", write, move |tx| {
            let mut instance = find(tx, &scope, &id)?;
            if let InstanceState::Retired { .. } = instance.value.state {
                return Ok(instance.value);
            }
            instance.value.state = InstanceState::Retired { why: why.clone() };
            save(tx, &mut instance)?;
            tx.control(Change::Deny { instance: id })?;
            let mut e = event(EventKind::INSTANCE_RETIRED, &instance.value);
            e.personal = doc! { "words": why };
            record(tx, &instance.value, e)?;
            Ok(instance.value)
        })
        .await
    }

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

fn index(tx: &Tx<'_>, instance: &Instance) -> Result<(), Stop> {
    let products = instance.facts.products.iter().map(|p| p.name.as_str());
    let words: Vec<&str> = std::iter::once(instance.facts.name.as_str())
        .chain(products)
        .collect();
    let customer = std::slice::from_ref(&instance.customer);
    tx.index("instance", instance.id.as_str(), &words.join(" "), customer)
}
