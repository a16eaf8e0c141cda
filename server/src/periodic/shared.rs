//! What servers that share a store do for each other.
use boathook_schema::StoreError;

use crate::{app::App, keys::KeysError};

/// Finishes what writes of a server that died left undone.
pub async fn finish_left(app: &App) -> Result<(), StoreError> {
    let left = app.store.finish_left(false).await?;
    if left.finished > 0 || left.failed > 0 {
        tracing::info!(
            finished = left.finished,
            failed = left.failed,
            "writes that were left undone"
        );
    }
    Ok(())
}

/// Takes in keys that were rotated through another server.
pub async fn keys(app: &App) -> Result<(), StoreError> {
    match app.keys.refresh(&app.store).await {
        Ok(true) => tracing::info!("the shared keys were changed and are taken in"),
        Ok(false) => {}
        Err(KeysError::Store(error)) => return Err(error),
        // The keys before stay in use: what other servers make with newer ones does not open here.
        Err(error) => {
            tracing::error!(%error, "the shared keys cannot be read again; restart this server")
        }
    }
    Ok(())
}
