//! Events by chain, their heads, and the export that anyone can verify.
use axum::{
    body::{Body, Bytes},
    extract::State,
    http::HeaderMap,
    response::{IntoResponse as _, Response},
};
use boathook_hooks::{
    ids::{Blob, Digest, HookId, InstanceId, PersonId},
    time::Time,
};
use boathook_schema::{
    Chain, ChainHead, Event, EventFilter, EventKind, NewEvent, Page, Refs, Scope, Store,
    StoreError, TicketRef,
};
use futures_util::Stream;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    api::{
        extract::{Json, List, PageQuery, Query, as_json},
        packets::hostile,
    },
    app::{App, Shared},
    errors::{Answer, Problem},
    people::{Caller, Viewer},
};

#[derive(Debug, Serialize, ToSchema)]
pub struct EventView {
    pub chain: String,
    pub number: u64,
    #[schema(value_type = String)]
    pub hash: Digest,
    #[schema(value_type = String, format = DateTime)]
    pub at: Time,
    pub kind: String,
    /// `person:ID`, `instance:ID` or `system`; null when it was erased.
    pub actor: Option<String>,
    #[schema(value_type = Object)]
    pub refs: Refs,
    #[schema(value_type = Object)]
    pub details: serde_json::Value,
    #[schema(value_type = Option<Object>)]
    pub personal: Option<serde_json::Value>,
    pub count: u32,
    pub bytes: u64,
}

impl From<Event> for EventView {
    fn from(event: Event) -> Self {
        Self {
            chain: event.chain.to_string(),
            number: event.number,
            hash: event.hash,
            at: event.at,
            kind: event.kind.to_string(),
            actor: event.actor.map(|a| a.to_string()),
            refs: event.refs,
            details: as_json(event.details),
            personal: event.personal.map(as_json),
            count: event.count,
            bytes: event.bytes,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct HeadView {
    pub chain: String,
    pub number: u64,
    #[schema(value_type = String)]
    pub hash: Digest,
}

impl From<ChainHead> for HeadView {
    fn from(head: ChainHead) -> Self {
        Self {
            chain: head.chain.to_string(),
            number: head.head.number,
            hash: head.head.hash,
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct EventsQuery {
    /// `house` or `customer:ID`.
    pub chain: String,
    #[param(value_type = Option<String>)]
    pub person: Option<PersonId>,
    pub kind: Option<String>,
    /// `system/key`.
    pub ticket: Option<String>,
    #[param(value_type = Option<String>)]
    pub hook: Option<HookId>,
    /// Events that name it, alone or in a group.
    #[param(value_type = Option<String>)]
    pub instance: Option<InstanceId>,
    /// From then on.
    #[param(value_type = Option<String>, format = DateTime)]
    pub from: Option<Time>,
    /// Before then.
    #[param(value_type = Option<String>, format = DateTime)]
    pub before: Option<Time>,
    /// `newest` first, which is the default, or `oldest`.
    pub order: Option<Order>,
    pub after: Option<String>,
    pub limit: Option<u32>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    #[default]
    Newest,
    Oldest,
}

impl EventsQuery {
    pub fn filter(&self) -> Answer<EventFilter> {
        Ok(EventFilter {
            kind: self.kind.clone().map(|k| EventKind(k.into())),
            person: self.person.clone(),
            ticket: self.ticket.as_deref().map(ticket).transpose()?,
            hook: self.hook.clone(),
            instance: self.instance.clone(),
            from: self.from,
            before: self.before,
            newest_first: self.order.unwrap_or_default() == Order::Newest,
        })
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ExportQuery {
    /// `house` or `customer:ID`.
    pub chain: String,
}

/// Events of a chain, newest first unless `order` says otherwise. Of what is asked for all must hold.
#[utoipa::path(get, path = "/api/v1/audit/events", tag = "audit", params(EventsQuery), responses((status = 200, body = List<EventView>)))]
pub async fn events(
    State(app): State<Shared>,
    Viewer(caller): Viewer,
    Query(query): Query<EventsQuery>,
) -> Answer<Json<List<EventView>>> {
    let chain = chain(&app, &caller, &query.chain).await?;
    let filter = query.filter()?;
    let page = Page::first(query.limit.unwrap_or(100)).after(query.after);
    let events = app
        .store
        .events(&caller.scope, &chain, filter, page)
        .await?;
    Ok(Json(List::of(events, EventView::from)))
}

/// The last number and hash of every chain that the caller may read.
#[utoipa::path(get, path = "/api/v1/audit/heads", tag = "audit", params(PageQuery), responses((status = 200, body = List<HeadView>)))]
pub async fn heads(
    State(app): State<Shared>,
    Viewer(caller): Viewer,
    Query(page): Query<PageQuery>,
) -> Answer<Json<List<HeadView>>> {
    let heads = app.store.heads(&caller.scope, page.into()).await?;
    Ok(Json(List::of(heads, HeadView::from)))
}

/// A whole chain as JSON lines: number, hash and stored bytes, to be verified anywhere. The export is an event.
#[utoipa::path(get, path = "/api/v1/audit/export", tag = "audit", params(ExportQuery), responses((status = 200, content_type = "application/jsonl")))]
pub async fn export(
    State(app): State<Shared>,
    Viewer(caller): Viewer,
    Query(query): Query<ExportQuery>,
) -> Answer<Response> {
    let chain = chain(&app, &caller, &query.chain).await?;
    let event = NewEvent::new(EventKind::AUDIT_EXPORTED);
    app.record(caller.write(app.now()), chain.clone(), event)
        .await?;
    let name = format!("{chain}.jsonl");
    let lines = export_lines(app.store.clone(), caller.scope.clone(), chain);
    let headers = hostile(HeaderMap::new(), "application/jsonl", &name, None);
    Ok((headers, Body::from_stream(lines)).into_response())
}

/// One line of an export.
#[derive(Serialize)]
struct Line<'a> {
    chain: String,
    number: u64,
    hash: Digest,
    stored: &'a Blob,
}

/// The chain's lines, page by page; memory does not grow with the chain.
pub fn export_lines(
    store: Store,
    scope: Scope,
    chain: Chain,
) -> impl Stream<Item = Result<Bytes, StoreError>> + Send {
    let begin = Some(Page::first(500));
    futures_util::stream::unfold(begin, move |page| {
        let (store, scope, chain) = (store.clone(), scope.clone(), chain.clone());
        async move {
            let page = page?;
            let read = store
                .events(&scope, &chain, EventFilter::default(), page)
                .await;
            let (lines, next) = match read {
                Ok(events) => (Ok(lines(&events.items)), events.next),
                Err(error) => (Err(error), None),
            };
            Some((lines, next.map(|after| Page::first(500).after(Some(after)))))
        }
    })
}

fn lines(events: &[Event]) -> Bytes {
    let mut out = Vec::new();
    for event in events {
        let line = Line {
            chain: event.chain.to_string(),
            number: event.number,
            hash: event.hash,
            stored: &event.stored,
        };
        // Writing plain fields to memory cannot fail.
        let _ = serde_json::to_writer(&mut out, &line);
        out.push(b'\n');
    }
    out.into()
}

/// `system/key`, as filters name a ticket.
pub fn ticket(text: &str) -> Answer<TicketRef> {
    let wrong = || Problem::field("ticket", "that is no ticket", "SYSTEM/KEY");
    let (system, key) = text.split_once('/').ok_or_else(wrong)?;
    Ok(TicketRef {
        system: system.to_owned(),
        key: key.to_owned(),
    })
}

/// The chain that is named, if the caller may read it.
///
/// A chain begins with its first event, and an export is one: so there must be such a customer.
pub async fn chain(app: &App, caller: &Caller, text: &str) -> Answer<Chain> {
    let chain: Chain = text
        .parse()
        .map_err(|e: String| Problem::field("chain", e, "house or customer:ID"))?;
    let may = match &chain {
        Chain::House => caller.scope.holds_house(),
        Chain::Customer(customer) => {
            caller.scope.holds(customer)
                && app.store.customer(&caller.scope, customer).await?.is_some()
        }
    };
    if may {
        Ok(chain)
    } else {
        Err(Problem::not_found("chain"))
    }
}
