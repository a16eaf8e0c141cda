//! Heads of the audit's chains, as lists and receipts carry them to the customers. Read at most once a second for each
//! customer, and never going back.
use std::{collections::HashMap, sync::Mutex};

use boathook_hooks::{
    documents::hook_list,
    ids::CustomerId,
    time::{SECOND, Time},
};
use boathook_schema::{Scope, StoreError};

use crate::app::App;

#[derive(Default)]
pub struct Heads(Mutex<HashMap<CustomerId, Known>>);

struct Known {
    heads: hook_list::Heads,
    at: Time,
}

impl Heads {
    /// At most a second old.
    pub async fn of(
        &self,
        app: &App,
        customer: &CustomerId,
        now: Time,
    ) -> Result<hook_list::Heads, StoreError> {
        if let Some(known) = self.lock().get(customer)
            && (0..SECOND).contains(&now.since(known.at))
        {
            return Ok(known.heads.clone());
        }
        self.fresh(app, customer, now).await
    }

    /// As of now, for receipts.
    pub async fn fresh(
        &self,
        app: &App,
        customer: &CustomerId,
        now: Time,
    ) -> Result<hook_list::Heads, StoreError> {
        let read = app.store.heads_of(&Scope::System, customer).await?;
        let mut held = self.lock();
        let known = held.entry(customer.clone()).or_insert_with(|| Known {
            heads: read.clone(),
            at: now,
        });
        // Two reads may end in the other order than they began.
        later(&mut known.heads.customer, read.customer);
        later(&mut known.heads.house, read.house);
        known.at = now;
        Ok(known.heads.clone())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<CustomerId, Known>> {
        self.0.lock().unwrap_or_else(|e| e.into_inner())
    }
}

fn later(known: &mut hook_list::Head, read: hook_list::Head) {
    if read.number > known.number {
        *known = read;
    }
}
