//! Beginning an upload, and asking how far it is.
use axum::{
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use boathook_hooks::protocol;
use boathook_schema::{
    ClaimState, Refused,
    objects::{CHUNK_BYTES, MAX_CHUNKS},
};

use crate::{
    agent::{Instance, Working},
    app::{App, Shared},
    errors::{Answer, Problem},
    uploads::{finish_later, lease_ms, open_claim, open_upload, tus},
};

/// Largest upload that can come in [`MAX_CHUNKS`] chunks.
const LARGEST: u64 = (MAX_CHUNKS * CHUNK_BYTES) as u64;

/// Creation: says how large the packet is, exactly.
pub async fn create(
    State(app): State<Shared>,
    instance: Working,
    Path(claim): Path<String>,
    headers: HeaderMap,
) -> Response {
    tus::answer(created(&app, &instance, &claim, &headers).await)
}

async fn created(
    app: &App,
    instance: &Instance,
    claim: &str,
    headers: &HeaderMap,
) -> Answer<Response> {
    tus::version(headers)?;
    let length = tus::length(headers)?;
    let claim = open_claim(app, instance, claim).await?;
    if length > claim.bytes.min(LARGEST) && !(claim.sized && length == claim.bytes) {
        return Err(too_large(claim.bytes.min(LARGEST)));
    }
    if claim.sized && claim.bytes != length {
        let words = format!("this upload was created with {} bytes", claim.bytes);
        return Err(Problem::conflict(words));
    }
    let mut expires = claim.lease_until;
    if claim.state != ClaimState::Accepted {
        let until = app.now().plus_ms(lease_ms(app));
        let (scope, write) = (instance.scope(), instance.write(app));
        let sized = app
            .store
            .size_claim(&scope, write, claim.id.clone(), length, until)
            .await?;
        match sized.done() {
            Ok(lease) => expires = lease.until,
            Err(Refused::TooLarge { limit }) => return Err(too_large(limit)),
            Err(reason) => return Err(reason.into()),
        }
    }
    let headers = [
        (header::LOCATION, protocol::path_upload(&claim.id)),
        (tus::EXPIRES, tus::date(expires)),
        (tus::OFFSET, "0".to_owned()),
    ];
    Ok((StatusCode::CREATED, headers).into_response())
}

fn too_large(limit: u64) -> Problem {
    Problem::too_large(format!("a packet may have at most {limit} bytes here")).with("limit", limit)
}

/// How far the upload is.
pub async fn head(
    State(app): State<Shared>,
    instance: Working,
    Path(claim): Path<String>,
    headers: HeaderMap,
) -> Response {
    tus::answer(offset(&app, &instance, &claim, &headers).await)
}

async fn offset(
    app: &Shared,
    instance: &Instance,
    claim: &str,
    headers: &HeaderMap,
) -> Answer<Response> {
    tus::version(headers)?;
    let id = instance.own_claim(claim)?;
    // Whoever asks will go on from here, so an older request that still writes is ended first.
    let turn = app.agent.uploads.turns.take(&id).await;
    let (claim, run) = open_upload(app, instance, claim).await?;
    drop(turn);
    if run.bytes == claim.bytes && claim.state != ClaimState::Accepted {
        finish_later(app, &claim, instance.key);
    }
    let headers = [
        (tus::OFFSET, run.bytes.to_string()),
        (tus::LENGTH, claim.bytes.to_string()),
        (tus::EXPIRES, tus::date(claim.lease_until)),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((StatusCode::OK, headers).into_response())
}
