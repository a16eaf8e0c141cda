//! Entries of lists whose record does not know them.
use futures_util::{StreamExt as _, TryStreamExt as _};

use super::{AT_ONCE, Check, Eye, FaultKind, SECOND_LOOK};
use crate::{
    StoreError,
    aggregates::relist::{OWNED, owner},
    engine::{Home, scan::Entry},
};

impl Check<'_> {
    pub(super) async fn entries(&mut self) -> Result<(), StoreError> {
        let mut doubted: Vec<(Entry, Home)> = Vec::new();
        for list in OWNED {
            self.done.what = list.name();
            let eye = self.eye;
            let mut looks = eye
                .store
                .0
                .all_listed(list)
                .map(|entry| async move { eye.stray_of(entry?).await })
                .buffered(AT_ONCE);
            while let Some(stray) = looks.try_next().await? {
                self.done.entries += 1;
                doubted.extend(stray);
                self.tell_now_and_then();
            }
            self.tell();
        }
        if doubted.is_empty() {
            return Ok(());
        }
        tokio::time::sleep(SECOND_LOOK).await;
        for (entry, home) in doubted {
            if self.eye.is_stray(&entry, &home).await? {
                self.stray(entry, home).await?;
            }
        }
        Ok(())
    }

    async fn stray(&mut self, entry: Entry, home: Home) -> Result<(), StoreError> {
        let mut repaired = false;
        if self.eye.options.repair {
            let Eye { store, now, .. } = self.eye;
            let done = store.0.relist(home, vec![entry.clone()], now).await?;
            repaired = done.done().is_ok();
        }
        let (part, sort) = (&entry.part, entry.sort.replace('\u{1}', "/"));
        let at = format!("{}: {sort} under {part:?}", entry.list.name());
        let why = "its record does not list it".to_owned();
        self.done.fault(FaultKind::ListStray, at, why, repaired);
        Ok(())
    }
}

impl Eye<'_> {
    /// The entry and whose it would be, where that one does not know it.
    async fn stray_of(self, entry: Entry) -> Result<Option<(Entry, Home)>, StoreError> {
        let Some(home) = owner(&entry) else {
            return Ok(None);
        };
        let stray = self.is_stray(&entry, &home).await?;
        Ok(stray.then_some((entry, home)))
    }

    /// A record that cannot be read lists nothing: that is said elsewhere.
    async fn is_stray(self, entry: &Entry, home: &Home) -> Result<bool, StoreError> {
        match self.store.0.is_stray(entry, home.clone(), self.now).await {
            Err(StoreError::Record { .. }) => Ok(false),
            other => other,
        }
    }
}
