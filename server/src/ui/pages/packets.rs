//! Packets of a UTC day, or of a ticket, a hook or an instance; newest first.
use askama::Template;
use axum::{extract::State, response::Response};
use boathook_hooks::time::{DAY, Time};
use boathook_schema::{Packet, PacketsBy};
use serde::Deserialize;

use crate::{
    api::{
        extract::Query,
        packets::{PacketsQuery, by},
    },
    app::Shared,
    errors::{Answer, Problem},
    people::Staff,
    ui::{
        chrome::{Chrome, Section, html},
        links,
        names::Names,
        packets::summary::{Tally, hook_titles},
        shown::Shown,
        visit::Visit,
    },
};

/// Rows of one page.
const ROWS: u32 = 50;

#[derive(Template)]
#[template(path = "pages/packets.html")]
struct Page {
    chrome: Chrome,
    of: Of,
    rows: Vec<Row>,
    next: Option<String>,
}

/// Whose packets are listed.
enum Of {
    Day {
        day: String,
        before: String,
        /// None for today.
        after: Option<String>,
    },
    Ticket {
        key: Shown,
        href: String,
    },
    Hook {
        title: Shown,
        href: String,
    },
    Instance {
        name: Shown,
        href: String,
    },
}

struct Row {
    href: String,
    instance: Shown,
    ticket: Option<(String, Shown)>,
    hook: (String, Shown),
    revision: u32,
    received: Time,
    bytes: u64,
    tally: Tally,
}

/// At most one of them; none is today.
#[derive(Default, Deserialize)]
pub struct Asked {
    day: Option<String>,
    ticket: Option<String>,
    hook: Option<String>,
    instance: Option<String>,
    after: Option<String>,
}

pub async fn get(
    State(app): State<Shared>,
    Staff(caller): Staff,
    visit: Visit,
    Query(asked): Query<Asked>,
) -> Answer<Response> {
    let query = asked.query(app.now())?;
    let filter = filter(&query);
    let wanted = by(query)?;
    let page = boathook_schema::Page::first(ROWS).after(asked.after);
    let scope = &caller.scope;
    let packets = app.store.packets(scope, wanted.clone(), page).await?;
    let instances = packets.items.iter().map(Packet::instance);
    let names = Names::of(&app, scope, instances).await?;
    let titles = hook_titles(&app, scope, &packets.items).await?;
    let row = |packet: &Packet| Row {
        href: format!("/packets/{}", packet.claim),
        instance: names.get(packet.instance()),
        ticket: packet
            .ticket
            .as_ref()
            .map(|t| (links::ticket(t), Shown::cut(&t.key, 80))),
        hook: (
            super::packet::hook_link(packet),
            titles.get(&packet.hook).cloned().unwrap_or_default(),
        ),
        revision: packet.revision,
        received: packet.received_at,
        bytes: packet.bytes,
        tally: Tally::of_summaries(&packet.sections),
    };
    let rows: Vec<Row> = packets.items.iter().map(row).collect();
    let next = packets.next.map(|next| {
        let query = filter.iter().map(|(name, value)| (*name, value.as_str()));
        links::with_query("/packets", query.chain([("after", next.as_str())]))
    });
    html(&Page {
        chrome: Chrome::of(&app, &caller, &visit, Section::Packets, "Packets"),
        of: of(wanted, &rows, app.now())?,
        rows,
        next,
    })
}

impl Asked {
    /// As the API is asked. A form sends empty fields, too.
    fn query(&self, now: Time) -> Answer<PacketsQuery> {
        let given = |field: &Option<String>| -> Option<String> {
            let text = field.as_deref().unwrap_or_default().trim();
            (!text.is_empty()).then(|| text.to_owned())
        };
        let (ticket, hook, instance) = (
            given(&self.ticket),
            given(&self.hook),
            given(&self.instance),
        );
        let none = ticket.is_none() && hook.is_none() && instance.is_none();
        let day = match given(&self.day) {
            Some(day) => Some(day),
            None => none.then(|| now.day()),
        };
        Ok(PacketsQuery {
            ticket,
            hook: hook.map(|id| id_of("hook", &id)).transpose()?,
            instance: instance.map(|id| id_of("instance", &id)).transpose()?,
            day,
            after: None,
            limit: None,
        })
    }
}

fn id_of<T: std::str::FromStr>(field: &'static str, text: &str) -> Answer<T> {
    text.parse()
        .map_err(|_| Problem::field(field, "this is no id", format!("the id of a {field}")))
}

/// The filter as an address names it.
fn filter(query: &PacketsQuery) -> Vec<(&'static str, String)> {
    let hook = query.hook.as_ref().map(ToString::to_string);
    let instance = query.instance.as_ref().map(ToString::to_string);
    [
        ("ticket", query.ticket.clone()),
        ("hook", hook),
        ("instance", instance),
        ("day", query.day.clone()),
    ]
    .into_iter()
    .filter_map(|(name, value)| value.map(|v| (name, v)))
    .collect()
}

fn of(by: PacketsBy, rows: &[Row], now: Time) -> Answer<Of> {
    Ok(match by {
        PacketsBy::Day(day) => {
            let noon = format!("{day}T12:00:00Z").parse::<Time>().ok();
            let noon = noon.filter(|t| t.day() == day).ok_or_else(|| {
                Problem::field("day", "this is no day", "a UTC day such as 2026-11-21")
            })?;
            Of::Day {
                before: noon.plus_ms(-DAY).day(),
                after: (day < now.day()).then(|| noon.plus_ms(DAY).day()),
                day,
            }
        }
        PacketsBy::Ticket(at) => Of::Ticket {
            key: Shown::cut(&at.key, 80),
            href: links::ticket(&at),
        },
        PacketsBy::Hook(id) => Of::Hook {
            title: match rows.first() {
                Some(row) => row.hook.1.clone(),
                None => Shown::of(id.as_str()),
            },
            href: format!("/hooks/{id}"),
        },
        PacketsBy::Instance(id) => Of::Instance {
            name: match rows.first() {
                Some(row) => row.instance.clone(),
                None => Shown::of(id.as_str()),
            },
            href: format!("/instances/{id}"),
        },
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use boathook_hooks::packet::Outcome;

    use crate::{
        api::tests::house::{House, id},
        ui::{
            packets::testing::{failed, ok, sent, sent_by},
            tests::Browser,
        },
    };

    #[tokio::test]
    async fn a_day_lists_its_packets_with_how_their_sections_came_out() {
        let house = House::new().await;
        let hook = house.published().await;
        let claim = sent(
            &house,
            &hook,
            &[
                ok("host", &[("a.txt", b"a")]),
                failed("db", Outcome::Failed, "connection refused"),
                ok("logs", &[]),
            ],
        )
        .await;
        let ada = Browser::of(&house, "ada").await;
        let text = ada.get("/packets").await.text();
        for wanted in [
            &format!("href=\"/packets/{claim}\""),
            "app-01",
            "href=\"/tickets/jira/SUP-1\"",
            "2 ok",
            "1 failed",
            "Host facts",
            &format!("value=\"{}\"", house.bench.now().day()),
        ] {
            assert!(text.contains(wanted), "{wanted}: {text}");
        }
        assert!(!text.contains("rel=\"next\""));
        let said = ada.get("/packets?day=2020-01-01").await.text();
        assert!(said.contains("No packets") && !said.contains("app-01"));
        assert!(said.contains("day=2019-12-31") && said.contains("day=2020-01-02"));
    }

    #[tokio::test]
    async fn packets_are_listed_by_ticket_hook_and_instance_and_by_one_of_them_alone() {
        let house = House::new().await;
        let hook = house.published().await;
        let claim = sent(&house, &hook, &[ok("host", &[])]).await;
        let ada = Browser::of(&house, "ada").await;
        for query in [
            "ticket=jira/SUP-1&day=".to_owned(),
            format!("hook={}", id(&hook)),
            format!("instance={}&hook=", claim.instance),
        ] {
            let text = ada.get(&format!("/packets?{query}")).await.text();
            assert!(text.contains(&format!("/packets/{claim}")), "{query}");
        }
        for query in ["ticket=jira/SUP-9", "hook=h-none", "instance=none"] {
            let text = ada.get(&format!("/packets?{query}")).await.text();
            assert!(text.contains("No packets"), "{query}: {text}");
        }
        for query in [
            "hook=h-1&instance=i-1",
            "ticket=SUP-1",
            "day=2026-13-01",
            "day=today",
            "hook=../x",
        ] {
            let said = ada.get(&format!("/packets?{query}")).await;
            assert_eq!(said.status, 422, "{query}");
        }
    }

    #[tokio::test]
    async fn a_long_day_is_paged() {
        let house = House::new().await;
        let hook = house.published().await;
        for _ in 0..10 {
            sent(&house, &hook, &[]).await;
        }
        let ada = Browser::of(&house, "ada").await;
        let day = house.bench.now().day();
        let page = house
            .get("ada", &format!("/api/v1/packets?day={day}&limit=7"))
            .await
            .ok();
        let after = page["next"].as_str().unwrap();
        let text = ada
            .get(&format!("/packets?day={day}&after={after}"))
            .await
            .text();
        assert_eq!(text.matches("class=\"of\"").count(), 3, "{text}");
    }

    #[tokio::test]
    async fn names_that_instances_chose_do_nothing() {
        let house = House::new().await;
        let hook = house.published().await;
        let name = "<img src=x onerror=alert(1)>\u{202e}10-ppa\" x='";
        sent_by(&house, name, &hook, &[]).await;
        let text = Browser::of(&house, "ada")
            .await
            .get("/packets")
            .await
            .text();
        assert!(!text.contains("<img src=x") && !text.contains('\u{202e}'));
        assert!(text.contains("⟨U+202E⟩") && text.contains("onerror"));
    }

    #[tokio::test]
    async fn viewers_are_refused_and_others_see_only_their_customers() {
        let house = House::new().await;
        let hook = house.published().await;
        let claim = sent(&house, &hook, &[]).await;
        assert_eq!(
            Browser::of(&house, "vera")
                .await
                .get("/packets")
                .await
                .status,
            403
        );
        let gil = Browser::of(&house, "gil").await;
        for query in [
            String::new(),
            "?ticket=jira/SUP-1".into(),
            format!("?hook={}", id(&hook)),
            format!("?instance={}", claim.instance),
        ] {
            let said = gil.get(&format!("/packets{query}")).await;
            assert_eq!(said.status, 200);
            assert!(!said.text().contains("app-01"), "{query}");
            assert!(!said.text().contains("Host facts"), "{query}");
        }
    }
}
