//! Requests for admission: a person asks for a key of their own, and the admission keys' holders decide elsewhere.
use axum::{extract::State, http::StatusCode};
use boathook_hooks::{
    documents::roster::KeyPlace,
    ids::PersonId,
    keys::{KeyId, PublicKey},
    time::Time,
};
use boathook_schema::{Admission, Scope};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    api::extract::{Json, List, PageQuery, Path, Query},
    app::{App, Shared},
    errors::{Answer, IntoAnswer as _, Problem},
    people::{AnyRole, Caller, HouseAdmin},
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AdmissionBody {
    /// Only for oneself; may be left out.
    #[schema(value_type = Option<String>)]
    pub person: Option<PersonId>,
    #[schema(value_type = String)]
    pub key: PublicKey,
    /// `browser`, `file` or `token`.
    #[schema(value_type = String)]
    pub place: KeyPlace,
    #[serde(default)]
    pub comment: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct AdmissionView {
    #[schema(value_type = String)]
    pub person: PersonId,
    #[schema(value_type = String)]
    pub key: PublicKey,
    /// To be compared by another way before it is admitted.
    #[schema(value_type = String)]
    pub fingerprint: KeyId,
    #[schema(value_type = String)]
    pub place: KeyPlace,
    pub comment: String,
    #[schema(value_type = String, format = DateTime)]
    pub asked_at: Time,
}

impl From<Admission> for AdmissionView {
    fn from(admission: Admission) -> Self {
        Self {
            fingerprint: admission.key.id(),
            person: admission.person,
            key: admission.key,
            place: admission.place,
            comment: admission.comment,
            asked_at: admission.asked_at,
        }
    }
}

/// Asks for one's own key to be admitted to the roster.
#[utoipa::path(post, path = "/api/v1/trust/admissions", tag = "trust", responses((status = 201, body = AdmissionView)))]
pub async fn ask_admission(
    State(app): State<Shared>,
    AnyRole(caller): AnyRole,
    Json(body): Json<AdmissionBody>,
) -> Answer<(StatusCode, Json<AdmissionView>)> {
    if body.person.as_ref().is_some_and(|p| *p != caller.person) {
        return Err(Problem::field(
            "person",
            "a key is asked for by its own person",
            caller.person.as_str(),
        ));
    }
    if body.comment.chars().count() > 500 {
        return Err(Problem::field(
            "comment",
            "the comment is too long",
            "at most 500 characters",
        ));
    }
    let now = app.now();
    let admission = Admission {
        person: caller.person.clone(),
        key: body.key,
        place: body.place,
        comment: body.comment,
        asked_at: now,
    };
    let asked = app
        .store
        .ask_admission(&Scope::System, caller.write(now), admission)
        .await
        .answer()?;
    Ok((StatusCode::CREATED, Json(asked.into())))
}

/// Keys that wait for the admission keys' holders.
#[utoipa::path(get, path = "/api/v1/trust/admissions", tag = "trust", params(PageQuery), responses((status = 200, body = List<AdmissionView>)))]
pub async fn admissions(
    State(app): State<Shared>,
    HouseAdmin(caller): HouseAdmin,
    Query(page): Query<PageQuery>,
) -> Answer<Json<List<AdmissionView>>> {
    let admissions = app.store.admissions(&caller.scope, page.into()).await?;
    Ok(Json(List::of(admissions, AdmissionView::from)))
}

/// Takes a request for admission off the queue.
#[utoipa::path(delete, path = "/api/v1/trust/admissions/{keyid}", tag = "trust", params(("keyid" = String, Path)), responses((status = 204)))]
pub async fn drop_admission(
    State(app): State<Shared>,
    HouseAdmin(caller): HouseAdmin,
    Path(keyid): Path<KeyId>,
) -> Answer<StatusCode> {
    drop_key(&app, &caller, keyid).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn drop_key(app: &App, caller: &Caller, keyid: KeyId) -> Answer<()> {
    app.store
        .drop_admission(&caller.scope, caller.write(app.now()), keyid)
        .await
        .answer()
}
