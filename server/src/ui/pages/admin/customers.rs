//! Customers, and the instances of all of them that wait for somebody.
use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse as _, Redirect, Response},
};
use boathook_schema::Page as Rows;
use serde::Deserialize;

use super::{Tabs, waiting};
use crate::{
    api::{
        customers::{CustomerView, find, put_customer},
        extract::Query,
        instances::InstanceView,
    },
    app::{App, Shared},
    errors::{Answer, Problem},
    people::{Admin, Caller, HouseAdmin},
    ui::{
        chrome::{Chrome, Section, html_with},
        forms::{Fields, Form},
        links,
        visit::Visit,
    },
};

#[derive(Template)]
#[template(path = "pages/admin/customers.html")]
struct Page {
    chrome: Chrome,
    tabs: Tabs,
    customers: Vec<CustomerView>,
    next: Option<String>,
    waiting: Vec<InstanceView>,
    /// What was typed.
    id: String,
    name: String,
    problem: Option<Problem>,
}

#[derive(Default, Deserialize)]
pub struct Asked {
    after: Option<String>,
}

pub async fn get(
    State(app): State<Shared>,
    Admin(caller): Admin,
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
        Ok(customer) => {
            let to = format!("/admin/customers/{}", customer.id);
            Ok(Redirect::to(&to).into_response())
        }
        Err(problem) => {
            let asked = Asked::default();
            page(&app, &caller, &visit, asked, &form, Some(problem)).await
        }
    }
}

/// One that is there is not renamed by a slip.
async fn make(app: &App, caller: &Caller, form: &Fields) -> Answer<CustomerView> {
    let id = form.get("id").parse();
    let id = id.map_err(|e: String| Problem::field("id", e, "such as acme"))?;
    if find(app, &caller.scope, &id).await.is_ok() {
        return Err(Problem::field(
            "id",
            format!("{id} is there already"),
            "another id",
        ));
    }
    let name = form.get("name").to_owned();
    put_customer(app, &caller.scope, caller.write(app.now()), id, name).await
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
    let customers = app.store.customers(&caller.scope, rows).await?;
    let status = problem.as_ref().map(|p| p.status);
    let page = Page {
        chrome: Chrome::of(app, caller, visit, Section::Admin, "Customers"),
        tabs: Tabs::of(caller, "customers"),
        next: customers
            .next
            .as_deref()
            .map(|next| links::with_query("/admin/customers", [("after", next)])),
        customers: customers
            .items
            .into_iter()
            .map(CustomerView::from)
            .collect(),
        waiting: waiting(app, &caller.scope, None).await?,
        id: form.get("id").to_owned(),
        name: form.get("name").to_owned(),
        problem,
    };
    html_with(status, &page)
}
