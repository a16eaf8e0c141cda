//! Numbers over time: a chart of UTC days, and the same as a table.
use askama::Template;
use axum::response::Response;
use boathook_hooks::{ids::CustomerId, time::DAY};
use boathook_schema::HookDay;

use super::Asked;
use crate::{
    api::audit::{by_day, span},
    app::App,
    errors::{Answer, Problem},
    people::Caller,
    ui::{
        chrome::{Chrome, Section, html_with},
        links,
        visit::Visit,
    },
};

/// Days that are shown where none are asked for.
const DAYS: i64 = 30;

const WIDTH: f64 = 1_000.0;
const LEFT: f64 = 40.0;
/// Of hooks, and of packets below.
const HEIGHTS: [f64; 2] = [180.0, 90.0];
const TOP: f64 = 12.0;

#[derive(Template)]
#[template(path = "pages/audit_days.html")]
struct Page {
    chrome: Chrome,
    tab: &'static str,
    customer: Option<CustomerId>,
    customers: Vec<(CustomerId, String)>,
    from: String,
    to: String,
    days: Vec<HookDay>,
    charts: Vec<Chart>,
    earlier: String,
    later: Option<String>,
    /// The same days as a file.
    csv: String,
    problem: Option<Problem>,
}

/// One chart: bars over days, with lines at whole numbers.
struct Chart {
    name: &'static str,
    height: String,
    bars: Vec<Bar>,
    lines: Vec<Mark>,
    days: Vec<Mark>,
}

struct Bar {
    class: &'static str,
    x: String,
    y: String,
    width: String,
    height: String,
    title: String,
}

/// A word at a place.
struct Mark {
    at: String,
    text: String,
}

type Series = (&'static str, &'static str, fn(&HookDay) -> u64);

const HOOKS: [Series; 4] = [
    ("active", "active", |d| d.active),
    ("inactive", "inactive", |d| d.inactive),
    ("working", "working", |d| d.working),
    ("failed", "failed", |d| d.failed),
];
const PACKETS: [Series; 1] = [("packets", "packets", |d| d.packets)];

fn fine(n: f64) -> String {
    format!("{n:.1}")
}

/// The next number that divides well: 1, 2, 5, 10, 20, …
fn round_up(most: u64) -> u64 {
    let mut unit = 1;
    loop {
        for step in [1, 2, 5] {
            if step * unit >= most {
                return step * unit;
            }
        }
        unit *= 10;
    }
}

impl Chart {
    fn of(name: &'static str, height: f64, days: &[HookDay], series: &[Series]) -> Self {
        let most = days.iter().flat_map(|d| series.iter().map(|s| (s.2)(d)));
        let most = round_up(most.max().unwrap_or(0).max(1));
        let (floor, count) = (TOP + height, days.len().max(1) as f64);
        let step = (WIDTH - LEFT) / count;
        let wide = step * 0.8 / series.len() as f64;
        let y = |value: u64| floor - height * value as f64 / most as f64;
        let mut bars = Vec::new();
        for (n, day) in days.iter().enumerate() {
            for (m, (class, word, value)) in series.iter().enumerate() {
                let value = value(day);
                if value > 0 {
                    bars.push(Bar {
                        class,
                        x: fine(LEFT + step * (n as f64 + 0.1) + wide * m as f64),
                        y: fine(y(value)),
                        width: fine((wide - 0.5).max(0.5)),
                        height: fine(floor - y(value)),
                        title: format!("{}: {value} {word}", day.day),
                    });
                }
            }
        }
        let mut values = vec![0, most];
        if most.is_multiple_of(2) {
            values.push(most / 2);
        }
        let line = |value: u64| Mark {
            at: fine(y(value)),
            text: value.to_string(),
        };
        // About ten days have room for their name.
        let each = days.len().div_ceil(10).max(1);
        let named = days.iter().enumerate().step_by(each);
        Self {
            name,
            height: fine(floor + 24.0),
            bars,
            lines: values.into_iter().map(line).collect(),
            days: named
                .map(|(n, day)| Mark {
                    at: fine(LEFT + step * (n as f64 + 0.5)),
                    text: day.day.get(5..).unwrap_or_default().to_owned(),
                })
                .collect(),
        }
    }

    /// Where the days are named.
    fn foot(&self) -> String {
        let height: f64 = self.height.parse().unwrap_or_default();
        fine(height - 6.0)
    }
}

pub async fn page(app: &App, caller: &Caller, visit: &Visit, asked: Asked) -> Answer<Response> {
    let customer = links::customer(asked.customer.as_deref())?;
    let to = asked.to.clone().unwrap_or_else(|| app.now().day());
    let (days, shown, problem) = match span(asked.from.as_deref(), &to, DAYS) {
        Ok(shown) => {
            let days = by_day(app, caller, customer.clone(), shown).await?;
            (days, shown, None)
        }
        Err(problem) => (Vec::new(), (app.now(), app.now()), Some(problem)),
    };
    let length = shown.1.since(shown.0) + DAY;
    let at = |by: i64| {
        let (from, to) = (shown.0.plus_ms(by).day(), shown.1.plus_ms(by).day());
        let mut query = vec![("tab", "days"), ("from", &*from), ("to", &*to)];
        query.extend(customer.as_ref().map(|c| ("customer", c.as_str())));
        links::with_query("/audit", query)
    };
    let (first, last) = (shown.0.day(), shown.1.day());
    let mut query = vec![("from", &*first), ("to", &*last)];
    query.extend(customer.as_ref().map(|c| ("customer", c.as_str())));
    let status = problem.as_ref().map(|p| p.status);
    let page = Page {
        csv: links::with_query("/api/v1/audit/hook-days.csv", query),
        chrome: Chrome::of(app, caller, visit, Section::Audit, "Audit: over time"),
        tab: "days",
        customers: links::customers(app, &caller.scope).await?,
        earlier: at(-length),
        later: (shown.1.day() < app.now().day()).then(|| at(length)),
        from: asked.from.unwrap_or_else(|| shown.0.day()),
        to: asked.to.unwrap_or_else(|| shown.1.day()),
        charts: vec![
            Chart::of("Hooks a day", HEIGHTS[0], &days, &HOOKS),
            Chart::of("Packets a day", HEIGHTS[1], &days, &PACKETS),
        ],
        days,
        customer,
        problem,
    };
    html_with(status, &page)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use boathook_hooks::time::DAY;

    use super::*;
    use axum::http::StatusCode;

    use crate::{api::tests::house::House, ui::tests::Browser};

    #[test]
    fn charts_end_at_a_number_that_divides_well() {
        for (most, end) in [(1, 1), (3, 5), (7, 10), (11, 20), (99, 100), (1_234, 2_000)] {
            assert_eq!(round_up(most), end, "{most}");
        }
    }

    #[tokio::test]
    async fn each_day_says_what_hooks_did_in_a_chart_and_in_a_table() {
        let house = House::new().await;
        let today = house.bench.now().day();
        let hook = house.published().await;
        house.packet(&hook, b"x").await;
        house.bench.app.clock.advance(DAY);
        let tomorrow = house.bench.now().day();
        let vera = Browser::of(&house, "vera").await;
        let text = vera.get("/audit?tab=days").await.text();
        let row = |day: &str, numbers: [u64; 5]| {
            let cells: String = numbers
                .iter()
                .map(|n| format!("<td class=\"num\">{n}</td>"))
                .collect();
            format!("<tr><th scope=\"row\">{day}</th>{cells}</tr>")
        };
        assert!(text.contains(&row(&today, [1, 0, 1, 0, 1])), "{text}");
        assert!(text.contains(&row(&tomorrow, [1, 1, 0, 0, 0])), "{text}");
        for title in [
            format!("{today}: 1 working"),
            format!("{tomorrow}: 1 inactive"),
        ] {
            assert!(
                text.contains(&format!("<title>{title}</title>")),
                "{title}: {text}"
            );
        }
        assert_eq!(text.matches("<th scope=\"row\">").count(), 30);
        let text = Browser::of(&house, "gil")
            .await
            .get("/audit?tab=days")
            .await
            .text();
        assert!(text.contains(&row(&today, [0; 5])), "{text}");
    }

    #[tokio::test]
    async fn days_that_are_none_and_customers_of_others_are_refused() {
        let house = House::new().await;
        let vera = Browser::of(&house, "vera").await;
        for query in [
            "from=x",
            "from=2026-02-02&to=2026-02-01",
            "from=2020-01-01&to=2026-01-01",
        ] {
            let said = vera.get(&format!("/audit?tab=days&{query}")).await;
            assert_eq!(said.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}");
            assert!(said.text().contains("id=\"from-wrong\""), "{}", said.text());
        }
        let said = vera.get("/audit?tab=days&customer=globex").await;
        assert_eq!(said.status, StatusCode::NOT_FOUND);
    }
}
