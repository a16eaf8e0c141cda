//! `Problem`: every error that leaves over HTTP, as RFC 9457 `application/problem+json`. Nothing internal is shown.
mod store;
mod trust;

pub use store::IntoAnswer;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use boathook_hooks::protocol::PROBLEM_TYPE;
use serde_json::{Map, Value};

/// An error answer: what happened, and where it helps, which field is wrong and what was expected.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    pub status: StatusCode,
    /// A stable word for programs; ends the `type` URI. Empty is `about:blank`.
    pub code: &'static str,
    pub detail: String,
    pub field: Option<String>,
    pub expected: Option<String>,
    /// Seconds for `Retry-After`.
    pub retry_after: Option<u64>,
    /// More members of the problem, such as `challenge`.
    pub extra: Box<Map<String, Value>>,
}

pub type Answer<T> = Result<T, Problem>;

impl Problem {
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            field: None,
            expected: None,
            retry_after: None,
            extra: Box::default(),
        }
    }

    /// 400: the request cannot be read.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", detail)
    }

    /// 422: `field` is wrong; `expected` says what would be right.
    pub fn field(field: &str, detail: impl Into<String>, expected: impl Into<String>) -> Self {
        let mut problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "field", detail);
        problem.field = Some(field.to_owned());
        problem.expected = Some(expected.into());
        problem
    }

    /// 401: no sign-in that counts.
    pub fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
    }

    /// 403: signed in, but without the role.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    /// 404: `what` is not there, or not for this caller. Both sound the same.
    pub fn not_found(what: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            format!("there is no such {what}"),
        )
    }

    /// 409: the thing is not in a state that allows this, or changed meanwhile.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", detail)
    }

    /// 410: ended.
    pub fn gone(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::GONE, "gone", detail)
    }

    /// 413: more than the limit, which `detail` names.
    pub fn too_large(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail)
    }

    /// 503: not now; the same request may succeed in `seconds`.
    pub fn busy(detail: impl Into<String>, seconds: u64) -> Self {
        let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail);
        problem.retry_after = Some(seconds.max(1));
        problem
    }

    /// 500. `source` goes to the log, never to the visitor.
    pub fn internal(operation: &str, source: impl std::fmt::Display) -> Self {
        tracing::error!(operation, error = %source, "request failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "something failed here; the log has the details under this request's id",
        )
    }

    /// Adds a member to the problem.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.extra.insert(name.to_owned(), value.into());
        self
    }

    pub fn to_json(&self) -> Value {
        let mut out = (*self.extra).clone();
        let kind = match self.code {
            "" => "about:blank".to_owned(),
            code => format!("urn:boathook:problem:{code}"),
        };
        out.insert("type".into(), kind.into());
        out.insert(
            "title".into(),
            self.status.canonical_reason().unwrap_or("Error").into(),
        );
        out.insert("status".into(), self.status.as_u16().into());
        out.insert("detail".into(), self.detail.clone().into());
        for (name, value) in [("field", &self.field), ("expected", &self.expected)] {
            if let Some(value) = value {
                out.insert(name.into(), value.clone().into());
            }
        }
        Value::Object(out)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.to_json().to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_TYPE));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if self.status == StatusCode::RANGE_NOT_SATISFIABLE
            && let Some(bytes) = self.extra.get("bytes").and_then(Value::as_u64)
            && let Ok(value) = format!("bytes */{bytes}").parse()
        {
            headers.insert(header::CONTENT_RANGE, value);
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_names_the_field_and_what_was_expected() {
        let json = Problem::field("places", "places is 0", "1 to 10000").to_json();
        assert_eq!(json["status"], 422);
        assert_eq!(json["field"], "places");
        assert_eq!(json["expected"], "1 to 10000");
        assert_eq!(json["type"], "urn:boathook:problem:field");
    }

    #[test]
    fn an_internal_error_shows_nothing_of_its_source() {
        let json = Problem::internal("reading a ticket", "disk /secret/path broke").to_json();
        assert!(!json.to_string().contains("secret"));
    }

    #[test]
    fn a_busy_answer_says_when_to_come_back() {
        let response = Problem::busy("places are reserved", 7).into_response();
        assert_eq!(response.headers()["retry-after"], "7");
        assert_eq!(response.headers()["content-type"], PROBLEM_TYPE);
    }
}
