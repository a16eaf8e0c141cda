//! Whether packet objects can be reached: asked now and then, and at once when something failed.
use std::{error::Error as _, time::Duration};

use crate::app::Shared;

/// While all is well.
const WELL: Duration = Duration::from_secs(10);
/// While they are away: uploads that wait for them come back soon after they do.
const AWAY: Duration = Duration::from_secs(2);

/// Until the shutdown. Uploads are refused at once while they are away; nothing else asks.
pub async fn watch(app: Shared) {
    let objects = app.store.objects();
    let mut was_away = false;
    loop {
        match (objects.probe().await, was_away) {
            (Ok(()), true) => tracing::info!("packet objects can be reached again"),
            (Err(error), false) => {
                let why = error.source().map(ToString::to_string).unwrap_or_default();
                tracing::error!(%error, why, "packet objects are away: uploads wait, all else goes on");
            }
            _ => {}
        }
        was_away = objects.away();
        let pause = if was_away { AWAY } else { WELL };
        tokio::select! {
            () = app.shutdown.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
            // Failures of many uploads are one probe a second.
            () = async {
                objects.next_failure().await;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }, if !was_away => {}
        }
    }
}
