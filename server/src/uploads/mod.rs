//! Uploads of packets by tus 1.0.0: created exactly, received in create-only chunks, checked, committed.
mod finish;
mod receive;
mod turns;
mod tus;

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, Version, header},
    response::{IntoResponse as _, Response},
};
use boathook_hooks::protocol;
use boathook_schema::{
    Claim, ClaimState, Refused, Run, Scope, SuspendReason, Write,
    objects::{CHUNK_BYTES, MAX_CHUNKS},
};
use tokio::sync::Semaphore;

pub use finish::{finish_later, receipt};

use crate::{
    agent::{Instance, Working},
    app::{App, Shared},
    errors::{Answer, IntoAnswer as _, Problem},
    metrics::OutcomeLabels,
    uploads::{
        finish::finish,
        receive::{Memory, Receiving, too_many_chunks},
        turns::{Turn, Turns},
        tus::Checksum,
    },
};

/// What uploads share.
pub struct Uploads {
    memory: Memory,
    /// Packets that are checked at once: checking is work for a processor.
    checks: Arc<Semaphore>,
    turns: Arc<Turns>,
}

impl Uploads {
    pub fn new(memory_bytes: usize) -> Self {
        let processors = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            memory: Memory::new(memory_bytes),
            checks: Arc::new(Semaphore::new(2 * processors)),
            turns: Arc::default(),
        }
    }
}

pub(crate) fn lease_ms(app: &App) -> i64 {
    i64::try_from(app.config.agents.lease_seconds).unwrap_or(0) * 1000
}

/// Largest upload that can come in [`MAX_CHUNKS`] chunks.
const LARGEST: u64 = (MAX_CHUNKS * CHUNK_BYTES) as u64;

/// What this server can do of tus.
pub async fn options() -> Response {
    let headers = [
        (tus::TUS_VERSION, tus::VERSION),
        (tus::EXTENSION, tus::EXTENSIONS),
        (tus::CHECKSUM_ALGORITHM, tus::ALGORITHMS),
    ];
    tus::answer(Ok((StatusCode::NO_CONTENT, headers).into_response()))
}

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

/// The caller's claim, as long as an upload of it can lead to something.
async fn open_claim(app: &App, instance: &Instance, text: &str) -> Answer<Claim> {
    let id = instance.own_claim(text)?;
    let claim = app.store.claim_by_id(&instance.scope(), &id).await?;
    let claim = claim.ok_or_else(|| Problem::gone("there is no such claim any more"))?;
    match claim.state {
        ClaimState::Reserved | ClaimState::Expired | ClaimState::Accepted => Ok(claim),
        ClaimState::Rejected | ClaimState::Failed => {
            let reason = claim.reason.as_deref().unwrap_or("it was given back");
            Err(Problem::gone(format!(
                "the claim is {}: {reason}",
                claim.state.word()
            )))
        }
    }
}

/// The upload's claim and what came so far.
async fn open_upload(app: &App, instance: &Instance, text: &str) -> Answer<(Claim, Run)> {
    let claim = open_claim(app, instance, text).await?;
    if !claim.sized {
        return Err(Problem::not_found("upload: create it first"));
    }
    let run = match claim.state {
        ClaimState::Accepted => Run {
            chunks: Vec::new(),
            bytes: claim.bytes,
        },
        _ => app.store.objects().run(&claim.folder()).await?,
    };
    Ok((claim, run))
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

/// Bytes. With the last one the packet is checked and committed before the answer.
pub async fn patch(
    State(app): State<Shared>,
    instance: Working,
    Path(claim): Path<String>,
    version: Version,
    headers: HeaderMap,
    body: Body,
) -> Response {
    // In a task of its own: when the client goes away, what came must still be put away, and a commit go on.
    let work = tokio::spawn(async move { patched(&app, &instance, &claim, &headers, body).await });
    let result = match work.await {
        Ok(result) => result,
        Err(error) => Err(Problem::internal("an upload", error)),
    };
    let failed = result.is_err();
    let mut response = tus::answer(result);
    if failed && version < Version::HTTP_2 {
        // The rest of the body is not read: the connection is of no more use.
        response
            .headers_mut()
            .insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

async fn patched(
    app: &Shared,
    instance: &Instance,
    claim: &str,
    headers: &HeaderMap,
    body: Body,
) -> Answer<Response> {
    tus::version(headers)?;
    tus::patch_type(headers)?;
    let (offset, checksum) = (tus::offset(headers)?, Checksum::read(headers)?);
    let id = instance.own_claim(claim)?;
    let _counted = Counted::new(app);
    let turn = app.agent.uploads.turns.take(&id).await;
    let (claim, mut run) = open_upload(app, instance, claim).await?;
    if offset != run.bytes {
        return Err(
            Problem::conflict(format!("the upload is at offset {}", run.bytes))
                .with("offset", run.bytes),
        );
    }
    let mut expires = claim.lease_until;
    if claim.state != ClaimState::Accepted {
        if run.bytes < claim.bytes && run.chunks.len() >= MAX_CHUNKS {
            return Err(too_many_chunks(claim.bytes));
        }
        let folder = claim.folder();
        let stored = receive(app, instance, &claim, &run, checksum, &turn, body).await?;
        expires = stored.lease_until;
        run = app.store.objects().run(&folder).await?;
        if run.bytes == claim.bytes {
            finish(app, instance.key, &claim, run.clone()).await?;
        }
    }
    let headers = [
        (tus::OFFSET, run.bytes.to_string()),
        (tus::EXPIRES, tus::date(expires)),
    ];
    Ok((StatusCode::NO_CONTENT, headers).into_response())
}

async fn receive(
    app: &App,
    instance: &Instance,
    claim: &Claim,
    run: &Run,
    checksum: Option<Checksum>,
    turn: &Turn,
    body: Body,
) -> Answer<Claim> {
    let mut receiving = Receiving {
        app,
        instance,
        folder: claim.folder(),
        claim: claim.clone(),
        stored: run.bytes,
        chunks: run.chunks.len(),
        checksum,
        turn,
    };
    receiving.body(body).await?;
    Ok(receiving.claim)
}

/// More bytes came than were declared: the claim is lost and the instance suspended; the hook stops at its second such
/// instance.
async fn overrun(app: &App, instance: &Instance, claim: &Claim, sent: u64) -> Problem {
    app.metrics
        .packets
        .get_or_create(&OutcomeLabels { outcome: "overrun" })
        .inc();
    tracing::warn!(instance = %instance.instance, claim = %claim.id, declared = claim.bytes, sent, "overrun");
    let lost = app
        .store
        .overrun(&Scope::System, instance.write(app), claim.id.clone(), sent)
        .await;
    // Suspended even if the claim could not be written: the instance is not to be trusted.
    let suspended = app
        .store
        .suspend_instance(
            &Scope::System,
            Write::system(app.now()),
            instance.instance.clone(),
            SuspendReason::Overrun,
        )
        .await;
    for problem in [
        lost.answer().map(drop).err(),
        suspended.answer().map(drop).err(),
    ] {
        if let Some(problem) = problem {
            tracing::error!(detail = problem.detail, "an overrun was not recorded whole");
        }
    }
    // From the next request on its bearer counts no more.
    if let Err(problem) = crate::control::refresh(app).await {
        tracing::warn!(detail = problem.detail, "the control log cannot be read");
    }
    Problem::too_large(format!(
        "more bytes came than the {} that were declared: the claim is lost and this instance is suspended",
        claim.bytes
    ))
}

/// An upload under way, for the metrics.
struct Counted(Shared);

impl Counted {
    fn new(app: &Shared) -> Self {
        app.metrics.uploads.inc();
        Self(app.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.metrics.uploads.dec();
    }
}
