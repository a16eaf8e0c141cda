//! What an object store's failure is called. A service's own answer may quote a session token or what was signed, so
//! only its code and message are told.
use std::error::Error;

use object_store::client::{HttpError, HttpErrorKind};

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
    let mut last: &(dyn Error + 'static) = error;
    while let Some(source) = last.source() {
        last = source;
        if let Some(http) = last.downcast_ref::<HttpError>() {
            let why = innermost(http);
            return match http.kind() {
                HttpErrorKind::Connect => format!("the endpoint cannot be reached: {why}"),
                HttpErrorKind::Timeout => "the endpoint does not answer in time".into(),
                _ => format!("the endpoint's answer broke off: {why}"),
            };
        }
    }
    let text = last.to_string();
    answered(&text).unwrap_or_else(|| {
        // Of a directory or of a setting; nothing that came over the wire.
        text[..text.floor_char_boundary(500)].to_owned()
    })
}

/// Of that crate's words for an answer that was an error, the status and the service's code and message.
fn answered(text: &str) -> Option<String> {
    let body = text.strip_prefix("Server returned ")?;
    let mut words = match body.split_once("status code: ") {
        Some((_, rest)) => format!("status {}", rest.get(..3).unwrap_or(rest)),
        None => "an error".to_owned(),
    };
    for (name, before) in [("Code", ", "), ("Message", ": ")] {
        if let Some(told) = tag(body, name) {
            words.push_str(before);
            words.push_str(told);
        }
    }
    Some(words)
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
        let text = format!("Server returned non-2xx status code: 400 Bad Request: {body}");
        let told = answered(&text);
        assert_eq!(
            told.as_deref(),
            Some("status 400, ExpiredToken: The token has expired.")
        );
        let nothing = answered("Server returned error response: <html>hunter2");
        assert_eq!(nothing.as_deref(), Some("an error"));
        assert_eq!(answered("No such file"), None);
        assert_eq!(tag("<Code>a\nb</Code>", "Code"), None);
    }
}
