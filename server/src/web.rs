//! What every request passes or may fall into: ids, spans, panics, and pages that are not there.
use std::any::Any;
use std::time::Instant;

use axum::{
    extract::{MatchedPath, Request as AxumRequest},
    http::{Request, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use boathook_hooks::protocol::PROBLEM_TYPE;
use tower_http::request_id::{MakeRequestId, RequestId};
use tracing::Span;

use crate::{errors::Problem, routes::REQUEST_ID};

/// A request id of our own for every request.
#[derive(Clone, Copy)]
pub struct FreshId;

impl MakeRequestId for FreshId {
    fn make_request_id<B>(&mut self, _: &Request<B>) -> Option<RequestId> {
        let id = uuid::Uuid::now_v7().simple().to_string();
        id.parse().ok().map(RequestId::new)
    }
}

/// The span of a request: route, path without query, id. Never a header or a query, which may hold secrets.
pub fn span<B>(request: &Request<B>) -> Span {
    let id = request
        .headers()
        .get(REQUEST_ID)
        .and_then(|v| v.to_str().ok())
        .unwrap_or("-");
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("none", |p| p.as_str());
    tracing::info_span!("request", id, method = %request.method(), route, path = shown(request.uri().path()))
}

/// A path as the log may have it: one kind of address holds a secret.
fn shown(path: &str) -> &str {
    match path.starts_with("/set-up/") {
        true => "/set-up/…",
        false => path,
    }
}

/// One line a request: people's as info, agents' as debug (they ask all day), whatever failed here as a warning.
pub async fn log(request: AxumRequest, next: Next) -> Response {
    let path = request.uri().path();
    let of_people = !path.starts_with("/agent/") && !path.starts_with("/assets/");
    let begin = Instant::now();
    let response = next.run(request).await;
    let (status, ms) = (response.status().as_u16(), begin.elapsed().as_millis());
    match (status, of_people) {
        (500.., _) if status != 503 => tracing::warn!(status, ms, "answered"),
        (_, true) => tracing::info!(status, ms, "answered"),
        (_, false) => tracing::debug!(status, ms, "answered"),
    }
    response
}

/// Errors that a layer or an extractor answered in its own words become problems too.
pub async fn only_problems(request: AxumRequest, next: Next) -> Response {
    let response = next.run(request).await;
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE);
    let is_problem = kind.is_some_and(|v| v.as_bytes() == PROBLEM_TYPE.as_bytes());
    // A form that is shown again says itself what was wrong.
    let is_page = kind.is_some_and(|v| v.as_bytes().starts_with(b"text/html"));
    if is_problem || is_page || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let problem = match status {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::too_large("the body is larger than this address takes")
        }
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Problem::new(
            status,
            "media_type",
            "this address does not take that Content-Type",
        ),
        _ => Problem::new(
            status,
            "",
            status
                .canonical_reason()
                .unwrap_or("the request cannot be served"),
        ),
    };
    let mut answer = problem.into_response();
    for (name, value) in response.headers() {
        if name != header::CONTENT_TYPE && name != header::CONTENT_LENGTH {
            answer.headers_mut().insert(name, value.clone());
        }
    }
    answer
}

pub fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let words = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without words");
    Problem::internal("a handler panicked", words).into_response()
}

pub async fn no_such_page() -> Problem {
    Problem::not_found("page")
}

pub async fn no_such_method() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method",
        "this address does not take that method",
    )
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn the_set_up_link_is_never_logged() {
        assert_eq!(shown("/set-up/secret"), "/set-up/…");
        assert_eq!(shown("/tickets/jira/set-up"), "/tickets/jira/set-up");
    }
}
