//! Tickets in SQLite.
use boathook_hooks::ids::CustomerId;
use bson::doc;
use rusqlite::params;

use super::{
    Embedded, customers_of,
    rows::{body, changed_one, int, merged, stored, walk},
    tx::{Stop, ensure},
};
use crate::{
    Answer, Chain, EventKind, NewEvent, Page, Paged, PutTicket, Refs, Refused, Scope, Ticket,
    TicketRef, Write, codec, verbs::Read,
};

const TICKET: &str = "SELECT body FROM tickets WHERE system = ?1 AND key = ?2";

impl Embedded {
    pub(crate) async fn put_ticket(
        &self,
        scope: &Scope,
        write: Write,
        ticket: PutTicket,
    ) -> Answer<Ticket> {
        let allowed = scope.holds(&ticket.customer) && !scope.is_agent();
        self.write("put_ticket", write, move |tx| {
            ensure(allowed, Refused::OutOfScope)?;
            ensure(
                !ticket.at.system.is_empty() && !ticket.at.key.is_empty(),
                Refused::Malformed("a ticket is known by its system and key".into()),
            )?;
            let at = [&ticket.at.system, &ticket.at.key];
            let found = stored::<Ticket>(tx.conn, "ticket", TICKET, params![at[0], at[1]])?;
            let ticket = match found {
                Some(mut found) => {
                    // As if it were not there: whose it is is not the caller's to know.
                    ensure(
                        found.value.customer == ticket.customer,
                        Refused::Exists(format!("the ticket {} with another customer", ticket.at)),
                    )?;
                    let before = found.value.clone();
                    found.value.title = ticket.title;
                    found.value.url = ticket.url;
                    found.value.state = ticket.state;
                    if found.value == before {
                        return Ok(before);
                    }
                    found.value.version += 1;
                    changed_one(
                        tx.conn
                            .prepare_cached("UPDATE tickets SET version = ?3, body = ?4 WHERE system = ?1 AND key = ?2 AND version = ?5")?
                            .execute(params![
                                at[0],
                                at[1],
                                int(found.value.version),
                                found.bytes()?,
                                int(before.version)
                            ])?,
                    )?;
                    found.value
                }
                None => {
                    let ticket = Ticket {
                        at: ticket.at,
                        customer: ticket.customer,
                        title: ticket.title,
                        url: ticket.url,
                        state: ticket.state,
                        created_at: tx.now(),
                        version: 1,
                    };
                    tx.conn
                        .prepare_cached("INSERT INTO tickets (system, key, customer, version, body) VALUES (?1, ?2, ?3, 1, ?4)")?
                        .execute(params![
                            ticket.at.system,
                            ticket.at.key,
                            ticket.customer.as_str(),
                            codec::encode("ticket", &ticket)?
                        ])?;
                    ticket
                }
            };
            tx.index(
                "ticket",
                &ticket.at.to_string(),
                &ticket.title,
                std::slice::from_ref(&ticket.customer),
            )?;
            let mut event = NewEvent::new(EventKind::TICKET_PUT);
            event.refs = Refs {
                ticket: Some(ticket.at.clone()),
                ..Refs::default()
            };
            event.details = doc! { "title": &ticket.title, "version": int(ticket.version) };
            tx.event(&Chain::Customer(ticket.customer.clone()), event)?;
            Ok(ticket)
        })
        .await
    }

    pub(crate) async fn ticket(&self, scope: &Scope, at: &TicketRef) -> Read<Option<Ticket>> {
        let (scope, at) = (scope.clone(), at.clone());
        self.read("ticket", move |conn| {
            let ticket = body::<Ticket>(conn, "ticket", TICKET, params![at.system, at.key])?;
            Ok(ticket.filter(|t| scope.holds(&t.customer) && !scope.is_agent()))
        })
        .await
    }

    pub(crate) async fn tickets(
        &self,
        scope: &Scope,
        customer: Option<CustomerId>,
        page: Page,
    ) -> Read<Paged<Ticket>> {
        let only = match scope {
            Scope::Instance { .. } => Some(Vec::new()),
            other => customers_of(other, customer),
        };
        self.read("tickets", move |conn| {
            let (after, size) = (page.key::<(String, String)>()?, page.size());
            let (system, key) = after.unwrap_or_default();
            let keep = |row: &rusqlite::Row<'_>| -> Result<_, Stop> {
                let ticket: Ticket = codec::decode("ticket", &row.get::<_, Vec<u8>>(0)?)?;
                Ok(Some((
                    (ticket.at.system.clone(), ticket.at.key.clone()),
                    ticket,
                )))
            };
            let Some(only) = only else {
                let sql = "SELECT body FROM tickets WHERE (system, key) > (?1, ?2) ORDER BY system, key";
                let rows = walk(conn, sql, params![system, key], size, keep)?;
                return Ok(Paged::of(rows, size));
            };
            let sql = "SELECT body FROM tickets WHERE customer = ?3 AND (system, key) > (?1, ?2) ORDER BY system, key";
            let mut rows = Vec::new();
            for customer in only {
                let params = params![system, key, customer.as_str()];
                rows.extend(walk(conn, sql, params, size, keep)?);
            }
            Ok(merged(rows, size))
        })
        .await
    }
}
