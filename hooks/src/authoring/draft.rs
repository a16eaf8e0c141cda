//! A draft: what a person said of a hook, with defaults for what was not said, before id, revision and author.
use super::fault::{Fault, Faults};
use crate::{
    documents::hook::{
        Audience, CollectorEntry, FORMAT, Hook, HookCustomers, Reask, RedactionProfile, Subject,
    },
    ids::{HookId, PersonId},
    time::{SECOND, Time},
};

#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    pub min_agent: Option<String>,
    /// None when the text names none; [`Fills`] then must.
    pub subject: Option<Subject>,
    /// None as for `subject`.
    pub customers: Option<HookCustomers>,
    pub audience: Audience,
    pub title: String,
    pub reason: String,
    /// None is the moment when the hook is made.
    pub not_before: Option<Time>,
    pub expires: Expires,
    pub places: u32,
    pub packet_bytes: u64,
    pub total_bytes: u64,
    pub attempts: u32,
    pub stop_after_overruns: u32,
    pub stop_error_percent: Option<u32>,
    pub retention_days: u32,
    pub reask: Reask,
    pub collectors: Vec<CollectorEntry>,
    pub redaction: RedactionProfile,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expires {
    At(Time),
    /// Seconds after `not_before`.
    After(u64),
}

/// What a hook needs beside its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fills {
    pub id: HookId,
    pub revision: u32,
    pub author: PersonId,
    pub now: Time,
    /// For a text that names none, such as the ticket on whose page it was written.
    pub subject: Option<Subject>,
    pub customers: Option<HookCustomers>,
}

impl Fills {
    /// Those of a hook that there is: with them its own text becomes it again.
    pub fn of(hook: &Hook) -> Self {
        Self {
            id: hook.id.clone(),
            revision: hook.revision,
            author: hook.author.clone(),
            now: hook.not_before,
            subject: Some(hook.subject.clone()),
            customers: Some(hook.customers.clone()),
        }
    }

    /// Placeholders, for looking at a text that is no hook yet.
    pub fn preview(now: Time) -> Option<Self> {
        Some(Self {
            id: "draft".parse().ok()?,
            revision: 1,
            author: "draft".parse().ok()?,
            now,
            subject: None,
            customers: None,
        })
    }
}

impl Draft {
    /// The hook, unsigned. The text's subject and customers go before those of `fills`; faults have no place.
    pub fn into_hook(self, fills: Fills) -> Result<Hook, Vec<Fault>> {
        let mut faults = Faults::new("");
        let not_before = self.not_before.unwrap_or(fills.now);
        let expires_at = self.expires.from(not_before);
        if expires_at <= not_before {
            faults.error(
                "expires",
                format!("the hook would end at {expires_at}, before it begins"),
                "a later time",
            );
        }
        let subject = self.subject.or(fills.subject);
        if subject.is_none() {
            faults.error(
                "ticket",
                "nothing says what the hook is for",
                "a table [ticket] with system and key",
            );
        }
        let customers = self.customers.or(fills.customers);
        match (&customers, &subject) {
            (None, _) => faults.error(
                "customers",
                "no customer is named",
                "a list such as [\"acme\"]",
            ),
            (Some(HookCustomers::OptedIn), Some(Subject::Ticket { .. })) => {
                faults.error(
                    "customers",
                    "a ticket's hook is not for all who opted in",
                    "a list such as [\"acme\"]",
                );
            }
            _ => {}
        }
        let (Some(subject), Some(customers), false) = (subject, customers, faults.has_errors())
        else {
            return Err(faults.into_all());
        };
        Ok(Hook {
            format: FORMAT,
            min_agent: self.min_agent,
            id: fills.id,
            revision: fills.revision,
            author: fills.author,
            subject,
            customers,
            audience: self.audience,
            title: self.title,
            reason: self.reason,
            not_before,
            expires_at,
            places: self.places,
            packet_bytes: self.packet_bytes,
            total_bytes: self.total_bytes,
            attempts: self.attempts,
            stop_after_overruns: self.stop_after_overruns,
            stop_error_percent: self.stop_error_percent,
            retention_days: self.retention_days,
            reask: self.reask,
            collectors: self.collectors,
            redaction: self.redaction,
            template: None,
            checks: Vec::new(),
            when: None,
        })
    }
}

impl Expires {
    /// The moment, for a hook that begins at `not_before`.
    pub fn from(self, not_before: Time) -> Time {
        match self {
            Self::At(time) => time,
            Self::After(seconds) => not_before.plus_ms(
                i64::try_from(seconds)
                    .unwrap_or(i64::MAX)
                    .saturating_mul(SECOND),
            ),
        }
    }
}
