//! Work that nobody asks for: expiring hooks, giving leases back, cleaning up, the hourly digest.
mod erasing;
mod gc;
mod house;
mod objects;
mod shared;
mod waves;

use std::{future::Future, sync::Arc, time::Duration};

pub use erasing::finish_erasures;
pub use gc::{Collected, collect_orphans};
pub use house::each_second;
use shared::Turn;
pub use shared::unregister;
pub use waves::widen;

use crate::app::{Shared, chance};

/// Begins all of it; it ends with the shutdown.
pub fn spawn(app: &Shared) {
    tokio::spawn(objects::watch(app.clone()));
    let turn = Arc::new(Turn::new("each_second", 10_000));
    every(app, Duration::from_secs(1), "each second", move |app| {
        let turn = turn.clone();
        async move {
            crate::control::forget_ended(&app, app.now());
            match turn.is_ours(&app).await? {
                true => house::each_second(&app).await,
                false => Ok(()),
            }
        }
    });
    let started = app.now();
    let first = app.clone();
    tokio::spawn(async move {
        if let Err(error) = shared::register(&first, started).await {
            tracing::warn!(%error, "this server is not in the list of servers yet");
        }
    });
    every(
        app,
        Duration::from_secs(20),
        "registering",
        move |app| async move { shared::register(&app, started).await },
    );
    every(
        app,
        Duration::from_secs(5),
        "what was left",
        |app| async move { shared::finish_left(&app).await },
    );
    every(
        app,
        Duration::from_secs(5),
        "shared keys",
        |app| async move { shared::keys(&app).await },
    );
    let look_seconds = app.config.waves.look_seconds;
    let turn = Arc::new(Turn::new("waves", 2_000 * i64::from(look_seconds)));
    every(
        app,
        Duration::from_secs(look_seconds.into()),
        "waves",
        move |app| {
            let turn = turn.clone();
            async move {
                match turn.is_ours(&app).await? {
                    true => waves::widen(&app).await,
                    false => Ok(()),
                }
            }
        },
    );
    every(
        app,
        Duration::from_secs(15 * 60),
        "last seen",
        |app| async move { house::last_seen(&app).await },
    );
    every(app, Duration::from_secs(60), "erasures", |app| async move {
        finish_erasures(&app).await
    });
    // Longer than their period: who did it last does it again, and another server when that one is gone.
    let turn = Arc::new(Turn::new("heads", 2 * 3_600_000));
    every(app, Duration::from_secs(3600), "heads", move |app| {
        let turn = turn.clone();
        async move {
            match turn.is_ours(&app).await? {
                true => house::digest_heads(&app).await,
                false => Ok(()),
            }
        }
    });
    let next = Arc::new(tokio::sync::Mutex::new(None));
    let turn = Arc::new(Turn::new("orphans", 2 * 3_600_000));
    every(
        app,
        Duration::from_secs(3600),
        "orphan chunks",
        move |app| {
            let (next, turn) = (next.clone(), turn.clone());
            async move {
                if !turn.is_ours(&app).await? {
                    return Ok(());
                }
                let mut next = next.lock().await;
                let (done, then) = collect_orphans(&app, next.clone(), gc::TURN, false).await?;
                *next = then;
                if done.chunks > 0 {
                    let deleted = done.chunks;
                    tracing::info!(deleted, "chunks that nobody can want again are deleted");
                }
                Ok(())
            }
        },
    );
}

type Outcome = Result<(), boathook_schema::StoreError>;

fn every<F, W>(app: &Shared, period: Duration, what: &'static str, work: F)
where
    F: Fn(Shared) -> W + Send + 'static,
    W: Future<Output = Outcome> + Send,
{
    let app = app.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                () = app.shutdown.cancelled() => return,
                // Servers that started together do not work together.
                () = tokio::time::sleep(period.mul_f64(1.0 - 0.2 * chance())) => {}
            }
            if let Err(error) = work(app.clone()).await {
                tracing::warn!(%error, what, "periodic work failed; it is tried again");
            }
        }
    });
}

/// Refusals of periodic work are races that somebody else won: said in the log, no more.
fn note<T>(what: &'static str, outcome: boathook_schema::Outcome<T>) -> Option<T> {
    match outcome {
        boathook_schema::Outcome::Done(value) => Some(value),
        boathook_schema::Outcome::Refused(reason) => {
            tracing::debug!(%reason, what, "periodic work was not needed");
            None
        }
    }
}
