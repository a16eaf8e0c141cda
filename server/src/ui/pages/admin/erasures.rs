//! What was erased, or is being erased.
use askama::Template;
use axum::{extract::State, response::Response};
use boathook_schema::Page as Rows;
use serde::Deserialize;

use super::Tabs;
use crate::{
    api::{erasures::ErasureView, extract::Query},
    app::Shared,
    errors::Answer,
    people::Admin,
    ui::{
        chrome::{Chrome, Section, html},
        links,
        visit::Visit,
    },
};

#[derive(Template)]
#[template(path = "pages/admin/erasures.html")]
struct Page {
    chrome: Chrome,
    tabs: Tabs,
    erasures: Vec<ErasureView>,
    next: Option<String>,
}

#[derive(Deserialize)]
pub struct Asked {
    after: Option<String>,
}

pub async fn get(
    State(app): State<Shared>,
    Admin(caller): Admin,
    visit: Visit,
    Query(asked): Query<Asked>,
) -> Answer<Response> {
    let rows = Rows::first(100).after(asked.after);
    let erasures = app.store.erasures(&caller.scope, rows).await?;
    html(&Page {
        chrome: Chrome::of(&app, &caller, &visit, Section::Admin, "Erasures"),
        tabs: Tabs::of(&caller, "erasures"),
        next: erasures
            .next
            .as_deref()
            .map(|next| links::with_query("/admin/erasures", [("after", next)])),
        erasures: erasures.items.into_iter().map(ErasureView::from).collect(),
    })
}
