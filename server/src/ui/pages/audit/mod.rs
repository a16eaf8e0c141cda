//! The audit, for whoever may read: what is active now, numbers over time, what happened, and its proof. Nothing here changes
//! anything: no form posts.
pub mod chains;
mod days;
mod events;
mod now;

use axum::{extract::State, response::Response};
use serde::Deserialize;

use crate::{api::extract::Query, app::Shared, errors::Answer, people::Viewer, ui::visit::Visit};

pub use chains::Verified;

/// What stands behind the address; each tab takes its own.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Asked {
    tab: Option<String>,
    chain: Option<String>,
    person: Option<String>,
    ticket: Option<String>,
    hook: Option<String>,
    instance: Option<String>,
    kind: Option<String>,
    customer: Option<String>,
    /// Days in UTC, both included.
    from: Option<String>,
    to: Option<String>,
    after: Option<String>,
}

impl Asked {
    /// What a form leaves empty is not asked for.
    fn cleaned(self) -> Self {
        let clean = |text: Option<String>| {
            let text = text.map(|t| t.trim().to_owned());
            text.filter(|t| !t.is_empty())
        };
        Self {
            tab: clean(self.tab),
            chain: clean(self.chain),
            person: clean(self.person),
            ticket: clean(self.ticket),
            hook: clean(self.hook),
            instance: clean(self.instance),
            kind: clean(self.kind),
            customer: clean(self.customer),
            from: clean(self.from),
            to: clean(self.to),
            after: clean(self.after),
        }
    }
}

pub async fn get(
    State(app): State<Shared>,
    Viewer(caller): Viewer,
    visit: Visit,
    Query(asked): Query<Asked>,
) -> Answer<Response> {
    let asked = asked.cleaned();
    match asked.tab.as_deref() {
        Some("days") => days::page(&app, &caller, &visit, asked).await,
        Some("events") => events::page(&app, &caller, &visit, asked).await,
        Some("chains") => chains::page(&app, &caller, &visit, asked).await,
        _ => now::page(&app, &caller, &visit).await,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use axum::http::StatusCode;

    use crate::{api::tests::house::House, ui::tests::Browser};

    #[tokio::test]
    async fn nothing_on_any_tab_posts_but_signing_out() {
        let house = House::new().await;
        let hook = house.published().await;
        house.packet(&hook, b"x").await;
        for person in ["vera", "hana"] {
            let browser = Browser::of(&house, person).await;
            for tab in ["now", "days", "events", "chains", "other"] {
                let said = browser.get(&format!("/audit?tab={tab}")).await;
                assert_eq!(said.status, StatusCode::OK, "{tab}: {}", said.text());
                let text = said.text();
                assert_eq!(text.matches("method=\"post\"").count(), 1, "{tab}: {text}");
                assert!(text.contains("action=\"/sign-out\""), "{tab}");
                assert!(!text.contains("style="), "{tab}: {text}");
            }
        }
        assert_eq!(
            Browser::nobody(&house).get("/audit").await.status,
            StatusCode::SEE_OTHER
        );
    }
}
