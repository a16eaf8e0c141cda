//! One ticket: all about one case on one page.
use askama::Template;
use axum::{extract::State, response::Response};
use boathook_hooks::{ids::HookId, states::HookState};
use boathook_schema::{Chain, EventFilter, TicketRef};

use crate::{
    api::{
        extract::Path,
        hooks::HookRow,
        packets::PacketRow,
        tickets::{self, TicketAnswer, TicketRow},
    },
    app::Shared,
    errors::Answer,
    people::Staff,
    ui::{
        chrome::{Chrome, Section, html},
        counters::Counters,
        history::History,
        links,
        names::Names,
        visit::Visit,
        words::Mark,
    },
};

#[derive(Template)]
#[template(path = "pages/ticket.html")]
struct Page {
    chrome: Chrome,
    ticket: TicketRow,
    customer_name: String,
    address: String,
    hooks: Vec<Line>,
    packets: Vec<Packet>,
    answers: Vec<TicketAnswer>,
    names: Names,
    history: History,
}

struct Line {
    hook: HookRow,
    mark: Mark,
    counters: Option<Counters>,
}

impl Line {
    fn address(&self) -> String {
        page_of(&self.hook.id, &self.hook.state)
    }
}

/// A packet's row: how its sections ended, in words.
struct Packet {
    row: PacketRow,
    ok: usize,
    others: Vec<String>,
}

impl From<PacketRow> for Packet {
    fn from(row: PacketRow) -> Self {
        let outcome = |s: &serde_json::Value| s["outcome"].as_str().unwrap_or("unknown").to_owned();
        let (ok, others): (Vec<_>, Vec<_>) = row.sections.iter().partition(|s| outcome(s) == "ok");
        let others = others
            .into_iter()
            .map(|s| {
                let name = s["name"].as_str().unwrap_or("?");
                format!("{name} {}", outcome(s).replace('_', " "))
            })
            .collect();
        Self {
            ok: ok.len(),
            others,
            row,
        }
    }
}

/// Where one goes on with a hook: to write it, to review it, or to watch it.
pub fn page_of(id: &HookId, state: &HookState) -> String {
    match state {
        HookState::Draft | HookState::SentBack { .. } => format!("/hooks/{id}/edit"),
        HookState::InReview => format!("/hooks/{id}/review"),
        _ => format!("/hooks/{id}"),
    }
}

pub async fn get(
    State(app): State<Shared>,
    Staff(caller): Staff,
    visit: Visit,
    Path((system, key)): Path<(String, String)>,
) -> Answer<Response> {
    let at = TicketRef { system, key };
    let address = links::ticket(&at);
    let view = tickets::view(&app, &caller.scope, at.clone()).await?;
    let mut hooks = Vec::new();
    for hook in view.hooks {
        let revision = match &hook.digest {
            Some(digest) => app.store.revision(&caller.scope, digest).await?,
            None => None,
        };
        hooks.push(Line {
            mark: Mark::from(&hook.state),
            counters: revision.map(|r| Counters::of(&r, app.now())),
            hook,
        });
    }
    let packets = view.packets.iter().map(|p| &p.instance);
    let answers = view.answers.iter().map(|a| &a.instance);
    let names = Names::of(&app, &caller.scope, packets.chain(answers)).await?;
    let customer = app
        .store
        .customer(&caller.scope, &view.ticket.customer)
        .await?;
    let filter = EventFilter {
        ticket: Some(at.clone()),
        ..EventFilter::default()
    };
    let chain = [Chain::Customer(view.ticket.customer.clone())];
    let query = format!("{}/{}", at.system, at.key);
    let history = History::of(&app, &caller.scope, &chain, filter, ("ticket", &query)).await?;
    let title = format!("{} {}", view.ticket.key, view.ticket.title);
    html(&Page {
        chrome: Chrome::of(&app, &caller, &visit, Section::Tickets, title),
        customer_name: customer.map_or_else(|| view.ticket.customer.to_string(), |c| c.name),
        address,
        ticket: view.ticket,
        hooks,
        packets: view.packets.into_iter().map(Packet::from).collect(),
        answers: view.answers,
        names,
        history,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use axum::http::StatusCode;

    use crate::{
        api::tests::house::{House, id},
        ui::tests::{Browser, alike},
    };

    #[tokio::test]
    async fn a_ticket_shows_its_hooks_with_counters_and_its_packets() {
        let house = House::new().await;
        let hook = house.published().await;
        let claim = house.packet(&hook, b"facts\n").await;
        let text = Browser::of(&house, "ada")
            .await
            .get("/tickets/jira/SUP-1")
            .await
            .text();
        assert!(
            text.contains("published") && text.contains("1/10"),
            "{text}"
        );
        assert!(text.contains(&format!("/hooks/{}", id(&hook))), "{text}");
        assert!(
            text.contains(&format!("/packets/{claim}")) && text.contains("1 ok"),
            "{text}"
        );
    }

    #[tokio::test]
    async fn a_ticket_of_another_customer_looks_like_one_that_is_not_there() {
        let house = House::new().await;
        house.ticket().await;
        let gil = Browser::of(&house, "gil").await;
        let (foreign, none) = (
            gil.get("/tickets/jira/SUP-1").await,
            gil.get("/tickets/jira/SUP-2").await,
        );
        assert_eq!(
            (foreign.status, none.status),
            (StatusCode::NOT_FOUND, StatusCode::NOT_FOUND)
        );
        assert_eq!(alike(&foreign.text()), alike(&none.text()));
    }
}
