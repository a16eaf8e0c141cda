//! Every chain, from its first event.
use super::{Check, FaultKind};
use crate::{ChainVerdict, Page, Scope, StoreError};

impl Check<'_> {
    pub(super) async fn chains(&mut self) -> Result<(), StoreError> {
        self.done.what = "chains";
        let mut page = Page::default();
        loop {
            let heads = self.store.heads(&Scope::System, page.clone()).await?;
            for listed in heads.items {
                let chain = &listed.chain;
                self.done.chains += 1;
                match self.store.verify_chain(&Scope::System, chain, None).await? {
                    ChainVerdict::Whole { head } => self.done.events += head.number,
                    ChainVerdict::Broken { at, why } => {
                        let why = format!("it breaks at {at}: {why:?}");
                        let chain = chain.to_string();
                        self.done.fault(FaultKind::BrokenChain, chain, why, false);
                    }
                }
                self.tell();
            }
            match heads.next {
                next @ Some(_) => page = page.after(next),
                None => return Ok(()),
            }
        }
    }
}
