//! Tickets: where hooks begin and packets arrive. They live elsewhere; here they are known by system and key.
use axum::extract::State;
use boathook_hooks::{
    ids::{CustomerId, Digest, HookId, InstanceId},
    protocol::AnswerKind,
    time::Time,
};
use boathook_schema::{
    AnswerRow, HookFilter, PacketsBy, Page, PutTicket, Scope, Ticket, TicketRef,
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::{Deserialize, Serialize};
use tokio::try_join;
use utoipa::{IntoParams, ToSchema};

use crate::{
    api::{
        extract::{Json, List, Path, Query},
        hooks::{HookRow, instances::that_stand},
        packets::PacketRow,
    },
    app::{App, Shared},
    errors::{Answer, IntoAnswer as _, Problem},
    people::{Caller, Engineer, Staff},
};

/// Revisions whose answers are read at once.
const AT_ONCE: usize = 16;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TicketBody {
    #[schema(value_type = String)]
    pub customer: CustomerId,
    pub title: String,
    pub url: Option<String>,
    /// In the other system's words.
    pub state: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct TicketRow {
    pub system: String,
    pub key: String,
    #[schema(value_type = String)]
    pub customer: CustomerId,
    pub title: String,
    pub url: Option<String>,
    pub state: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Time,
    pub version: u64,
}

impl From<Ticket> for TicketRow {
    fn from(ticket: Ticket) -> Self {
        Self {
            system: ticket.at.system,
            key: ticket.at.key,
            customer: ticket.customer,
            title: ticket.title,
            url: ticket.url,
            state: ticket.state,
            created_at: ticket.created_at,
            version: ticket.version,
        }
    }
}

/// A ticket with all that belongs to it; lists are cut at the 100 newest, and go on under their own
/// addresses.
#[derive(Debug, Serialize, ToSchema)]
pub struct TicketView {
    #[serde(flatten)]
    pub ticket: TicketRow,
    pub hooks: Vec<HookRow>,
    pub packets: Vec<PacketRow>,
    pub answers: Vec<TicketAnswer>,
}

/// What an instance said to one of the ticket's hooks without sending a packet.
#[derive(Debug, Serialize, ToSchema)]
pub struct TicketAnswer {
    #[schema(value_type = String)]
    pub hook: HookId,
    #[schema(value_type = String)]
    pub digest: Digest,
    #[schema(value_type = String)]
    pub instance: InstanceId,
    #[schema(value_type = String)]
    pub kind: AnswerKind,
    pub reason: String,
    #[schema(value_type = String, format = DateTime)]
    pub at: Time,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TicketsQuery {
    #[param(value_type = Option<String>)]
    pub customer: Option<CustomerId>,
    pub after: Option<String>,
    pub limit: Option<u32>,
}

/// Makes or changes a ticket; the same content again changes nothing. Its customer never changes.
#[utoipa::path(put, path = "/api/v1/tickets/{system}/{key}", tag = "tickets", params(("system" = String, Path), ("key" = String, Path)), responses((status = 200, body = TicketRow)))]
pub async fn put(
    State(app): State<Shared>,
    Engineer(caller): Engineer,
    Path((system, key)): Path<(String, String)>,
    Json(body): Json<TicketBody>,
) -> Answer<Json<TicketRow>> {
    Ok(Json(
        put_ticket(&app, &caller, TicketRef { system, key }, body).await?,
    ))
}

/// Tickets, newest first: by when they were made known here, falling.
#[utoipa::path(get, path = "/api/v1/tickets", tag = "tickets", params(TicketsQuery), responses((status = 200, body = List<TicketRow>)))]
pub async fn list(
    State(app): State<Shared>,
    Staff(caller): Staff,
    Query(query): Query<TicketsQuery>,
) -> Answer<Json<List<TicketRow>>> {
    let page = Page::first(query.limit.unwrap_or(100)).after(query.after);
    let tickets = app
        .store
        .tickets(&caller.scope, query.customer, page)
        .await?;
    Ok(Json(List::of(tickets, TicketRow::from)))
}

/// A ticket with its hooks, packets and answers.
#[utoipa::path(get, path = "/api/v1/tickets/{system}/{key}", tag = "tickets", params(("system" = String, Path), ("key" = String, Path)), responses((status = 200, body = TicketView)))]
pub async fn get(
    State(app): State<Shared>,
    Staff(caller): Staff,
    Path((system, key)): Path<(String, String)>,
) -> Answer<Json<TicketView>> {
    Ok(Json(
        view(&app, &caller.scope, TicketRef { system, key }).await?,
    ))
}

pub async fn put_ticket(
    app: &App,
    caller: &Caller,
    at: TicketRef,
    body: TicketBody,
) -> Answer<TicketRow> {
    caller.must_hold(&body.customer)?;
    if app
        .store
        .customer(&caller.scope, &body.customer)
        .await?
        .is_none()
    {
        return Err(Problem::not_found("customer"));
    }
    sound(&at, &body)?;
    let ticket = PutTicket {
        at,
        customer: body.customer,
        title: body.title,
        url: body.url,
        state: body.state,
    };
    let write = caller.write(app.now());
    Ok(app
        .store
        .put_ticket(&caller.scope, write, ticket)
        .await
        .answer()?
        .into())
}

fn sound(at: &TicketRef, body: &TicketBody) -> Answer<()> {
    let plain = |text: &str, most| {
        let length = text.chars().count();
        (1..=most).contains(&length) && !text.chars().any(char::is_control) && text.trim() == text
    };
    let faults = [
        (
            !plain(&at.system, 40),
            "system",
            "1 to 40 printable characters",
        ),
        (!plain(&at.key, 100), "key", "1 to 100 printable characters"),
        (
            !plain(&body.title, 300),
            "title",
            "1 to 300 printable characters",
        ),
        (
            body.state.as_ref().is_some_and(|s| !plain(s, 60)),
            "state",
            "1 to 60 printable characters",
        ),
        (
            // Shown as a link: other schemes could run script in a page.
            body.url.as_ref().is_some_and(|u| {
                !(u.starts_with("https://") || u.starts_with("http://")) || !plain(u, 2_000)
            }),
            "url",
            "an https:// or http:// address",
        ),
    ];
    match faults.into_iter().find(|(wrong, ..)| *wrong) {
        Some((_, field, expected)) => Err(Problem::field(
            field,
            format!("{field} is not good"),
            expected,
        )),
        None => Ok(()),
    }
}

/// The ticket, or the 404 that also another customer's ticket gets.
pub async fn find(app: &App, scope: &Scope, at: &TicketRef) -> Answer<Ticket> {
    let found = app.store.ticket(scope, at).await?;
    found.ok_or_else(|| Problem::not_found("ticket"))
}

pub async fn view(app: &App, scope: &Scope, at: TicketRef) -> Answer<TicketView> {
    let filter = HookFilter {
        ticket: Some(at.clone()),
        ..HookFilter::default()
    };
    let ticket = find(app, scope, &at);
    let hooks = async {
        Ok(app
            .store
            .hooks(scope, filter, Page::first(100))
            .await?
            .items)
    };
    let by = PacketsBy::Ticket(at.clone());
    let packets = async { Ok(app.store.packets(scope, by, Page::first(100)).await?) };
    let (ticket, hooks, packets) = try_join!(ticket, hooks, packets)?;
    let answers = hooks.iter().flat_map(|hook| {
        let digests = hook.revisions.iter().filter_map(|r| r.digest);
        digests.map(|digest| answers(app, scope, &hook.id, digest))
    });
    let answers: Vec<_> = answers.collect();
    let answers = stream::iter(answers).buffered(AT_ONCE);
    let answers: Vec<Vec<TicketAnswer>> = answers.try_collect().await?;
    Ok(TicketView {
        ticket: ticket.into(),
        hooks: hooks.into_iter().map(HookRow::from).collect(),
        packets: packets.items.into_iter().map(PacketRow::from).collect(),
        answers: answers.into_iter().flatten().collect(),
    })
}

/// What instances answered to one revision, as far as it stands.
async fn answers(
    app: &App,
    scope: &Scope,
    hook: &HookId,
    digest: Digest,
) -> Answer<Vec<TicketAnswer>> {
    let page = app.store.answers(scope, &digest, Page::first(100)).await?;
    let standing = that_stand(app, scope, page.items).await?;
    let answer = |row: AnswerRow| TicketAnswer {
        hook: hook.clone(),
        digest,
        instance: row.instance,
        kind: row.kind,
        reason: row.reason,
        at: row.at,
    };
    Ok(standing.into_iter().map(answer).collect())
}
