//! One person: name, roles, password, API tokens, and signing them out everywhere.
use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse as _, Redirect, Response},
};
use boathook_hooks::ids::{CustomerId, Digest, PersonId};
use boathook_schema::ApiToken;
use serde::Deserialize;

use super::Tabs;
use crate::{
    api::{
        extract::{Path, Query},
        own,
        users::{ChangedUser, User, change, find, sign_out_everywhere},
    },
    app::{App, Shared},
    errors::{Answer, Problem},
    people::{Caller, HouseAdmin, grants, password},
    ui::{
        chrome::{Chrome, Section, html_with},
        forms::{Fields, Form},
        links,
        roles::{self, RoleField},
        visit::Visit,
    },
};

#[derive(Template)]
#[template(path = "pages/admin/person.html")]
struct Page {
    chrome: Chrome,
    tabs: Tabs,
    user: User,
    /// As on record, or what was typed.
    name: String,
    roles: Vec<RoleField>,
    tokens: Vec<ApiToken>,
    /// How many sign-ins are alive.
    signed_in: usize,
    customers: Vec<(CustomerId, String)>,
    shortest: usize,
    done: Option<&'static str>,
    problem: Option<Problem>,
}

#[derive(Default, Deserialize)]
pub struct Asked {
    done: Option<String>,
}

#[derive(Deserialize)]
pub struct Token {
    token: Digest,
}

pub async fn get(
    State(app): State<Shared>,
    HouseAdmin(caller): HouseAdmin,
    visit: Visit,
    Path(person): Path<PersonId>,
    Query(asked): Query<Asked>,
) -> Answer<Response> {
    let done = match asked.done.as_deref() {
        Some("made") => Some("The person is made."),
        Some("changed") => Some("Changed; it counts from their next request on."),
        Some("out") => Some("All their sign-ins are ended."),
        Some("token") => Some("The token is ended."),
        _ => None,
    };
    page(&app, &caller, &visit, &person, done, None, None).await
}

pub async fn post(
    State(app): State<Shared>,
    HouseAdmin(caller): HouseAdmin,
    visit: Visit,
    Path(person): Path<PersonId>,
    Form(form): Form<Fields>,
) -> Answer<Response> {
    match set(&app, &caller, &person, &form).await {
        Ok(_) => Ok(to(&person, "changed")),
        Err(problem) => {
            let (form, problem) = (Some(&form), Some(problem));
            page(&app, &caller, &visit, &person, None, form, problem).await
        }
    }
}

async fn set(app: &App, caller: &Caller, person: &PersonId, form: &Fields) -> Answer<User> {
    let body = ChangedUser {
        name: form.get("name").to_owned(),
        roles: roles::granted(form)?,
        password: match form.exact("password") {
            "" => None,
            password => Some(password.to_owned()),
        },
    };
    let write = || caller.write(app.now());
    change(app, &caller.scope, write, person.clone(), body).await
}

pub async fn sign_out(
    State(app): State<Shared>,
    HouseAdmin(caller): HouseAdmin,
    Path(person): Path<PersonId>,
) -> Answer<Response> {
    let write = caller.write(app.now());
    sign_out_everywhere(&app, &caller.scope, write, person.clone()).await?;
    Ok(to(&person, "out"))
}

pub async fn end_token(
    State(app): State<Shared>,
    HouseAdmin(caller): HouseAdmin,
    Path(person): Path<PersonId>,
    Form(form): Form<Token>,
) -> Answer<Response> {
    let write = caller.write(app.now());
    own::end_api_token(&app, &caller.scope, write, &person, form.token).await?;
    Ok(to(&person, "token"))
}

fn to(person: &PersonId, done: &str) -> Response {
    Redirect::to(&format!("/admin/people/{person}?done={done}")).into_response()
}

async fn page(
    app: &App,
    caller: &Caller,
    visit: &Visit,
    person: &PersonId,
    done: Option<&'static str>,
    form: Option<&Fields>,
    problem: Option<Problem>,
) -> Answer<Response> {
    let known = find(app, &caller.scope, person).await?;
    let sign_ins = app.store.sign_ins(&caller.scope, person).await?;
    let now = app.now();
    let status = problem.as_ref().map(|p| p.status);
    let page = Page {
        chrome: Chrome::of(app, caller, visit, Section::Admin, known.name.as_str()),
        tabs: Tabs::of(caller, "people"),
        name: form
            .map_or(known.name.as_str(), |f| f.get("name"))
            .to_owned(),
        roles: form.map_or_else(|| roles::fields(&known.roles), roles::typed),
        tokens: app.store.api_tokens(&caller.scope, person).await?,
        signed_in: sign_ins.iter().filter(|s| now < s.expires_at).count(),
        customers: links::customers(app, &caller.scope).await?,
        shortest: password::SHORTEST,
        user: known.into(),
        done,
        problem,
    };
    html_with(status, &page)
}

impl Page {
    fn roles_of(token: &ApiToken) -> String {
        grants::all_words(&token.roles)
    }

    fn is_over(&self, token: &ApiToken) -> bool {
        token.expires_at <= self.chrome.now
    }
}
