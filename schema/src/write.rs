//! What every write carries: an id that makes a repeat harmless, who writes, and the times.
use std::{fmt, time::Duration};

use boathook_hooks::{
    ids::{InstanceId, PersonId},
    time::{SECOND, Time},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Names one write. Repeating it gives the answer that the first one got, by the same actor and verb only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OpId(pub Uuid);

impl OpId {
    pub fn fresh() -> Self {
        Self(Uuid::now_v7())
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    Person(PersonId),
    Instance(InstanceId),
    System,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person(id) => write!(f, "person:{id}"),
            Self::Instance(id) => write!(f, "instance:{id}"),
            Self::System => f.write_str("system"),
        }
    }
}

#[derive(Clone, Debug)]
pub struct Write {
    pub op_id: OpId,
    pub actor: Actor,
    pub now: Time,
    /// By when the caller wants to know; after it a write that was not begun ends as `TryAgain`.
    pub deadline: Time,
}

/// How long a write may wait for its turn, unless the caller says otherwise.
const PATIENCE_MS: i64 = 10 * SECOND;

impl Write {
    pub fn new(actor: Actor, now: Time) -> Self {
        Self {
            op_id: OpId::fresh(),
            actor,
            now,
            deadline: now.plus_ms(PATIENCE_MS),
        }
    }

    pub fn person(person: PersonId, now: Time) -> Self {
        Self::new(Actor::Person(person), now)
    }

    pub fn instance(instance: InstanceId, now: Time) -> Self {
        Self::new(Actor::Instance(instance), now)
    }

    pub fn system(now: Time) -> Self {
        Self::new(Actor::System, now)
    }

    #[must_use]
    pub fn op(mut self, op_id: OpId) -> Self {
        self.op_id = op_id;
        self
    }

    #[must_use]
    pub fn until(mut self, deadline: Time) -> Self {
        self.deadline = deadline;
        self
    }

    /// The time that is left, counted from `now`.
    pub(crate) fn patience(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.deadline.since(self.now)).unwrap_or(0))
    }
}
