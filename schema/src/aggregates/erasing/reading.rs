//! What was erased, as it is listed.
use super::{OPEN, erased, home};
use crate::{
    ErasedKind, Erasure, Page, Paged, Scope, codec,
    engine::{Engine, List, Need, listing},
    verbs::Read,
};

impl Engine {
    pub(crate) async fn erasure(
        &self,
        scope: &Scope,
        kind: ErasedKind,
        id: &str,
    ) -> Read<Option<Erasure>> {
        let (scope, head) = (scope.clone(), home(kind, id).head());
        self.read("erasure", move |look| {
            let found = erased(look, &head)?;
            Ok(found.filter(|e| scope.holds(&e.customer) && !scope.is_agent()))
        })
        .await
    }

    pub(crate) async fn erased_of(
        &self,
        scope: &Scope,
        kind: ErasedKind,
        ids: Vec<String>,
    ) -> Read<Vec<String>> {
        let scope = scope.clone();
        self.read("erased_of", move |look| {
            let needs = ids.iter().map(|id| Need::Row(home(kind, id).head()));
            look.ahead(needs.collect())?;
            let mut erased_ids = Vec::new();
            for id in &ids {
                let found = erased(look, &home(kind, id).head())?;
                if found.is_some_and(|e| scope.holds(&e.customer) && !scope.is_agent()) {
                    erased_ids.push(id.clone());
                }
            }
            Ok(erased_ids)
        })
        .await
    }

    pub(crate) async fn erasures(&self, scope: &Scope, page: Page) -> Read<Paged<Erasure>> {
        let parts = match scope {
            Scope::Instance { .. } => Vec::new(),
            other => match listing::customers_of(other, None) {
                None => vec!["*".to_owned()],
                Some(some) => some.iter().map(|c| format!("customer/{c}")).collect(),
            },
        };
        self.read("erasures", move |look| {
            listing::page(look, List::Erased, &parts, &page, |_, _, body| {
                Ok(Some(codec::decode("erasure", body)?))
            })
        })
        .await
    }

    pub(crate) async fn unfinished_erasures(
        &self,
        scope: &Scope,
        page: Page,
    ) -> Read<Paged<Erasure>> {
        let parts = match scope {
            Scope::System => vec![OPEN.to_owned()],
            _ => Vec::new(),
        };
        self.read("unfinished_erasures", move |look| {
            listing::page(look, List::Erased, &parts, &page, |_, _, body| {
                Ok(Some(codec::decode("erasure", body)?))
            })
        })
        .await
    }
}
