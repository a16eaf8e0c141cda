//! Sends what is in the spool, one packet after the other, again and again until the server had its last word.
use std::{rc::Rc, time::Duration};

use boathook_hooks::{ids::Blob, time::Time};
use tokio::sync::mpsc;

use super::{Shared, engine::Event};
use crate::{
    ledger::{Fate, LedgerError, Record},
    poll::{Pace, chance},
    spool::{Entry, SpoolError},
    upload::{self, UploadError, Verdict, receipt},
};

#[derive(Debug, thiserror::Error)]
enum SendError {
    #[error(transparent)]
    Upload(#[from] UploadError),
    #[error(transparent)]
    Spool(#[from] SpoolError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

pub(super) async fn run(shared: Rc<Shared>, events: mpsc::Sender<Event>) {
    let mut pace = Pace::default();
    loop {
        match round(&shared, &events).await {
            Ok(()) => {
                pace = Pace::default();
                shared.packed.notified().await;
            }
            Err((error, retry_after)) => {
                tracing::warn!(%error, "a packet stays in the spool for now");
                let plan = pace.failed(retry_after, chance());
                tokio::select! {
                    () = tokio::time::sleep(plan.pause) => {}
                    () = shared.packed.notified() => {}
                }
            }
        }
    }
}

/// Tries each packet once. One that fails does not keep the others.
async fn round(
    shared: &Shared,
    events: &mpsc::Sender<Event>,
) -> Result<(), (SendError, Option<Duration>)> {
    let entries = shared.spool.entries().map_err(|e| (e.into(), None))?;
    let mut failed = None;
    for entry in entries {
        match one(shared, &entry).await {
            Ok(()) => {
                let _ = events.send(Event::Look).await;
            }
            Err(error) => {
                let wish = match &error {
                    SendError::Upload(e) => e.retry_after(),
                    _ => None,
                };
                failed = Some((error, wish));
            }
        }
    }
    let left = shared.spool.entries().map_or(0, |e| e.len());
    shared.tell(|s| s.spooled = left);
    failed.map_or(Ok(()), Err)
}

async fn one(shared: &Shared, entry: &Entry) -> Result<(), SendError> {
    let fresh = shared.fresh.borrow_mut().remove(&entry.run);
    let fate = match upload::send(&shared.api, entry, &shared.spool.zip(&entry.run), fresh).await? {
        Verdict::Accepted(receipt) => {
            let receipt = receipt.unwrap_or_default();
            receipt::check(
                &receipt.0,
                entry,
                &shared.key.public(),
                &shared.trust.borrow(),
            )
            .map_err(UploadError::from)?;
            Fate::Accepted {
                receipt: Blob(receipt.0),
            }
        }
        Verdict::Rejected(reason) => Fate::Rejected { reason },
        Verdict::Gone(reason) => Fate::Gone { reason },
    };
    match &fate {
        Fate::Accepted { .. } => {
            tracing::info!(
                run = entry.run,
                bytes = entry.bytes,
                name = entry.name,
                "the server has the packet"
            );
        }
        Fate::Rejected { reason } => {
            tracing::error!(run = entry.run, reason, "the server rejected the packet")
        }
        Fate::Gone { reason } => {
            tracing::warn!(run = entry.run, reason, "the packet came too late")
        }
    }
    let accepted = matches!(fate, Fate::Accepted { .. });
    // The ledger first: were the packet gone before it, a crash between would look like a loss.
    shared.ledger.borrow_mut().append(Record::Settled {
        at: Time::wall_clock(),
        run: entry.run.clone(),
        fate,
    })?;
    if accepted {
        shared.spool.accepted(&entry.run)?
    } else {
        shared.spool.discard(&entry.run)?
    }
    Ok(())
}
