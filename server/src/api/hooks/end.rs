//! Stopping a hook, and lowering it: no signature is needed for either.
use axum::extract::State;
use boathook_hooks::{
    ids::{Digest, HookId},
    states::{HookState, Move, StoppedBy},
    time::Time,
};
use boathook_schema::HookRecord;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    api::{
        extract::{Json, Path},
        hooks::{HookView, find_to_change, latest, view::view},
        instances::Why,
    },
    app::{App, Shared},
    errors::{Answer, IntoAnswer as _, Problem},
    people::{Caller, EngineerOrReviewer},
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Lower {
    pub places: Option<u32>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Time>,
}

/// Ends the hook: the published revision, or the one that is worked on. Runs that began are killed.
#[utoipa::path(post, path = "/api/v1/hooks/{id}/stop", tag = "hooks", params(("id" = String, Path)), responses((status = 200, body = HookView)))]
pub async fn stop(
    State(app): State<Shared>,
    EngineerOrReviewer(caller): EngineerOrReviewer,
    Path(id): Path<HookId>,
    Json(body): Json<Why>,
) -> Answer<Json<HookView>> {
    let record = stop_hook(&app, &caller, &id, body.words()?).await?;
    Ok(Json(view(&app, &caller.scope, &record, None).await?))
}

/// Lowers places or the end of the published revision; never raises.
#[utoipa::path(post, path = "/api/v1/hooks/{id}/lower", tag = "hooks", params(("id" = String, Path)), responses((status = 200, body = HookView)))]
pub async fn lower(
    State(app): State<Shared>,
    EngineerOrReviewer(caller): EngineerOrReviewer,
    Path(id): Path<HookId>,
    Json(body): Json<Lower>,
) -> Answer<Json<HookView>> {
    let record = lower_hook(&app, &caller, &id, body).await?;
    Ok(Json(view(&app, &caller.scope, &record, None).await?))
}

pub async fn lower_hook(
    app: &App,
    caller: &Caller,
    id: &HookId,
    body: Lower,
) -> Answer<HookRecord> {
    if body.places.is_none() && body.expires_at.is_none() {
        return Err(Problem::field(
            "places",
            "nothing is to be lowered",
            "places, expires_at, or both",
        ));
    }
    let record = find_to_change(app, &caller.scope, id).await?;
    let digest =
        published(&record).ok_or_else(|| Problem::conflict("the hook is not published"))?;
    let write = caller.write(app.now());
    app.store
        .lower(&caller.scope, write, digest, body.places, body.expires_at)
        .await
        .answer()?;
    find_to_change(app, &caller.scope, id).await
}

pub async fn stop_hook(app: &App, caller: &Caller, id: &HookId, why: String) -> Answer<HookRecord> {
    let scope = &caller.scope;
    let record = find_to_change(app, scope, id).await?;
    let (write, by) = (
        caller.write(app.now()),
        StoppedBy::Person(caller.person.clone()),
    );
    let digests = running(app, caller, &record).await?;
    if !digests.is_empty() {
        for digest in digests {
            let (write, by) = (caller.write(app.now()), by.clone());
            app.store
                .stop(scope, write, digest, by, why.clone())
                .await
                .answer()?;
        }
        return find_to_change(app, scope, id).await;
    }
    let revision = latest(&record)?.revision;
    let step = Move::Stop { by, why };
    app.store
        .advance(
            scope,
            write,
            id.clone(),
            revision,
            Some(record.version),
            step,
            None,
        )
        .await
        .answer()
}

/// The revisions that instances may still be running: the published one, and full or superseded ones that would not have
/// expired yet.
async fn running(app: &App, caller: &Caller, record: &HookRecord) -> Answer<Vec<Digest>> {
    let now = app.now();
    let mut found = Vec::new();
    for row in record.revisions.iter().filter(|r| r.state.can_be_running()) {
        let Some(digest) = row.digest else { continue };
        let revision = app.store.revision(&caller.scope, &digest).await?;
        let alive = revision.is_some_and(|r| r.expires_at() > now);
        if alive || row.state == HookState::Published {
            found.push(digest);
        }
    }
    Ok(found)
}

/// The digest of the revision that is published: at most one is.
fn published(record: &HookRecord) -> Option<Digest> {
    let row = record
        .revisions
        .iter()
        .find(|r| r.state == HookState::Published)?;
    row.digest
}
