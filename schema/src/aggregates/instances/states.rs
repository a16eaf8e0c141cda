//! Confirmed, suspended, resumed, retired: each told to the control log.
use boathook_hooks::{ids::InstanceId, keys::KeyId};
use bson::doc;

use super::{event, find, home, illegal, record, save};
use crate::{
    Answer, Change, EventKind, Instance, InstanceState, Refused, Scope, SuspendReason, Write,
    engine::{Engine, ensure},
};

impl Engine {
    pub(crate) async fn confirm_instance(
        &self,
        scope: &Scope,
        write: Write,
        id: InstanceId,
        fingerprint: KeyId,
    ) -> Answer<Instance> {
        let scope = scope.clone();
        self.write("confirm_instance", write, home(&id), move |tx| {
            ensure(!scope.is_agent(), Refused::OutOfScope)?;
            let mut instance = find(tx, &scope, &id)?;
            ensure(
                instance.value.fingerprint() == fingerprint,
                Refused::OtherKey,
            )?;
            match instance.value.state {
                InstanceState::Confirmed => return Ok(instance.value),
                InstanceState::Unconfirmed => {}
                ref other => return Err(illegal(other).into()),
            }
            let before = instance.value.state.clone();
            instance.value.state = InstanceState::Confirmed;
            save(tx, &mut instance, &before)?;
            tx.control(Change::Facts {
                instance: id.clone(),
            });
            let mut e = event(EventKind::INSTANCE_CONFIRMED, &instance.value);
            e.details = doc! { "key": fingerprint.to_string() };
            record(tx, &instance.value, e)?;
            Ok(instance.value)
        })
        .await
    }

    pub(crate) async fn suspend_instance(
        &self,
        scope: &Scope,
        write: Write,
        id: InstanceId,
        reason: SuspendReason,
    ) -> Answer<Instance> {
        let scope = scope.clone();
        self.write("suspend_instance", write, home(&id), move |tx| {
            ensure(!scope.is_agent(), Refused::OutOfScope)?;
            let mut instance = find(tx, &scope, &id)?;
            let confirmed = match &instance.value.state {
                InstanceState::Suspended { .. } => return Ok(instance.value),
                retired @ InstanceState::Retired { .. } => return Err(illegal(retired).into()),
                InstanceState::Confirmed => true,
                InstanceState::Unconfirmed => false,
            };
            let mut e = event(EventKind::INSTANCE_SUSPENDED, &instance.value);
            match &reason {
                SuspendReason::Overrun => e.details = doc! { "reason": "overrun" },
                SuspendReason::Cloned => e.details = doc! { "reason": "cloned" },
                SuspendReason::Words(words) => {
                    e.details = doc! { "reason": "words" };
                    e.personal = doc! { "words": words };
                }
            }
            let before = instance.value.state.clone();
            instance.value.state = InstanceState::Suspended {
                reason: reason.clone(),
                confirmed,
            };
            save(tx, &mut instance, &before)?;
            tx.control(Change::Deny {
                instance: id.clone(),
            });
            record(tx, &instance.value, e)?;
            Ok(instance.value)
        })
        .await
    }

    pub(crate) async fn resume_instance(
        &self,
        scope: &Scope,
        write: Write,
        id: InstanceId,
        why: String,
    ) -> Answer<Instance> {
        let scope = scope.clone();
        self.write("resume_instance", write, home(&id), move |tx| {
            ensure(!scope.is_agent(), Refused::OutOfScope)?;
            let mut instance = find(tx, &scope, &id)?;
            let before = instance.value.state.clone();
            instance.value.state = match before {
                InstanceState::Suspended {
                    confirmed: true, ..
                } => InstanceState::Confirmed,
                InstanceState::Suspended { .. } => InstanceState::Unconfirmed,
                ref other => return Err(illegal(other).into()),
            };
            save(tx, &mut instance, &before)?;
            tx.control(Change::Facts {
                instance: id.clone(),
            });
            let mut e = event(EventKind::INSTANCE_RESUMED, &instance.value);
            e.personal = doc! { "words": &why };
            record(tx, &instance.value, e)?;
            Ok(instance.value)
        })
        .await
    }

    pub(crate) async fn retire_instance(
        &self,
        scope: &Scope,
        write: Write,
        id: InstanceId,
        why: String,
    ) -> Answer<Instance> {
        let scope = scope.clone();
        self.write("retire_instance", write, home(&id), move |tx| {
            let mut instance = find(tx, &scope, &id)?;
            if let InstanceState::Retired { .. } = instance.value.state {
                return Ok(instance.value);
            }
            let before = instance.value.state.clone();
            instance.value.state = InstanceState::Retired { why: why.clone() };
            save(tx, &mut instance, &before)?;
            tx.control(Change::Deny {
                instance: id.clone(),
            });
            let mut e = event(EventKind::INSTANCE_RETIRED, &instance.value);
            e.personal = doc! { "words": &why };
            record(tx, &instance.value, e)?;
            Ok(instance.value)
        })
        .await
    }
}
