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

/// The causes of a transport error in one line: which certificate or name was wrong stands at the bottom, in plain
/// words before the technical ones.
pub fn causes(error: &dyn std::error::Error) -> String {
    let mut words = Vec::new();
    let mut plain = None;
    let mut next = error.source();
    while let Some(cause) = next {
        plain = plain.or_else(|| of_tls(cause));
        let text = cause.to_string();
        // The library's own name for "it went wrong".
        if !words.contains(&text) && !text.starts_with("client error (") {
            words.push(text);
        }
        next = cause.source();
    }
    if words.is_empty() {
        words.push(error.to_string());
    }
    match plain {
        Some(plain) => format!("{plain} ({})", words.join(": ")),
        None => words.join(": "),
    }
}

/// An `io::Error`, of which there may be one within another, hides what it wraps from `source`.
fn tls<'a>(cause: &'a (dyn std::error::Error + 'static)) -> Option<&'a rustls::Error> {
    cause.downcast_ref().or_else(|| {
        let wrapped = cause.downcast_ref::<std::io::Error>()?.get_ref()?;
        tls(wrapped)
    })
}

/// What a failed handshake means for the administrator.
fn of_tls(cause: &(dyn std::error::Error + 'static)) -> Option<&'static str> {
    use rustls::{CertificateError as Certificate, Error as Tls};
    match tls(cause)? {
        Tls::InvalidCertificate(why) => Some(match why {
            Certificate::Expired | Certificate::ExpiredContext { .. } => {
                "the server's certificate has expired, or this machine's clock is wrong"
            }
            Certificate::NotValidYet | Certificate::NotValidYetContext { .. } => {
                "the server's certificate does not count yet, or this machine's clock is wrong"
            }
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => {
                "the server's certificate is for another host"
            }
            Certificate::UnknownIssuer | Certificate::BadSignature => {
                "the server's certificate is by no authority that this agent trusts"
            }
            Certificate::Revoked => "the server's certificate was revoked",
            _ => "the server's certificate is not in order",
        }),
        Tls::InvalidMessage(_) => Some("the server does not speak TLS"),
        _ => None,
    }
}
