//! Every claim that has chunks, page by page: what is listed never lies in memory as a whole.
use std::collections::VecDeque;

use boathook_hooks::ids::ClaimId;
use futures_util::{Stream, TryStreamExt as _, stream};
use object_store::path::Path;

use super::{Folder, Objects};
use crate::error::StoreError;

/// `packets/{customer}/{month}/{claim}`.
const DEPTH: usize = 4;
const TOP: &str = "packets";

type Found = Result<(ClaimId, Folder), StoreError>;

impl Objects {
    /// Every claim that has chunks, in the order of their paths, beginning behind `after`.
    pub fn folders(&self, after: Option<&Folder>) -> stream::BoxStream<'static, Found> {
        let after = after.map(|folder| folder.0.clone());
        match self.directory {
            Some(_) => Box::pin(self.walk(after)),
            None => Box::pin(self.pages(after)),
        }
    }

    /// A bucket lists in order, a thousand chunks a page, from any place on.
    fn pages(&self, after: Option<Path>) -> impl Stream<Item = Found> + Send + use<> {
        let top = Path::from(TOP);
        // Chunks are numbers: this comes behind all of them, and before the next folder.
        let chunks = match after {
            Some(folder) => self.store.list_with_offset(Some(&top), &folder.join("a")),
            None => self.store.list(Some(&top)),
        };
        let mut last = None;
        let failed = self.clone();
        chunks
            .map_err(move |e| failed.failed("listing folders")(e))
            .try_filter_map(move |object| {
                let folder: Path = Path::from_iter(object.location.parts().take(DEPTH));
                let same = last.as_ref() == Some(&folder);
                last = Some(folder.clone());
                std::future::ready(Ok(if same { None } else { of(folder) }))
            })
    }

    /// A directory has no order of its own: each level is read whole and sorted, one month's claims at most.
    fn walk(&self, after: Option<Path>) -> impl Stream<Item = Found> + Send + use<> {
        let this = self.clone();
        let begin = VecDeque::from([Path::from(TOP)]);
        stream::try_unfold(begin, move |mut open| {
            let (this, after) = (this.clone(), after.clone());
            async move {
                while let Some(at) = open.pop_front() {
                    if at.parts_count() == DEPTH {
                        match of(at) {
                            Some(found) => return Ok(Some((found, open))),
                            None => continue,
                        }
                    }
                    let listed = this.store.list_with_delimiter(Some(&at)).await;
                    let mut below = listed
                        .map_err(this.failed("listing folders"))?
                        .common_prefixes;
                    below.sort();
                    for path in below.into_iter().rev() {
                        if after.as_ref().is_none_or(|after| follows(&path, after)) {
                            open.push_front(path);
                        }
                    }
                }
                Ok(None)
            }
        })
    }
}

/// Whether a folder at or below `path` can come behind `after`. Name by name, as `walk` sorts: as texts `acme-x/` would
/// come before `acme/`.
fn follows(path: &Path, after: &Path) -> bool {
    let above = path.parts_count() < DEPTH && after.prefix_matches(path);
    above || path.parts().gt(after.parts())
}

fn of(path: Path) -> Option<(ClaimId, Folder)> {
    let claim = path.filename()?.parse().ok()?;
    (path.parts_count() == DEPTH).then_some((claim, Folder(path)))
}
