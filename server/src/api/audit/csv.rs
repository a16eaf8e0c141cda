//! Events and days as CSV (RFC 4180), for spreadsheets. What people and instances said is hostile to those, too.
use std::borrow::Cow;

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::HeaderMap,
    response::{IntoResponse as _, Response},
};
use boathook_schema::{Chain, Event, EventFilter, EventKind, NewEvent, Page, Scope, Store};
use futures_util::{Stream, StreamExt as _};

use super::{
    EventView, chain,
    days::{DaysQuery, by_day, span},
    events::EventsQuery,
};
use crate::{
    api::{extract::Query, packets::hostile},
    app::Shared,
    errors::{Answer, Problem},
    people::Viewer,
};

/// Events of one read.
const ROWS: u32 = 500;

/// A cell that no spreadsheet computes, as OWASP's *CSV Injection* has it: one that would be a formula begins with an
/// apostrophe.
fn cell(text: &str) -> Cow<'_, str> {
    match text.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠') => {
            format!("'{text}").into()
        }
        _ => text.into(),
    }
}

type Row = Vec<String>;

/// Rows as text. Numbers of ours need no apostrophe, and have none: none is below zero.
fn written(rows: impl IntoIterator<Item = Row>) -> Result<Bytes, std::io::Error> {
    let mut out = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    for row in rows {
        let cells: Vec<_> = row.iter().map(|text| cell(text)).collect();
        out.write_record(cells.iter().map(|c| c.as_bytes()))?;
    }
    let out = out.into_inner().map_err(csv::IntoInnerError::into_error)?;
    Ok(out.into())
}

const EVENT: [&str; 14] = [
    "chain", "number", "at", "kind", "actor", "ticket", "hook", "revision", "instance", "claim",
    "count", "bytes", "details", "sha256",
];
const DAY: [&str; 6] = ["day", "active", "inactive", "working", "failed", "packets"];

fn head(names: &[&str]) -> Row {
    names.iter().map(ToString::to_string).collect()
}

fn row(event: Event) -> Row {
    let refs = event.refs.clone();
    let event = EventView::from(event);
    let text = |id: Option<String>| id.unwrap_or_default();
    // What lies beside the chain may be erased, what is in it never: one cell for both.
    let mut details = event.details;
    if let (Some(all), Some(personal)) = (details.as_object_mut(), event.personal) {
        all.insert("personal".to_owned(), personal);
    }
    vec![
        event.chain,
        event.number.to_string(),
        event.at.to_string(),
        event.kind,
        text(event.actor),
        text(refs.ticket.map(|t| format!("{}/{}", t.system, t.key))),
        text(refs.hook.map(|id| id.to_string())),
        text(refs.revision.map(|digest| digest.to_string())),
        text(refs.instance.map(|id| id.to_string())),
        text(refs.claim.map(|id| id.to_string())),
        event.count.to_string(),
        event.bytes.to_string(),
        details.to_string(),
        event.hash.to_string(),
    ]
}

/// What is still to be read.
struct Rest {
    after: Option<String>,
    /// Rows that may still be written.
    left: u64,
}

/// Page by page; memory does not grow with the chain. A read that fails breaks the answer off.
fn lines(
    store: Store,
    scope: Scope,
    chain: Chain,
    filter: EventFilter,
    begin: Rest,
) -> impl Stream<Item = Result<Bytes, std::io::Error>> + Send {
    let first = futures_util::stream::once(async { written([head(&EVENT)]) });
    let rest = futures_util::stream::unfold(Some(begin), move |rest| {
        let (store, scope, chain) = (store.clone(), scope.clone(), chain.clone());
        let filter = filter.clone();
        async move {
            let Rest { after, left } = rest.filter(|rest| rest.left > 0)?;
            let size = u32::try_from(left).unwrap_or(ROWS).min(ROWS);
            let page = Page::first(size).after(after);
            let read = store.events(&scope, &chain, filter, page).await;
            Some(match read {
                Ok(found) => {
                    let left = left - found.items.len() as u64;
                    let next = found.next.map(|next| Rest {
                        after: Some(next),
                        left,
                    });
                    (written(found.items.into_iter().map(row)), next)
                }
                Err(error) => (Err(std::io::Error::other(error)), None),
            })
        }
    });
    first.chain(rest)
}

fn file(name: &str, body: Body) -> Response {
    let headers = hostile(HeaderMap::new(), "text/csv", &format!("{name}.csv"), None);
    (headers, body).into_response()
}

/// Events of a chain as CSV, all of them unless `limit` says how many; the filters are those of `/api/v1/audit/events`.
/// The export is an event.
#[utoipa::path(get, path = "/api/v1/audit/events.csv", tag = "audit", params(EventsQuery), responses((status = 200, content_type = "text/csv")))]
pub async fn events_csv(
    State(app): State<Shared>,
    Viewer(caller): Viewer,
    Query(query): Query<EventsQuery>,
) -> Answer<Response> {
    let chain = chain(&app, &caller, &query.chain).await?;
    let filter = query.filter()?;
    let begin = Rest {
        after: query.after,
        left: query.limit.map_or(u64::MAX, u64::from),
    };
    let event = NewEvent::new(EventKind::AUDIT_EXPORTED);
    app.record(caller.write(app.now()), chain.clone(), event)
        .await?;
    // Of a chain's name letters, digits, dots, dashes and underlines are left.
    let name = format!("events-{chain}").replace(':', "-");
    let (store, scope) = (app.store.clone(), caller.scope.clone());
    let lines = lines(store, scope, chain, filter, begin);
    Ok(file(&name, Body::from_stream(lines)))
}

/// Hooks by UTC day as CSV.
#[utoipa::path(get, path = "/api/v1/audit/hook-days.csv", tag = "audit", params(DaysQuery), responses((status = 200, content_type = "text/csv")))]
pub async fn hook_days_csv(
    State(app): State<Shared>,
    Viewer(caller): Viewer,
    Query(query): Query<DaysQuery>,
) -> Answer<Response> {
    let span = span(Some(&query.from), &query.to, 0)?;
    let days = by_day(&app, &caller, query.customer, span).await?;
    let rows = days.into_iter().map(|day| {
        let numbers = [
            day.active,
            day.inactive,
            day.working,
            day.failed,
            day.packets,
        ];
        let mut row = vec![day.day];
        row.extend(numbers.map(|n| n.to_string()));
        row
    });
    let text = written([head(&DAY)].into_iter().chain(rows));
    let text = text.map_err(|e| Problem::internal("writing CSV", e))?;
    Ok(file("hooks-by-day", Body::from(text)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::{api::tests::house::House, ui::tests::Browser};

    use super::*;

    #[test]
    fn no_cell_is_a_formula_and_no_cell_breaks_its_row() {
        for (text, shown) in [
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("＝1", "'＝1"),
            ("a=1", "a=1"),
            ("", ""),
        ] {
            assert_eq!(cell(text), shown);
        }
        let row = vec!["a\"b,c".to_owned(), "d\r\ne".to_owned(), "f".to_owned()];
        let text = written([row]).unwrap();
        assert_eq!(&*text, b"\"a\"\"b,c\",\"d\r\ne\",f\r\n");
    }

    #[tokio::test]
    async fn events_and_days_come_as_files_of_their_filter_alone() {
        let house = House::new().await;
        house.published().await;
        let vera = Browser::of(&house, "vera").await;
        let said = vera
            .get("/api/v1/audit/events.csv?chain=customer:acme")
            .await;
        assert_eq!(said.status, 200);
        assert_eq!(said.header("content-type"), "text/csv");
        let named = "attachment; filename=\"events-customer-acme.csv\"";
        assert_eq!(said.header("content-disposition"), named);
        let text = said.text();
        assert!(text.starts_with("chain,number,at,kind,"), "{text}");
        assert!(text.contains(",audit_exported,person:vera,"), "{text}");
        let query = "chain=customer:acme&kind=hook_published&limit=1";
        let text = vera
            .get(&format!("/api/v1/audit/events.csv?{query}"))
            .await
            .text();
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.contains(",hook_published,"), "{text}");
        let wrong = vera
            .get("/api/v1/audit/events.csv?chain=customer:bolt&ticket=x")
            .await;
        assert!(
            wrong.status == 404 || wrong.status == 400,
            "{}",
            wrong.text()
        );

        let day = house.bench.app.now().day();
        let query = format!("from={day}&to={day}");
        let text = vera
            .get(&format!("/api/v1/audit/hook-days.csv?{query}"))
            .await
            .text();
        let wanted = format!("day,active,inactive,working,failed,packets\r\n{day},1,1,0,0,0\r\n");
        assert_eq!(text, wanted);
        let said = vera.get(&format!("/api/v1/audit/hook-days?{query}")).await;
        assert!(said.text().contains("\"active\":1"), "{}", said.text());
        let said = vera
            .get("/api/v1/audit/hook-days.csv?from=2026-01-02&to=2026-01-01")
            .await;
        assert_eq!(said.status, 422, "{}", said.text());
    }
}
