//! The hook list and the hooks: polls, held until something changes, and envelopes for whom they are listed.
use std::time::Duration;

use axum::{
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use boathook_hooks::{
    ids::Digest,
    protocol::{CONTENT_TYPE, HEADER_POLL, HEADER_SEEN, PollAdvice},
    time::Time,
};
use serde::Deserialize;

use crate::{
    agent::{
        Instance, Working, body,
        poll::{Held, advice_to_superseded},
    },
    app::{App, Shared, chance},
    control,
    errors::{Answer, Problem},
    lists,
};

#[derive(Deserialize)]
pub struct Wait {
    /// Seconds to hold the answer until something changes.
    #[serde(default)]
    wait: u32,
}

pub async fn list(
    State(app): State<Shared>,
    instance: Instance,
    Query(asked): Query<Wait>,
    headers: HeaderMap,
) -> Answer<Response> {
    control::at_least(&app, seen(&headers)?).await?;
    app.agent.seen.note(&instance.instance, app.now());
    let known = headers.get(header::IF_NONE_MATCH).map(|v| v.as_bytes());
    let hold = u64::from(asked.wait.min(app.config.agents.hold_seconds));
    let deadline = tokio::time::Instant::now() + Duration::from_secs(hold);
    let mut changes = app.agent.control.watch();
    let mut held = None;
    loop {
        changes.borrow_and_update();
        instance.recheck(&app)?;
        let now = app.now();
        let offer = lists::current(&app, &instance, now)?;
        if known != Some(offer.etag.as_bytes()) {
            let etag = offer.etag.clone();
            let bytes = lists::sign(&app, &instance, offer, now).await?;
            let headers = [
                (header::ETAG, etag.as_str()),
                (header::CONTENT_TYPE, CONTENT_TYPE),
                (header::CACHE_CONTROL, "private, no-cache"),
            ];
            return Ok((headers, bytes).into_response());
        }
        // Counted only when it waits, and for as long as it does.
        if hold > 0 && held.is_none() {
            held = Held::take(&app, &instance.instance);
        }
        let Some(poll) = &held else {
            return Ok(not_modified(&offer.etag, None));
        };
        if tokio::time::Instant::now() >= deadline {
            return Ok(not_modified(&offer.etag, None));
        }
        let next = next_moment(&instance, offer.period_end, now);
        tokio::select! {
            biased;
            () = poll.superseded() => {
                return Ok(not_modified(&offer.etag, Some(advice_to_superseded(&app))));
            }
            // The sender lives as long as the app.
            _ = changes.changed() => {}
            () = tokio::time::sleep_until(deadline.min(tokio::time::Instant::now() + next)) => {}
            () = drain(&app) => held = None,
        }
    }
}

fn not_modified(etag: &str, advice: Option<PollAdvice>) -> Response {
    let mut response = (StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response();
    let advice = advice.and_then(|advice| HeaderValue::try_from(advice.to_string()).ok());
    if let Some(advice) = advice {
        response.headers_mut().insert(HEADER_POLL, advice);
    }
    response
}

/// Until the answer changes by time alone: the list's period ends, or the bearer.
fn next_moment(instance: &Instance, period_end: Time, now: Time) -> Duration {
    let ms = period_end.min(instance.until).since(now).max(1);
    Duration::from_millis(u64::try_from(ms).unwrap_or(1))
}

/// Some moment after the server began to drain: not all agents shall come to its neighbours at once.
async fn drain(app: &App) {
    app.shutdown.cancelled().await;
    let limits = &app.config.limits;
    let most = Duration::from_secs(limits.drain_poll_seconds)
        .min(Duration::from_secs(limits.drain_seconds) / 2);
    tokio::time::sleep(most.mul_f64(chance())).await;
}

/// The control number that the agent knows.
fn seen(headers: &HeaderMap) -> Answer<u64> {
    let Some(value) = headers.get(HEADER_SEEN) else {
        return Ok(0);
    };
    let number = value.to_str().ok().and_then(|v| v.trim().parse().ok());
    number.ok_or_else(|| Problem::bad_request("boathook-seen must be a control number"))
}

/// A hook's envelope, only for an instance that it is listed for.
pub async fn one(
    State(app): State<Shared>,
    instance: Working,
    Path(digest): Path<String>,
) -> Answer<Response> {
    let digest: Digest = digest.parse().map_err(|_| Problem::not_found("hook"))?;
    let envelope = {
        let active = app.agent.control.active();
        active
            .listed(&digest, instance.asker(), app.now())
            .map(|hook| hook.envelope.clone())
    };
    envelope
        .map(body::envelope)
        .ok_or_else(|| Problem::not_found("hook"))
}
