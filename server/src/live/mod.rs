//! What pages and `boathook watch` are told as it happens: that a ticket or a hook is no longer as they saw it.
//!
//! Whatever server a change came through, it is in the store: each thing that somebody watches here is looked at each
//! second, once for all who watch it, and what they are told derives from its records.
mod stamps;
mod stream;

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use boathook_hooks::ids::{HookId, PersonId};
use boathook_schema::TicketRef;
use tokio::sync::watch;

use crate::{
    app::Shared,
    errors::{Answer, Problem},
};

pub use stream::{Gone, stream};

/// What can be watched.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Thing {
    Ticket(TicketRef),
    Hook(HookId),
}

/// How often a watched thing is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// Streams of one person at a time: some windows' worth.
const STREAMS: u32 = 30;

/// A number that is another one whenever the thing is; none before it was looked at.
pub type Stamp = Option<u64>;

#[derive(Default)]
pub struct Live {
    watched: Mutex<HashMap<Thing, watch::Sender<Stamp>>>,
    people: Mutex<HashMap<PersonId, u32>>,
}

/// One open stream of a person; gives its place back when it is dropped.
pub struct Place {
    app: Shared,
    person: PersonId,
}

impl Place {
    pub fn take(app: &Shared, person: &PersonId) -> Answer<Self> {
        let mut people = lock(&app.live.people);
        let open = people.entry(person.clone()).or_default();
        if *open >= STREAMS {
            let mut problem =
                Problem::busy(format!("you watch {STREAMS} pages at once: close some"), 10);
            problem.status = axum::http::StatusCode::TOO_MANY_REQUESTS;
            return Err(problem);
        }
        *open += 1;
        Ok(Self {
            app: app.clone(),
            person: person.clone(),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut people = lock(&self.app.live.people);
        if let Some(open) = people.get_mut(&self.person) {
            *open -= 1;
            if *open == 0 {
                people.remove(&self.person);
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Told of every change of the thing from now on. Who may see it is the caller's to decide.
pub fn subscribe(app: &Shared, thing: Thing) -> watch::Receiver<Stamp> {
    let mut watched = lock(&app.live.watched);
    if let Some(sender) = watched.get(&thing) {
        return sender.subscribe();
    }
    let (sender, receiver) = watch::channel(None);
    watched.insert(thing.clone(), sender);
    tokio::spawn(look(app.clone(), thing));
    receiver
}

/// Looks at the thing until nobody watches it any more.
async fn look(app: Shared, thing: Thing) {
    loop {
        match stamps::of(&app, &thing).await {
            Ok(stamp) => {
                let watched = lock(&app.live.watched);
                if let Some(sender) = watched.get(&thing) {
                    sender
                        .send_if_modified(|old| std::mem::replace(old, Some(stamp)) != Some(stamp));
                }
            }
            // Told once it can be read again.
            Err(error) => tracing::debug!(%error, ?thing, "a watched thing cannot be read now"),
        }
        tokio::select! {
            () = app.shutdown.cancelled() => break,
            () = tokio::time::sleep(LOOK) => {}
        }
        let mut watched = lock(&app.live.watched);
        if watched.get(&thing).is_none_or(|s| s.receiver_count() == 0) {
            watched.remove(&thing);
            return;
        }
    }
    lock(&app.live.watched).remove(&thing);
}
