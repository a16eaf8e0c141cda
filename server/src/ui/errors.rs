//! Problems as pages: what happened, why, and what to do. Programs that ask for JSON keep the problem as it is.
use askama::Template;
use axum::{
    body::to_bytes,
    extract::{Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Redirect, Response},
};
use boathook_hooks::protocol::PROBLEM_TYPE;
use serde_json::Value;

use crate::{
    app::Shared,
    errors::{Answer, Problem},
    people::of_token,
    routes::REQUEST_ID,
    ui::{
        chrome::{Chrome, Section, html},
        csrf, session,
        visit::{Visit, here, onward},
    },
};

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    chrome: Chrome,
    status: u16,
    heading: &'static str,
    detail: String,
    what_to_do: &'static str,
    /// Seconds after which it may go better.
    wait: Option<u64>,
    again: Option<String>,
    request_id: String,
}

/// Around everything: an error that a browser would show becomes a page; who is not signed in is asked to be.
pub async fn as_pages(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let for_programs = path.starts_with("/api/") || path.starts_with("/agent/");
    let wants_page = request
        .headers()
        .get(header::ACCEPT)
        .and_then(|v| v.to_str().ok())
        .is_some_and(|v| v.contains("text/html"));
    if for_programs || !wants_page {
        return next.run(request).await;
    }
    let (method, here) = (request.method().clone(), here(request.uri()));
    // On the answer it stands only after this layer.
    let id = request.headers().get(REQUEST_ID).cloned();
    let token = session::token(request.headers()).map(str::to_owned);
    let response = next.run(request).await;
    let kind = response.headers().get(header::CONTENT_TYPE);
    if kind.is_none_or(|v| v.as_bytes() != PROBLEM_TYPE.as_bytes()) {
        return response;
    }
    if response.status() == StatusCode::UNAUTHORIZED && method == Method::GET {
        let to: String = form_urlencoded::byte_serialize(here.as_bytes()).collect();
        return Redirect::to(&format!("/sign-in?to={to}")).into_response();
    }
    let again = (method == Method::GET).then(|| onward(Some(&here)));
    // While the store is away nobody can be known.
    let chrome = match token.filter(|_| response.status() != StatusCode::SERVICE_UNAVAILABLE) {
        Some(token) => known(&app, &token).await,
        None => None,
    };
    page(&app, response, chrome, again, id).await
}

/// What stands around the page of somebody who is signed in.
async fn known(app: &Shared, token: &str) -> Option<Chrome> {
    let caller = of_token(app, token).await.ok()??;
    let csrf = csrf::masked(token);
    let visit = Visit { csrf };
    Some(Chrome::of(app, &caller, &visit, Section::None, ""))
}

/// `again` is the address to try once more.
async fn page(
    app: &Shared,
    response: Response,
    chrome: Option<Chrome>,
    again: Option<String>,
    id: Option<HeaderValue>,
) -> Response {
    let (parts, body) = response.into_parts();
    let problem: Value = match to_bytes(body, 64 * 1024).await {
        Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_default(),
        Err(_) => Value::Null,
    };
    let (heading, what_to_do) = words(parts.status);
    let page = ErrorPage {
        chrome: Chrome {
            title: heading.to_owned(),
            ..chrome.unwrap_or_else(|| Chrome::outside(app.now(), heading))
        },
        wait: parts.headers.get(header::RETRY_AFTER).and_then(|v| {
            let seconds: u64 = v.to_str().ok()?.parse().ok()?;
            Some(seconds.max(1))
        }),
        again,
        status: parts.status.as_u16(),
        heading,
        // Of what failed within there is nothing to say but the number.
        detail: match parts.status {
            StatusCode::INTERNAL_SERVER_ERROR => String::new(),
            _ => sentence(problem["detail"].as_str().unwrap_or_default()),
        },
        what_to_do,
        request_id: id
            .and_then(|id| Some(id.to_str().ok()?.to_owned()))
            .unwrap_or_default(),
    };
    let mut answer = match html(&page) {
        Ok(answer) => answer,
        Err(problem) => return problem.into_response(),
    };
    *answer.status_mut() = parts.status;
    for (name, value) in &parts.headers {
        if name != header::CONTENT_TYPE && name != header::CONTENT_LENGTH {
            answer.headers_mut().insert(name, value.clone());
        }
    }
    answer
}

/// A problem's words as they stand on a page.
fn sentence(words: &str) -> String {
    let mut chars = words.chars();
    let Some(first) = chars.next() else {
        return String::new();
    };
    let end = if words.ends_with(['.', '?', '!']) {
        ""
    } else {
        "."
    };
    first
        .to_uppercase()
        .chain(chars)
        .chain(end.chars())
        .collect()
}

/// What a proxy can show while no server answers, and people can be sent to meanwhile.
pub async fn maintenance() -> Answer<()> {
    Err(Problem::busy("the server is being looked after", 60))
}

fn words(status: StatusCode) -> (&'static str, &'static str) {
    match status.as_u16() {
        401 => ("You are signed out", "Sign in, then do it again."),
        403 => (
            "Not for you",
            "If you should have this, ask an admin of boathook for the role.",
        ),
        404 => (
            "Nothing is here",
            "It may be gone, or may belong to a customer that you do not work for. Both look the same from here.",
        ),
        405 => ("That is no page", "Go back and use the page's own buttons."),
        409 => (
            "Somebody was quicker",
            "Go back, look at how it is now, and decide again.",
        ),
        410 => ("It has ended", "Go back to see what became of it."),
        413 => ("Too much", "Send less."),
        429 => (
            "Too many tries",
            "Wait a minute and try again. Nothing is locked.",
        ),
        503 => (
            "Not now",
            "The server is up but what it needs is busy or away. Try again in a moment; nothing was lost.",
        ),
        400..500 => ("That cannot be read", "Go back and try again."),
        _ => (
            "Something failed here",
            "It is in the server's log under the number below; tell your operator that number.",
        ),
    }
}
