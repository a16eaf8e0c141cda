//! Instances: of a customer, in a state, or all; whether each answers.
use askama::Template;
use axum::{extract::State, response::Response};
use boathook_hooks::{documents::identity::Facts, ids::CustomerId, time::HOUR, time::Time};
use boathook_schema::{Instance, InstanceFilter, InstanceState, Page as Rows};
use serde::Deserialize;

use crate::{
    api::{
        extract::Query,
        instances::{InstanceView, why_of},
    },
    app::Shared,
    errors::Answer,
    people::Staff,
    ui::{
        chrome::{Chrome, Section, html},
        links,
        shown::Shown,
        visit::Visit,
        words::{Mark, When},
    },
};

const ROWS: u32 = 50;
const STATES: [&str; 4] = ["unconfirmed", "confirmed", "suspended", "retired"];
/// *Last seen* is written at most every 15 minutes; who has not been seen for so long does not poll.
const SILENT_MS: i64 = HOUR;

#[derive(Template)]
#[template(path = "pages/instances.html")]
struct Page {
    chrome: Chrome,
    state: String,
    customer: Option<CustomerId>,
    customers: Vec<(CustomerId, String)>,
    rows: Vec<Row>,
    next: Option<String>,
}

struct Row {
    mark: Mark,
    view: InstanceView,
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
    let filter = InstanceFilter {
        customer: customer.clone(),
        state: state.clone(),
    };
    let page = Rows::first(ROWS).after(asked.after);
    let found = app.store.instances(&caller.scope, filter, page).await?;
    let state = state.unwrap_or_default();
    let query = [
        ("state", state.as_str()),
        ("customer", customer.as_ref().map_or("", |c| c.as_str())),
    ];
    let next = found.next.as_deref().map(|next| {
        let set = query.into_iter().filter(|(_, value)| !value.is_empty());
        links::with_query("/instances", set.chain([("after", next)]))
    });
    let now = app.now();
    let row = |instance: Instance| Row {
        mark: mark(&instance, now),
        view: instance.into(),
    };
    html(&Page {
        chrome: Chrome::of(&app, &caller, &visit, Section::Instances, "Instances"),
        customers: links::customers(&app, &caller.scope).await?,
        rows: found.items.into_iter().map(row).collect(),
        state,
        customer,
        next,
    })
}

/// Whether it answers, and if not, why.
pub fn mark(instance: &Instance, now: Time) -> Mark {
    let (word, shape, class) = match &instance.state {
        InstanceState::Unconfirmed => ("waits for confirmation", "◐", "wants"),
        InstanceState::Suspended { .. } => ("suspended", "‖", "bad"),
        InstanceState::Retired { .. } => ("retired", "◌", "over"),
        InstanceState::Confirmed if now.since(instance.last_seen) > SILENT_MS => {
            ("silent", "○", "wants")
        }
        InstanceState::Confirmed => ("answering", "●", "good"),
    };
    let why = match word {
        "silent" => {
            let ago = When::of(instance.last_seen, now).short;
            Some(format!("last seen {ago}"))
        }
        _ => why_of(&instance.state),
    };
    Mark {
        word,
        shape,
        class,
        why: why.map(|why| Shown::cut(&why, 2_000)),
    }
}

/// `shop 5.37, ldap 2.6`.
pub fn products(facts: &Facts) -> String {
    let one = |p: &boathook_hooks::documents::identity::ProductFact| {
        format!("{} {}", p.name, p.version).trim().to_owned()
    };
    facts
        .products
        .iter()
        .map(one)
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::{api::tests::house::House, ui::tests::Browser};

    #[tokio::test]
    async fn each_instance_says_whether_it_answers() {
        let house = House::new().await;
        let (first, second) = (house.bench.instance().await, house.bench.instance().await);
        house.bench.instance_of("globex").await;
        let waits = house.bench.token(1, true).await;
        let key = boathook_hooks::keys::SecretKey::generate().unwrap();
        house.bench.enroll(&key, &waits).await;
        house.bench.suspend(&second.instance).await;
        let ada = Browser::of(&house, "ada").await;
        let text = ada.get("/instances").await.text();
        for words in ["answering", "waits for confirmation", "suspended", "stolen"] {
            assert!(text.contains(words), "{words}: {text}");
        }
        assert!(
            text.contains(first.instance.as_str()) && !text.contains("globex"),
            "{text}"
        );
        house.bench.app.clock.advance(2 * 3_600_000);
        let ada = Browser::of(&house, "ada").await;
        let text = ada.get("/instances?state=confirmed").await.text();
        assert!(
            text.contains("silent") && text.contains("last seen 2 h ago"),
            "{text}"
        );
        assert!(!text.contains("suspended</span>"), "{text}");
        assert_eq!(
            ada.get("/instances?customer=globex")
                .await
                .text()
                .matches("/instances/i")
                .count(),
            0
        );
    }

    #[tokio::test]
    async fn instances_are_paged_by_key() {
        let house = House::new().await;
        let token = house.bench.token(60, false).await;
        for _ in 0..52 {
            let key = boathook_hooks::keys::SecretKey::generate().unwrap();
            house.bench.enroll(&key, &token).await;
        }
        let ada = Browser::of(&house, "ada").await;
        let text = ada.get("/instances?state=confirmed").await.text();
        let next = text.split("href=\"/instances?").nth(1).unwrap();
        let next = next
            .split('"')
            .next()
            .unwrap()
            .replace("&amp;", "&")
            .replace("&#38;", "&");
        let rest = ada.get(&format!("/instances?{next}")).await.text();
        assert_eq!(rest.matches("<tr><td>").count(), 2, "{rest}");
        assert!(!rest.contains("rel=\"next\""));
    }
}
