//! Published revisions: state, quota, use. Claims live beside them.
use boathook_hooks::{
    ids::{Blob, CustomerId, Digest, HookId, InstanceId, PersonId},
    states::HookState,
    time::Time,
    waves::Wave,
};
use bson::Document;
use serde::{Deserialize, Serialize};

use crate::records::TicketRef;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Revision {
    pub digest: Digest,
    pub hook: HookId,
    pub revision: u32,
    pub state: HookState,
    pub customers: Vec<CustomerId>,
    pub opted_in: bool,
    pub ticket: Option<TicketRef>,
    pub author: PersonId,
    pub title: String,
    /// `documents::hook::Audience` as BSON.
    pub audience: Document,
    /// Bytes of the envelope.
    pub size: u64,
    /// As signed.
    pub quota: Quota,
    pub lowered: Lowered,
    pub usage: Usage,
    /// Instances that sent more than they declared.
    pub overruns: Vec<InstanceId>,
    pub published_at: Time,
    pub ended_at: Option<Time>,
    /// Whom of its audience it is offered to yet. What was stored without is offered to all.
    #[serde(default)]
    pub wave: Wave,
    /// When that was widened last.
    #[serde(default)]
    pub widened_at: Option<Time>,
    /// The control number of its last change.
    pub control: u64,
    pub version: u64,
}

impl Revision {
    /// Places after lowering.
    pub fn places(&self) -> u32 {
        self.lowered.places.unwrap_or(self.quota.places)
    }

    /// The end after lowering.
    pub fn expires_at(&self) -> Time {
        self.lowered.expires_at.unwrap_or(self.quota.expires_at)
    }

    /// Since when its wave can claim.
    pub fn wave_since(&self) -> Time {
        self.widened_at
            .unwrap_or(self.published_at)
            .max(self.quota.not_before)
    }

    /// Whether an instance of that customer may be meant at all; audience comes on top.
    pub fn is_for(&self, customer: &CustomerId) -> bool {
        self.opted_in || self.customers.contains(customer)
    }
}

/// The signed limits, so that claims need no parsing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quota {
    pub places: u32,
    pub packet_bytes: u64,
    pub total_bytes: u64,
    pub attempts: u32,
    pub stop_after_overruns: u32,
    pub stop_error_percent: Option<u32>,
    pub not_before: Time,
    pub expires_at: Time,
    pub retention_days: u32,
}

/// Places that a hook can have at most (store.md §3).
pub const MAX_PLACES: u32 = 10_000;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lowered {
    pub places: Option<u32>,
    pub expires_at: Option<Time>,
}

/// accepted + reserved never exceeds the quota, in places and in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    pub accepted: u32,
    pub accepted_bytes: u64,
    pub reserved: u32,
    pub reserved_bytes: u64,
    /// Rows of claims, in any state: at most 4 × places.
    pub rows: u32,
    /// Reservations that ended in failed, interrupted or rejected.
    pub failed: u32,
}

/// What `publish` needs. The hook must be signed or held with this digest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Publish {
    pub digest: Digest,
    pub hook: HookId,
    pub revision: u32,
    /// DSSE `hook.v1`, BSON, with all signatures.
    pub envelope: Blob,
    pub customers: Vec<CustomerId>,
    pub opted_in: bool,
    pub ticket: Option<TicketRef>,
    pub author: PersonId,
    pub title: String,
    pub audience: Document,
    pub quota: Quota,
    /// The first one.
    #[serde(default)]
    pub wave: Wave,
}

/// A revision's state and the control number that tells of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    pub state: HookState,
    pub control: u64,
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use bson::doc;

    use super::*;

    #[test]
    fn a_revision_that_was_stored_before_there_were_waves_is_offered_to_all() {
        let at = Time::from_ms(1_780_000_000_000);
        let revision = Revision {
            digest: Digest::of(b"x"),
            hook: HookId::fresh(),
            revision: 1,
            state: HookState::Published,
            customers: Vec::new(),
            opted_in: true,
            ticket: None,
            author: "ada".parse().unwrap(),
            title: "Slow".into(),
            audience: doc! { "everyone": true },
            size: 1,
            quota: Quota {
                places: 1,
                packet_bytes: 1,
                total_bytes: 1,
                attempts: 1,
                stop_after_overruns: 1,
                stop_error_percent: None,
                not_before: at.plus_ms(5),
                expires_at: at.plus_ms(9),
                retention_days: 1,
            },
            lowered: Lowered::default(),
            usage: Usage::default(),
            overruns: Vec::new(),
            published_at: at,
            ended_at: None,
            wave: Wave::of_share(0.5),
            widened_at: Some(at),
            control: 1,
            version: 1,
        };
        assert_eq!(
            revision.wave_since(),
            at.plus_ms(5),
            "nobody claims before its time"
        );
        let mut stored = bson::serialize_to_document(&revision).unwrap();
        assert!(stored.remove("wave").is_some() && stored.remove("widened_at").is_some());
        let read: Revision = bson::deserialize_from_document(stored).unwrap();
        assert_eq!((read.wave, read.widened_at), (Wave::ALL, None));
    }
}
