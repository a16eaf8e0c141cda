//! The agent protocol (DESIGN §4): enrolment, sessions, hook lists, claims, answers. Its URLs are in `routes.rs`.
pub mod answers;
mod batch;
mod bearer;
mod body;
mod challenge;
pub mod claims;
pub mod enroll;
pub(crate) mod hook_token;
pub mod hooks;
mod instance;
mod mac;
mod poll;
mod refused;
mod seen;
pub mod session;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
pub mod trust;

use std::sync::Arc;

pub use instance::{Instance, Working};
pub use poll::advise;

pub use crate::uploads;
use crate::{config::Config, control::Control, lists::Lists, uploads::Uploads};

/// What the agent protocol keeps in memory; all of it can be lost at any time.
pub struct AgentState {
    pub control: Control,
    pub(crate) lists: Lists,
    pub(crate) claims: Arc<batch::Claims>,
    pub(crate) uploads: Arc<Uploads>,
    pub(crate) polls: poll::Polls,
    pub(crate) seen: seen::LastSeen,
}

impl AgentState {
    pub fn new(config: &Config) -> Self {
        Self {
            control: Control::default(),
            lists: Lists::default(),
            claims: Arc::default(),
            uploads: Arc::new(Uploads::new(config.limits.upload_memory_bytes)),
            polls: poll::Polls::new(config.agents.long_polls),
            seen: seen::LastSeen::default(),
        }
    }
}
