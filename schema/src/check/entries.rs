//! Entries of lists whose record does not know them.
use futures_util::{StreamExt as _, stream};

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
            let mut after = None;
            loop {
                let page = self.store.0.scan_list(list, after).await?;
                let eye = self.eye;
                let mut looks = stream::iter(page.items)
                    .map(|entry| async move {
                        let home = owner(&entry);
                        let stray = match &home {
                            Some(home) => eye.is_stray(&entry, home).await,
                            None => Ok(false),
                        };
                        (entry, home, stray)
                    })
                    .buffered(AT_ONCE);
                while let Some((entry, home, stray)) = looks.next().await {
                    self.done.entries += 1;
                    if let (true, Some(home)) = (stray?, home) {
                        doubted.push((entry, home));
                    }
                }
                self.tell();
                match page.next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
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
        if self.options.repair {
            let done = self
                .store
                .0
                .relist(home, vec![entry.clone()], self.now)
                .await?;
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
    /// A record that cannot be read lists nothing: that is said elsewhere.
    async fn is_stray(self, entry: &Entry, home: &Home) -> Result<bool, StoreError> {
        match self.store.0.is_stray(entry, home.clone(), self.now).await {
            Err(StoreError::Record { .. }) => Ok(false),
            other => other,
        }
    }
}
