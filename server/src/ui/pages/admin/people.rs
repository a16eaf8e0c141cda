//! People: who may sign in, with which roles for which customers; and a new one.
use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse as _, Redirect, Response},
};
use boathook_hooks::ids::CustomerId;
use boathook_schema::Page as Rows;
use serde::Deserialize;

use super::{
    Tabs,
    begin::{self, Step},
};
use crate::{
    api::{
        extract::Query,
        users::{NewUser, User, add},
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
#[template(path = "pages/admin/people.html")]
struct Page {
    chrome: Chrome,
    tabs: Tabs,
    /// On a new server.
    to_begin: Vec<Step>,
    people: Vec<User>,
    next: Option<String>,
    customers: Vec<(CustomerId, String)>,
    /// What was typed.
    id: String,
    name: String,
    roles: Vec<RoleField>,
    shortest: usize,
    problem: Option<Problem>,
}

#[derive(Default, Deserialize)]
pub struct Asked {
    after: Option<String>,
}

pub async fn get(
    State(app): State<Shared>,
    HouseAdmin(caller): HouseAdmin,
    visit: Visit,
    Query(asked): Query<Asked>,
) -> Answer<Response> {
    page(&app, &caller, &visit, asked, &Fields::default(), None).await
}

pub async fn post(
    State(app): State<Shared>,
    HouseAdmin(caller): HouseAdmin,
    visit: Visit,
    Form(form): Form<Fields>,
) -> Answer<Response> {
    match make(&app, &caller, &form).await {
        Ok(user) => {
            let to = format!("/admin/people/{}?done=made", user.person);
            Ok(Redirect::to(&to).into_response())
        }
        Err(problem) => {
            let asked = Asked::default();
            page(&app, &caller, &visit, asked, &form, Some(problem)).await
        }
    }
}

async fn make(app: &App, caller: &Caller, form: &Fields) -> Answer<User> {
    let person = form.get("person").parse();
    let body = NewUser {
        person: person.map_err(|e: String| Problem::field("person", e, "such as ada"))?,
        name: form.get("name").to_owned(),
        roles: roles::granted(form)?,
        password: match form.exact("password") {
            "" => None,
            password => Some(password.to_owned()),
        },
    };
    add(app, &caller.scope, caller.write(app.now()), body).await
}

async fn page(
    app: &App,
    caller: &Caller,
    visit: &Visit,
    asked: Asked,
    form: &Fields,
    problem: Option<Problem>,
) -> Answer<Response> {
    let rows = Rows::first(100).after(asked.after);
    let people = app.store.people(&caller.scope, rows).await?;
    let listed: Vec<User> = people.items.into_iter().map(User::from).collect();
    let status = problem.as_ref().map(|p| p.status);
    let page = Page {
        chrome: Chrome::of(app, caller, visit, Section::Admin, "People"),
        tabs: Tabs::of(caller, "people"),
        next: people
            .next
            .as_deref()
            .map(|next| links::with_query("/admin/people", [("after", next)])),
        to_begin: begin::steps(app, &listed).await?,
        people: listed,
        customers: links::customers(app, &caller.scope).await?,
        id: form.get("person").to_owned(),
        name: form.get("name").to_owned(),
        roles: roles::typed(form),
        shortest: password::SHORTEST,
        problem,
    };
    html_with(status, &page)
}

impl Page {
    fn roles_of(user: &User) -> String {
        grants::all_words(&user.roles)
    }
}
