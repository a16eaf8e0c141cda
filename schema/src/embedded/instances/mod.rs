//! Instances in SQLite.
mod sessions;
mod states;

use boathook_hooks::ids::InstanceId;
use bson::doc;
use rusqlite::params;

use crate::{
    Answer, Chain, EventKind, Instance, InstanceFilter, InstanceState, NewEvent, NewInstance, Page,
    Paged, Refs, Refused, Scope, SessionChain, Write, codec,
    embedded::{
        Embedded, customers_of,
        rows::{Stored, body, changed_one, int, merged, stored, walk},
        tx::{Stop, Tx, ensure, not_found},
    },
    verbs::Read,
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

fn index(tx: &Tx<'_>, instance: &Instance) -> Result<(), Stop> {
    let products = instance.facts.products.iter().map(|p| p.name.as_str());
    let words: Vec<&str> = std::iter::once(instance.facts.name.as_str())
        .chain(products)
        .collect();
    let customer = std::slice::from_ref(&instance.customer);
    tx.index("instance", instance.id.as_str(), &words.join(" "), customer)
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
}
