//! How agents poll: `Boathook-Poll` on every answer, and the budget of long polls.
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::{
    extract::{Request, State},
    http::HeaderValue,
    middleware::Next,
    response::Response,
};
use boathook_hooks::protocol::{HEADER_POLL, PollAdvice};

use crate::app::{App, Shared};

/// Long polls that are held, and how many may be.
#[derive(Debug)]
pub struct Polls {
    held: AtomicUsize,
    most: usize,
}

impl Polls {
    pub fn new(most: usize) -> Self {
        Self {
            held: AtomicUsize::new(0),
            most,
        }
    }

    fn is_full(&self) -> bool {
        self.held.load(Ordering::Relaxed) >= self.most
    }
}

/// One long poll that is held; counted until it is dropped.
pub struct Held<'a>(&'a App);

impl<'a> Held<'a> {
    /// None when this server's budget is spent, or it drains.
    pub fn take(app: &'a App) -> Option<Self> {
        let polls = &app.agent.polls;
        if app.shutdown.is_cancelled() {
            return None;
        }
        if polls.held.fetch_add(1, Ordering::Relaxed) >= polls.most {
            polls.held.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        app.metrics.long_polls.inc();
        Some(Self(app))
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.agent.polls.held.fetch_sub(1, Ordering::Relaxed);
        self.0.metrics.long_polls.dec();
    }
}

/// What agents are told now.
pub fn advice(app: &App) -> PollAdvice {
    let agents = &app.config.agents;
    if app.agent.polls.is_full() {
        PollAdvice::Every(agents.every_seconds)
    } else {
        PollAdvice::Hold(agents.hold_seconds)
    }
}

/// Puts `Boathook-Poll` on every answer of the agent protocol, errors too.
pub async fn advise(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if let Ok(value) = HeaderValue::try_from(advice(&app).to_string()) {
        response.headers_mut().insert(HEADER_POLL, value);
    }
    response
}
