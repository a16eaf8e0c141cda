//! Downloads that need a thread that may block: few at a time, and none for long that nobody reads. All reads of the
//! store, packet checks and password checks share these threads.
use std::{
    collections::HashMap,
    io,
    sync::{
        Arc, Mutex, MutexGuard, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::body::{Body, Bytes};
use boathook_hooks::ids::PersonId;
use tokio::{runtime::Handle, sync::mpsc, time::timeout};

use crate::errors::{Answer, Problem};

/// Places of the whole server.
pub const ALL: usize = 16;
/// Places of one person.
pub const A_PERSON: usize = 4;
/// How long a client may take no piece.
const PATIENCE: Duration = Duration::from_secs(30);
/// Pieces that wait for a client.
const PIECES: usize = 2;
/// Seconds for `Retry-After`.
const RETRY: u64 = 10;

/// The places that downloads take.
pub struct Downloads {
    taken: Mutex<HashMap<PersonId, usize>>,
    patience: Duration,
}

impl Default for Downloads {
    fn default() -> Self {
        Self::new(PATIENCE)
    }
}

impl Downloads {
    fn new(patience: Duration) -> Self {
        Self {
            taken: Mutex::default(),
            patience,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PersonId, usize>> {
        self.taken.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// A place for one download, or 503.
    pub fn take(self: &Arc<Self>, person: &PersonId) -> Answer<Place> {
        let mut taken = self.lock();
        if taken.get(person).is_some_and(|n| *n >= A_PERSON) {
            let words = format!("you have {A_PERSON} downloads under way: end one first");
            return Err(Problem::busy(words, RETRY));
        }
        if taken.values().sum::<usize>() >= ALL {
            return Err(Problem::busy("too many downloads at once", RETRY));
        }
        *taken.entry(person.clone()).or_default() += 1;
        Ok(Place {
            of: self.clone(),
            person: person.clone(),
        })
    }
}

/// One download's place, until it is dropped.
pub struct Place {
    of: Arc<Downloads>,
    person: PersonId,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.of.lock();
        if let Some(n) = taken.get_mut(&self.person) {
            *n -= 1;
            if *n == 0 {
                taken.remove(&self.person);
            }
        }
    }
}

impl Place {
    /// What `work` makes, on a thread that may block. It keeps its place until it ends, also when nobody waits any more:
    /// it is to look at `Still` from time to time.
    pub async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce(&Still) -> T + Send + 'static,
    ) -> Answer<T> {
        // Dropped with this future, which is when the client goes away or the request takes too long.
        let waiting = Arc::new(());
        let still = Still(Arc::downgrade(&waiting));
        let done = tokio::task::spawn_blocking(move || {
            let made = work(&still);
            drop(self);
            made
        });
        let done = done.await;
        drop(waiting);
        done.map_err(|e| Problem::internal("reading a packet", e))
    }

    /// A body of what `work` sends, on a thread that may block. The body breaks off when `work` does not end with true,
    /// which it must not when a send failed.
    pub fn body(self, work: impl FnOnce(&Out) -> bool + Send + 'static) -> Body {
        let (send, receive) = mpsc::channel::<Bytes>(PIECES);
        let whole = Arc::new(AtomicBool::new(false));
        let out = Out {
            send: send.clone(),
            runtime: Handle::current(),
            patience: self.of.patience,
        };
        let ended = whole.clone();
        tokio::spawn(async move {
            let patience = self.of.patience;
            // A panic of the thread's is an end that is not whole.
            let done = tokio::task::spawn_blocking(move || work(&out)).await;
            ended.store(done.unwrap_or(false), Ordering::Release);
            // What the client has yet to take is memory that counts, too; but the place does not wait for ever.
            let _ = timeout(patience, send.reserve_many(PIECES)).await;
            drop(self);
        });
        let pieces = futures_util::stream::unfold((receive, whole), |(mut receive, whole)| async {
            match receive.recv().await {
                Some(piece) => Some((Ok(piece), (receive, whole))),
                None if whole.swap(true, Ordering::AcqRel) => None,
                None => Some((Err(io::Error::other("broken off")), (receive, whole))),
            }
        });
        Body::from_stream(pieces)
    }
}

/// Whether anybody waits still for what a thread makes.
pub struct Still(Weak<()>);

impl Still {
    pub fn is_wanted(&self) -> bool {
        self.0.strong_count() > 0
    }
}

/// Where the thread puts its pieces.
pub struct Out {
    send: mpsc::Sender<Bytes>,
    runtime: Handle,
    patience: Duration,
}

impl Out {
    /// Waits for the client; false when it is gone or takes nothing: then end.
    pub fn send(&self, piece: Bytes) -> bool {
        let sent = self
            .runtime
            .block_on(async { timeout(self.patience, self.send.send(piece)).await });
        if sent.is_err() {
            tracing::info!("a download whose client takes nothing is broken off");
        }
        matches!(sent, Ok(Ok(())))
    }

    /// Whether anyone is still there.
    pub fn is_wanted(&self) -> bool {
        !self.send.is_closed()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const PIECE: Bytes = Bytes::from_static(b"piece");

    fn person(n: usize) -> PersonId {
        format!("p{n}").parse().unwrap()
    }

    async fn until_free(downloads: &Downloads) {
        let free = async {
            while !downloads.lock().is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(Duration::from_secs(20), free).await.unwrap();
    }

    #[test]
    fn a_person_has_a_few_places_and_the_server_has_some_more() {
        let downloads = Arc::new(Downloads::default());
        let mut places = Vec::new();
        for n in 0..ALL / A_PERSON {
            for _ in 0..A_PERSON {
                places.push(downloads.take(&person(n)).unwrap());
            }
            let more = downloads.take(&person(n)).err().unwrap();
            assert_eq!((more.status.as_u16(), more.retry_after), (503, Some(RETRY)));
        }
        let other = person(ALL);
        assert_eq!(
            downloads.take(&other).err().unwrap().status.as_u16(),
            503,
            "the whole server's are taken"
        );
        places.pop();
        places.push(downloads.take(&other).unwrap());
        places.clear();
        assert!(downloads.lock().is_empty());
    }

    #[tokio::test]
    async fn what_is_read_comes_whole_and_gives_its_place_back() {
        let downloads = Arc::new(Downloads::default());
        let place = downloads.take(&person(1)).unwrap();
        let body = place.body(|out| (0..100).all(|_| out.send(PIECE)));
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        assert_eq!(bytes.len(), 100 * PIECE.len());
        until_free(&downloads).await;
    }

    #[tokio::test]
    async fn a_body_that_nobody_reads_ends_after_a_while_and_is_not_whole() {
        let downloads = Arc::new(Downloads::new(Duration::from_millis(50)));
        let place = downloads.take(&person(1)).unwrap();
        let body = place.body(|out| (0..100).all(|_| out.send(PIECE)));
        until_free(&downloads).await;
        assert!(axum::body::to_bytes(body, usize::MAX).await.is_err());
    }

    #[tokio::test]
    async fn a_small_body_keeps_its_place_too_until_it_is_read_or_dropped() {
        let downloads = Arc::new(Downloads::default());
        let place = downloads.take(&person(1)).unwrap();
        let (told, tell) = std::sync::mpsc::channel();
        let body = place.body(move |out| out.send(PIECE) && told.send(()).is_ok());
        tokio::task::spawn_blocking(move || tell.recv())
            .await
            .unwrap()
            .unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(downloads.lock().len(), 1);
        drop(body);
        until_free(&downloads).await;
    }

    #[tokio::test]
    async fn work_that_nobody_waits_for_hears_of_it_and_gives_its_place_back() {
        let downloads = Arc::new(Downloads::default());
        let place = downloads.take(&person(1)).unwrap();
        assert!(place.run(|still| still.is_wanted()).await.unwrap());
        until_free(&downloads).await;

        let place = downloads.take(&person(1)).unwrap();
        let (told, tell) = std::sync::mpsc::channel();
        let asked = tokio::spawn(place.run(move |still| {
            told.send(()).unwrap();
            while still.is_wanted() {
                std::thread::sleep(Duration::from_millis(1));
            }
        }));
        tokio::task::spawn_blocking(move || tell.recv())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(downloads.lock().len(), 1, "it works");
        asked.abort();
        until_free(&downloads).await;
    }

    #[tokio::test]
    async fn work_that_panics_is_an_error_and_gives_its_place_back() {
        let downloads = Arc::new(Downloads::default());
        let place = downloads.take(&person(1)).unwrap();
        let failed = place.run(|_| -> u8 { panic!("on purpose") }).await;
        assert_eq!(failed.err().unwrap().status.as_u16(), 500);
        until_free(&downloads).await;
    }

    #[tokio::test]
    async fn what_fails_on_the_way_is_not_a_whole_body() {
        let downloads = Arc::new(Downloads::default());
        let failing: [fn(&Out) -> bool; 2] = [|_| false, |_| panic!("on purpose")];
        for work in failing {
            let body = downloads.take(&person(1)).unwrap().body(work);
            assert!(axum::body::to_bytes(body, usize::MAX).await.is_err());
            until_free(&downloads).await;
        }
    }
}
