//! Every chain, from its first event: the house's, those that the list of heads names, and those that it lacks.
use std::collections::BTreeSet;

use futures_util::TryStreamExt as _;

use super::{Check, FaultKind, SECOND_LOOK};
use crate::{Chain, ChainVerdict, Page, Scope, StoreError, engine::Table};

impl Check<'_> {
    pub(super) async fn chains(&mut self) -> Result<(), StoreError> {
        self.done.what = "chains";
        let store = self.eye.store;
        let (mut page, mut seen) = (Page::default(), BTreeSet::new());
        loop {
            let heads = store.heads(&Scope::System, page.clone()).await?;
            for listed in heads.items {
                self.chain(&listed.chain).await?;
                seen.insert(listed.chain.to_string());
            }
            match heads.next {
                next @ Some(_) => page = page.after(next),
                None => break,
            }
        }
        // What the list does not name is found by the events themselves.
        let (mut ids, mut unlisted) = (store.0.all_ids(Table::Chains), BTreeSet::new());
        while let Some(id) = ids.try_next().await? {
            let name = id.rsplit_once('/').map_or(id.as_str(), |(name, _)| name);
            if !seen.contains(name)
                && let Ok(chain) = name.parse::<Chain>()
            {
                unlisted.insert(chain);
            }
        }
        let house = store.0.unlisted_head(&Chain::House).await?;
        if house.is_some() || !unlisted.is_empty() {
            tokio::time::sleep(SECOND_LOOK).await;
        }
        if house.is_some() {
            self.listed(&Chain::House).await?;
        }
        for chain in unlisted {
            self.listed(&chain).await?;
            self.chain(&chain).await?;
        }
        Ok(())
    }

    async fn chain(&mut self, chain: &Chain) -> Result<(), StoreError> {
        self.done.chains += 1;
        let verdict = self.eye.store.verify_chain(&Scope::System, chain, None);
        match verdict.await? {
            ChainVerdict::Whole { head } => self.done.events += head.number,
            ChainVerdict::Broken { at, why } => {
                let why = format!("it breaks at {at}: {why:?}");
                let chain = chain.to_string();
                self.done.fault(FaultKind::BrokenChain, chain, why, false);
            }
        }
        self.tell();
        Ok(())
    }

    /// Whether the list of heads names a chain that has events.
    async fn listed(&mut self, chain: &Chain) -> Result<(), StoreError> {
        let engine = &self.eye.store.0;
        let Some(head) = engine.unlisted_head(chain).await? else {
            return Ok(());
        };
        let mut repaired = false;
        if self.eye.options.repair {
            let put = engine.list_head(chain, &head, self.eye.now).await?;
            repaired = put.done().is_ok() && engine.unlisted_head(chain).await?.is_none();
        }
        let why = format!("heads lacks it, and it has {} events", head.number);
        let chain = chain.to_string();
        self.done
            .fault(FaultKind::ChainNotListed, chain, why, repaired);
        Ok(())
    }
}
