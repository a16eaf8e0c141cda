//! What happened: events of one chain, newest first, each with all that was recorded of it.
use askama::Template;
use axum::response::Response;
use boathook_hooks::{
    ids::CustomerId,
    time::{DAY, Time},
};
use boathook_schema::{Chain, Event, EventFilter, EventKind, Page as Rows, Refs};

use super::Asked;
use crate::{
    api::audit::{EventView, chain, ticket},
    app::App,
    errors::{Answer, Problem},
    people::Caller,
    ui::{
        chrome::{Chrome, Section, html_with},
        event_words::{KINDS, Told},
        history::Line,
        links,
        visit::Visit,
    },
};

const ROWS: u32 = 50;

#[derive(Template)]
#[template(path = "pages/audit_events.html")]
struct Page {
    chrome: Chrome,
    tab: &'static str,
    asked: Asked,
    /// The chain that is shown.
    chain: String,
    holds_house: bool,
    customers: Vec<(CustomerId, String)>,
    rows: Vec<Row>,
    next: Option<String>,
    /// The same events as a file.
    csv: String,
    /// Whether the reader may open hooks and tickets.
    works: bool,
    problem: Option<Problem>,
}

struct Row {
    line: Line,
    event: EventView,
    refs: Refs,
    details: Vec<(String, String)>,
}

impl Row {
    fn of(told: &Told, event: Event) -> Self {
        let (line, refs) = (Line::of(told, &event), event.refs.clone());
        let event: EventView = event.into();
        let of = |value: &serde_json::Value| match value {
            serde_json::Value::Object(map) => {
                let one = |(key, value): (&String, &serde_json::Value)| {
                    let shown = match value {
                        serde_json::Value::String(text) => text.clone(),
                        other => other.to_string(),
                    };
                    (key.replace('_', " "), shown)
                };
                map.iter().map(one).collect::<Vec<_>>()
            }
            _ => Vec::new(),
        };
        let mut details = of(&event.details);
        details.extend(event.personal.iter().flat_map(of));
        Self {
            line,
            event,
            refs,
            details,
        }
    }
}

/// The first moment of a UTC day, or a moment itself.
fn moment(field: &str, text: &str) -> Answer<(Time, bool)> {
    let day = format!("{text}T00:00:00Z").parse::<Time>();
    match (text.len() == 10).then_some(day) {
        Some(Ok(start)) => Ok((start, true)),
        _ => match text.parse() {
            Ok(time) => Ok((time, false)),
            Err(_) => Err(Problem::field(
                field,
                "that is no day",
                "a day in UTC such as 2026-11-21",
            )),
        },
    }
}

fn filter(asked: &Asked) -> Answer<EventFilter> {
    fn id<T: std::str::FromStr>(field: &str, text: Option<&String>) -> Answer<Option<T>> {
        let wrong = |_| Problem::field(field, format!("that is no {field}"), "an id");
        text.map(|t| t.parse::<T>().map_err(wrong)).transpose()
    }
    let from = asked.from.as_deref().map(|t| moment("from", t));
    let to = asked.to.as_deref().map(|t| moment("to", t)).transpose()?;
    Ok(EventFilter {
        kind: asked.kind.clone().map(|k| EventKind(k.into())),
        person: id("person", asked.person.as_ref())?,
        ticket: asked.ticket.as_deref().map(ticket).transpose()?,
        hook: id("hook", asked.hook.as_ref())?,
        instance: id("instance", asked.instance.as_ref())?,
        from: from.transpose()?.map(|(start, _)| start),
        // A day counts to its end.
        before: to.map(|(time, is_day)| if is_day { time.plus_ms(DAY) } else { time }),
        newest_first: true,
    })
}

/// The chain that is asked for; else the house's, or the first customer's.
async fn chosen(
    app: &App,
    caller: &Caller,
    asked: &Asked,
    customers: &[(CustomerId, String)],
) -> Answer<Option<Chain>> {
    match (&asked.chain, caller.scope.holds_house()) {
        (Some(text), _) => chain(app, caller, text).await.map(Some),
        (None, true) => Ok(Some(Chain::House)),
        (None, false) => Ok(customers.first().map(|(id, _)| Chain::Customer(id.clone()))),
    }
}

pub async fn page(app: &App, caller: &Caller, visit: &Visit, asked: Asked) -> Answer<Response> {
    let customers = links::customers(app, &caller.scope).await?;
    let chain = chosen(app, caller, &asked, &customers).await?;
    let (mut events, mut cursor, mut problem) = (Vec::new(), None, None);
    let mut csv = String::new();
    match (filter(&asked), &chain) {
        (Ok(filter), Some(chain)) => {
            csv = as_csv(&filter, chain);
            let page = Rows::first(ROWS).after(asked.after.clone());
            let found = app.store.events(&caller.scope, chain, filter, page).await?;
            (events, cursor) = (found.items, found.next);
        }
        (Ok(_), None) => {}
        (Err(wrong), _) => problem = Some(wrong),
    }
    let told = Told::of(app, &caller.scope, &events).await?;
    let chain = chain.map(|c| c.to_string()).unwrap_or_default();
    let next = cursor.map(|cursor| older(&asked, &chain, &cursor));
    let status = problem.as_ref().map(|p| p.status);
    let page = Page {
        chrome: Chrome::of(app, caller, visit, Section::Audit, "Audit: events"),
        tab: "events",
        csv,
        rows: events.into_iter().map(|e| Row::of(&told, e)).collect(),
        next,
        chain,
        holds_house: caller.scope.holds_house(),
        customers,
        asked,
        works: caller.as_staff().is_some(),
        problem,
    };
    html_with(status, &page)
}

/// All events of the filter, for a spreadsheet.
fn as_csv(filter: &EventFilter, chain: &Chain) -> String {
    let ticket = filter.ticket.as_ref();
    let set = [
        ("kind", filter.kind.as_ref().map(ToString::to_string)),
        ("person", filter.person.as_ref().map(ToString::to_string)),
        ("ticket", ticket.map(|t| format!("{}/{}", t.system, t.key))),
        ("hook", filter.hook.as_ref().map(ToString::to_string)),
        (
            "instance",
            filter.instance.as_ref().map(ToString::to_string),
        ),
        ("from", filter.from.map(|t| t.to_string())),
        ("before", filter.before.map(|t| t.to_string())),
    ];
    let chain = chain.to_string();
    let set = set.iter();
    let set = set.filter_map(|(name, value)| Some((*name, value.as_deref()?)));
    links::with_query(
        "/api/v1/audit/events.csv",
        [("chain", &*chain)].into_iter().chain(set),
    )
}

/// The same filter, further back.
fn older(asked: &Asked, chain: &str, cursor: &str) -> String {
    let set = [
        ("person", &asked.person),
        ("ticket", &asked.ticket),
        ("hook", &asked.hook),
        ("instance", &asked.instance),
        ("kind", &asked.kind),
        ("from", &asked.from),
        ("to", &asked.to),
    ];
    let set = set.into_iter();
    let set = set.filter_map(|(name, value)| Some((name, value.as_deref()?)));
    let own = [("tab", "events"), ("chain", chain)].into_iter();
    links::with_query("/audit", own.chain(set).chain([("after", cursor)]))
}

impl Page {
    /// For a form's field.
    fn value(text: &Option<String>) -> &str {
        text.as_deref().unwrap_or_default()
    }

    fn is_kind(&self, kind: &str) -> bool {
        self.asked.kind.as_deref() == Some(kind)
    }

    fn is_of(&self, customer: &CustomerId) -> bool {
        self.chain == format!("customer:{customer}")
    }

    /// What tells of a packet that is there, as far as the event knows.
    fn is_packet(&self, kind: &str) -> bool {
        ["packet_accepted", "packet_read", "packet_searched"].contains(&kind)
    }

    /// Whether one of the fields that are folded away is filled.
    fn is_deep(&self) -> bool {
        let a = &self.asked;
        let all = [&a.ticket, &a.hook, &a.instance, &a.from, &a.to];
        all.iter().any(|f| f.is_some())
    }

    fn is_filtered(&self) -> bool {
        let a = &self.asked;
        let all = [
            &a.person,
            &a.ticket,
            &a.hook,
            &a.instance,
            &a.kind,
            &a.from,
            &a.to,
        ];
        all.iter().any(|f| f.is_some())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use axum::http::StatusCode;

    use crate::{api::tests::house::House, ui::tests::Browser};

    #[tokio::test]
    async fn events_are_told_newest_first_and_by_what_is_asked() {
        let house = House::new().await;
        let hook = house.published().await;
        let claim = house.packet(&hook, b"x").await;
        let id = hook["id"].as_str().unwrap();
        let vera = Browser::of(&house, "vera").await;
        let said = async |query: &str| {
            let path = format!("/audit?tab=events&chain=customer:acme{query}");
            let said = vera.get(&path).await;
            assert_eq!(said.status, StatusCode::OK, "{query}: {}", said.text());
            said.text()
        };
        let (sent, published) = (
            "sent a packet for revision 1",
            "published revision 1 of Host",
        );
        let all = said("").await;
        let at = |words: &str| all.find(words).unwrap_or_else(|| panic!("{words}: {all}"));
        assert!(at(sent) < at(published) && at(published) < at("wrote revision 1"));
        for query in [
            format!("&hook={id}"),
            "&ticket=jira/SUP-1".to_owned(),
            "&from=2026-01-01&to=2026-12-31".to_owned(),
        ] {
            let text = said(&query).await;
            assert!(
                text.contains(sent) && text.contains(published),
                "{query}: {text}"
            );
        }
        for query in [
            format!("&instance={}", claim.instance),
            "&kind=packet_accepted".to_owned(),
        ] {
            let text = said(&query).await;
            assert!(
                text.contains(sent) && !text.contains(published),
                "{query}: {text}"
            );
        }
        for query in ["&ticket=jira/OTHER", "&to=2025-01-01", "&person=nobody"] {
            assert!(said(query).await.contains("Nothing of that"), "{query}");
        }
        // Each event with its number and hash.
        assert!(
            all.contains("SHA-256") && all.contains("packet_accepted"),
            "{all}"
        );
    }

    #[tokio::test]
    async fn a_wrong_filter_is_marked_and_kept() {
        let house = House::new().await;
        let vera = Browser::of(&house, "vera").await;
        for (field, value) in [
            ("from", "yesterday"),
            ("ticket", "SUP-1"),
            ("person", "a/b"),
        ] {
            let query = [("tab", "events"), (field, value)];
            let said = vera
                .get(&crate::ui::links::with_query("/audit", query))
                .await;
            assert_eq!(said.status, StatusCode::UNPROCESSABLE_ENTITY, "{field}");
            let text = said.text();
            assert!(
                text.contains(&format!("id=\"{field}-wrong\"")),
                "{field}: {text}"
            );
            assert!(
                text.contains(&format!("value=\"{value}\"")),
                "{field}: {text}"
            );
        }
    }

    #[tokio::test]
    async fn chains_of_others_are_not_there_and_the_houses_is_for_all_alone() {
        let house = House::new().await;
        for chain in ["customer:globex", "house", "nonsense"] {
            let path = format!("/audit?tab=events&chain={chain}");
            let said = Browser::of(&house, "vera").await.get(&path).await;
            assert!([404, 422].contains(&said.status.as_u16()), "{chain}");
        }
        let said = Browser::of(&house, "hana")
            .await
            .get("/audit?tab=events")
            .await;
        assert!(said.text().contains("The house"), "{}", said.text());
    }

    #[tokio::test]
    async fn older_events_follow_on_the_next_page() {
        let house = House::new().await;
        let token = house.token("ada").await;
        for n in 0..55 {
            let body = serde_json::json!({"customer": "acme", "title": format!("t{n}")});
            let path = "/api/v1/tickets/jira/SUP-1";
            house
                .send(Some(&token), "PUT", path, Some(&body))
                .await
                .ok();
        }
        let vera = Browser::of(&house, "vera").await;
        let text = vera.get("/audit?tab=events&kind=ticket_put").await.text();
        assert_eq!(text.matches("<dt>Number</dt>").count(), 50, "{text}");
        let next = text.split("href=\"/audit?tab=events&#38;").nth(1).unwrap();
        let next = next.split('"').next().unwrap().replace("&#38;", "&");
        let rest = vera.get(&format!("/audit?tab=events&{next}")).await.text();
        assert_eq!(rest.matches("<dt>Number</dt>").count(), 5, "{rest}");
        assert!(rest.contains(" t0<") || rest.contains("to t0"), "{rest}");
    }
}
