//! Reading hooks: lists, one, a revision, the exact bytes that people sign, the envelope.
use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use boathook_hooks::{
    envelope::EnvelopeSignature,
    ids::{CustomerId, HookId, PersonId},
    protocol,
    verify::Refusal,
};
use boathook_schema::{HookFilter, Page, TicketRef};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    api::{
        extract::{Json, List, Path, Query},
        hooks::{HookRow, HookView, find, find_revision, publish, view::view},
    },
    app::Shared,
    errors::{Answer, Problem},
    people::Staff,
};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct HooksQuery {
    /// Of the latest revision: `draft`, `in_review`, `sent_back`, `signed`, `held`, `published`, `stopped`, …
    pub state: Option<String>,
    #[param(value_type = Option<String>)]
    pub customer: Option<CustomerId>,
    /// `system/key`.
    pub ticket: Option<String>,
    /// Whose: the id of a person.
    #[param(value_type = Option<String>)]
    pub author: Option<PersonId>,
    pub after: Option<String>,
    pub limit: Option<u32>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Form {
    /// `json` for standard DSSE JSON; BSON otherwise.
    pub form: Option<String>,
}

/// Hooks, newest first: by when they were begun, falling.
#[utoipa::path(get, path = "/api/v1/hooks", tag = "hooks", params(HooksQuery), responses((status = 200, body = List<HookRow>)))]
pub async fn list(
    State(app): State<Shared>,
    Staff(caller): Staff,
    Query(query): Query<HooksQuery>,
) -> Answer<Json<List<HookRow>>> {
    let ticket = match query.ticket {
        Some(text) => {
            let (system, key) = text
                .split_once('/')
                .ok_or_else(|| Problem::field("ticket", "the ticket has no /", "SYSTEM/KEY"))?;
            Some(TicketRef {
                system: system.to_owned(),
                key: key.to_owned(),
            })
        }
        None => None,
    };
    let filter = HookFilter {
        // `in_review` as in JSON, `in review` as people say it.
        state: query.state.map(|s| s.replace('_', " ")),
        customer: query.customer,
        ticket,
        author: query.author,
    };
    let page = Page::first(query.limit.unwrap_or(100)).after(query.after);
    let hooks = app.store.hooks(&caller.scope, filter, page).await?;
    Ok(Json(List::of(hooks, HookRow::from)))
}

/// One hook at its latest revision.
#[utoipa::path(get, path = "/api/v1/hooks/{id}", tag = "hooks", params(("id" = String, Path)), responses((status = 200, body = HookView)))]
pub async fn get(
    State(app): State<Shared>,
    Staff(caller): Staff,
    Path(id): Path<HookId>,
) -> Answer<Json<HookView>> {
    let record = find(&app, &caller.scope, &id).await?;
    Ok(Json(view(&app, &caller.scope, &record, None).await?))
}

/// One hook at one revision.
#[utoipa::path(get, path = "/api/v1/hooks/{id}/revisions/{revision}", tag = "hooks", params(("id" = String, Path), ("revision" = u32, Path)), responses((status = 200, body = HookView)))]
pub async fn revision(
    State(app): State<Shared>,
    Staff(caller): Staff,
    Path((id, revision)): Path<(HookId, u32)>,
) -> Answer<Json<HookView>> {
    let record = find(&app, &caller.scope, &id).await?;
    Ok(Json(
        view(&app, &caller.scope, &record, Some(revision)).await?,
    ))
}

/// The exact bytes that people sign; `Boathook-Digest` has their SHA-256.
#[utoipa::path(get, path = "/api/v1/hooks/{id}/revisions/{revision}/payload", tag = "hooks", params(("id" = String, Path), ("revision" = u32, Path)), responses((status = 200, content_type = "application/octet-stream")))]
pub async fn payload(
    State(app): State<Shared>,
    Staff(caller): Staff,
    Path((id, revision)): Path<(HookId, u32)>,
) -> Answer<Response> {
    let revision = find_revision(&app, &caller.scope, &id, revision).await?;
    let (Some(payload), Some(digest)) = (revision.payload, revision.digest) else {
        return Err(Problem::conflict(
            "this revision is a draft: submit it, then its bytes are fixed",
        ));
    };
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (
            header::HeaderName::from_static("boathook-digest"),
            digest.to_string(),
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    Ok((headers, payload.0).into_response())
}

/// The DSSE envelope with the signatures so far.
#[utoipa::path(get, path = "/api/v1/hooks/{id}/revisions/{revision}/envelope", tag = "hooks", params(("id" = String, Path), ("revision" = u32, Path), Form), responses((status = 200, content_type = "application/bson")))]
pub async fn envelope(
    State(app): State<Shared>,
    Staff(caller): Staff,
    Path((id, revision)): Path<(HookId, u32)>,
    Query(form): Query<Form>,
) -> Answer<Response> {
    let revision = find_revision(&app, &caller.scope, &id, revision).await?;
    let payload = revision.payload.ok_or_else(|| {
        Problem::conflict("this revision is a draft: submit it, then its bytes are fixed")
    })?;
    let signatures = revision.signatures.iter();
    let whole = publish::envelope(
        &payload,
        signatures.map(|s| EnvelopeSignature {
            keyid: s.keyid,
            sig: s.sig,
        }),
    );
    if form.form.as_deref() == Some("json") {
        return Ok((
            [(header::CONTENT_TYPE, "application/json")],
            whole.to_json(),
        )
            .into_response());
    }
    let bytes = whole.to_bson().map_err(Refusal::from)?;
    Ok(([(header::CONTENT_TYPE, protocol::CONTENT_TYPE)], bytes).into_response())
}
