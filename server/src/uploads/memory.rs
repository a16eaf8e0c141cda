//! The memory of all uploads together, and whose share of it is how large: slow ones hold up only their own.
use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use boathook_hooks::ids::{CustomerId, InstanceId};
use boathook_schema::objects::CHUNK_BYTES;
use tokio::sync::Notify;

use crate::errors::{Answer, Problem};

/// How long an upload waits for memory. One that holds some puts away what came when this ends, so none waits for ever.
const PATIENCE: Duration = Duration::from_secs(20);
/// By how much a buffer grows.
const STEP: usize = 256 << 10;
/// A customer has one part of so many.
const CUSTOMERS: usize = 4;

pub struct Memory {
    bytes: usize,
    patience: Duration,
    used: Mutex<Used>,
    given_back: Notify,
}

/// Who holds what; nothing of those who hold nothing.
#[derive(Default)]
struct Used {
    all: usize,
    customers: HashMap<CustomerId, usize>,
    instances: HashMap<InstanceId, usize>,
}

/// Room for one buffer, which grows with what came; given back when it is dropped.
pub struct Room {
    memory: Arc<Memory>,
    customer: CustomerId,
    instance: InstanceId,
    bytes: usize,
}

impl Memory {
    pub fn new(bytes: usize) -> Self {
        Self {
            // Less than one chunk would let nothing in.
            bytes: bytes.max(CHUNK_BYTES),
            patience: PATIENCE,
            used: Mutex::default(),
            given_back: Notify::new(),
        }
    }

    /// A room for nothing yet.
    pub fn room(self: &Arc<Self>, customer: &CustomerId, instance: &InstanceId) -> Room {
        Room {
            memory: self.clone(),
            customer: customer.clone(),
            instance: instance.clone(),
            bytes: 0,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// One chunk an instance. A customer has its share; beyond it only what leaves half of all to others.
    fn try_take(&self, customer: &CustomerId, instance: &InstanceId, bytes: usize) -> bool {
        let mut used = self.lock();
        let all = used.all + bytes;
        let of_customer = bytes + used.customers.get(customer).copied().unwrap_or(0);
        let of_instance = bytes + used.instances.get(instance).copied().unwrap_or(0);
        let share = (self.bytes / CUSTOMERS).max(CHUNK_BYTES);
        let fits = of_instance <= CHUNK_BYTES
            && all <= self.bytes
            && (of_customer <= share || all <= self.bytes / 2);
        if fits {
            used.all = all;
            used.customers.insert(customer.clone(), of_customer);
            used.instances.insert(instance.clone(), of_instance);
        }
        fits
    }

    fn give_back(&self, room: &Room) {
        if room.bytes == 0 {
            return;
        }
        let mut used = self.lock();
        used.all -= room.bytes;
        less(&mut used.customers, &room.customer, room.bytes);
        less(&mut used.instances, &room.instance, room.bytes);
        drop(used);
        self.given_back.notify_waiters();
    }
}

fn less<K: Hash + Eq>(held: &mut HashMap<K, usize>, by: &K, bytes: usize) {
    if let Some(now) = held.get_mut(by) {
        *now -= bytes;
        if *now == 0 {
            held.remove(by);
        }
    }
}

impl Room {
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Makes room for some of the `wanted` bytes that are to come, says for how many; 503 when there is none for long.
    pub async fn grow(&mut self, wanted: u64) -> Answer<usize> {
        let wanted = usize::try_from(wanted).unwrap_or(STEP).min(STEP);
        let step = wanted.min(CHUNK_BYTES.saturating_sub(self.bytes));
        let take = async {
            loop {
                let mut told = std::pin::pin!(self.memory.given_back.notified());
                // Before looking, so that what is given back right after is not missed.
                told.as_mut().enable();
                if self.memory.try_take(&self.customer, &self.instance, step) {
                    return;
                }
                told.await;
            }
        };
        if tokio::time::timeout(self.memory.patience, take)
            .await
            .is_err()
        {
            return Err(Problem::busy("too many uploads at once", 10));
        }
        self.bytes += step;
        Ok(step)
    }

    /// The buffer is put away.
    pub fn empty(&mut self) {
        self.memory.give_back(self);
        self.bytes = 0;
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.empty();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const CHUNK: u64 = CHUNK_BYTES as u64;

    fn memory(chunks: usize) -> Arc<Memory> {
        Arc::new(Memory::new(chunks * CHUNK_BYTES))
    }

    /// A room of `bytes`, if they can be had at once.
    async fn room(
        memory: &Arc<Memory>,
        customer: &str,
        instance: usize,
        bytes: u64,
    ) -> Option<Room> {
        let instance = format!("i-{instance}").parse().unwrap();
        let mut room = memory.room(&customer.parse().unwrap(), &instance);
        let mut left = bytes;
        while left > 0 {
            left -= tokio::select! {
                biased;
                grown = room.grow(left) => grown.unwrap() as u64,
                () = tokio::task::yield_now() => return None,
            };
        }
        Some(room)
    }

    #[tokio::test]
    async fn memory_is_taken_as_the_buffer_grows() {
        let memory = memory(1);
        let mut slow = memory.room(&"acme".parse().unwrap(), &"i-1".parse().unwrap());
        assert_eq!(memory.lock().all, 0, "nothing before the first byte");
        slow.grow(CHUNK).await.unwrap();
        assert_eq!((slow.bytes(), memory.lock().all), (STEP, STEP));
        assert_eq!(slow.grow(10).await.unwrap(), 10);
        slow.empty();
        assert_eq!((slow.bytes(), memory.lock().all), (0, 0));
    }

    #[tokio::test]
    async fn one_customer_leaves_half_to_others_and_has_a_quarter_when_they_want_some() {
        let memory = memory(16);
        let mut acme = Vec::new();
        for instance in 0..8 {
            acme.push(room(&memory, "acme", instance, CHUNK).await.unwrap());
        }
        assert!(room(&memory, "acme", 8, 1).await.is_none());
        let mut others = Vec::new();
        for (n, customer) in ["globex", "initech"].into_iter().enumerate() {
            for instance in 0..4 {
                let instance = 100 * (n + 1) + instance;
                others.push(room(&memory, customer, instance, CHUNK).await.unwrap());
            }
            assert!(
                room(&memory, customer, 100 * (n + 1) + 50, 1)
                    .await
                    .is_none()
            );
        }
        acme.truncate(4);
        // Others hold the rest: a quarter it is.
        assert!(room(&memory, "acme", 9, 1).await.is_none());
        acme.pop();
        assert!(room(&memory, "acme", 9, CHUNK).await.is_some());
    }

    #[tokio::test]
    async fn one_instance_has_one_chunk_however_many_packets_it_sends() {
        let memory = memory(64);
        let first = room(&memory, "acme", 1, CHUNK - 1024).await.unwrap();
        let small = room(&memory, "acme", 1, 1024).await.unwrap();
        assert!(room(&memory, "acme", 1, 1).await.is_none());
        assert!(room(&memory, "acme", 2, CHUNK).await.is_some());
        drop((first, small));
        assert!(room(&memory, "acme", 1, CHUNK).await.is_some());
    }

    #[tokio::test]
    async fn all_together_have_no_more_than_there_is() {
        let memory = memory(2);
        let _one = room(&memory, "acme", 1, CHUNK).await.unwrap();
        let _two = room(&memory, "globex", 2, CHUNK).await.unwrap();
        assert!(room(&memory, "initech", 3, 1).await.is_none());
    }

    #[tokio::test]
    async fn who_waits_is_told_when_there_is_room_again() {
        let memory = memory(1);
        let first = room(&memory, "acme", 1, CHUNK).await.unwrap();
        let mut second = memory.room(&"globex".parse().unwrap(), &"i-2".parse().unwrap());
        let (grown, ()) = tokio::join!(second.grow(CHUNK), async { drop(first) });
        assert_eq!(grown.unwrap(), STEP);
    }

    #[tokio::test]
    async fn who_waits_for_long_is_told_to_come_again() {
        let memory = Arc::new(Memory {
            patience: Duration::from_millis(1),
            ..Memory::new(CHUNK_BYTES)
        });
        let _first = room(&memory, "acme", 1, CHUNK).await.unwrap();
        let mut second = memory.room(&"globex".parse().unwrap(), &"i-2".parse().unwrap());
        let refused = second.grow(CHUNK).await.unwrap_err();
        assert_eq!(refused.status, axum::http::StatusCode::SERVICE_UNAVAILABLE);
    }

    #[tokio::test]
    async fn nothing_is_kept_of_those_that_ended() {
        let memory = memory(2);
        for instance in 0..1_000 {
            room(&memory, "acme", instance, CHUNK).await.unwrap();
        }
        let used = memory.lock();
        assert_eq!(
            (used.all, used.customers.len(), used.instances.len()),
            (0, 0, 0)
        );
    }
}
