//! People in SQLite.
mod sign_ins;

use boathook_hooks::ids::PersonId;
use bson::doc;
use rusqlite::params;

use crate::{
    Answer, Chain, EventKind, NewEvent, Page, Paged, Person, PutPerson, Refused, Scope, Write,
    codec,
    embedded::{
        Embedded,
        rows::{body, changed_one, int, stored, walk},
        tx::{Stop, Tx, ensure},
    },
    verbs::Read,
};

const PERSON: &str = "SELECT body FROM people WHERE id = ?1";

fn event(tx: &Tx<'_>, kind: EventKind, person: &PersonId, mut event: NewEvent) -> Result<(), Stop> {
    event.kind = kind;
    event.personal.insert("person", person.as_str());
    tx.event(&Chain::House, event)?;
    Ok(())
}

fn plain() -> NewEvent {
    NewEvent::new(EventKind::PERSON_PUT)
}

fn roles(person: &PutPerson) -> Result<bson::Bson, Stop> {
    bson::serialize_to_bson(&person.roles).map_err(|e| {
        Stop::Error(crate::StoreError::Encode {
            what: "person",
            why: e.to_string(),
        })
    })
}

impl Embedded {
    pub(crate) async fn put_person(
        &self,
        scope: &Scope,
        write: Write,
        person: PutPerson,
        expect: Option<u64>,
    ) -> Answer<Person> {
        let allowed = scope.holds_house();
        self.write("put_person", write, move |tx| {
            ensure(allowed, Refused::OutOfScope)?;
            let id = person.id.clone();
            let found = stored::<Person>(tx.conn, "person", PERSON, params![id.as_str()])?;
            let mut e = plain();
            e.details = doc! { "new": found.is_none(), "password": person.password.is_some() };
            e.personal = doc! { "roles": roles(&person)? };
            let done = match found {
                Some(mut found) => {
                    let before = found.value.version;
                    ensure(
                        expect.is_none_or(|e| e == before),
                        Refused::Version { found: before },
                    )?;
                    found.value.name = person.name;
                    found.value.roles = person.roles;
                    if person.password.is_some() {
                        found.value.password = person.password;
                    }
                    found.value.version += 1;
                    changed_one(
                        tx.conn
                            .prepare_cached("UPDATE people SET version = ?2, body = ?3 WHERE id = ?1 AND version = ?4")?
                            .execute(params![
                                id.as_str(),
                                int(found.value.version),
                                found.bytes()?,
                                int(before)
                            ])?,
                    )?;
                    found.value
                }
                None => {
                    ensure(expect.is_none(), Refused::NotFound("person".into()))?;
                    let person = Person {
                        id: person.id,
                        name: person.name,
                        password: person.password,
                        roles: person.roles,
                        created_at: tx.now(),
                        version: 1,
                    };
                    tx.conn
                        .prepare_cached("INSERT INTO people (id, version, body) VALUES (?1, 1, ?2)")?
                        .execute(params![id.as_str(), codec::encode("person", &person)?])?;
                    person
                }
            };
            event(tx, EventKind::PERSON_PUT, &id, e)?;
            Ok(done)
        })
        .await
    }

    pub(crate) async fn person(&self, scope: &Scope, id: &PersonId) -> Read<Option<Person>> {
        let (allowed, id) = (scope.holds_house(), id.clone());
        self.read("person", move |conn| {
            if !allowed {
                return Ok(None);
            }
            body(conn, "person", PERSON, params![id.as_str()])
        })
        .await
    }

    pub(crate) async fn people(&self, scope: &Scope, page: Page) -> Read<Paged<Person>> {
        let allowed = scope.holds_house();
        self.read("people", move |conn| {
            if !allowed {
                return Ok(Paged::of(Vec::<(String, Person)>::new(), 0));
            }
            let (after, size) = (page.key::<String>()?.unwrap_or_default(), page.size());
            let sql = "SELECT id, body FROM people WHERE id > ?1 ORDER BY id";
            let rows = walk(conn, sql, params![after], size, |row| {
                let person = codec::decode("person", &row.get::<_, Vec<u8>>(1)?)?;
                Ok(Some((row.get::<_, String>(0)?, person)))
            })?;
            Ok(Paged::of(rows, size))
        })
        .await
    }
}
