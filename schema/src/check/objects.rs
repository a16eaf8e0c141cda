//! Bytes that no packet has and no claim can want any more.
use futures_util::TryStreamExt as _;

use super::{Check, FaultKind};
use crate::{Scope, StoreError};

impl Check<'_> {
    pub(super) async fn objects(&mut self) -> Result<(), StoreError> {
        self.done.what = "packet objects";
        let store = self.eye.store;
        let objects = store.objects();
        let mut folders = objects.folders(None);
        while let Some((claim, folder)) = folders.try_next().await? {
            self.tell_now_and_then();
            let may = store.may_delete_chunks(&Scope::System, &claim, self.eye.now);
            let may = may.await?;
            // Of a hook that this store never had: perhaps another's bucket, or a database of before. Nobody deletes those.
            let foreign = !may
                && store
                    .revision(&Scope::System, &claim.revision)
                    .await?
                    .is_none();
            if !may && !foreign {
                continue;
            }
            let bytes = objects.run(&folder).await?.bytes;
            let repaired = may && self.eye.options.repair;
            if repaired {
                objects.delete(&folder).await?;
            }
            let why = match foreign {
                true => format!("{bytes} bytes of a hook that is not in this store"),
                false => format!("{bytes} bytes that no claim can want any more"),
            };
            let (kind, at) = (FaultKind::BytesWithoutPacket, folder.to_string());
            self.done.fault(kind, at, why, repaired);
        }
        Ok(())
    }
}
