//! Search: tickets, hooks, instances, packets and customers by the beginnings of words, grouped by what they are.
use askama::Template;
use axum::{extract::State, response::Response};
use boathook_schema::{Found, Page as Rows, TicketRef};
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

/// Results of one page.
const ROWS: u32 = 60;
/// Longer than any name.
const LONGEST: usize = 200;
/// In this order they are shown.
const KINDS: [(&str, &str); 5] = [
    ("ticket", "Tickets"),
    ("hook", "Hooks"),
    ("instance", "Instances"),
    ("packet", "Packets"),
    ("customer", "Customers"),
];

#[derive(Template)]
#[template(path = "pages/search.html")]
struct Page {
    chrome: Chrome,
    q: String,
    groups: Vec<Group>,
    next: Option<String>,
}

struct Group {
    name: &'static str,
    found: Vec<Hit>,
}

struct Hit {
    address: String,
    /// What people call it.
    name: String,
    /// Its id, where that says more.
    id: Option<String>,
    customer: Option<String>,
}

impl From<Found> for Hit {
    fn from(found: Found) -> Self {
        let id = links::segment(&found.id);
        let (address, shown) = match found.kind.as_str() {
            "ticket" => {
                let (system, key) = found.id.split_once('/').unwrap_or(("", &found.id));
                let (system, key) = (system.to_owned(), key.to_owned());
                let shown = key.clone();
                (links::ticket(&TicketRef { system, key }), Some(shown))
            }
            "hook" => (format!("/hooks/{id}"), None),
            "instance" => (format!("/instances/{id}"), Some(found.id.clone())),
            "packet" => (format!("/packets/{id}"), None),
            _ => {
                let query = [("customer", found.id.as_str())];
                (links::with_query("/tickets", query), Some(found.id.clone()))
            }
        };
        let name = match found.title.trim() {
            "" => found.id.clone(),
            title => title.to_owned(),
        };
        Self {
            address,
            id: shown.filter(|id| *id != name),
            name,
            customer: found.customer.map(|c| c.to_string()),
        }
    }
}

#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    q: String,
    after: Option<String>,
}

pub async fn get(
    State(app): State<Shared>,
    Staff(caller): Staff,
    visit: Visit,
    Query(asked): Query<Asked>,
) -> Answer<Response> {
    let q: String = asked.q.trim().chars().take(LONGEST).collect();
    let page = Rows::first(ROWS).after(asked.after);
    let found = app.store.search(&caller.scope, &q, page).await?;
    let next = found.next.as_deref();
    let next = next.map(|n| links::with_query("/search", [("q", q.as_str()), ("after", n)]));
    let mut groups: Vec<Group> = Vec::new();
    for (kind, name) in KINDS {
        let own = found.items.iter().filter(|f| f.kind == kind);
        let own: Vec<Hit> = own.cloned().map(Hit::from).collect();
        if !own.is_empty() {
            groups.push(Group { name, found: own });
        }
    }
    let title = match q.as_str() {
        "" => "Search".to_owned(),
        q => format!("Search: {q}"),
    };
    html(&Page {
        chrome: Chrome::of(&app, &caller, &visit, Section::None, title),
        q,
        groups,
        next,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use axum::http::StatusCode;
    use serde_json::json;

    use crate::{api::tests::house::House, ui::tests::Browser};

    #[tokio::test]
    async fn what_is_found_is_linked_and_grouped_by_what_it_is() {
        let house = House::new().await;
        let hook = house.published().await;
        let claim = house.packet(&hook, b"x").await;
        let ada = Browser::of(&house, "ada").await;
        for (q, group, address) in [
            ("slo", "Tickets", "/tickets/jira/SUP-1".to_owned()),
            ("sup-1", "Tickets", "/tickets/jira/SUP-1".to_owned()),
            (
                "host fac",
                "Hooks",
                format!("/hooks/{}", hook["id"].as_str().unwrap()),
            ),
            (
                claim.instance.as_str(),
                "Instances",
                format!("/instances/{}", claim.instance),
            ),
        ] {
            let text = ada
                .get(&crate::ui::links::with_query("/search", [("q", q)]))
                .await
                .text();
            assert!(text.contains(&format!("<h2>{group}</h2>")), "{q}: {text}");
            assert!(text.contains(&format!("href=\"{address}\"")), "{q}: {text}");
        }
        let nothing = ada.get("/search?q=%3Cb%3Enothing").await.text();
        assert!(
            nothing.contains("Nothing begins so") && !nothing.contains("<b>"),
            "{nothing}"
        );
        assert_eq!(ada.get("/search").await.status, StatusCode::OK);
    }

    #[tokio::test]
    async fn another_customers_things_are_not_found_and_viewers_do_not_search() {
        let house = House::new().await;
        house.published().await;
        let gil = Browser::of(&house, "gil").await.get("/search?q=slow").await;
        assert!(gil.text().contains("Nothing begins so"), "{}", gil.text());
        let vera = Browser::of(&house, "vera")
            .await
            .get("/search?q=slow")
            .await;
        assert_eq!(vera.status, StatusCode::FORBIDDEN);
    }

    #[tokio::test]
    async fn what_is_more_than_a_page_goes_on() {
        let house = House::new().await;
        let token = house.token("ada").await;
        for n in 0..63 {
            let body = json!({"customer": "acme", "title": "Crash"});
            let path = format!("/api/v1/tickets/jira/C-{n}");
            house
                .send(Some(&token), "PUT", &path, Some(&body))
                .await
                .ok();
        }
        let ada = Browser::of(&house, "ada").await;
        let text = ada.get("/search?q=crash").await.text();
        let next = text.split("href=\"/search?").nth(1).unwrap();
        let next = next.split('"').next().unwrap().replace("&#38;", "&");
        let rest = ada.get(&format!("/search?{next}")).await.text();
        assert_eq!(rest.matches("href=\"/tickets/jira/C-").count(), 3, "{rest}");
    }
}
