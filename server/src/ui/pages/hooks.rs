//! Hooks: of a state, of a customer, or all, newest first.
use askama::Template;
use axum::{extract::State, response::Response};
use boathook_hooks::ids::CustomerId;
use boathook_schema::{HookFilter, Page as Rows};
use serde::Deserialize;

use crate::{
    api::{extract::Query, hooks::HookRow},
    app::Shared,
    errors::Answer,
    people::Staff,
    ui::{
        chrome::{Chrome, Section, html},
        links,
        visit::Visit,
        words::Mark,
    },
};

const ROWS: u32 = 50;
/// As people say them.
const STATES: [&str; 9] = [
    "draft",
    "in review",
    "sent back",
    "held",
    "published",
    "stopped",
    "expired",
    "full",
    "superseded",
];

#[derive(Template)]
#[template(path = "pages/hooks.html")]
struct Page {
    chrome: Chrome,
    state: String,
    customer: Option<CustomerId>,
    customers: Vec<(CustomerId, String)>,
    hooks: Vec<HookRow>,
    next: Option<String>,
}

#[derive(Deserialize)]
pub struct Asked {
    state: Option<String>,
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
    let state = asked.state.filter(|s| STATES.contains(&s.as_str()));
    let filter = HookFilter {
        state: state.clone(),
        customer: customer.clone(),
        ..HookFilter::default()
    };
    let page = Rows::first(ROWS).after(asked.after);
    let hooks = app.store.hooks(&caller.scope, filter, page).await?;
    let state = state.unwrap_or_default();
    let query = [
        ("state", state.as_str()),
        ("customer", customer.as_ref().map_or("", |c| c.as_str())),
    ];
    let next = hooks.next.as_deref().map(|next| {
        let set = query.into_iter().filter(|(_, value)| !value.is_empty());
        links::with_query("/hooks", set.chain([("after", next)]))
    });
    html(&Page {
        chrome: Chrome::of(&app, &caller, &visit, Section::Hooks, "Hooks"),
        customers: links::customers(&app, &caller.scope).await?,
        hooks: hooks.items.into_iter().map(HookRow::from).collect(),
        state,
        customer,
        next,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::{
        api::tests::house::{House, TOML},
        ui::tests::Browser,
    };

    #[tokio::test]
    async fn hooks_are_listed_by_state_and_customer_within_ones_own() {
        let house = House::new().await;
        house.in_review(TOML).await;
        let ada = Browser::of(&house, "ada").await;
        assert!(
            ada.get("/hooks?state=in+review&customer=acme")
                .await
                .text()
                .contains("Host facts")
        );
        assert!(
            !ada.get("/hooks?state=published")
                .await
                .text()
                .contains("Host facts")
        );
        let gil = Browser::of(&house, "gil").await;
        assert!(!gil.get("/hooks").await.text().contains("Host facts"));
    }
}
