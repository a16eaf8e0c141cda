//! What an object store's failure is called. A service's own answer may quote a session token or what was signed, so
//! only its code and message are told.
use std::error::Error;

use object_store::client::HttpErrorKind;
use object_store::retry::{RequestError, RetryError};

/// One line, without secrets.
#[derive(Debug, thiserror::Error)]
#[error("{words}")]
pub struct Fault {
    words: String,
}

impl From<object_store::Error> for Fault {
    fn from(error: object_store::Error) -> Self {
        Self {
            words: words(&error),
        }
    }
}

fn words(error: &object_store::Error) -> String {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(here) = next {
        if let Some(retry) = here.downcast_ref::<RetryError>() {
            return of_request(retry);
        }
        next = here.source();
    }
    // Not from a request: a directory's error, or one of settings.
    let mut words = error.to_string();
    words.truncate(words.floor_char_boundary(500));
    words
}

fn of_request(error: &RetryError) -> String {
    let said = match error.inner() {
        RequestError::Http(e) => match e.kind() {
            HttpErrorKind::Connect => return "the endpoint cannot be reached".into(),
            HttpErrorKind::Timeout => return "the endpoint does not answer in time".into(),
            _ => return format!("the endpoint's answer broke off: {}", innermost(e)),
        },
        RequestError::BareRedirect => return "it is in another region, or at another address".into(),
        RequestError::Status { .. } | RequestError::Response { .. } => error.body().unwrap_or(""),
    };
    let status = error.status().map_or(0, |s| s.as_u16());
    match (tag(said, "Code"), tag(said, "Message")) {
        (Some(code), Some(message)) => format!("status {status}, {code}: {message}"),
        (Some(code), None) => format!("status {status}, {code}"),
        _ => format!("status {status}"),
    }
}

fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

/// The text of the first `<name>` of an answer in XML, if it is short and plain.
fn tag<'a>(body: &'a str, name: &str) -> Option<&'a str> {
    let from = body.split_once(&format!("<{name}>"))?.1;
    let text = from.split_once('<')?.0.trim();
    let plain = !text.is_empty() && text.len() <= 300 && !text.contains(char::is_control);
    plain.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_answer_only_code_and_message_are_told() {
        let body = "<Error><Code>ExpiredToken</Code><Message>The token has expired.</Message>\
                    <Token-0>hunter2</Token-0></Error>";
        assert_eq!(tag(body, "Code"), Some("ExpiredToken"));
        assert_eq!(tag(body, "Message"), Some("The token has expired."));
        assert_eq!(tag("<html>no", "Code"), None);
        assert_eq!(tag("<Code>a\nb</Code>", "Code"), None);
    }
}
