//! What every request passes or may fall into: ids, spans, panics, and pages that are not there.
use std::any::Any;

use axum::{
    extract::MatchedPath,
    http::{Request, StatusCode},
    response::{IntoResponse as _, Response},
};
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
    tracing::info_span!("request", id, method = %request.method(), route, path = request.uri().path())
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
