//! Chunks whose claim cannot come back. Never on a listing's word: the store decides for each claim.
use boathook_schema::{Scope, StoreError};

use crate::app::App;

/// Deletes what nobody can want again; says how many chunks. Also the command `boathook-server gc`.
pub async fn collect_orphans(app: &App) -> Result<usize, StoreError> {
    let mut deleted = 0;
    for (claim, folder) in app.store.objects().folders().await? {
        if app
            .store
            .may_delete_chunks(&Scope::System, &claim, app.now())
            .await?
        {
            deleted += app.store.objects().delete(&folder).await?;
        }
    }
    Ok(deleted)
}
