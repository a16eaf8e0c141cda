//! When instances were seen last: beside their records, so that seeing many of them changes none.
use boathook_hooks::{
    ids::InstanceId,
    time::{DAY, Time},
};
use serde::{Deserialize, Serialize};

use super::home;
use crate::{
    Answer, Instance, Refused, Scope, Write,
    aggregates::erasing,
    codec,
    engine::{Engine, Home, List, Look, Need, Stop, Table, Tx, ensure},
};

/// What stands under an instance's id.
#[derive(Serialize, Deserialize)]
struct Seen {
    at: Time,
}

fn need(id: &InstanceId) -> Need {
    Need::Entry {
        list: List::Seen,
        part: id.to_string(),
        sort: String::new(),
    }
}

/// Fetches what [`overlaid`] will ask for.
pub(super) fn ahead<'i>(
    look: &mut dyn Look,
    ids: impl Iterator<Item = &'i InstanceId>,
) -> Result<(), Stop> {
    look.ahead(ids.map(need).collect())
}

fn seen(look: &mut (impl Look + ?Sized), id: &InstanceId) -> Result<Time, Stop> {
    let entry = look.entry(List::Seen, id.as_str(), "")?;
    let seen: Option<Seen> = entry.map(|b| codec::decode("last seen", &b)).transpose()?;
    Ok(seen.map_or(Time::default(), |seen| seen.at))
}

/// The record as it is read: seen when it says or later.
pub(super) fn overlaid(look: &mut dyn Look, mut instance: Instance) -> Result<Instance, Stop> {
    instance.last_seen = instance.last_seen.max(seen(look, &instance.id)?);
    Ok(instance)
}

/// The latest time stands, whoever writes first.
pub(super) fn see(tx: &mut Tx<'_>, id: &InstanceId, at: Time) -> Result<(), Stop> {
    let body = codec::encode("last seen", &Seen { at })?;
    let stamp = u64::try_from(at.ms()).unwrap_or(0);
    tx.list_stamped(List::Seen, id.as_str(), "", Some(body), stamp);
    Ok(())
}

/// Nothing that was seen of it before tomorrow brings it back.
pub(super) fn forget(tx: &mut Tx<'_>, id: &InstanceId) {
    let stamp = u64::try_from(tx.now().plus_ms(DAY).ms()).unwrap_or(0);
    tx.list_stamped(List::Seen, id.as_str(), "", None, stamp);
}

impl Engine {
    pub(crate) async fn touch_instances(
        &self,
        scope: &Scope,
        write: Write,
        many: Vec<(InstanceId, Time)>,
    ) -> Answer<u32> {
        let allowed = *scope == Scope::System;
        let loose = Home::new(Table::Loose, write.op_id.0);
        self.write("touch_instances", write, loose, move |tx| {
            ensure(allowed, Refused::OutOfScope)?;
            let records = many.iter().map(|(id, _)| Need::Row(home(id).head()));
            let entries = many.iter().map(|(id, _)| need(id));
            tx.ahead(records.chain(entries).collect())?;
            let mut moved = 0;
            for (id, at) in &many {
                let head = home(id).head();
                if erasing::erased(tx, &head)?.is_some() {
                    continue;
                }
                let found = tx.read::<Instance>("instance", &head)?;
                let Some(instance) = found else {
                    continue;
                };
                if *at > instance.last_seen.max(seen(tx, id)?) {
                    see(tx, id, *at)?;
                    moved += 1;
                }
            }
            Ok(moved)
        })
        .await
    }
}
