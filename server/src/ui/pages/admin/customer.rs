//! One customer: its name, its join strings, and its instances that wait for somebody.
use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use boathook_hooks::ids::CustomerId;
use boathook_schema::{JoinToken, Page as Rows};

use super::{Tabs, waiting};
use crate::{
    api::{
        customers::{CustomerView, MadeToken, NewToken, find, make_token, put_customer},
        extract::Path,
        instances::InstanceView,
    },
    app::{App, Shared},
    errors::{Answer, Problem},
    people::{Admin, Caller, HouseAdmin},
    ui::{
        chrome::{Chrome, Section, html_with},
        forms::{Fields, Form},
        visit::Visit,
    },
};

#[derive(Template)]
#[template(path = "pages/admin/customer.html")]
struct Page {
    chrome: Chrome,
    tabs: Tabs,
    customer: CustomerView,
    name: String,
    tokens: Vec<JoinToken>,
    waiting: Vec<InstanceView>,
    /// What was typed.
    count: String,
    expires_in: String,
    confirm: bool,
    made: Option<MadeToken>,
    has_root: bool,
    problem: Option<Problem>,
}

pub async fn get(
    State(app): State<Shared>,
    Admin(caller): Admin,
    visit: Visit,
    Path(id): Path<CustomerId>,
) -> Answer<Response> {
    page(&app, &caller, &visit, &id, None, None, None).await
}

pub async fn rename(
    State(app): State<Shared>,
    HouseAdmin(caller): HouseAdmin,
    visit: Visit,
    Path(id): Path<CustomerId>,
    Form(form): Form<Fields>,
) -> Answer<Response> {
    find(&app, &caller.scope, &id).await?;
    let (write, name) = (caller.write(app.now()), form.get("name").to_owned());
    match put_customer(&app, &caller.scope, write, id.clone(), name).await {
        Ok(_) => Ok(Redirect::to(&format!("/admin/customers/{id}")).into_response()),
        Err(problem) => {
            let (form, problem) = (Some(&form), Some(problem));
            page(&app, &caller, &visit, &id, form, None, problem).await
        }
    }
}

/// Shows the join string in its own answer: nothing keeps it, and no address leads to it again.
pub async fn join(
    State(app): State<Shared>,
    Admin(caller): Admin,
    visit: Visit,
    Path(id): Path<CustomerId>,
    Form(form): Form<Fields>,
) -> Answer<Response> {
    match make(&app, &caller, &id, &form).await {
        Ok(made) => page(&app, &caller, &visit, &id, None, Some(made), None).await,
        Err(problem) if problem.status == StatusCode::NOT_FOUND => Err(problem),
        Err(problem) => {
            let (form, problem) = (Some(&form), Some(problem));
            page(&app, &caller, &visit, &id, form, None, problem).await
        }
    }
}

async fn make(app: &App, caller: &Caller, id: &CustomerId, form: &Fields) -> Answer<MadeToken> {
    let number = |_| Problem::field("count", "that is no number", "1 to 100000");
    let body = NewToken {
        count: form.get("count").parse().map_err(number)?,
        expires_in: match form.get("expires_in") {
            "" => None,
            text => {
                let read = text.parse();
                Some(read.map_err(|e: String| Problem::field("expires_in", e, "up to 366d"))?)
            }
        },
        confirm: form.has("confirm"),
    };
    make_token(
        app,
        &caller.scope,
        caller.write(app.now()),
        id.clone(),
        body,
    )
    .await
}

async fn page(
    app: &App,
    caller: &Caller,
    visit: &Visit,
    id: &CustomerId,
    form: Option<&Fields>,
    made: Option<MadeToken>,
    problem: Option<Problem>,
) -> Answer<Response> {
    let customer = CustomerView::from(find(app, &caller.scope, id).await?);
    let tokens = app
        .store
        .join_tokens(&caller.scope, id, Rows::first(1_000))
        .await?;
    // The latest first: they are listed by their hash.
    let mut tokens = tokens.items;
    tokens.sort_by_key(|t| std::cmp::Reverse(t.created_at));
    let typed = |name: &str, default: &str| {
        let sent = form.filter(|f| f.has(name)).map(|f| f.get(name));
        sent.unwrap_or(default).to_owned()
    };
    let status = match (&problem, &made) {
        (Some(problem), _) => problem.status,
        (None, Some(_)) => StatusCode::CREATED,
        (None, None) => StatusCode::OK,
    };
    let page = Page {
        chrome: Chrome::of(app, caller, visit, Section::Admin, customer.name.as_str()),
        tabs: Tabs::of(caller, "customers"),
        name: typed("name", &customer.name),
        tokens,
        waiting: waiting(app, &caller.scope, Some(id)).await?,
        count: typed("count", "1"),
        expires_in: typed("expires_in", "7d"),
        confirm: form.is_none_or(|f| f.has("confirm") || f.has("name")),
        has_root: app.trust.current().verifier.is_some(),
        customer,
        made,
        problem,
    };
    html_with(status, &page)
}

impl Page {
    fn is_used_up(token: &JoinToken) -> bool {
        token.used.len() >= token.count as usize
    }

    fn is_over(&self, token: &JoinToken) -> bool {
        token.ends_at <= self.chrome.now
    }
}
