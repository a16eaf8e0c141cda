//! What every instance made of a hook: its claim and what became of it, or its answer, with the reason.
use axum::extract::State;
use boathook_hooks::{
    ids::{ClaimId, CustomerId, Digest, HookId, InstanceId},
    protocol::AnswerKind,
    time::Time,
};
use boathook_schema::{AnswerRow, Claim, ClaimState, HookRecord, Page, Scope};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    api::{
        extract::{Json, List, Path, Query},
        hooks::find,
    },
    app::{App, Shared},
    errors::{Answer, Problem},
    people::Staff,
};

/// Claims that are asked for at once.
const AT_ONCE: usize = 16;

/// One instance's claim or answer; an instance that did both has a row for each. A *waiting* that it has claimed after is
/// over and has none.
#[derive(Debug, Serialize, ToSchema)]
pub struct InstanceRow {
    #[schema(value_type = String)]
    pub instance: InstanceId,
    #[schema(value_type = String)]
    pub customer: CustomerId,
    /// `reserved`, `accepted`, `rejected`, `failed` or `expired`; null for an answer.
    pub claim: Option<&'static str>,
    #[schema(value_type = Option<String>)]
    pub claim_id: Option<ClaimId>,
    #[schema(value_type = Option<String>)]
    pub answer: Option<AnswerKind>,
    /// In the instance's or the server's words.
    pub why: Option<String>,
    pub bytes: Option<u64>,
    #[schema(value_type = String, format = DateTime)]
    pub at: Time,
}

impl From<Claim> for InstanceRow {
    fn from(claim: Claim) -> Self {
        Self {
            instance: claim.id.instance.clone(),
            customer: claim.customer,
            claim: Some(claim.state.word()),
            claim_id: Some(claim.id),
            answer: claim.answer,
            why: claim.reason,
            bytes: Some(claim.bytes),
            at: claim.ended_at.unwrap_or(claim.reserved_at),
        }
    }
}

impl From<AnswerRow> for InstanceRow {
    fn from(row: AnswerRow) -> Self {
        Self {
            instance: row.instance,
            customer: row.customer,
            claim: None,
            claim_id: None,
            answer: Some(row.kind),
            why: Some(row.reason),
            bytes: None,
            at: row.at,
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct InstancesQuery {
    /// The latest published one by default.
    pub revision: Option<u32>,
    pub after: Option<String>,
    pub limit: Option<u32>,
}

/// Claims first, then answers, each by instance.
#[utoipa::path(get, path = "/api/v1/hooks/{id}/instances", tag = "hooks", params(("id" = String, Path), InstancesQuery), responses((status = 200, body = List<InstanceRow>)))]
pub async fn instances(
    State(app): State<Shared>,
    Staff(caller): Staff,
    Path(id): Path<HookId>,
    Query(query): Query<InstancesQuery>,
) -> Answer<Json<List<InstanceRow>>> {
    let record = find(&app, &caller.scope, &id).await?;
    Ok(Json(rows(&app, &caller.scope, &record, query).await?))
}

/// What instances made of a hook's revision, for the API and its page.
pub async fn rows(
    app: &App,
    scope: &Scope,
    record: &HookRecord,
    query: InstancesQuery,
) -> Answer<List<InstanceRow>> {
    let row = match query.revision {
        Some(number) => record.revision(number),
        None => record.revisions.iter().rev().find(|r| r.digest.is_some()),
    };
    let Some(digest) = row.and_then(|r| r.digest) else {
        return Ok(List {
            items: Vec::new(),
            next: None,
        });
    };
    let page = |after| Page::first(query.limit.unwrap_or(100)).after(after);
    match cursor(query.after.as_deref())? {
        Part::Claims(after) => {
            let claims = app.store.claims(scope, &digest, page(after)).await?;
            let mut list = List::of(claims, InstanceRow::from);
            // The answers follow on the page after the last claims.
            list.next = Some(
                list.next
                    .map_or("answers.".to_owned(), |next| format!("claims.{next}")),
            );
            if list.items.is_empty() {
                return answers(app, scope, &digest, page(None)).await;
            }
            Ok(list)
        }
        Part::Answers(after) => answers(app, scope, &digest, page(after)).await,
    }
}

async fn answers(
    app: &App,
    scope: &Scope,
    digest: &Digest,
    page: Page,
) -> Answer<List<InstanceRow>> {
    let mut answers = app.store.answers(scope, digest, page).await?;
    answers.items = that_stand(app, scope, answers.items).await?;
    let mut list = List::of(answers, InstanceRow::from);
    list.next = list.next.map(|next| format!("answers.{next}"));
    Ok(list)
}

/// The answers without every *waiting* that is over: its instance has claimed since, so the claim tells how it is.
pub async fn that_stand(
    app: &App,
    scope: &Scope,
    answers: Vec<AnswerRow>,
) -> Answer<Vec<AnswerRow>> {
    let standing = answers.into_iter().map(async |answer| -> Answer<_> {
        let claim = match answer.kind {
            AnswerKind::Waiting => {
                let (digest, instance) = (&answer.revision, &answer.instance);
                app.store.claim_of(scope, digest, instance).await?
            }
            _ => None,
        };
        let is_over = claim.is_some_and(|claim| is_after(&claim, &answer));
        Ok((!is_over).then_some(answer))
    });
    let standing = stream::iter(standing).buffered(AT_ONCE);
    let standing: Vec<_> = standing.try_collect().await?;
    Ok(standing.into_iter().flatten().collect())
}

/// The claim of before was given back by that very answer.
fn is_after(claim: &Claim, answer: &AnswerRow) -> bool {
    claim.state == ClaimState::Accepted
        || (claim.answer.is_none() && claim.reserved_at >= answer.at)
}

enum Part {
    Claims(Option<String>),
    Answers(Option<String>),
}

fn cursor(after: Option<&str>) -> Answer<Part> {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    match after.map(|text| text.split_once('.')) {
        None => Ok(Part::Claims(None)),
        Some(Some(("claims", rest))) => Ok(Part::Claims(some(rest))),
        Some(Some(("answers", rest))) => Ok(Part::Answers(some(rest))),
        _ => Err(Problem::field(
            "after",
            "that is no place in this list",
            "the `next` of the page before",
        )),
    }
}
