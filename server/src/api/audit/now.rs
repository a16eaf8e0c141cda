//! What is active now.
use axum::extract::State;
use boathook_hooks::{
    ids::{CustomerId, Digest, HookId, PersonId},
    time::Time,
};
use boathook_schema::{Revision, TicketRef};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    api::extract::{Json, List},
    app::{App, Shared},
    errors::Answer,
    people::{Caller, Viewer},
};

#[derive(Debug, Serialize, ToSchema)]
pub struct ActiveHook {
    #[schema(value_type = String)]
    pub id: HookId,
    pub revision: u32,
    #[schema(value_type = String)]
    pub digest: Digest,
    pub title: String,
    #[schema(value_type = String)]
    pub author: PersonId,
    #[schema(value_type = Vec<String>)]
    pub customers: Vec<CustomerId>,
    #[schema(value_type = Option<Object>)]
    pub ticket: Option<TicketRef>,
    #[schema(value_type = String, format = DateTime)]
    pub published_at: Time,
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Time,
    pub places: u32,
    pub accepted: u32,
    pub reserved: u32,
    pub bytes_used: u64,
    pub total_bytes: u64,
    /// About so much of the audience is offered it, from 0 to 100.
    pub offered_percent: f64,
}

impl From<Revision> for ActiveHook {
    fn from(r: Revision) -> Self {
        Self {
            places: r.places(),
            expires_at: r.expires_at(),
            id: r.hook,
            revision: r.revision,
            digest: r.digest,
            title: r.title,
            author: r.author,
            customers: r.customers,
            ticket: r.ticket,
            published_at: r.published_at,
            accepted: r.usage.accepted,
            reserved: r.usage.reserved,
            bytes_used: r.usage.accepted_bytes,
            total_bytes: r.quota.total_bytes,
            offered_percent: r.wave.share() * 100.0,
        }
    }
}

/// What is active now.
#[utoipa::path(get, path = "/api/v1/audit/now", tag = "audit", responses((status = 200, body = List<ActiveHook>)))]
pub async fn now(
    State(app): State<Shared>,
    Viewer(caller): Viewer,
) -> Answer<Json<List<ActiveHook>>> {
    Ok(Json(List {
        items: active(&app, &caller).await?,
        next: None,
    }))
}

pub async fn active(app: &App, caller: &Caller) -> Answer<Vec<ActiveHook>> {
    let active = app.store.active_hooks(&caller.scope, app.now()).await?;
    Ok(active.hooks.into_iter().map(ActiveHook::from).collect())
}
