//! Server-sent events of one thing for one person, as long as they may see it.
use std::{convert::Infallible, time::Duration};

use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use serde::Serialize;

use super::{Place, Thing, subscribe};
use crate::{app::Shared, errors::Answer, people::Caller};

/// Why a stream ends before the reader does.
#[derive(Debug)]
pub struct Gone;

/// How often a quiet stream says that it is alive, and looks whether its reader may still read. What changes meanwhile is
/// told to nobody who may not: that is looked at each time.
const ALIVE: Duration = Duration::from_secs(5);
/// At most so often one stream tells of changes.
const APART: Duration = Duration::from_millis(300);

/// `event: NAME` with what `now` tells: at once, and after each change. `now` looks as its caller, anew each time, so a
/// role or customer that was taken away ends the stream.
pub fn stream<T, F, Fut>(
    app: &Shared,
    caller: &Caller,
    thing: Thing,
    name: &'static str,
    now: F,
) -> Answer<Sse<impl Stream<Item = Result<Event, Infallible>> + use<T, F, Fut>>>
where
    T: Serialize,
    F: Fn() -> Fut + Send + 'static,
    Fut: Future<Output = Result<T, Gone>> + Send,
{
    let place = Place::take(app, &caller.person)?;
    let changes = subscribe(app, thing);
    let shutdown = app.shutdown.clone();
    let state = (place, changes, now, shutdown, None::<String>);
    let events = futures_util::stream::unfold(
        state,
        move |(place, mut changes, now, shutdown, told)| async move {
            if told.is_some() {
                tokio::select! {
                    () = shutdown.cancelled() => return None,
                    changed = changes.changed() => changed.ok()?,
                    () = tokio::time::sleep(ALIVE) => {}
                }
                tokio::time::sleep(APART).await;
            }
            changes.mark_unchanged();
            let json = serde_json::to_string(&now().await.ok()?).ok()?;
            let event = match told.as_ref() == Some(&json) {
                true => Event::default().comment("the same"),
                false => Event::default().event(name).data(&json),
            };
            Some((Ok(event), (place, changes, now, shutdown, Some(json))))
        },
    );
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(ALIVE)))
}
