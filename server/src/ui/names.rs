//! Names of instances for lists that know their ids.
use std::collections::{BTreeSet, HashMap};

use boathook_hooks::ids::InstanceId;
use boathook_schema::{Scope, Store, StoreError};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::{app::App, errors::Answer};

const AT_ONCE: usize = 16;

/// What instances call themselves, by id; one that is gone has none.
pub struct Names(HashMap<InstanceId, String>);

impl Names {
    pub async fn of(
        app: &App,
        scope: &Scope,
        ids: impl IntoIterator<Item = &InstanceId>,
    ) -> Answer<Self> {
        let ids: BTreeSet<InstanceId> = ids.into_iter().cloned().collect();
        let asked: Vec<_> = ids
            .into_iter()
            .map(|id| named(app.store.clone(), scope.clone(), id))
            .collect();
        let found: Vec<Option<(InstanceId, String)>> =
            stream::iter(asked).buffered(AT_ONCE).try_collect().await?;
        let found = found.into_iter().flatten().collect();
        Ok(Self(found))
    }

    pub fn get<'a>(&'a self, id: &'a InstanceId) -> &'a str {
        match self.0.get(id).filter(|name| !name.is_empty()) {
            Some(name) => name,
            None => id.as_str(),
        }
    }
}

async fn named(
    store: Store,
    scope: Scope,
    id: InstanceId,
) -> Result<Option<(InstanceId, String)>, StoreError> {
    let found = store.instance(&scope, &id).await?;
    Ok(found.map(|i| (i.id, i.facts.name)))
}
