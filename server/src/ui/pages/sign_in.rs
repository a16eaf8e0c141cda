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
    app::{App, Shared},
    errors::{Answer, Problem},
    oidc,
    people::AnyRole,
    ui::{
        chrome::{Chrome, html, html_with},
        forms::Form,
        links, session,
        visit::{Visit, onward},
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
    /// The provider's button and its address.
    provider: Option<(String, String)>,
}

fn provider(app: &App, to: &str) -> Option<(String, String)> {
    let settings = &app.config.oidc;
    let address = || links::with_query("/sign-in/oidc", [("to", to)]);
    (!settings.issuer.is_empty()).then(|| (settings.button.clone(), address()))
}

/// A browser whose sign-in was ended elsewhere still has its cookie, and the guard asks for that one's token.
fn chrome(app: &App, visit: Visit) -> Chrome {
    Chrome {
        csrf: visit.csrf,
        ..Chrome::outside(app.now(), "Sign in")
    }
}

/// The page again, with why it did not work.
fn refused(
    app: &App,
    visit: Visit,
    problem: Problem,
    name: String,
    to: String,
) -> Answer<Response> {
    let page = Page {
        chrome: chrome(app, visit),
        name,
        provider: provider(app, &to),
        to,
        wrong: Some(problem.detail),
        signed_out: false,
    };
    html_with(problem.status, &page)
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

pub async fn get(
    State(app): State<Shared>,
    visit: Visit,
    Query(asked): Query<Asked>,
) -> Answer<Response> {
    let to = onward(asked.to.as_deref());
    html(&Page {
        chrome: chrome(&app, visit),
        name: String::new(),
        provider: provider(&app, &to),
        to,
        wrong: None,
        signed_out: asked.signed_out.is_some(),
    })
}

pub async fn post(
    State(app): State<Shared>,
    visit: Visit,
    headers: HeaderMap,
    Form(typed): Form<Typed>,
) -> Answer<Response> {
    let to = onward(typed.to.as_deref());
    let body = SignInBody {
        person: typed.person.trim().to_owned(),
        password: typed.password,
        label: None,
    };
    let name = body.person.clone();
    match sign_in::sign_in(&app, body, &session::label(&headers)).await {
        Ok(signed_in) => session::signed_in(&signed_in, app.now(), &to),
        Err(problem) if problem.status == StatusCode::UNAUTHORIZED => {
            refused(&app, visit, problem, name, to)
        }
        Err(problem) => Err(problem),
    }
}

/// Off to the provider.
pub async fn to_provider(
    State(app): State<Shared>,
    visit: Visit,
    Query(asked): Query<Asked>,
) -> Answer<Response> {
    let to = onward(asked.to.as_deref());
    match oidc::begin(&app, to.clone()).await {
        Ok((url, cookie)) => {
            Ok(([(header::SET_COOKIE, cookie)], Redirect::to(&url)).into_response())
        }
        Err(problem) if problem.status == StatusCode::SERVICE_UNAVAILABLE => {
            refused(&app, visit, problem, String::new(), to)
        }
        Err(problem) => Err(problem),
    }
}

/// Back from the provider. Whatever came of it, the attempt is over.
pub async fn from_provider(
    State(app): State<Shared>,
    visit: Visit,
    headers: HeaderMap,
    Query(back): Query<oidc::Back>,
) -> Answer<Response> {
    let came = oidc::finish(&app, &headers, back, &session::label(&headers)).await;
    let mut answer = match came {
        Ok((signed_in, to)) => session::signed_in(&signed_in, app.now(), &onward(Some(&to)))?,
        Err(problem) if problem.status == StatusCode::NOT_FOUND => return Err(problem),
        Err(problem) => refused(&app, visit, problem, String::new(), "/".to_owned())?,
    };
    answer
        .headers_mut()
        .append(header::SET_COOKIE, oidc::forget());
    Ok(answer)
}

/// Ends the sign-in on record, so that a copied cookie is worth nothing.
pub async fn sign_out(State(app): State<Shared>, AnyRole(caller): AnyRole) -> Answer<Response> {
    sign_in::sign_out(&app, &caller).await?;
    let cookie = [(header::SET_COOKIE, session::forget())];
    Ok((cookie, Redirect::to("/sign-in?out=1")).into_response())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::{api::tests::house::House, ui::tests::Browser};

    #[tokio::test]
    async fn whoever_was_signed_out_elsewhere_can_sign_in_again() {
        let house = House::new().await;
        let ada = Browser::of(&house, "ada").await;
        house
            .post("hana", "/api/v1/users/ada/sign-out", serde_json::json!({}))
            .await;
        assert_eq!(ada.get("/tickets").await.status, 303);
        let page = ada.get("/sign-in").await.text();
        let token = page.split("name=\"csrf\" value=\"").nth(1).unwrap();
        let token = token.split('"').next().unwrap();
        let form = [("person", "ada"), ("password", "x"), ("csrf", token)];
        // It comes as far as the password.
        assert_eq!(ada.post_as_is("/sign-in", &form).await.status, 401);
    }
}
