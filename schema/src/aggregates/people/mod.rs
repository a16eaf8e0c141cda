//! People: the house's.
mod seen;
mod set_up;
mod sign_ins;

use boathook_hooks::ids::PersonId;
use bson::doc;

use crate::{
    Answer, Chain, EventKind, Grant, NewEvent, OutsidePerson, Page, Paged, Person, PutPerson,
    Refused, Scope, Write,
    engine::{Engine, HEAD, Home, List, Look as _, Need, Stop, Table, Tx, ensure, listing},
    verbs::Read,
};

fn home(id: &PersonId) -> Home {
    Home::new(Table::People, id)
}

/// In the house's chain; whom it is about stands in the personal part.
fn event(
    tx: &mut Tx<'_>,
    kind: EventKind,
    person: &PersonId,
    mut event: NewEvent,
) -> Result<(), Stop> {
    event.kind = kind;
    event.personal.insert("person", person.as_str());
    tx.event(&Chain::House, event)
}

fn plain() -> NewEvent {
    NewEvent::new(EventKind::PERSON_PUT)
}

fn in_event(roles: &[Grant]) -> Result<bson::Bson, Stop> {
    bson::serialize_to_bson(roles).map_err(|e| {
        Stop::Error(crate::StoreError::Encode {
            what: "person",
            why: e.to_string(),
        })
    })
}

/// All that this person should be listed under, with their secrets.
pub(super) fn relist(tx: &mut Tx<'_>) -> Result<(), Stop> {
    if let Some(person) = tx.read::<Person>("person", &tx.here(HEAD))? {
        tx.list_bytes(List::People, "", person.id.as_str(), Vec::new());
        sign_ins::relist(tx)?;
    }
    Ok(())
}

pub(super) use sign_ins::person_of;

impl Engine {
    pub(crate) async fn put_person(
        &self,
        scope: &Scope,
        write: Write,
        person: PutPerson,
        expect: Option<u64>,
    ) -> Answer<Person> {
        let allowed = scope.holds_house();
        self.write("put_person", write, home(&person.id), move |tx| {
            ensure(allowed, Refused::OutOfScope)?;
            let found = tx.stored::<Person>("person", &tx.here(HEAD))?;
            let mut e = plain();
            e.details = doc! { "new": found.is_none(), "password": person.password.is_some() };
            e.personal = doc! { "roles": in_event(&person.roles)? };
            let done = match found {
                Some(mut found) => {
                    let before = found.value.version;
                    ensure(
                        expect.is_none_or(|e| e == before),
                        Refused::Version { found: before },
                    )?;
                    found.value.name.clone_from(&person.name);
                    found.value.roles.clone_from(&person.roles);
                    if person.password.is_some() {
                        found.value.password.clone_from(&person.password);
                    }
                    found.value.version += 1;
                    tx.save(HEAD, &found)?;
                    found.value
                }
                None => {
                    ensure(expect.is_none(), Refused::NotFound("person".into()))?;
                    let new = Person {
                        id: person.id.clone(),
                        name: person.name.clone(),
                        password: person.password.clone(),
                        roles: person.roles.clone(),
                        origin: None,
                        created_at: tx.now(),
                        version: 1,
                    };
                    tx.put("person", HEAD, &new)?;
                    // The id alone: what a person may do and their password stand once.
                    tx.list_bytes(List::People, "", person.id.as_str(), Vec::new());
                    new
                }
            };
            event(tx, EventKind::PERSON_PUT, &person.id, e)?;
            Ok(done)
        })
        .await
    }

    pub(crate) async fn put_outside_person(
        &self,
        scope: &Scope,
        write: Write,
        person: OutsidePerson,
    ) -> Answer<Person> {
        let allowed = scope.holds_house();
        let verb = "put_outside_person";
        self.write(verb, write, home(&person.id), move |tx| {
            ensure(allowed, Refused::OutOfScope)?;
            let found = tx.stored::<Person>("person", &tx.here(HEAD))?;
            let mut e = plain();
            e.details = doc! { "new": found.is_none(), "issuer": &person.origin.issuer };
            e.personal = doc! { "roles": in_event(&person.roles)? };
            let done = match found {
                Some(mut found) => {
                    let theirs = found.value.origin.as_ref() == Some(&person.origin);
                    let why = || Refused::Exists(format!("the person {}", person.id));
                    ensure(theirs, why())?;
                    if found.value.name == person.name && found.value.roles == person.roles {
                        return Ok(found.value);
                    }
                    found.value.name.clone_from(&person.name);
                    found.value.roles.clone_from(&person.roles);
                    found.value.version += 1;
                    tx.save(HEAD, &found)?;
                    found.value
                }
                None => {
                    let new = Person {
                        id: person.id.clone(),
                        name: person.name.clone(),
                        password: None,
                        roles: person.roles.clone(),
                        origin: Some(person.origin.clone()),
                        created_at: tx.now(),
                        version: 1,
                    };
                    tx.put("person", HEAD, &new)?;
                    tx.list_bytes(List::People, "", person.id.as_str(), Vec::new());
                    new
                }
            };
            event(tx, EventKind::PERSON_PUT, &person.id, e)?;
            Ok(done)
        })
        .await
    }

    pub(crate) async fn person(&self, scope: &Scope, id: &PersonId) -> Read<Option<Person>> {
        let (allowed, head) = (scope.holds_house(), home(id).head());
        self.read("person", move |look| {
            if !allowed {
                return Ok(None);
            }
            look.record("person", &head)
        })
        .await
    }

    pub(crate) async fn people(&self, scope: &Scope, page: Page) -> Read<Paged<Person>> {
        let allowed = scope.holds_house();
        self.read("people", move |look| {
            if !allowed {
                return Ok(Paged::of(Vec::<(String, Person)>::new(), 0));
            }
            let all = [String::new()];
            let listed = listing::page(look, List::People, &all, &page, |_, id, _| {
                Ok(Some(Home::new(Table::People, id).head()))
            })?;
            look.ahead(listed.items.iter().cloned().map(Need::Row).collect())?;
            let mut items = Vec::with_capacity(listed.items.len());
            for head in &listed.items {
                items.extend(look.record::<Person>("person", head)?);
            }
            Ok(Paged {
                items,
                next: listed.next,
            })
        })
        .await
    }
}
