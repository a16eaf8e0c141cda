//! Drafts: new, edited, sent to review (which freezes the bytes that people sign), sent back.
use axum::{extract::State, http::StatusCode};
use boathook_hooks::{
    authoring::{self, Severity},
    documents::{
        Document as _,
        hook::{Hook, Subject},
    },
    ids::{Blob, HookId},
    states::Move,
    verify,
};
use boathook_schema::{DraftText, HookRecord, TicketRef};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    api::{
        extract::{Json, Path},
        hooks::{
            HookView,
            authoring::{bounds, customers_of, faulty, fills, subject},
            find_revision, find_to_change, latest,
            view::view,
        },
        tickets,
    },
    app::{App, Shared},
    errors::{Answer, IntoAnswer as _, Problem},
    people::{Caller, Engineer, Reviewer},
    ui::starts,
};

/// Longest text of a hook, in bytes.
const MAX_TOML: usize = 256 * 1024;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewHook {
    pub toml: String,
    /// `{"system": …, "key": …}`: for a text that names none.
    #[schema(value_type = Option<Object>)]
    pub ticket: Option<TicketRef>,
    /// The name of the starting text that this was made from, if it was.
    #[serde(default)]
    pub template: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangedHook {
    pub toml: String,
    /// The version that was edited.
    pub expect: u64,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Words {
    pub words: String,
}

/// A new hook: the draft of its revision 1. Its author is whoever asks.
#[utoipa::path(post, path = "/api/v1/hooks", tag = "hooks", responses((status = 201, body = HookView)))]
pub async fn post(
    State(app): State<Shared>,
    Engineer(caller): Engineer,
    Json(body): Json<NewHook>,
) -> Answer<(StatusCode, Json<HookView>)> {
    let record = new_hook(&app, &caller, body).await?;
    Ok((
        StatusCode::CREATED,
        Json(view(&app, &caller.scope, &record, None).await?),
    ))
}

/// Edits a draft, or opens the next revision when the last was published or is over. Only its author may.
#[utoipa::path(put, path = "/api/v1/hooks/{id}", tag = "hooks", params(("id" = String, Path)), responses((status = 200, body = HookView)))]
pub async fn put(
    State(app): State<Shared>,
    Engineer(caller): Engineer,
    Path(id): Path<HookId>,
    Json(body): Json<ChangedHook>,
) -> Answer<Json<HookView>> {
    let record = change(&app, &caller, &id, body).await?;
    Ok(Json(view(&app, &caller.scope, &record, None).await?))
}

/// To review: the text becomes the payload bytes, which do not change any more.
#[utoipa::path(post, path = "/api/v1/hooks/{id}/submit", tag = "hooks", params(("id" = String, Path)), responses((status = 200, body = HookView)))]
pub async fn submit(
    State(app): State<Shared>,
    Engineer(caller): Engineer,
    Path(id): Path<HookId>,
) -> Answer<Json<HookView>> {
    let record = freeze(&app, &caller, &id).await?;
    Ok(Json(view(&app, &caller.scope, &record, None).await?))
}

/// Back to its author, with words.
#[utoipa::path(post, path = "/api/v1/hooks/{id}/send-back", tag = "hooks", params(("id" = String, Path)), responses((status = 200, body = HookView)))]
pub async fn send_back(
    State(app): State<Shared>,
    Reviewer(caller): Reviewer,
    Path(id): Path<HookId>,
    Json(body): Json<Words>,
) -> Answer<Json<HookView>> {
    let record = sent_back(&app, &caller, &id, body.words).await?;
    Ok(Json(view(&app, &caller.scope, &record, None).await?))
}

pub async fn sent_back(
    app: &App,
    caller: &Caller,
    id: &HookId,
    words: String,
) -> Answer<HookRecord> {
    if !(1..=4_000).contains(&words.trim().chars().count()) {
        return Err(Problem::field(
            "words",
            "the words are empty or too long",
            "1 to 4000 characters",
        ));
    }
    let record = find_to_change(app, &caller.scope, id).await?;
    let step = Move::SendBack {
        by: caller.person.clone(),
        words,
    };
    let revision = latest(&record)?.revision;
    let (write, expect) = (caller.write(app.now()), Some(record.version));
    let moved = app
        .store
        .advance(
            &caller.scope,
            write,
            id.clone(),
            revision,
            expect,
            step,
            None,
        )
        .await;
    moved.answer()
}

pub async fn new_hook(app: &App, caller: &Caller, body: NewHook) -> Answer<HookRecord> {
    let id = HookId::fresh();
    if let Some(name) = body.template.as_deref().filter(|n| starts::of(n).is_none()) {
        let detail = format!("there is no starting text {name:?}");
        return Err(Problem::field("template", detail, starts::names()));
    }
    let mut text = draft_text(app, caller, id, body.toml, body.ticket, None).await?;
    text.template = body.template;
    let write = caller.write(app.now());
    app.store
        .submit_draft(&caller.scope, write, text, None)
        .await
        .answer()
}

pub async fn change(
    app: &App,
    caller: &Caller,
    id: &HookId,
    body: ChangedHook,
) -> Answer<HookRecord> {
    let record = find_to_change(app, &caller.scope, id).await?;
    only_author(caller, &record)?;
    let text = draft_text(app, caller, id.clone(), body.toml, None, Some(&record)).await?;
    let write = caller.write(app.now());
    app.store
        .submit_draft(&caller.scope, write, text, Some(body.expect))
        .await
        .answer()
}

pub async fn freeze(app: &App, caller: &Caller, id: &HookId) -> Answer<HookRecord> {
    let (now, scope) = (app.now(), &caller.scope);
    let record = find_to_change(app, scope, id).await?;
    only_author(caller, &record)?;
    let row = latest(&record)?;
    // Asked before the text is read, so that a hook that is published says so and not what its text lacks.
    row.state
        .after(Move::Submit)
        .map_err(|e| Problem::conflict(e.to_string()))?;
    let revision = find_revision(app, scope, id, row.revision).await?;
    let faults = authoring::lint_at(&revision.toml, Some(&bounds(app)), now);
    if faults.iter().any(|f| f.severity == Severity::Error) {
        return Err(faulty(faults));
    }
    let url = match &record.ticket {
        Some(at) => tickets::find(app, scope, at).await?.url,
        None => None,
    };
    let draft = authoring::parse(&revision.toml).map_err(faulty)?;
    let hook = draft
        .into_hook(fills(&record, row.revision, url, now))
        .map_err(faulty)?;
    verify::validate(&hook)?;
    let payload = hook
        .to_payload()
        .map_err(|e| Problem::field("toml", e.to_string(), "a smaller hook"))?;
    let moved = app
        .store
        .advance(
            scope,
            caller.write(now),
            id.clone(),
            row.revision,
            Some(record.version),
            Move::Submit,
            Some(Blob(payload)),
        )
        .await;
    moved.answer()
}

fn only_author(caller: &Caller, record: &HookRecord) -> Answer<()> {
    if record.author == caller.person {
        return Ok(());
    }
    Err(Problem::forbidden(format!(
        "only its author {} may edit and submit a hook",
        record.author
    )))
}

/// A text that parses, for customers and a ticket that there are and that the caller may write for.
async fn draft_text(
    app: &App,
    caller: &Caller,
    id: HookId,
    toml: String,
    ticket: Option<TicketRef>,
    before: Option<&HookRecord>,
) -> Answer<DraftText> {
    if toml.len() > MAX_TOML {
        return Err(Problem::too_large(format!(
            "a hook's text may have {MAX_TOML} bytes"
        )));
    }
    let draft = authoring::parse(&toml).map_err(faulty)?;
    let asked = ticket.or_else(|| before.and_then(|b| b.ticket.clone()));
    let ticket = match (&draft.subject, asked) {
        (Some(Subject::Ticket { system, key, .. }), asked) => {
            let named = TicketRef {
                system: system.clone(),
                key: key.clone(),
            };
            if asked.is_some_and(|a| a != named) {
                return Err(Problem::field(
                    "ticket",
                    "the text names another ticket",
                    named.to_string(),
                ));
            }
            Some(named)
        }
        (Some(_), _) => None,
        (None, asked) => asked,
    };
    let known = match &ticket {
        Some(at) => Some(tickets::find(app, &caller.scope, at).await?),
        None => None,
    };
    let mut draft = draft;
    if draft.customers.is_none() {
        // A ticket is of one customer, and so is its hook unless the text says otherwise.
        draft.customers = known.as_ref().map(|t| {
            boathook_hooks::documents::hook::HookCustomers::Only(vec![t.customer.clone()])
        });
    }
    let hook: Hook = draft
        .into_hook(authoring::Fills {
            id,
            revision: 1,
            author: caller.person.clone(),
            now: app.now(),
            subject: ticket.as_ref().map(|t| subject(t, None)),
            customers: None,
        })
        .map_err(faulty)?;
    let (customers, opted_in) = customers_of(&hook.customers);
    if opted_in && !caller.scope.holds_house() {
        return Err(Problem::field(
            "customers",
            "hooks for all who opted in need a role for all customers",
            "a list of customers",
        ));
    }
    for customer in &customers {
        caller.must_hold(customer)?;
        if app.store.customer(&caller.scope, customer).await?.is_none() {
            return Err(Problem::not_found("customer"));
        }
    }
    if known
        .as_ref()
        .is_some_and(|t| !customers.contains(&t.customer))
    {
        return Err(Problem::field(
            "customers",
            "the ticket is of a customer that the hook does not name",
            "the ticket's customer",
        ));
    }
    Ok(DraftText {
        hook: hook.id,
        author: caller.person.clone(),
        title: hook.title,
        customers,
        opted_in,
        ticket,
        toml,
        template: None,
    })
}
