//! How agents poll: `Boathook-Poll` on every answer, and the budget of long polls.
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard},
};

use axum::{
    extract::{Request, State},
    http::HeaderValue,
    middleware::Next,
    response::Response,
};
use boathook_hooks::{
    ids::InstanceId,
    protocol::{HEADER_POLL, PollAdvice},
};
use tokio_util::sync::CancellationToken;

use crate::app::{App, Shared};

/// Long polls that are held: one an instance, and how many may be.
#[derive(Debug)]
pub struct Polls {
    held: Mutex<HashMap<InstanceId, CancellationToken>>,
    most: usize,
}

impl Polls {
    pub fn new(most: usize) -> Self {
        Self {
            held: Mutex::default(),
            most,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<InstanceId, CancellationToken>> {
        self.held.lock().unwrap_or_else(|e| e.into_inner())
    }

    fn is_full(&self) -> bool {
        self.lock().len() >= self.most
    }
}

/// One long poll that is held; counted until it is dropped or a newer one of the same instance takes its place.
pub struct Held<'a> {
    app: &'a App,
    instance: &'a InstanceId,
    newer: CancellationToken,
}

impl<'a> Held<'a> {
    /// None when this server's budget is spent, or it drains. Ends the instance's poll of before, whose connection is most
    /// likely dead: one instance cannot spend the budget of all.
    pub fn take(app: &'a App, instance: &'a InstanceId) -> Option<Self> {
        if app.shutdown.is_cancelled() {
            return None;
        }
        let newer = CancellationToken::new();
        let polls = &app.agent.polls;
        let mut held = polls.lock();
        if held.len() >= polls.most && !held.contains_key(instance) {
            return None;
        }
        match held.insert(instance.clone(), newer.clone()) {
            Some(before) => before.cancel(),
            None => drop(app.metrics.long_polls.inc()),
        }
        Some(Self {
            app,
            instance,
            newer,
        })
    }

    /// Ends when the same instance holds another.
    pub async fn superseded(&self) {
        self.newer.cancelled().await;
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // Cancelled only under the lock, and then its place belongs to the newer one.
        let mut held = self.app.agent.polls.lock();
        if !self.newer.is_cancelled() && held.remove(self.instance).is_some() {
            self.app.metrics.long_polls.dec();
        }
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

/// For a poll that another of the same instance ended. Were it told to ask again at once, two agents with one key would
/// end each other's polls in a loop.
pub fn advice_to_superseded(app: &App) -> PollAdvice {
    PollAdvice::Every(app.config.agents.every_seconds)
}

/// Puts `Boathook-Poll` on every answer of the agent protocol that has none yet, errors too.
pub async fn advise(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if response.headers().contains_key(HEADER_POLL) {
        return response;
    }
    if let Ok(value) = HeaderValue::try_from(advice(&app).to_string()) {
        response.headers_mut().insert(HEADER_POLL, value);
    }
    response
}
