//! Tickets, of all customers or one, newest first.
use askama::Template;
use axum::{extract::State, response::Response};
use boathook_hooks::ids::CustomerId;
use boathook_schema::Ticket;
use serde::Deserialize;

use crate::{
    api::extract::Query,
    app::Shared,
    errors::Answer,
    people::Staff,
    ui::{
        chrome::{Chrome, Section, html},
        links,
        visit::Visit,
    },
};

/// Rows of one page.
const ROWS: u32 = 50;

#[derive(Template)]
#[template(path = "pages/tickets.html")]
struct Page {
    chrome: Chrome,
    customer: Option<CustomerId>,
    customers: Vec<(CustomerId, String)>,
    tickets: Vec<Ticket>,
    next: Option<String>,
}

#[derive(Deserialize)]
pub struct Asked {
    customer: Option<String>,
    after: Option<String>,
}

pub async fn get(
    State(app): State<Shared>,
    Staff(caller): Staff,
    visit: Visit,
    Query(asked): Query<Asked>,
) -> Answer<Response> {
    let customer = links::customer(asked.customer.as_deref())?;
    let page = boathook_schema::Page::first(ROWS).after(asked.after);
    let scope = &caller.scope;
    let tickets = app.store.tickets(scope, customer.clone(), page).await?;
    let customers = links::customers(&app, scope).await?;
    let query = customer.as_ref().map(|c| ("customer", c.as_str()));
    let next = tickets.next.map(|next| {
        links::with_query(
            "/tickets",
            query.into_iter().chain([("after", next.as_str())]),
        )
    });
    html(&Page {
        chrome: Chrome::of(&app, &caller, &visit, Section::Tickets, "Tickets"),
        customer,
        customers,
        tickets: tickets.items,
        next,
    })
}
