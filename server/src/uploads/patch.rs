//! Bytes: received in turn, and with the last one checked and committed before the answer.
use axum::{
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, Version, header},
    response::{IntoResponse as _, Response},
};
use boathook_hooks::time::Time;
use boathook_schema::{Claim, ClaimState, Run, objects::MAX_CHUNKS};

use crate::{
    agent::{Instance, Working},
    app::{App, Shared},
    errors::{Answer, Problem},
    uploads::{
        finish::finish,
        open_upload,
        receive::{Receiving, too_many_chunks},
        turns::Turn,
        tus::{self, Checksum},
    },
};

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
        (run, expires) = receive(app, instance, &claim, run, checksum, &turn, body).await?;
        if run.bytes == claim.bytes {
            // Suspended while it sent: the packet waits until a person has looked.
            instance.recheck_denied(app)?;
            finish(app, instance.key, &claim, run.clone()).await?;
        }
    }
    let headers = [
        (tus::OFFSET, run.bytes.to_string()),
        (tus::EXPIRES, tus::date(expires)),
    ];
    Ok((StatusCode::NO_CONTENT, headers).into_response())
}

/// Says what is stored now, and until when the lease is.
async fn receive(
    app: &App,
    instance: &Instance,
    claim: &Claim,
    run: Run,
    checksum: Option<Checksum>,
    turn: &Turn,
    body: Body,
) -> Answer<(Run, Time)> {
    let mut receiving = Receiving {
        app,
        instance,
        folder: claim.folder(),
        claim: claim.clone(),
        run,
        checksum,
        turn,
    };
    receiving.body(body).await?;
    Ok((receiving.run, receiving.claim.lease_until))
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
