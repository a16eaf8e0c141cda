//! Hooks whose first instances leave places free are offered to more.
use boathook_schema::{Scope, StoreError, Write};

use crate::{app::App, periodic::note, waves};

/// Any server may do it: what two come to is the same wave, and an older one is refused.
pub async fn widen(app: &App) -> Result<(), StoreError> {
    let rules = app.config.waves.rules();
    let waving = app.agent.control.active().waving();
    for digest in waving {
        let now = app.now();
        let read = app.store.revision(&Scope::System, &digest).await;
        let Some(revision) = app.readable(&digest, read)?.flatten() else {
            continue;
        };
        let Some(Ok(wave)) = waves::next(&revision, &rules, now) else {
            continue;
        };
        let widened = app
            .store
            .widen(&Scope::System, Write::system(now), digest, wave);
        let widened = app.readable(&digest, widened.await)?;
        if widened.and_then(|w| note("widen", w)).is_some() {
            let percent = wave.share() * 100.0;
            tracing::info!(%digest, percent, "a hook is offered to more of its audience");
        }
    }
    Ok(())
}
