//! What can go wrong between agent and server, each with its own words.
use boathook_hooks::protocol::PollAdvice;
use std::time::Duration;

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("{operation}: {what}")]
    Transport {
        operation: &'static str,
        what: String,
    },
    #[error(
        "{operation}: the server sends elsewhere ({status} to {to:?}), and this agent follows no redirect"
    )]
    Redirect {
        operation: &'static str,
        status: u16,
        to: String,
    },
    #[error("{operation}: the answer has more than {limit} bytes")]
    TooLarge {
        operation: &'static str,
        limit: usize,
    },
    #[error("{operation}: {path:?} is not a path on the server's own origin")]
    OtherOrigin {
        operation: &'static str,
        path: String,
    },
    #[error("{operation}: {problem}")]
    Problem {
        operation: &'static str,
        problem: Problem,
    },
    #[error("{operation}: the answer cannot be read: {what}")]
    Unreadable {
        operation: &'static str,
        what: String,
    },
    #[error("the settings of the connection: {0}")]
    Settings(String),
}

impl ClientError {
    /// The HTTP status, where there was an answer.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Problem { problem, .. } => Some(problem.status),
            _ => None,
        }
    }

    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Problem { problem, .. } => problem.retry_after,
            _ => None,
        }
    }
}

/// An answer that is none of success, out of RFC 9457's body as far as it has one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problem {
    pub status: u16,
    pub title: String,
    pub detail: String,
    /// Of a 401 to a session: what to sign.
    pub challenge: Option<String>,
    pub retry_after: Option<Duration>,
    pub poll: Option<PollAdvice>,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.status)?;
        for text in [&self.title, &self.detail] {
            if !text.is_empty() {
                write!(f, " {text}")?;
            }
        }
        Ok(())
    }
}

impl Problem {
    /// `body` is of any kind: the server may be a proxy's error page.
    pub fn read(status: u16, body: &[u8]) -> Self {
        #[derive(serde::Deserialize, Default)]
        #[serde(default)]
        struct Members {
            title: String,
            detail: String,
            challenge: Option<String>,
        }
        let members: Members = serde_json::from_slice(body).unwrap_or_default();
        let plain = |text: &str| text.chars().filter(|c| !c.is_control()).take(300).collect();
        Self {
            status,
            title: plain(&members.title),
            detail: plain(&members.detail),
            challenge: members.challenge.filter(|c| c.len() <= 2_048),
            retry_after: None,
            poll: None,
        }
    }
}

/// The causes of a transport error in one line: which certificate or name was wrong stands at the bottom.
pub fn causes(error: &dyn std::error::Error) -> String {
    let mut words = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !words.contains(&text) {
            words.push(text);
        }
        next = cause.source();
    }
    if words.is_empty() {
        error.to_string()
    } else {
        words.join(": ")
    }
}
