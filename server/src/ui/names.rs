//! Names of instances for lists that know their ids.
use std::collections::{BTreeSet, HashMap};

use boathook_hooks::ids::InstanceId;
use boathook_schema::Scope;

use crate::{app::App, errors::Answer, ui::shown::Shown};

const AT_ONCE: usize = 256;
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
        let ids: Vec<InstanceId> = ids.into_iter().collect();
        let mut names = HashMap::new();
        for some in ids.chunks(AT_ONCE) {
            let found = app.store.instance_names(scope, some.to_vec()).await?;
            let named = found.into_iter().filter(|(_, name)| !name.is_empty());
            names.extend(named.map(|(id, name)| (id, Shown::cut(&name, LONGEST))));
        }
        Ok(Self(names))
    }

    pub fn get(&self, id: &InstanceId) -> Shown {
        match self.0.get(id) {
            Some(name) => name.clone(),
            None => Shown::cut(id.as_str(), LONGEST),
        }
    }
}
