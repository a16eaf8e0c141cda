//! Keys, words and where to read more.
use askama::Template;
use axum::{extract::State, response::Response};

use crate::{
    app::Shared,
    errors::Answer,
    people::AnyRole,
    ui::{
        chrome::{Chrome, Section, html},
        visit::Visit,
    },
};

#[derive(Template)]
#[template(path = "pages/help.html")]
struct Page {
    chrome: Chrome,
}

pub async fn get(
    State(app): State<Shared>,
    AnyRole(caller): AnyRole,
    visit: Visit,
) -> Answer<Response> {
    html(&Page {
        chrome: Chrome::of(&app, &caller, &visit, Section::None, "Help and keys"),
    })
}
