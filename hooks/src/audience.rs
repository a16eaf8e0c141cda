//! Whom a hook is for. (Being written; everyone or by instance.)
use crate::{
    documents::{hook::Hook, identity::Facts},
    ids::{CustomerId, InstanceId},
};

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Mismatch(pub String);

pub fn check(hook: &Hook, instance: &InstanceId, _customer: &CustomerId, _facts: &Facts) -> Result<(), Mismatch> {
    if hook.audience.everyone || hook.audience.instances.contains(instance) {
        Ok(())
    } else {
        Err(Mismatch("it is not named".into()))
    }
}

pub fn matches(hook: &Hook, instance: &InstanceId, customer: &CustomerId, facts: &Facts) -> bool {
    check(hook, instance, customer, facts).is_ok()
}
