//! When instances were last seen: gathered in memory, written in groups and seldom.
use std::{collections::HashMap, sync::Mutex};

use boathook_hooks::{ids::InstanceId, time::Time};

#[derive(Debug, Default)]
pub struct LastSeen(Mutex<HashMap<InstanceId, Time>>);

impl LastSeen {
    pub fn note(&self, instance: &InstanceId, now: Time) {
        let mut seen = self.0.lock().unwrap_or_else(|e| e.into_inner());
        match seen.get_mut(instance) {
            Some(at) => *at = now,
            None => {
                seen.insert(instance.clone(), now);
            }
        }
    }

    /// All that were noted since the last call.
    pub fn take(&self) -> Vec<(InstanceId, Time)> {
        let mut seen = self.0.lock().unwrap_or_else(|e| e.into_inner());
        std::mem::take(&mut *seen).into_iter().collect()
    }
}
