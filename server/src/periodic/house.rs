//! The house's own chores.
use boathook_schema::{Scope, StoreError, Write};

use crate::{app::App, periodic::note};

/// Hooks or leases a turn.
const TURN: u32 = 100;

/// Hooks whose end has come expire, and leases that ran out give their places back.
pub async fn each_second(app: &App) -> Result<(), StoreError> {
    let now = app.now();
    crate::control::forget_ended(app, now);
    for digest in app.store.due_expiry(&Scope::System, now, TURN).await? {
        let expired = app.store.expire(&Scope::System, Write::system(now), digest);
        app.readable(&digest, expired.await)?
            .and_then(|expired| note("expire", expired));
    }
    for digest in app.store.due_leases(&Scope::System, now, TURN).await? {
        let returned = app
            .store
            .return_leases(&Scope::System, Write::system(now), digest)
            .await;
        let returned = app.readable(&digest, returned)?;
        if let Some(places @ 1..) = returned.and_then(|r| note("return leases", r)) {
            tracing::info!(%digest, places, "leases ran out; their places are free again");
        }
    }
    Ok(())
}

/// When instances were last seen, in groups.
pub async fn last_seen(app: &App) -> Result<(), StoreError> {
    for group in app.agent.seen.take().chunks(1_000) {
        let touched =
            app.store
                .touch_instances(&Scope::System, Write::system(app.now()), group.to_vec());
        note("last seen", touched.await?);
    }
    Ok(())
}

/// A digest over all customers' heads goes into the house's chain.
pub async fn digest_heads(app: &App) -> Result<(), StoreError> {
    note(
        "digest of heads",
        app.store
            .digest_heads(&Scope::System, Write::system(app.now()))
            .await?,
    );
    Ok(())
}
