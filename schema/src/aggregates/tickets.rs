//! Tickets.
use boathook_hooks::ids::CustomerId;
use bson::doc;

use super::search::{self, Named};
use crate::{
    Answer, Chain, EventKind, NewEvent, Page, Paged, PutTicket, Refs, Refused, Scope, Ticket,
    TicketRef, Write, codec,
    engine::{
        Engine, HEAD, Home, List, Look as _, Stop, Table, Tx, ensure, keys::newest_first, listing,
    },
    verbs::Read,
};

pub(super) fn home(at: &TicketRef) -> Home {
    Home::new(Table::Tickets, sort_key(at))
}

/// Under its customer and under `*`.
fn list(tx: &mut Tx<'_>, ticket: &Ticket) -> Result<(), Stop> {
    let sort = format!(
        "{}\u{1}{}",
        newest_first(ticket.created_at),
        sort_key(&ticket.at)
    );
    for part in ["*", ticket.customer.as_str()] {
        tx.list_put(List::Tickets, part, &sort, "ticket", ticket)?;
    }
    Ok(())
}

fn index(tx: &mut Tx<'_>, ticket: &Ticket, before: Option<&str>) -> Result<(), Stop> {
    let customers = std::slice::from_ref(&ticket.customer);
    let named = |title| Named { title, customers };
    search::index(
        tx,
        "ticket",
        &ticket.at.to_string(),
        before.map(named),
        &named(&ticket.title),
    )
}

/// All that this ticket should be listed under.
pub(super) fn relist(tx: &mut Tx<'_>) -> Result<(), Stop> {
    let Some(ticket) = tx.read::<Ticket>("ticket", &tx.here(HEAD))? else {
        return Ok(());
    };
    list(tx, &ticket)?;
    index(tx, &ticket, None)
}

/// Neither part holds the separator, so no two tickets share a key.
fn sort_key(at: &TicketRef) -> String {
    format!("{}\u{1}{}", at.system, at.key)
}

impl Engine {
    pub(crate) async fn put_ticket(
        &self,
        scope: &Scope,
        write: Write,
        put: PutTicket,
    ) -> Answer<Ticket> {
        let allowed = scope.holds(&put.customer) && !scope.is_agent();
        self.write("put_ticket", write, home(&put.at), move |tx| {
            ensure(allowed, Refused::OutOfScope)?;
            ensure(
                !put.at.system.is_empty() && !put.at.key.is_empty(),
                Refused::Malformed("a ticket is known by its system and key".into()),
            )?;
            ensure(
                !format!("{}{}", put.at.system, put.at.key).contains('\u{1}'),
                Refused::Malformed("a ticket's system and key hold no control characters".into()),
            )?;
            let head = tx.here(HEAD);
            let (ticket, before) = match tx.stored::<Ticket>("ticket", &head)? {
                Some(mut found) => {
                    // Keys are the ticket system's, one set for the house: that one is taken can be learned by whoever may
                    // make tickets. Whose it is cannot.
                    ensure(
                        found.value.customer == put.customer,
                        Refused::Exists(format!("the ticket {}", put.at)),
                    )?;
                    let before = found.value.clone();
                    found.value.title.clone_from(&put.title);
                    found.value.url.clone_from(&put.url);
                    found.value.state.clone_from(&put.state);
                    if found.value == before {
                        return Ok(before);
                    }
                    found.value.version += 1;
                    tx.save(HEAD, &found)?;
                    (found.value, Some(before.title))
                }
                None => {
                    let ticket = Ticket {
                        at: put.at.clone(),
                        customer: put.customer.clone(),
                        title: put.title.clone(),
                        url: put.url.clone(),
                        state: put.state.clone(),
                        created_at: tx.now(),
                        version: 1,
                    };
                    tx.put("ticket", HEAD, &ticket)?;
                    (ticket, None)
                }
            };
            list(tx, &ticket)?;
            index(tx, &ticket, before.as_deref())?;
            let mut event = NewEvent::new(EventKind::TICKET_PUT);
            event.refs = Refs {
                ticket: Some(ticket.at.clone()),
                ..Refs::default()
            };
            event.details = doc! { "title": &ticket.title, "version": ticket.version as i64 };
            tx.event(&Chain::Customer(ticket.customer.clone()), event)?;
            Ok(ticket)
        })
        .await
    }

    pub(crate) async fn ticket(&self, scope: &Scope, at: &TicketRef) -> Read<Option<Ticket>> {
        let (scope, head) = (scope.clone(), home(at).head());
        self.read("ticket", move |look| {
            let found: Option<Ticket> = look.record("ticket", &head)?;
            Ok(found.filter(|t| scope.holds(&t.customer) && !scope.is_agent()))
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
            other => listing::customers_of(other, customer),
        };
        self.read("tickets", move |look| {
            let parts = listing::parts(only.as_deref());
            listing::page(look, List::Tickets, &parts, &page, |_, _, body| {
                Ok(Some(codec::decode("ticket", body)?))
            })
        })
        .await
    }
}
