//! Tickets, and searching.
use boathook_hooks::ids::CustomerId;

use super::{Read, verbs};
use crate::{Answer, Found, Page, Paged, PutTicket, Scope, Ticket, TicketRef, Write};

verbs! {
    /// Makes or changes a ticket; its customer never changes. The same content again changes nothing, not even the version.
    fn put_ticket(scope: &Scope, write: Write, ticket: PutTicket) -> Answer<Ticket>;
    fn ticket(scope: &Scope, at: &TicketRef) -> Read<Option<Ticket>>;
    /// Newest first: by when they were made known, falling.
    fn tickets(scope: &Scope, customer: Option<CustomerId>, page: Page) -> Read<Paged<Ticket>>;
    /// Customers, tickets, hooks, instances and packets by the beginning of a word in their names, ids or titles.
    /// Several words: all of them. By kind and id.
    fn search(scope: &Scope, text: &str, page: Page) -> Read<Paged<Found>>;
}
