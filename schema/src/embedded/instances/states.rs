//! Confirmed, suspended, resumed, retired: each told to the control log.
use boathook_hooks::{ids::InstanceId, keys::KeyId};
use bson::doc;

use super::{event, find, illegal, record, save};
use crate::{
    Answer, Change, EventKind, Instance, InstanceState, Refused, Scope, SuspendReason, Write,
    embedded::{Embedded, tx::ensure},
};

impl Embedded {
    pub(crate) async fn confirm_instance(
        &self,
        scope: &Scope,
        write: Write,
        id: InstanceId,
        fingerprint: KeyId,
    ) -> Answer<Instance> {
        let scope = scope.clone();
        self.write("confirm_instance", write, move |tx| {
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
            instance.value.state = InstanceState::Confirmed;
            save(tx, &mut instance)?;
            tx.control(Change::Facts { instance: id })?;
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
        self.write("suspend_instance", write, move |tx| {
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
            instance.value.state = InstanceState::Suspended { reason, confirmed };
            save(tx, &mut instance)?;
            tx.control(Change::Deny { instance: id })?;
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
        self.write("resume_instance", write, move |tx| {
            ensure(!scope.is_agent(), Refused::OutOfScope)?;
            let mut instance = find(tx, &scope, &id)?;
            instance.value.state = match instance.value.state {
                InstanceState::Suspended {
                    confirmed: true, ..
                } => InstanceState::Confirmed,
                InstanceState::Suspended { .. } => InstanceState::Unconfirmed,
                ref other => return Err(illegal(other).into()),
            };
            save(tx, &mut instance)?;
            tx.control(Change::Facts { instance: id })?;
            let mut e = event(EventKind::INSTANCE_RESUMED, &instance.value);
            e.personal = doc! { "words": why };
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
        self.write("retire_instance", write, move |tx| {
            let mut instance = find(tx, &scope, &id)?;
            if let InstanceState::Retired { .. } = instance.value.state {
                return Ok(instance.value);
            }
            instance.value.state = InstanceState::Retired { why: why.clone() };
            save(tx, &mut instance)?;
            tx.control(Change::Deny { instance: id })?;
            let mut e = event(EventKind::INSTANCE_RETIRED, &instance.value);
            e.personal = doc! { "words": why };
            record(tx, &instance.value, e)?;
            Ok(instance.value)
        })
        .await
    }
}
