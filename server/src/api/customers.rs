//! Customers, and the join strings that bring instances to them.
use axum::{
    extract::State,
    http::{StatusCode, header},
};
use boathook_hooks::{
    ids::CustomerId,
    protocol::JoinString,
    time::{DAY, Time},
};
use boathook_schema::{Customer, NewJoinToken, Scope, Write};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    api::{
        durations::Duration,
        extract::{Json, List, PageQuery, Path, Query},
    },
    app::{App, Shared},
    errors::{Answer, IntoAnswer as _, Problem},
    people::{Admin, HouseAdmin, Viewer, secrets},
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomerBody {
    pub name: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct CustomerView {
    #[schema(value_type = String)]
    pub id: CustomerId,
    pub name: String,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Time,
    pub version: u64,
}

impl From<Customer> for CustomerView {
    fn from(customer: Customer) -> Self {
        Self {
            id: customer.id,
            name: customer.name,
            created_at: customer.created_at,
            version: customer.version,
        }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// How many instances may join with it; 1 by default.
    #[serde(default = "one")]
    pub count: u32,
    /// `"7d"`, `"12h"` or seconds; at most a year. A week by default.
    #[schema(value_type = Option<String>)]
    pub expires_in: Option<Duration>,
    /// Whether a person must confirm each instance's fingerprint; true by default.
    #[serde(default = "yes")]
    pub confirm: bool,
}

fn one() -> u32 {
    1
}

fn yes() -> bool {
    true
}

/// Shown once: the join string is a secret.
#[derive(Debug, Serialize, ToSchema)]
pub struct MadeToken {
    pub join_string: String,
    pub count: u32,
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Time,
    pub confirm: bool,
}

/// Customers by id.
#[utoipa::path(get, path = "/api/v1/customers", tag = "customers", params(PageQuery), responses((status = 200, body = List<CustomerView>)))]
pub async fn list(
    State(app): State<Shared>,
    Viewer(caller): Viewer,
    Query(page): Query<PageQuery>,
) -> Answer<Json<List<CustomerView>>> {
    let customers = app.store.customers(&caller.scope, page.into()).await?;
    Ok(Json(List::of(customers, CustomerView::from)))
}

/// One customer.
#[utoipa::path(get, path = "/api/v1/customers/{id}", tag = "customers", params(("id" = String, Path)), responses((status = 200, body = CustomerView)))]
pub async fn get(
    State(app): State<Shared>,
    Viewer(caller): Viewer,
    Path(id): Path<CustomerId>,
) -> Answer<Json<CustomerView>> {
    Ok(Json(find(&app, &caller.scope, &id).await?.into()))
}

/// Makes or renames a customer.
#[utoipa::path(put, path = "/api/v1/customers/{id}", tag = "customers", params(("id" = String, Path)), responses((status = 200, body = CustomerView)))]
pub async fn put(
    State(app): State<Shared>,
    HouseAdmin(caller): HouseAdmin,
    Path(id): Path<CustomerId>,
    Json(body): Json<CustomerBody>,
) -> Answer<Json<CustomerView>> {
    let customer =
        put_customer(&app, &caller.scope, caller.write(app.now()), id, body.name).await?;
    Ok(Json(customer))
}

/// Makes a join token; the join string is shown this once.
#[utoipa::path(post, path = "/api/v1/customers/{id}/join-tokens", tag = "customers", params(("id" = String, Path)), responses((status = 201, body = MadeToken)))]
pub async fn join_token(
    State(app): State<Shared>,
    Admin(caller): Admin,
    Path(id): Path<CustomerId>,
    Json(body): Json<NewToken>,
) -> Answer<(
    StatusCode,
    [(header::HeaderName, &'static str); 1],
    Json<MadeToken>,
)> {
    let made = make_token(&app, &caller.scope, caller.write(app.now()), id, body).await?;
    Ok((
        StatusCode::CREATED,
        [(header::CACHE_CONTROL, "no-store")],
        Json(made),
    ))
}

pub async fn put_customer(
    app: &App,
    scope: &Scope,
    write: Write,
    id: CustomerId,
    name: String,
) -> Answer<CustomerView> {
    if name.trim().is_empty() || name.chars().count() > 200 {
        return Err(Problem::field(
            "name",
            "the name is empty or too long",
            "1 to 200 characters",
        ));
    }
    if id == CustomerId::house() {
        return Err(Problem::field("id", "house is ourselves", "another id"));
    }
    Ok(app
        .store
        .put_customer(scope, write, id, name)
        .await
        .answer()?
        .into())
}

/// A token with its join string. Needs a root: the agent pins its fingerprint.
pub async fn make_token(
    app: &App,
    scope: &Scope,
    write: Write,
    customer: CustomerId,
    body: NewToken,
) -> Answer<MadeToken> {
    find(app, scope, &customer).await?;
    if !(1..=100_000).contains(&body.count) {
        return Err(Problem::field(
            "count",
            "the count is out of range",
            "1 to 100000",
        ));
    }
    let life = body.expires_in.map_or(7 * DAY, |d| d.ms());
    if !(1..=366 * DAY).contains(&life) {
        return Err(Problem::field(
            "expires_in",
            "the time is out of range",
            "up to 366d",
        ));
    }
    let trust = app.trust.current();
    let root = trust
        .verifier
        .as_ref()
        .ok_or_else(|| {
            Problem::conflict("there is no root yet: import one with `trust import` first")
        })?
        .fingerprint();
    let (token, hash) = secrets::fresh(secrets::JOIN_PREFIX)?;
    let expires_at = write.now.plus_ms(life);
    let new = NewJoinToken {
        hash,
        count: body.count,
        ends_at: expires_at,
        confirm: body.confirm,
    };
    app.store
        .add_join_token(scope, write, customer.clone(), new)
        .await
        .answer()?;
    let join = JoinString {
        origin: app.config.origin.clone(),
        ca: app.ca_pem.clone(),
        root,
        customer,
        token,
    };
    Ok(MadeToken {
        join_string: join
            .to_text()
            .map_err(|e| Problem::internal("encoding a join string", e))?,
        count: body.count,
        expires_at,
        confirm: body.confirm,
    })
}

pub async fn find(app: &App, scope: &Scope, id: &CustomerId) -> Answer<Customer> {
    let found = app.store.customer(scope, id).await?;
    found.ok_or_else(|| Problem::not_found("customer"))
}
