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
                    sender.send_if_modified(|old| old.replace(stamp) != Some(stamp));
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use axum::body::Body;
    use futures_util::StreamExt as _;
    use tower::ServiceExt as _;

    use crate::api::tests::house::{House, id};

    /// The events of a stream, as one text each.
    async fn watch(house: &House, token: &str, path: &str) -> (u16, axum::body::BodyDataStream) {
        let request = House::request(Some(token), "GET", path, None);
        let response = house.bench.router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        (status, Body::into_data_stream(response.into_body()))
    }

    async fn next(stream: &mut axum::body::BodyDataStream) -> Option<String> {
        loop {
            let piece = tokio::time::timeout(Duration::from_secs(20), stream.next()).await;
            let text = String::from_utf8(piece.expect("no event came")?.unwrap().to_vec()).unwrap();
            if text.contains("data:") {
                return Some(text);
            }
        }
    }

    #[tokio::test]
    async fn a_hook_is_told_at_once_and_when_it_changes() {
        let house = House::new().await;
        let hook = house.published().await;
        let token = house.token("ada").await;
        let (_, mut stream) = watch(
            &house,
            &token,
            &format!("/api/v1/hooks/{}/events", id(&hook)),
        )
        .await;
        let first = next(&mut stream).await.unwrap();
        assert!(
            first.contains("event: hook") && first.contains("\"accepted\":0"),
            "{first}"
        );
        house.packet(&hook, b"x").await;
        let mut told = String::new();
        while !told.contains("\"accepted\":1") {
            told = next(&mut stream).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_ticket_tells_of_its_packets_and_ends_when_the_role_is_taken_away() {
        let house = House::new().await;
        let hook = house.published().await;
        let token = house.token("ada").await;
        let (_, mut stream) = watch(&house, &token, "/api/v1/tickets/jira/SUP-1/events").await;
        let first = next(&mut stream).await.unwrap();
        assert!(first.contains("\"packets\":0"), "{first}");
        house
            .person("ada", &[boathook_schema::Role::Viewer], Some("acme"))
            .await;
        house.packet(&hook, b"x").await;
        assert_eq!(next(&mut stream).await, None);
        let (status, _) = watch(&house, &token, "/api/v1/tickets/jira/SUP-1/events").await;
        assert_eq!(status, 403);
    }

    #[tokio::test]
    async fn another_customers_hook_is_not_there_and_streams_are_counted() {
        let house = House::new().await;
        let hook = house.published().await;
        let path = format!("/api/v1/hooks/{}/events", id(&hook));
        assert_eq!(watch(&house, &house.token("gil").await, &path).await.0, 404);
        let token = house.token("ada").await;
        let mut open = Vec::new();
        for _ in 0..super::STREAMS {
            let (status, stream) = watch(&house, &token, &path).await;
            assert_eq!(status, 200);
            open.push(stream);
        }
        assert_eq!(watch(&house, &token, &path).await.0, 429);
        drop(open.pop());
        assert_eq!(watch(&house, &token, &path).await.0, 200);
    }
}
