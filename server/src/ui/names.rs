//! Names of instances for lists that know their ids.
use std::collections::{BTreeSet, HashMap};

use boathook_hooks::ids::InstanceId;
use boathook_schema::{Scope, Store, StoreError};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::{app::App, errors::Answer, ui::shown::Shown};

const AT_ONCE: usize = 16;
/// Longest name that stands in a list.
const LONGEST: usize = 80;

/// What instances call themselves, by id; the id where one has no name, or is gone.
pub struct Names(HashMap<InstanceId, Shown>);

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
        let found = stream::iter(asked).buffered(AT_ONCE).try_collect();
        Ok(Self(found.await?))
    }

    pub fn get(&self, id: &InstanceId) -> Shown {
        match self.0.get(id) {
            Some(name) => name.clone(),
            None => Shown::of(id.as_str()),
        }
    }
}

async fn named(
    store: Store,
    scope: Scope,
    id: InstanceId,
) -> Result<(InstanceId, Shown), StoreError> {
    let found = store.instance(&scope, &id).await?;
    let name = found.map(|i| i.facts.name).filter(|name| !name.is_empty());
    let shown = Shown::cut(name.as_deref().unwrap_or(id.as_str()), LONGEST);
    Ok((id, shown))
}
