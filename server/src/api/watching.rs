//! Tickets and hooks as they change, as server-sent events: for pages, for `boathook watch`, for anybody's program.
use axum::{extract::State, response::IntoResponse};
use boathook_hooks::{ids::HookId, states::HookState};
use boathook_schema::{HookFilter, HookRecord, PacketsBy, Page, Scope, TicketRef};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    api::{
        extract::Path,
        hooks::{find, latest},
        tickets,
    },
    app::{App, Shared},
    errors::{Answer, Problem},
    live::{self, Gone, Thing},
    people::{Caller, Staff},
};

/// `event: hook`: how it stands. Counters are those of its last published revision.
#[derive(Debug, Serialize, ToSchema)]
pub struct HookNow {
    #[schema(value_type = String)]
    pub id: HookId,
    pub title: String,
    pub revision: u32,
    #[schema(value_type = Object)]
    pub state: HookState,
    /// Rises with each change of texts and signatures.
    pub version: u64,
    pub signatures: usize,
    pub places: u32,
    pub accepted: u32,
    pub reserved: u32,
    pub failed: u32,
    pub bytes_used: u64,
    /// Instances that answered without a packet, up to 100.
    pub answers: usize,
}

/// `event: ticket`: its hooks, newest first, and how many packets it has, up to 100.
#[derive(Debug, Serialize, ToSchema)]
pub struct TicketNow {
    pub hooks: Vec<HookNow>,
    pub packets: usize,
}

/// Server-sent events of a hook: `event: hook` with how it stands now, at once and after each change.
#[utoipa::path(get, path = "/api/v1/hooks/{id}/events", tag = "hooks", params(("id" = String, Path)), responses((status = 200, content_type = "text/event-stream", body = HookNow)))]
pub async fn hook(
    State(app): State<Shared>,
    Staff(caller): Staff,
    Path(id): Path<HookId>,
) -> Answer<impl IntoResponse> {
    find(&app, &caller.scope, &id).await?;
    let thing = Thing::Hook(id.clone());
    let (state, watcher) = (app.clone(), caller.clone());
    live::stream(&app, &caller, thing, "hook", move || {
        let (app, caller, id) = (state.clone(), watcher.clone(), id.clone());
        async move {
            let scope = scope(&app, &caller).await?;
            let record = find(&app, &scope, &id).await.map_err(gone)?;
            hook_now(&app, &scope, &record).await.map_err(gone)
        }
    })
}

/// Server-sent events of a ticket: `event: ticket` with its hooks and packets, at once and after each change.
#[utoipa::path(get, path = "/api/v1/tickets/{system}/{key}/events", tag = "tickets", params(("system" = String, Path), ("key" = String, Path)), responses((status = 200, content_type = "text/event-stream", body = TicketNow)))]
pub async fn ticket(
    State(app): State<Shared>,
    Staff(caller): Staff,
    Path((system, key)): Path<(String, String)>,
) -> Answer<impl IntoResponse> {
    let at = TicketRef { system, key };
    tickets::find(&app, &caller.scope, &at).await?;
    let thing = Thing::Ticket(at.clone());
    let (state, watcher) = (app.clone(), caller.clone());
    live::stream(&app, &caller, thing, "ticket", move || {
        let (app, caller, at) = (state.clone(), watcher.clone(), at.clone());
        async move {
            let scope = scope(&app, &caller).await?;
            ticket_now(&app, &scope, at).await.map_err(gone)
        }
    })
}

/// As it is now: who lost the role, the customer or the sign-in is told nothing more.
async fn scope(app: &App, caller: &Caller) -> Result<Scope, Gone> {
    match caller.staff_scope_now(app).await {
        Ok(Some(scope)) => Ok(scope),
        Ok(None) => Err(Gone),
        Err(problem) => Err(gone(problem)),
    }
}

/// The reader connects again, and is answered in words.
fn gone(problem: Problem) -> Gone {
    tracing::debug!(detail = problem.detail, "a stream ends");
    Gone
}

async fn ticket_now(app: &App, scope: &Scope, at: TicketRef) -> Answer<TicketNow> {
    tickets::find(app, scope, &at).await?;
    let filter = HookFilter {
        ticket: Some(at.clone()),
        ..HookFilter::default()
    };
    let mut hooks = Vec::new();
    for record in app
        .store
        .hooks(scope, filter, Page::first(100))
        .await?
        .items
    {
        hooks.push(hook_now(app, scope, &record).await?);
    }
    let by = PacketsBy::Ticket(at);
    let packets = app.store.packets(scope, by, Page::first(100)).await?;
    Ok(TicketNow {
        hooks,
        packets: packets.items.len(),
    })
}

async fn hook_now(app: &App, scope: &Scope, record: &HookRecord) -> Answer<HookNow> {
    let row = latest(record)?;
    let digest = record.revisions.iter().rev().find_map(|r| r.digest);
    let published = match digest {
        Some(digest) => app.store.revision(scope, &digest).await?,
        None => None,
    };
    let answers = match (&published, digest) {
        (Some(_), Some(digest)) => {
            let page = app.store.answers(scope, &digest, Page::first(100)).await?;
            page.items.len()
        }
        _ => 0,
    };
    let revision = app
        .store
        .hook_revision(scope, &record.id, row.revision)
        .await?;
    let usage = published.as_ref().map(|r| r.usage).unwrap_or_default();
    Ok(HookNow {
        id: record.id.clone(),
        title: record.title.clone(),
        revision: row.revision,
        state: row.state.clone(),
        version: record.version,
        signatures: revision.map_or(0, |r| r.signatures.len()),
        places: published.as_ref().map_or(0, |r| r.places()),
        accepted: usage.accepted,
        reserved: usage.reserved,
        failed: usage.failed,
        bytes_used: usage.accepted_bytes,
        answers,
    })
}
