//! Chunks whose claim cannot come back. Never on a listing's word: the store decides for each claim.
use boathook_schema::{Folder, Scope, StoreError};
use futures_util::TryStreamExt as _;

use crate::app::App;

/// Claims that one turn asks for at most. Accepted packets stay, so what is listed only grows: a turn goes on where the last
/// one ended.
pub const TURN: usize = 50_000;

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Collected {
    pub claims: u64,
    pub chunks: usize,
}

/// Deletes what nobody can want again, beginning behind `after`; says what, and where the next turn begins. Also the
/// command `boathook-server gc`.
pub async fn collect_orphans(
    app: &App,
    after: Option<Folder>,
    most: usize,
    dry_run: bool,
) -> Result<(Collected, Option<Folder>), StoreError> {
    let objects = app.store.objects();
    let mut folders = objects.folders(after.as_ref());
    let mut done = Collected::default();
    let mut last = after.clone();
    for _ in 0..most {
        // Listed page by page, as this goes on.
        let Some((claim, folder)) = folders.try_next().await? else {
            return Ok((done, None));
        };
        let may = app
            .store
            .may_delete_chunks(&Scope::System, &claim, app.now());
        if may.await? {
            done.claims += 1;
            done.chunks += match dry_run {
                true => objects.run(&folder).await?.chunks.len(),
                false => objects.delete(&folder).await?,
            };
        }
        last = Some(folder);
    }
    Ok((done, last))
}
