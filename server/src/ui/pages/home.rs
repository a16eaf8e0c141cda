//! Home: what needs me.
use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse as _, Redirect, Response},
};
use boathook_schema::{HookFilter, HookRecord, Page as Rows, Ticket};

use crate::{
    app::Shared,
    errors::Answer,
    people::AnyRole,
    ui::{
        chrome::{Chrome, Section, html},
        visit::Visit,
        words::Mark,
    },
};

#[derive(Template)]
#[template(path = "pages/home.html")]
struct Page {
    chrome: Chrome,
    reviews: Vec<HookRecord>,
    tickets: Vec<Ticket>,
}

pub async fn get(
    State(app): State<Shared>,
    AnyRole(caller): AnyRole,
    visit: Visit,
) -> Answer<Response> {
    let Some(scope) = caller.as_staff() else {
        return Ok(Redirect::to("/audit").into_response());
    };
    let in_review = HookFilter {
        state: Some("in review".into()),
        ..HookFilter::default()
    };
    let reviews = app.store.hooks(&scope, in_review, Rows::first(20)).await?;
    let tickets = app.store.tickets(&scope, None, Rows::first(20)).await?;
    html(&Page {
        chrome: Chrome::of(&app, &caller, &visit, Section::Home, "Home"),
        reviews: reviews.items,
        tickets: tickets.items,
    })
}

impl Page {
    fn mark(hook: &HookRecord) -> Option<Mark> {
        hook.latest().map(|r| Mark::from(&r.state))
    }
}
