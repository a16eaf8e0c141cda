//! Heads of the audit's chains, as lists and receipts carry them to the customers. Read at most once a second for each
//! customer, once for all who ask at the same time, and never going back.
use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use boathook_hooks::{
    documents::hook_list,
    ids::CustomerId,
    time::{SECOND, Time},
};
use boathook_schema::{Scope, StoreError};

use crate::app::App;

#[derive(Default)]
pub struct Heads(Mutex<HashMap<CustomerId, Arc<Slot>>>);

/// What is known of one customer's heads, and the one read of them that is under way.
#[derive(Default)]
struct Slot {
    known: Mutex<Option<Known>>,
    reading: tokio::sync::Mutex<()>,
}

struct Known {
    heads: hook_list::Heads,
    at: Time,
    /// When the read that brought them began.
    began: Instant,
}

impl Heads {
    /// At most a second old.
    pub async fn of(
        &self,
        app: &App,
        customer: &CustomerId,
        now: Time,
    ) -> Result<hook_list::Heads, StoreError> {
        let is_fresh = |known: &Known| (0..SECOND).contains(&now.since(known.at));
        let read = || app.store.heads_of(&Scope::System, customer);
        self.slot(customer).read(now, is_fresh, read).await
    }

    /// As of now, for receipts: read after this was called.
    pub async fn fresh(
        &self,
        app: &App,
        customer: &CustomerId,
        now: Time,
    ) -> Result<hook_list::Heads, StoreError> {
        let asked = Instant::now();
        let is_fresh = |known: &Known| known.began >= asked;
        let read = || app.store.heads_of(&Scope::System, customer);
        self.slot(customer).read(now, is_fresh, read).await
    }

    fn slot(&self, customer: &CustomerId) -> Arc<Slot> {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slots.entry(customer.clone()).or_default().clone()
    }
}

impl Slot {
    fn known(&self, is_fresh: impl Fn(&Known) -> bool) -> Option<hook_list::Heads> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known
            .as_ref()
            .filter(|known| is_fresh(known))
            .map(|known| known.heads.clone())
    }

    async fn read<F>(
        &self,
        now: Time,
        is_fresh: impl Fn(&Known) -> bool,
        read: impl FnOnce() -> F,
    ) -> Result<hook_list::Heads, StoreError>
    where
        F: Future<Output = Result<hook_list::Heads, StoreError>>,
    {
        if let Some(heads) = self.known(&is_fresh) {
            return Ok(heads);
        }
        let _one = self.reading.lock().await;
        // Whoever had the turn before may have read what is new enough.
        if let Some(heads) = self.known(&is_fresh) {
            return Ok(heads);
        }
        let began = Instant::now();
        let read = read().await?;
        let mut held = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = held.get_or_insert_with(|| Known {
            heads: read.clone(),
            at: now,
            began,
        });
        later(&mut known.heads.customer, read.customer);
        later(&mut known.heads.house, read.house);
        (known.at, known.began) = (now, began);
        Ok(known.heads.clone())
    }
}

/// A head never goes back, whatever a read says.
fn later(known: &mut hook_list::Head, read: hook_list::Head) {
    if read.number > known.number {
        *known = read;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use boathook_hooks::ids::Digest;

    use super::*;

    fn heads(number: u64) -> hook_list::Heads {
        let head = hook_list::Head {
            number,
            hash: Digest::of(&number.to_be_bytes()),
        };
        hook_list::Heads {
            customer: head.clone(),
            house: head,
        }
    }

    #[tokio::test]
    async fn those_who_ask_at_once_share_one_read() {
        let (slot, reads) = (Slot::default(), AtomicU64::new(0));
        let now = Time::from_ms(1_700_000_000_000);
        let ask = || {
            let read = || async {
                let number = reads.fetch_add(1, Ordering::SeqCst) + 1;
                tokio::task::yield_now().await;
                Ok(heads(number))
            };
            slot.read(now, |k| k.at == now, read)
        };
        let found = futures_util::future::join_all((0..1_000).map(|_| ask())).await;
        assert!(found.into_iter().all(|f| f.unwrap() == heads(1)));
        assert_eq!(reads.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn heads_never_go_back() {
        let slot = Slot::default();
        let now = Time::from_ms(1_700_000_000_000);
        for (read, known) in [(5, 5), (4, 5), (6, 6)] {
            let found = slot.read(now, |_| false, || async move { Ok(heads(read)) });
            assert_eq!(found.await.unwrap(), heads(known));
        }
    }
}
