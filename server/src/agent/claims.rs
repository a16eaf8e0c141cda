//! Claims: one place and its bytes for one instance; what became of it, with the receipt.
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use boathook_hooks::{
    ids::{Blob, Digest},
    keys::PublicKey,
    protocol::{ClaimAnswer, ClaimPhase, ClaimRequest, ClaimStatus},
};
use boathook_schema::{Chain, Claim, ClaimAsk, ClaimReply, ClaimState, Refs, Refused};

use crate::{
    agent::{
        Working,
        batch::{self, Claims},
        body::{self, Bson},
        hook_token, refused,
    },
    app::{App, Shared},
    errors::{Answer, IntoAnswer as _, Problem},
    keys::TOKEN_LIFE,
    metrics::OutcomeLabels,
    uploads::{self, Kept},
};

/// Seconds: longer than it takes a server to hear of a wave.
const NOT_YET: u64 = 5;

pub async fn create(
    State(app): State<Shared>,
    instance: Working,
    Path(digest): Path<String>,
    Bson(request): Bson<ClaimRequest>,
) -> Answer<Response> {
    let digest: Digest = digest.parse().map_err(|_| Problem::not_found("hook"))?;
    checked_token(&app, &instance, digest, &request.token).await?;
    {
        let active = app.agent.control.active();
        // What is not active any more is the store's to answer: full, expired, stopped.
        if let Some(hook) = active.get(&digest) {
            if !hook.is_for(instance.asker()) {
                return Err(Problem::not_found("hook"));
            }
            if !hook.reaches(&instance.instance) {
                return Err(not_yet());
            }
        }
    }
    if request.attempt == 0 || request.bytes == 0 {
        return Err(Problem::bad_request("attempt and bytes are 1 or more"));
    }
    let ask = ClaimAsk {
        instance: instance.instance.clone(),
        customer: instance.customer.clone(),
        attempt: request.attempt,
        bytes: request.bytes,
    };
    let reply = Claims::ask(&app, digest, ask).await?;
    let outcome = match &reply {
        ClaimReply::Granted(_) => "granted",
        ClaimReply::Same(_) => "same",
        ClaimReply::Answered => "answered",
        ClaimReply::Busy { .. } => "busy",
        ClaimReply::Full => "full",
        ClaimReply::Ended { .. } => "ended",
        ClaimReply::TooLarge { .. } => "too_large",
        ClaimReply::NotFound => "not_found",
        ClaimReply::Erased { .. } => "erased",
    };
    app.metrics
        .claims
        .get_or_create(&OutcomeLabels { outcome })
        .inc();
    match reply {
        ClaimReply::Granted(lease) | ClaimReply::Same(lease) => {
            let answer = ClaimAnswer {
                claim: lease.claim,
                lease_until: lease.until,
                bytes: lease.bytes,
            };
            body::reply(StatusCode::CREATED, &answer)
        }
        ClaimReply::Answered => Err(Problem::new(
            StatusCode::CONFLICT,
            "answered",
            "this instance has answered this hook, or has no run left",
        )),
        ClaimReply::Busy { until } => {
            let seconds = (until.since(app.now()) + 999) / 1000;
            let seconds = u64::try_from(seconds).unwrap_or(1);
            Err(Problem::busy(
                "all places are reserved; one may come back",
                seconds,
            ))
        }
        ClaimReply::Full => Err(Problem::gone("all places hold packets")),
        ClaimReply::Ended { state } => Err(Problem::gone(format!("the hook is {state}"))),
        ClaimReply::TooLarge { limit } => Err(Problem::too_large(format!(
            "a packet may have at most {limit} bytes"
        ))
        .with("limit", limit)),
        ClaimReply::NotFound => Err(Problem::not_found("hook")),
        ClaimReply::Erased { at } => Err(Refused::Erased { at }.into()),
    }
}

/// Never final: the hook is for this instance, and another server may know of a wave that this one will hear of.
fn not_yet() -> Problem {
    Problem::busy("the hook is not offered to this instance yet", NOT_YET)
}

/// The token must be this hook's for this very instance, whoever else it was given to.
pub(super) async fn checked_token(
    app: &App,
    instance: &Working,
    digest: Digest,
    token: &str,
) -> Answer<()> {
    let ring = app.keys.ring();
    let is_right = ring
        .accepted(app.now(), TOKEN_LIFE)
        .any(|keys| hook_token::is_right(&keys.token, &digest, &instance.instance, token));
    if is_right {
        return Ok(());
    }
    let refs = Refs {
        revision: Some(digest),
        ..refused::of(&instance.instance)
    };
    let chain = Chain::Customer(instance.customer.clone());
    let words = "a token that is not of this hook for this instance";
    refused::record(app, chain, refs, instance.write(app), words).await;
    Err(Problem::new(
        StatusCode::FORBIDDEN,
        "token",
        "the token is not of this hook for this instance",
    ))
}

pub async fn status(
    State(app): State<Shared>,
    instance: Working,
    Path(claim): Path<String>,
) -> Answer<Response> {
    let id = instance.own_claim(&claim)?;
    let claim = app.store.claim_by_id(&instance.scope(), &id).await?;
    let claim = claim.ok_or_else(|| Problem::not_found("claim"))?;
    let status = status_of(&app, &claim, instance.key).await?;
    body::reply(StatusCode::OK, &status)
}

async fn status_of(app: &Shared, claim: &Claim, key: PublicKey) -> Answer<ClaimStatus> {
    let mut status = ClaimStatus {
        state: ClaimPhase::Open,
        offset: 0,
        lease_until: None,
        reason: claim.reason.clone(),
        receipt: None,
    };
    match claim.state {
        ClaimState::Accepted => {
            status.offset = claim.bytes;
            // Without its record nobody could read it yet: the agent keeps its packet until then.
            status.state = match uploads::receipt(app, &claim.id, key).await? {
                Kept::Receipt(receipt) => {
                    status.receipt = Some(Blob(receipt));
                    ClaimPhase::Accepted
                }
                Kept::Erased => ClaimPhase::Accepted,
                Kept::OnItsWay => ClaimPhase::Checking,
            };
        }
        ClaimState::Rejected => status.state = ClaimPhase::Rejected,
        ClaimState::Failed => status.state = ClaimPhase::Failed,
        ClaimState::Reserved | ClaimState::Expired => {
            let run = app.store.objects().run(&claim.folder()).await?;
            status.offset = run.bytes;
            status.lease_until = Some(claim.lease_until);
            status.state = match claim.state {
                ClaimState::Expired => ClaimPhase::Expired,
                _ if !claim.sized => ClaimPhase::Open,
                _ if run.bytes < claim.bytes => ClaimPhase::Receiving,
                _ => {
                    // All is there and nothing was decided: a server went down in between.
                    uploads::finish_later(app, claim, key);
                    ClaimPhase::Checking
                }
            };
        }
    }
    Ok(status)
}

pub async fn renew(
    State(app): State<Shared>,
    instance: Working,
    Path(claim): Path<String>,
) -> Answer<Response> {
    let id = instance.own_claim(&claim)?;
    let until = app.now().plus_ms(batch::lease_ms(&app));
    let lease = app
        .store
        .renew(&instance.scope(), instance.write(&app), id, until)
        .await
        .answer()?;
    let answer = ClaimAnswer {
        claim: lease.claim,
        lease_until: lease.until,
        bytes: lease.bytes,
    };
    body::reply(StatusCode::OK, &answer)
}
