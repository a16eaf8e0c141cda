//! Starting a run: claim, ledger, child, packet, ledger.
use std::{cell::RefCell, rc::Rc, time::Duration};

use boathook_hooks::{
    documents::hook::Hook,
    ids::ClaimId,
    protocol::{self, ClaimAnswer, ClaimRequest},
    strict,
    time::Time,
    verify::Verified,
};
use reqwest::Method;
use tokio::sync::{Notify as Wake, mpsc};

use super::{Shared, engine::Event};
use crate::{
    client::ClientError,
    ledger::{Begun, End, LedgerError, Record, RunId},
    policy::Ready,
    run::{self, Came, Order, Stop, consent_of},
    session::SessionError,
    spool::SpoolError,
};

#[derive(Debug, thiserror::Error)]
pub(super) enum StartError {
    #[error(transparent)]
    Api(#[from] SessionError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Spool(#[from] SpoolError),
    #[error("making the claim: {0}")]
    Encode(#[from] strict::StrictError),
    #[error("the server gave a claim of another hook or instance")]
    OtherClaim,
}

/// What is running, or about to.
pub(super) struct Active {
    pub hook: Verified<Hook>,
    pub stop: Rc<StopSign>,
}

/// How a run is told to end early, and why.
#[derive(Default)]
pub(super) struct StopSign {
    why: RefCell<Option<Stop>>,
    wake: Wake,
}

impl StopSign {
    pub fn raise(&self, why: Stop) {
        self.why.borrow_mut().get_or_insert(why);
        self.wake.notify_one();
    }

    fn why(&self) -> Option<Stop> {
        self.why.borrow().clone()
    }
}

pub(super) struct Start {
    pub hook: Verified<Hook>,
    pub attempt: u32,
    pub ready: Ready,
    pub stop: Rc<StopSign>,
}

/// Does all of it and tells the engine how it went.
pub(super) async fn start(shared: Rc<Shared>, start: Start, events: mpsc::Sender<Event>) {
    let digest = start.hook.digest();
    let result = one(&shared, start).await;
    let _ = events.send(Event::Ran { digest, result }).await;
}

async fn one(shared: &Shared, start: Start) -> Result<(), StartError> {
    let hook = &start.hook;
    let room = shared.spool.room()?;
    let wanted = start.ready.packet_bytes.min(room);
    let claim = claim(shared, hook, start.attempt, wanted).await?;
    let now = Time::wall_clock();
    let run: RunId = format!("r{}", uuid::Uuid::now_v7());
    // On the disk before anything runs.
    shared.ledger.borrow_mut().append(Record::Begun(Begun {
        at: now,
        run: run.clone(),
        digest: hook.digest(),
        hook: hook.id.clone(),
        revision: hook.revision,
        title: hook.title.clone(),
        attempt: start.attempt,
        attempts: hook.attempts,
        claim: claim.claim.clone(),
    }))?;
    tracing::info!(run, hook = %hook.id, revision = hook.revision, title = hook.title, "a run begins");
    let rules = shared.rules();
    let trust = shared.trust.borrow().clone();
    let order = Order {
        run: run.clone(),
        hook,
        claim: claim.claim.clone(),
        packet_bytes: wanted.min(claim.bytes),
        consent: consent_of(start.ready.consent),
        ready: start.ready.clone(),
        me: &shared.me,
        key: &shared.key,
        trust: &trust,
        policy: &rules.policy,
        credentials: &rules.credentials,
        door: &rules.door,
        now,
    };
    let stop = Rc::clone(&start.stop);
    let running = run::execute(order, &shared.spool, stop.wake.notified(), || stop.why());
    let came = tokio::select! {
        came = running => came,
        never = renew(shared, &claim, now) => match never {},
    };
    let end = match came {
        Ok(Came::Packed { entry, interrupted }) => {
            shared.fresh.borrow_mut().insert(run.clone());
            End::Packed {
                bytes: entry.bytes,
                sha256: entry.sha256,
                name: entry.name,
                interrupted,
            }
        }
        Ok(Came::Nothing(end)) => end,
        Err(error) => End::Failed {
            reason: error.to_string(),
        },
    };
    tracing::info!(run, ?end, "the run ended");
    let packed = matches!(end, End::Packed { .. });
    shared.ledger.borrow_mut().append(Record::Ended {
        at: Time::wall_clock(),
        run,
        end,
    })?;
    if packed {
        shared.packed.notify_one();
    }
    Ok(())
}

async fn claim(
    shared: &Shared,
    hook: &Verified<Hook>,
    attempt: u32,
    bytes: u64,
) -> Result<ClaimAnswer, StartError> {
    const CLAIMING: &str = "claiming a place";
    let digest = hook.digest();
    let body = strict::encode(&ClaimRequest {
        token: hook.token().to_owned(),
        attempt,
        bytes,
    })?;
    let answer = shared
        .api
        .send(|c| {
            Ok(
                c.request(CLAIMING, Method::POST, &protocol::path_claims(&digest))?
                    .bson(body.clone()),
            )
        })
        .await?;
    let claim: ClaimAnswer = answer.bson(CLAIMING).map_err(SessionError::from)?;
    let ours: &ClaimId = &claim.claim;
    if ours.revision == digest && ours.instance == shared.me.instance {
        Ok(claim)
    } else {
        Err(StartError::OtherClaim)
    }
}

/// Keeps the claim while a long run goes on: at half of the lease, again and again.
async fn renew(shared: &Shared, claim: &ClaimAnswer, begun: Time) -> std::convert::Infallible {
    let half = claim.lease_until.since(begun).clamp(2_000, 86_400_000) / 2;
    let half = Duration::from_millis(u64::try_from(half).unwrap_or(1_000));
    loop {
        tokio::time::sleep(half).await;
        let path = protocol::path_renew(&claim.claim);
        let renewed: Result<_, SessionError> = shared
            .api
            .send(|c| -> Result<_, ClientError> {
                c.request("renewing the claim", Method::POST, &path)
            })
            .await;
        if let Err(error) = renewed {
            // The upload may still find a free place.
            tracing::warn!(%error, "the claim could not be renewed");
        }
    }
}
