//! Instances: who they are, and letting them in or not.
use axum::extract::State;
use boathook_hooks::{
    documents::identity::Facts,
    ids::{CustomerId, InstanceId},
    keys::KeyId,
    time::Time,
};
use boathook_schema::{
    ErasedKind, Instance, InstanceFilter, InstanceState, Page, Scope, SuspendReason,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    api::extract::{Json, List, Path, Query},
    app::{App, Shared},
    erasing::missing,
    errors::{Answer, IntoAnswer as _, Problem},
    people::{Admin, Caller, Staff},
};

#[derive(Debug, Serialize, ToSchema)]
pub struct InstanceView {
    #[schema(value_type = String)]
    pub id: InstanceId,
    #[schema(value_type = String)]
    pub customer: CustomerId,
    pub name: String,
    /// `unconfirmed`, `confirmed`, `suspended` or `retired`.
    pub state: &'static str,
    /// Why it is suspended or retired.
    pub why: Option<String>,
    /// SHA-256 of its public key: what a person compares before confirming.
    #[schema(value_type = String)]
    pub fingerprint: KeyId,
    #[schema(value_type = Object)]
    pub facts: Facts,
    #[schema(value_type = String, format = DateTime)]
    pub enrolled_at: Time,
    #[schema(value_type = String, format = DateTime)]
    pub last_seen: Time,
    pub version: u64,
}

impl From<Instance> for InstanceView {
    fn from(instance: Instance) -> Self {
        let why = why_of(&instance.state);
        Self {
            fingerprint: instance.fingerprint(),
            state: instance.state.word(),
            why,
            name: instance.facts.name.clone(),
            id: instance.id,
            customer: instance.customer,
            facts: instance.facts,
            enrolled_at: instance.enrolled_at,
            last_seen: instance.last_seen,
            version: instance.version,
        }
    }
}

/// Why it is suspended or retired.
pub fn why_of(state: &InstanceState) -> Option<String> {
    match state {
        InstanceState::Suspended { reason, .. } => Some(match reason {
            SuspendReason::Overrun => "it sent more bytes than it declared".to_owned(),
            SuspendReason::Cloned => "two agents run under its key".to_owned(),
            SuspendReason::Words(words) => words.clone(),
        }),
        InstanceState::Retired { why } => Some(why.clone()),
        InstanceState::Unconfirmed | InstanceState::Confirmed => None,
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct InstancesQuery {
    #[param(value_type = Option<String>)]
    pub customer: Option<CustomerId>,
    /// `unconfirmed`, `confirmed`, `suspended` or `retired`.
    pub state: Option<String>,
    pub after: Option<String>,
    pub limit: Option<u32>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Confirm {
    /// As the agent's `status` shows it.
    #[schema(value_type = String)]
    pub fingerprint: KeyId,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Why {
    pub why: String,
}

impl Why {
    pub fn words(self) -> Answer<String> {
        match self.why.trim().chars().count() {
            1..=1_000 => Ok(self.why),
            _ => Err(Problem::field(
                "why",
                "the reason is empty or too long",
                "1 to 1000 characters",
            )),
        }
    }
}

/// Instances by id.
#[utoipa::path(get, path = "/api/v1/instances", tag = "instances", params(InstancesQuery), responses((status = 200, body = List<InstanceView>)))]
pub async fn list(
    State(app): State<Shared>,
    Staff(caller): Staff,
    Query(query): Query<InstancesQuery>,
) -> Answer<Json<List<InstanceView>>> {
    let filter = InstanceFilter {
        customer: query.customer,
        state: query.state,
    };
    let page = Page::first(query.limit.unwrap_or(100)).after(query.after);
    let instances = app.store.instances(&caller.scope, filter, page).await?;
    Ok(Json(List::of(instances, InstanceView::from)))
}

/// One instance.
#[utoipa::path(get, path = "/api/v1/instances/{id}", tag = "instances", params(("id" = String, Path)), responses((status = 200, body = InstanceView)))]
pub async fn get(
    State(app): State<Shared>,
    Staff(caller): Staff,
    Path(id): Path<InstanceId>,
) -> Answer<Json<InstanceView>> {
    Ok(Json(find(&app, &caller.scope, &id).await?.into()))
}

/// The instance gets hooks from now on. Refused when the fingerprint is another than the one on record.
#[utoipa::path(post, path = "/api/v1/instances/{id}/confirm", tag = "instances", params(("id" = String, Path)), responses((status = 200, body = InstanceView)))]
pub async fn confirm(
    State(app): State<Shared>,
    Admin(caller): Admin,
    Path(id): Path<InstanceId>,
    Json(body): Json<Confirm>,
) -> Answer<Json<InstanceView>> {
    Ok(Json(
        confirm_instance(&app, &caller, id, body.fingerprint).await?,
    ))
}

pub async fn confirm_instance(
    app: &App,
    caller: &Caller,
    id: InstanceId,
    fingerprint: KeyId,
) -> Answer<InstanceView> {
    let write = caller.write(app.now());
    let verb = app
        .store
        .confirm_instance(&caller.scope, write, id, fingerprint);
    Ok(verb.await.answer()?.into())
}

/// Retires an instance for good: it gets nothing any more and cannot come back.
#[utoipa::path(post, path = "/api/v1/instances/{id}/retire", tag = "instances", params(("id" = String, Path)), responses((status = 200, body = InstanceView)))]
pub async fn retire(
    State(app): State<Shared>,
    Admin(caller): Admin,
    Path(id): Path<InstanceId>,
    Json(body): Json<Why>,
) -> Answer<Json<InstanceView>> {
    Ok(Json(retire_instance(&app, &caller, id, body).await?))
}

pub async fn retire_instance(
    app: &App,
    caller: &Caller,
    id: InstanceId,
    why: Why,
) -> Answer<InstanceView> {
    let (write, words) = (caller.write(app.now()), why.words()?);
    let verb = app.store.retire_instance(&caller.scope, write, id, words);
    Ok(verb.await.answer()?.into())
}

/// Suspends an instance: it gets no hooks until it is resumed.
#[utoipa::path(post, path = "/api/v1/instances/{id}/suspend", tag = "instances", params(("id" = String, Path)), responses((status = 200, body = InstanceView)))]
pub async fn suspend(
    State(app): State<Shared>,
    Admin(caller): Admin,
    Path(id): Path<InstanceId>,
    Json(body): Json<Why>,
) -> Answer<Json<InstanceView>> {
    Ok(Json(suspend_instance(&app, &caller, id, body).await?))
}

pub async fn suspend_instance(
    app: &App,
    caller: &Caller,
    id: InstanceId,
    why: Why,
) -> Answer<InstanceView> {
    let write = caller.write(app.now());
    let reason = SuspendReason::Words(why.words()?);
    let verb = app.store.suspend_instance(&caller.scope, write, id, reason);
    Ok(verb.await.answer()?.into())
}

/// Lets a suspended instance go on, once somebody has looked.
#[utoipa::path(post, path = "/api/v1/instances/{id}/resume", tag = "instances", params(("id" = String, Path)), responses((status = 200, body = InstanceView)))]
pub async fn resume(
    State(app): State<Shared>,
    Admin(caller): Admin,
    Path(id): Path<InstanceId>,
    Json(body): Json<Why>,
) -> Answer<Json<InstanceView>> {
    Ok(Json(resume_instance(&app, &caller, id, body).await?))
}

pub async fn resume_instance(
    app: &App,
    caller: &Caller,
    id: InstanceId,
    why: Why,
) -> Answer<InstanceView> {
    let (write, words) = (caller.write(app.now()), why.words()?);
    let verb = app.store.resume_instance(&caller.scope, write, id, words);
    Ok(verb.await.answer()?.into())
}

pub async fn find(app: &App, scope: &Scope, id: &InstanceId) -> Answer<Instance> {
    match app.store.instance(scope, id).await? {
        Some(instance) => Ok(instance),
        None => Err(missing(app, scope, ErasedKind::Instance, id.as_str()).await),
    }
}
