//! Erasures that a crash or a time limit cut off are finished.
use boathook_hooks::time::MINUTE;
use boathook_schema::{Scope, StoreError, Write};

use crate::{app::App, erasing::Eraser};

/// Erasures a turn.
const TURN: u32 = 100;
/// Whoever began one that is younger is at it still.
const YOUNG_MS: i64 = MINUTE;

pub async fn finish_erasures(app: &App) -> Result<(), StoreError> {
    let now = app.now();
    let eraser = Eraser {
        app,
        scope: &Scope::System,
        write: &|| Write::system(app.now()),
    };
    for erasure in app.store.unfinished_erasures(&Scope::System, TURN).await? {
        if now.since(erasure.begun) < YOUNG_MS {
            continue;
        }
        // One that cannot be finished now does not hold up the others.
        match eraser.finish(&erasure).await {
            Ok(_) => {
                tracing::info!(kind = %erasure.kind, id = erasure.id, "an erasure was finished")
            }
            Err(problem) => {
                tracing::warn!(kind = %erasure.kind, id = erasure.id, why = problem.detail, "an erasure is not finished yet");
            }
        }
    }
    Ok(())
}
