//! Signing in with a password, and out.
use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Redirect, Response},
};
use serde::Deserialize;

use crate::{
    api::{
        extract::Query,
        sign_in::{self, SignInBody},
    },
    app::Shared,
    errors::{Answer, Problem},
    people::AnyRole,
    ui::{
        chrome::{Chrome, html},
        forms::Form,
        session,
        visit::onward,
    },
};

#[derive(Template)]
#[template(path = "pages/sign_in.html")]
struct Page {
    chrome: Chrome,
    /// What was typed.
    name: String,
    to: String,
    wrong: Option<String>,
    signed_out: bool,
}

#[derive(Deserialize)]
pub struct Asked {
    to: Option<String>,
    #[serde(rename = "out")]
    signed_out: Option<String>,
}

#[derive(Deserialize)]
pub struct Typed {
    person: String,
    password: String,
    to: Option<String>,
}

pub async fn get(State(app): State<Shared>, Query(asked): Query<Asked>) -> Answer<Response> {
    html(&Page {
        chrome: Chrome::outside(app.now(), "Sign in"),
        name: String::new(),
        to: onward(asked.to.as_deref()),
        wrong: None,
        signed_out: asked.signed_out.is_some(),
    })
}

pub async fn post(
    State(app): State<Shared>,
    headers: HeaderMap,
    Form(typed): Form<Typed>,
) -> Answer<Response> {
    let agent = headers
        .get(header::USER_AGENT)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    let to = onward(typed.to.as_deref());
    let body = SignInBody {
        person: typed.person.trim().to_owned(),
        password: typed.password,
        label: None,
    };
    let name = body.person.clone();
    match sign_in::sign_in(&app, body, agent).await {
        Ok(signed_in) => {
            let cookie = session::keep(&signed_in.token, app.now(), signed_in.expires_at)
                .ok_or_else(|| Problem::internal("making a cookie", "not a header value"))?;
            Ok(([(header::SET_COOKIE, cookie)], Redirect::to(&to)).into_response())
        }
        Err(problem) if problem.status == StatusCode::UNAUTHORIZED => {
            let page = Page {
                chrome: Chrome::outside(app.now(), "Sign in"),
                name,
                to,
                wrong: Some(problem.detail),
                signed_out: false,
            };
            let mut answer = html(&page)?;
            *answer.status_mut() = StatusCode::UNAUTHORIZED;
            Ok(answer)
        }
        Err(problem) => Err(problem),
    }
}

/// Ends the sign-in on record, so that a copied cookie is worth nothing.
pub async fn sign_out(State(app): State<Shared>, AnyRole(caller): AnyRole) -> Answer<Response> {
    sign_in::sign_out(&app, &caller).await?;
    let cookie = [(header::SET_COOKIE, session::forget())];
    Ok((cookie, Redirect::to("/sign-in?out=1")).into_response())
}
