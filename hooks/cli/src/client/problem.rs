//! RFC 9457 errors of the server, with the step that helps.
use std::fmt;

use reqwest::StatusCode;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// As the server said it. Its texts are shown escaped, like all that others wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Problem {
    /// `urn:boathook:problem:CODE`.
    #[serde(rename = "type")]
    pub kind: String,
    pub title: String,
    pub status: u16,
    pub detail: String,
    pub field: Option<String>,
    pub expected: Option<String>,
    /// Seconds of `Retry-After`.
    #[serde(skip_deserializing)]
    pub retry_after: Option<u64>,
    /// A step that the command knows better.
    #[serde(skip)]
    pub next: Option<String>,
}

impl Problem {
    /// From an answer that is no success; whatever its body is.
    pub(super) fn read(status: StatusCode, retry_after: Option<u64>, body: &[u8]) -> Self {
        let mut problem: Self = serde_json::from_slice(body).unwrap_or_default();
        problem.status = status.as_u16();
        problem.retry_after = retry_after;
        if problem.title.is_empty() {
            problem.title = status.canonical_reason().unwrap_or("error").to_owned();
        }
        problem
    }

    pub fn code(&self) -> &str {
        self.kind
            .strip_prefix("urn:boathook:problem:")
            .unwrap_or("problem")
    }

    pub(crate) fn next_step(&self) -> String {
        if let Some(next) = &self.next {
            return next.clone();
        }
        if let Some(expected) = &self.expected {
            return format!("expected {expected}");
        }
        let step = match self.status {
            401 if self.detail.contains("password") => "check both, and that it is this server",
            401 => "sign in: `boathook login URL`",
            403 => {
                "ask an administrator of boathook for the role; `boathook login --show` tells yours"
            }
            404 => {
                "check the id; `boathook hook list` and `boathook packet list` show what there is; or your role does not cover its customer: `boathook login --show`"
            }
            409 => "look at how it stands now: `boathook hook show ID`",
            413 => "make it smaller",
            422 if self.detail.contains("no roster") => {
                "`boathook trust show` tells what stands; a roster is made with `boathook roster new`, or `roster renew` after a revocation"
            }
            429 | 503 => {
                return self
                    .retry_after
                    .map_or("try again".into(), |s| format!("try again in {s} seconds"));
            }
            500.. => "try again, and tell the operator of the server if it stays",
            _ => "",
        };
        step.to_owned()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = if self.detail.is_empty() {
            &self.title
        } else {
            &self.detail
        };
        match &self.field {
            // A fault of an authoring file names its place itself.
            Some(field) if field.starts_with("toml:") => write!(f, "{words} ({})", self.status),
            Some(field) => write!(f, "{field}: {words} ({})", self.status),
            None => write!(f, "{words} ({})", self.status),
        }
    }
}

/// Whether this says that the thing is not there.
pub(crate) fn is_missing(error: &Error) -> bool {
    matches!(error, Error::Problem(p) if p.status == StatusCode::NOT_FOUND.as_u16())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_words_and_the_next_step_are_kept() {
        let body = br#"{"type":"urn:boathook:problem:field","status":422,"detail":"places is 0","field":"places","expected":"1 to 10000","new":1}"#;
        let problem = Problem::read(StatusCode::UNPROCESSABLE_ENTITY, None, body);
        assert_eq!(problem.to_string(), "places: places is 0 (422)");
        assert_eq!(
            (problem.code(), problem.next_step().as_str()),
            ("field", "expected 1 to 10000")
        );
    }

    #[test]
    fn an_answer_that_is_no_problem_document_is_one_still() {
        let problem = Problem::read(StatusCode::BAD_GATEWAY, None, b"<html>");
        assert_eq!(problem.to_string(), "Bad Gateway (502)");
        let busy = Problem::read(StatusCode::SERVICE_UNAVAILABLE, Some(7), b"");
        assert_eq!(busy.next_step(), "try again in 7 seconds");
    }
}
