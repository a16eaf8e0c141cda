//! Uploads of packets by tus 1.0.0: created exactly, received in create-only chunks, checked, committed.
mod create;
mod finish;
mod memory;
mod overrun;
mod patch;
mod receive;
mod turns;
mod tus;

use std::sync::Arc;

use axum::{
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use boathook_schema::{Claim, ClaimState, Run};
use tokio::sync::Semaphore;

pub use create::{create, head};
pub use finish::{Kept, finish_later, receipt};
pub use patch::patch;

use crate::{
    agent::Instance,
    app::App,
    errors::{Answer, Problem},
    uploads::{memory::Memory, turns::Turns},
};

/// What uploads share.
pub struct Uploads {
    memory: Arc<Memory>,
    /// Packets that are checked at once: checking is work for a processor.
    checks: Arc<Semaphore>,
    turns: Arc<Turns>,
}

impl Uploads {
    pub fn new(memory_bytes: usize) -> Self {
        let processors = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            memory: Arc::new(Memory::new(memory_bytes)),
            checks: Arc::new(Semaphore::new(2 * processors)),
            turns: Arc::default(),
        }
    }
}

pub(crate) fn lease_ms(app: &App) -> i64 {
    i64::try_from(app.config.agents.lease_seconds).unwrap_or(0) * 1000
}

/// What this server can do of tus.
pub async fn options() -> Response {
    let headers = [
        (tus::TUS_VERSION, tus::VERSION),
        (tus::EXTENSION, tus::EXTENSIONS),
        (tus::CHECKSUM_ALGORITHM, tus::ALGORITHMS),
    ];
    tus::answer(Ok((StatusCode::NO_CONTENT, headers).into_response()))
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
    if claim.state != ClaimState::Accepted && app.store.objects().away() {
        // Before its bytes are sent for nothing; what is durable stays.
        return Err(Problem::busy("packets cannot be stored now", 30));
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
