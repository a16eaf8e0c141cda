//! A revision's counters as one bar with words, for the ticket and the hook.
use boathook_schema::Revision;

use crate::ui::words::{Size, When};
use boathook_hooks::time::Time;

pub struct Counters {
    pub places: u32,
    pub accepted: u32,
    pub reserved: u32,
    pub failed: u32,
    pub bytes: Size,
    pub total_bytes: Size,
    /// Such as `ends in 6 h`.
    pub ends: When,
    pub is_over: bool,
    /// From 0 to 100.
    pub offered_percent: u32,
}

impl Counters {
    pub fn of(revision: &Revision, now: Time) -> Self {
        let usage = &revision.usage;
        Self {
            places: revision.places(),
            accepted: usage.accepted,
            reserved: usage.reserved,
            failed: usage.failed,
            bytes: Size::of(usage.accepted_bytes),
            total_bytes: Size::of(revision.quota.total_bytes),
            ends: When::of(revision.expires_at(), now),
            is_over: revision.state.is_final(),
            offered_percent: (revision.wave.share() * 100.0).ceil() as u32,
        }
    }
}
