//! Whether a packet answered what it was asked for: what people say of it, one word and a note each.
use axum::extract::State;
use boathook_hooks::{
    ids::{ClaimId, PersonId},
    time::Time,
};
use boathook_schema::{Helped, LONGEST_NOTE, Verdict};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    api::{
        extract::{Json, List, Path},
        packets::find,
    },
    app::{App, Shared},
    errors::{Answer, IntoAnswer as _, Problem},
    people::{Caller, EngineerOrReviewer, Staff},
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VerdictBody {
    /// `yes`, `partly` or `no`.
    #[schema(value_type = String)]
    pub answered: Helped,
    /// Up to 300 characters, or none.
    #[serde(default)]
    pub note: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct VerdictRow {
    #[schema(value_type = String)]
    pub person: PersonId,
    /// `yes`, `partly` or `no`.
    #[schema(value_type = String)]
    pub answered: Helped,
    pub note: String,
    #[schema(value_type = String, format = DateTime)]
    pub at: Time,
}

impl From<Verdict> for VerdictRow {
    fn from(verdict: Verdict) -> Self {
        Self {
            person: verdict.person,
            answered: verdict.answered,
            note: verdict.note,
            at: verdict.at,
        }
    }
}

/// Whether the packet answered what it was asked for, in each person's word; by person.
#[utoipa::path(get, path = "/api/v1/packets/{claim_id}/verdicts", tag = "packets", params(("claim_id" = String, Path)), responses((status = 200, body = List<VerdictRow>)))]
pub async fn verdicts(
    State(app): State<Shared>,
    Staff(caller): Staff,
    Path(claim): Path<ClaimId>,
) -> Answer<Json<List<VerdictRow>>> {
    find(&app, &caller.scope, &claim).await?;
    Ok(Json(said(&app, &caller, &claim).await?))
}

/// The caller's own word on the packet; it takes the place of what they said before.
#[utoipa::path(put, path = "/api/v1/packets/{claim_id}/verdicts", tag = "packets", params(("claim_id" = String, Path)), responses((status = 200, body = List<VerdictRow>)))]
pub async fn put_verdict(
    State(app): State<Shared>,
    EngineerOrReviewer(caller): EngineerOrReviewer,
    Path(claim): Path<ClaimId>,
    Json(body): Json<VerdictBody>,
) -> Answer<Json<List<VerdictRow>>> {
    judge(&app, &caller, &claim, body).await?;
    Ok(Json(said(&app, &caller, &claim).await?))
}

pub async fn judge(app: &App, caller: &Caller, claim: &ClaimId, body: VerdictBody) -> Answer<()> {
    find(app, &caller.scope, claim).await?;
    let note = body.note.trim();
    if note.chars().count() > LONGEST_NOTE {
        return Err(Problem::field(
            "note",
            "the note is too long",
            format!("up to {LONGEST_NOTE} characters"),
        ));
    }
    let write = caller.write(app.now());
    app.store
        .judge_packet(
            &caller.scope,
            write,
            claim.clone(),
            body.answered,
            note.to_owned(),
        )
        .await
        .answer()
}

/// What was said of it.
pub async fn said(app: &App, caller: &Caller, claim: &ClaimId) -> Answer<List<VerdictRow>> {
    let all = app.store.verdicts(&caller.scope, claim).await?;
    Ok(List {
        items: all.into_iter().map(VerdictRow::from).collect(),
        next: None,
    })
}
