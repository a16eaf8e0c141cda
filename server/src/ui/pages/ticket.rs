//! One ticket: all about one case on one page.
use askama::Template;
use axum::{extract::State, response::Response};
use boathook_hooks::{ids::HookId, states::HookState};
use boathook_schema::{Chain, EventFilter, Role, Scope, TicketRef};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::try_join;

use crate::{
    api::{
        extract::Path,
        hooks::HookRow,
        packets::PacketRow,
        tickets::{self, TicketAnswer, TicketRow},
    },
    app::{App, Shared},
    errors::Answer,
    people::Staff,
    ui::{
        chrome::{Chrome, Section, html},
        counters::Counters,
        history::History,
        links,
        names::Names,
        shown::Shown,
        visit::Visit,
        words::Mark,
    },
};

/// Hooks whose counters are read at once.
const AT_ONCE: usize = 16;

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
    may_write: bool,
}

struct Line {
    hook: HookRow,
    mark: Mark,
    counters: Option<Counters>,
}

impl Line {
    async fn of(app: &App, scope: &Scope, hook: HookRow) -> Answer<Self> {
        let revision = match &hook.digest {
            Some(digest) => app.store.revision(scope, digest).await?,
            None => None,
        };
        Ok(Self {
            mark: Mark::from(&hook.state),
            counters: revision.map(|r| Counters::of(&r, app.now())),
            hook,
        })
    }

    fn address(&self) -> String {
        page_of(&self.hook.id, &self.hook.state)
    }
}

/// A packet's row: how its sections ended, in words.
struct Packet {
    row: PacketRow,
    ok: usize,
    others: Vec<Shown>,
    /// What people said of it.
    answered: Option<Mark>,
}

impl From<PacketRow> for Packet {
    fn from(row: PacketRow) -> Self {
        let outcome = |s: &serde_json::Value| s["outcome"].as_str().unwrap_or("unknown").to_owned();
        let (ok, others): (Vec<_>, Vec<_>) = row.sections.iter().partition(|s| outcome(s) == "ok");
        let others = others
            .into_iter()
            .map(|s| {
                let name = s["name"].as_str().unwrap_or("?");
                let said = format!("{name} {}", outcome(s).replace('_', " "));
                Shown::cut(&said, 200)
            })
            .collect();
        Self {
            ok: ok.len(),
            others,
            answered: Mark::of_verdicts(&row.verdicts),
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
    let scope = &caller.scope;
    let mut view = tickets::view(&app, scope, at.clone()).await?;
    let hooks = std::mem::take(&mut view.hooks).into_iter();
    let hooks = stream::iter(hooks.map(|hook| Line::of(&app, scope, hook)));
    let hooks = hooks.buffered(AT_ONCE).try_collect::<Vec<Line>>();
    let packets = view.packets.iter().map(|p| &p.instance);
    let answers = view.answers.iter().map(|a| &a.instance);
    let names = Names::of(&app, scope, packets.chain(answers));
    let customer = async { Ok(app.store.customer(scope, &view.ticket.customer).await?) };
    let filter = EventFilter {
        ticket: Some(at.clone()),
        ..EventFilter::default()
    };
    let chain = [Chain::Customer(view.ticket.customer.clone())];
    let query = format!("{}/{}", at.system, at.key);
    let history = History::of(&app, scope, &chain, filter, ("ticket", &query));
    let (hooks, names, customer, history) = try_join!(hooks, names, customer, history)?;
    let may_write = caller.may(
        &[Role::Engineer],
        std::slice::from_ref(&view.ticket.customer),
    );
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
        may_write,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use axum::http::StatusCode;

    use boathook_hooks::{packet::Outcome, protocol::AnswerKind};
    use boathook_schema::Role;

    use crate::{
        api::tests::house::{House, id},
        ui::{
            packets::testing::{answered, failed, sent_by},
            tests::{Browser, alike},
        },
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
    async fn what_instances_say_of_themselves_does_nothing() {
        let house = House::new().await;
        let hook = house.published().await;
        let evil = "app\u{202e}<b>\u{1b}[2J";
        let part = failed("ldap", Outcome::Failed, "x");
        sent_by(&house, evil, &hook, &[part]).await;
        let mut sim = house.bench.instance().await;
        sim.facts.name = evil.to_owned();
        sim.renew().await;
        answered(&sim, &hook, AnswerKind::Declined, evil).await;
        let ada = Browser::of(&house, "ada").await;
        for path in [
            "/tickets/jira/SUP-1".to_owned(),
            format!("/hooks/{}", id(&hook)),
        ] {
            let text = ada.get(&path).await.text();
            assert!(
                !text.contains('\u{202e}') && !text.contains('\u{1b}'),
                "{path}"
            );
            assert!(!text.contains("<b>"), "{path}");
            let escape = "app<span class=\"odd\">⟨U+202E⟩</span>";
            // Two instances' names, and the reason of the one that declined.
            assert_eq!(text.matches(escape).count(), 3, "{path}: {text}");
        }
    }

    #[tokio::test]
    async fn new_hooks_are_offered_to_whoever_may_write_them() {
        let house = House::new().await;
        house.ticket().await;
        house.person("ivy", &[Role::Reviewer], Some("acme")).await;
        for (person, offered) in [
            ("ada", true),
            ("ben", false),
            ("ivy", false),
            ("hana", false),
        ] {
            let text = Browser::of(&house, person)
                .await
                .get("/tickets/jira/SUP-1")
                .await
                .text();
            assert_eq!(text.contains("hooks/new"), offered, "{person}");
        }
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
