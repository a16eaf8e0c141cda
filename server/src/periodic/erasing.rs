//! Erasures that a crash or a time limit cut off are finished.
use boathook_hooks::time::MINUTE;
use boathook_schema::{Erasure, Page, Scope, StoreError, Write};

use crate::{app::App, erasing::Eraser};

/// Erasures that are read at once.
const PAGE: u32 = 100;
/// Whoever began one that is younger is at it still.
const YOUNG_MS: i64 = MINUTE;

pub async fn finish_erasures(app: &App) -> Result<(), StoreError> {
    let now = app.now();
    let eraser = Eraser {
        app,
        scope: &Scope::System,
        write: &|| Write::system(app.now()),
    };
    // All of them, page by page: those that keep failing do not starve the others.
    let mut page = Page::first(PAGE);
    loop {
        let open = app.store.unfinished_erasures(&Scope::System, page).await?;
        for erasure in open.items {
            if now.since(erasure.begun) >= YOUNG_MS {
                finish(&eraser, &erasure).await;
            }
        }
        match open.next {
            Some(next) => page = Page::first(PAGE).after(Some(next)),
            None => return Ok(()),
        }
    }
}

/// One that cannot be finished now does not hold up the others.
async fn finish(eraser: &Eraser<'_>, erasure: &Erasure) {
    match eraser.finish(erasure).await {
        Ok(_) => tracing::info!(kind = %erasure.kind, id = erasure.id, "an erasure was finished"),
        Err(problem) => {
            tracing::warn!(kind = %erasure.kind, id = erasure.id, why = problem.detail, "an erasure is not finished yet");
        }
    }
}
