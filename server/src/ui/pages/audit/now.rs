//! What is active now.
use askama::Template;
use axum::response::Response;

use crate::{
    api::audit::{ActiveHook, active},
    app::App,
    errors::Answer,
    people::Caller,
    ui::{
        chrome::{Chrome, Section, html},
        links,
        visit::Visit,
    },
};

#[derive(Template)]
#[template(path = "pages/audit_now.html")]
struct Page {
    chrome: Chrome,
    tab: &'static str,
    hooks: Vec<ActiveHook>,
    /// Whether the reader may open hooks and tickets.
    works: bool,
}

pub async fn page(app: &App, caller: &Caller, visit: &Visit) -> Answer<Response> {
    let mut hooks = active(app, caller).await?;
    // What ends first is what one may still want to see.
    hooks.sort_by_key(|hook| (hook.expires_at, hook.digest));
    html(&Page {
        chrome: Chrome::of(app, caller, visit, Section::Audit, "Audit"),
        tab: "now",
        hooks,
        works: caller.as_staff().is_some(),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::{api::tests::house::House, ui::tests::Browser};

    #[tokio::test]
    async fn a_viewer_sees_what_is_active_at_their_customers_and_who_made_it() {
        let house = House::new().await;
        let empty = Browser::of(&house, "vera").await.get("/audit").await.text();
        assert!(empty.contains("No hook is published"), "{empty}");
        let hook = house.published().await;
        house.packet(&hook, b"x").await;
        let text = Browser::of(&house, "vera").await.get("/audit").await.text();
        for words in ["Host facts", "ada", "1 of 10", "in 3 d"] {
            assert!(text.contains(words), "{words}: {text}");
        }
        // A viewer may not open hooks: no link leads to a refusal.
        assert!(!text.contains("href=\"/hooks/"), "{text}");
        let text = Browser::of(&house, "ben").await.get("/audit").await.text();
        assert!(text.contains("href=\"/hooks/"), "{text}");
        let foreign = Browser::of(&house, "gil").await.get("/audit").await.text();
        assert!(!foreign.contains("Host facts"), "{foreign}");
    }
}
