//! Instances.
mod sample;
mod seen;
mod sessions;
mod states;

use boathook_hooks::{documents::identity::Facts, ids::InstanceId};
use bson::doc;

use super::{
    erasing,
    search::{self, Named},
};
use crate::{
    Answer, Chain, EventKind, Instance, InstanceFilter, InstanceState, NewEvent, NewInstance, Page,
    Paged, Refs, Refused, Scope, SessionChain, Write, codec,
    engine::{
        Engine, HEAD, Home, List, Look, Need, Stop, Table, Tx, ensure, listing, look::Stored,
        not_found,
    },
    verbs::Read,
};

fn home(id: &InstanceId) -> Home {
    Home::new(Table::Instances, id)
}

fn find(tx: &mut Tx<'_>, scope: &Scope, id: &InstanceId) -> Result<Stored<Instance>, Stop> {
    let head = tx.here(HEAD);
    if let Some(erasure) = erasing::erased(tx, &head)? {
        let known = scope.holds_instance(&erasure.customer, id);
        ensure(!known, Refused::Erased { at: erasure.begun })?;
        return Err(not_found("instance"));
    }
    tx.stored::<Instance>("instance", &tx.here(HEAD))?
        .filter(|i| scope.holds_instance(&i.value.customer, id))
        .ok_or_else(|| not_found("instance"))
}

/// The parts of the list that an instance in that state stands in.
fn parts(instance: &Instance, state: &InstanceState) -> Vec<String> {
    let (customer, state) = (&instance.customer, state.word());
    let mut parts = vec![
        "*".to_owned(),
        format!("customer/{customer}"),
        format!("state/{state}"),
        format!("customer/{customer}/{state}"),
    ];
    parts.extend(sample::parts(instance));
    parts
}

fn list(tx: &mut Tx<'_>, instance: &Instance) -> Result<(), Stop> {
    // The values of its sessions are nobody's to read in a list, and change with each of them; when it was seen stands by
    // itself.
    let listed = Instance {
        session: SessionChain::default(),
        last_seen: instance.enrolled_at,
        ..instance.clone()
    };
    let body = codec::encode("instance", &listed)?;
    for part in parts(instance, &instance.state) {
        tx.list_bytes(List::Instances, &part, instance.id.as_str(), body.clone());
    }
    Ok(())
}

/// Saves what was changed for people to see, and lists it; `before` is the state that it was listed in.
fn save(
    tx: &mut Tx<'_>,
    instance: &mut Stored<Instance>,
    before: &InstanceState,
) -> Result<(), Stop> {
    instance.value.version += 1;
    tx.save(HEAD, instance)?;
    let now = parts(&instance.value, &instance.value.state);
    for part in parts(&instance.value, before) {
        if !now.contains(&part) {
            tx.unlist(List::Instances, &part, instance.value.id.as_str());
        }
    }
    list(tx, &instance.value)
}

fn event(kind: EventKind, instance: &Instance) -> NewEvent {
    let mut event = NewEvent::new(kind);
    event.refs = Refs {
        instance: Some(instance.id.clone()),
        ..Refs::default()
    };
    event
}

fn record(tx: &mut Tx<'_>, instance: &Instance, event: NewEvent) -> Result<(), Stop> {
    tx.event(&Chain::Customer(instance.customer.clone()), event)
}

/// What an instance is found by: its name and its products'.
fn title(facts: &Facts) -> String {
    let products = facts.products.iter().map(|p| p.name.as_str());
    let words: Vec<&str> = std::iter::once(facts.name.as_str())
        .chain(products)
        .collect();
    words.join(" ")
}

fn index(tx: &mut Tx<'_>, instance: &Instance, before: Option<&Facts>) -> Result<(), Stop> {
    let customers = std::slice::from_ref(&instance.customer);
    let (before, now) = (before.map(title), title(&instance.facts));
    search::index(
        tx,
        "instance",
        instance.id.as_str(),
        before.as_deref().map(|title| Named { title, customers }),
        &Named {
            title: &now,
            customers,
        },
    )
}

/// All that this instance should be listed under.
pub(super) fn relist(tx: &mut Tx<'_>) -> Result<(), Stop> {
    if let Some(erasure) = erasing::erased(tx, &tx.here(HEAD))? {
        return erasing::list(tx, &erasure);
    }
    let Some(instance) = tx.read::<Instance>("instance", &tx.here(HEAD))? else {
        return Ok(());
    };
    list(tx, &instance)?;
    index(tx, &instance, None)
}

/// Takes it out of all that tells of it. The caller puts something else in place of the record.
pub(super) fn forget(tx: &mut Tx<'_>, instance: &Instance) -> Result<(), Stop> {
    for part in parts(instance, &instance.state) {
        tx.unlist(List::Instances, &part, instance.id.as_str());
    }
    let named = Named {
        title: &title(&instance.facts),
        customers: std::slice::from_ref(&instance.customer),
    };
    search::unindex(tx, "instance", instance.id.as_str(), &named);
    seen::forget(tx, &instance.id);
    Ok(())
}

fn illegal(state: &InstanceState) -> Refused {
    Refused::InstanceState {
        state: state.word().to_owned(),
    }
}

impl Engine {
    pub(crate) async fn put_instance(
        &self,
        scope: &Scope,
        write: Write,
        new: NewInstance,
    ) -> Answer<Instance> {
        let allowed = *scope == Scope::System;
        self.write("put_instance", write, home(&new.id), move |tx| {
            ensure(allowed, Refused::OutOfScope)?;
            let head = tx.here(HEAD);
            erasing::not_erased(tx, &head)?;
            if let Some(known) = tx.read::<Instance>("instance", &head)? {
                ensure(
                    known.key == new.key && known.customer == new.customer,
                    Refused::OtherKey,
                )?;
                return Ok(known);
            }
            let instance = Instance {
                id: new.id.clone(),
                customer: new.customer.clone(),
                key: new.key,
                facts: new.facts.clone(),
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
            tx.put("instance", HEAD, &instance)?;
            list(tx, &instance)?;
            index(tx, &instance, None)?;
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
        self.read("instance", move |look| {
            let head = home(&id).head();
            if erasing::erased(look, &head)?.is_some() {
                return Ok(None);
            }
            let found: Option<Instance> = look.record("instance", &head)?;
            let found = found.filter(|i| scope.holds_instance(&i.customer, &i.id));
            found.map(|i| seen::overlaid(look, i)).transpose()
        })
        .await
    }

    pub(crate) async fn instance_names(
        &self,
        scope: &Scope,
        ids: Vec<InstanceId>,
    ) -> Read<Vec<(InstanceId, String)>> {
        let scope = scope.clone();
        self.read("instance_names", move |look| {
            let needs = ids.iter().map(|id| Need::Row(home(id).head()));
            look.ahead(needs.collect())?;
            let mut names = Vec::with_capacity(ids.len());
            for id in &ids {
                let head = home(id).head();
                if erasing::erased(look, &head)?.is_some() {
                    continue;
                }
                let found: Option<Instance> = look.record("instance", &head)?;
                let found = found.filter(|i| scope.holds_instance(&i.customer, &i.id));
                names.extend(found.map(|i| (i.id, i.facts.name)));
            }
            Ok(names)
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
            other => listing::customers_of(other, filter.customer),
        };
        let parts: Vec<String> = match (only, &filter.state) {
            (None, None) => vec!["*".to_owned()],
            (None, Some(state)) => vec![format!("state/{state}")],
            (Some(customers), state) => customers
                .iter()
                .map(|customer| match state {
                    None => format!("customer/{customer}"),
                    Some(state) => format!("customer/{customer}/{state}"),
                })
                .collect(),
        };
        self.read("instances", move |look| {
            let mut paged: Paged<Instance> =
                listing::page(look, List::Instances, &parts, &page, |_, _, body| {
                    Ok(Some(codec::decode("instance", body)?))
                })?;
            seen::ahead(look, paged.items.iter().map(|i| &i.id))?;
            let items = std::mem::take(&mut paged.items);
            for item in items {
                paged.items.push(seen::overlaid(look, item)?);
            }
            Ok(paged)
        })
        .await
    }
}
