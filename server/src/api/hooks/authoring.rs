//! Texts: lint, explanation, and the one way from a stored text to the hook it says.
use axum::extract::State;
use boathook_hooks::{
    authoring::{self, Fault, Fills, Severity},
    documents::{
        Document as _,
        hook::{Hook, HookCustomers, Subject},
        root::Bounds,
    },
    explain::{self, Explanation},
    ids::CustomerId,
    time::Time,
};
use boathook_schema::{HookRecord, HookRevision, TicketRef};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    api::extract::Json,
    app::{App, Shared},
    errors::{Answer, Problem},
    people::Staff,
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Text {
    pub toml: String,
}

#[derive(Serialize, ToSchema)]
pub struct Faults {
    #[schema(value_type = Vec<Object>)]
    pub faults: Vec<Fault>,
}

/// Every fault of a text: what is wrong, where, and what would be right.
#[utoipa::path(post, path = "/api/v1/lint", tag = "hooks", responses((status = 200, body = Faults)))]
pub async fn lint(
    State(app): State<Shared>,
    Staff(_caller): Staff,
    Json(text): Json<Text>,
) -> Json<Faults> {
    let bounds = bounds(&app);
    Json(Faults {
        faults: authoring::lint_at(&text.toml, Some(&bounds), app.now()),
    })
}

/// What a text would read, run, contact and send, in plain words.
#[utoipa::path(post, path = "/api/v1/explain", tag = "hooks", responses((status = 200, body = Object)))]
pub async fn explain(
    State(app): State<Shared>,
    Staff(_caller): Staff,
    Json(text): Json<Text>,
) -> Answer<Json<Value>> {
    let hook = previewed(&text.toml, None, None, app.now())?.map_err(faulty)?;
    Ok(Json(explanation(&app, &hook)))
}

/// The hook that a text would be now. A text that names neither ticket nor customer gets those of `ticket`, or stands for
/// itself.
pub fn previewed(
    toml: &str,
    ticket: Option<&TicketRef>,
    customer: Option<&CustomerId>,
    now: Time,
) -> Answer<Result<Hook, Vec<Fault>>> {
    let fills = Fills::preview(now)
        .ok_or_else(|| Problem::internal("previewing a hook", "no placeholders"))?;
    let fills = Fills {
        subject: Some(match ticket {
            Some(at) => subject(at, None),
            None => Subject::Ticket {
                system: "-".into(),
                key: "-".into(),
                url: None,
            },
        }),
        customers: Some(HookCustomers::Only(customer.cloned().into_iter().collect())),
        ..fills
    };
    Ok(authoring::parse(toml).and_then(|draft| draft.into_hook(fills)))
}

/// As programs read it; `Display` of the same is the text for people.
pub fn explanation(app: &App, hook: &Hook) -> Value {
    let explanation = explained(app, hook);
    let mut json = serde_json::to_value(&explanation).unwrap_or_default();
    json["text"] = explanation.to_string().into();
    json
}

/// The same for pages.
pub fn explained(app: &App, hook: &Hook) -> Explanation {
    explain::explain(hook, root_bounds(app).as_ref())
}

/// The root's bounds, or the usual ones before there is a root.
pub fn bounds(app: &App) -> Bounds {
    root_bounds(app).unwrap_or_default()
}

fn root_bounds(app: &App) -> Option<Bounds> {
    let trust = app.trust.current();
    trust.verifier.as_ref().map(|t| t.root().bounds.clone())
}

/// 422 with every fault.
pub fn faulty(faults: Vec<Fault>) -> Problem {
    let errors = faults.iter().filter(|f| f.severity == Severity::Error);
    let first = errors.clone().next();
    let detail = match errors.clone().count() {
        0 => "the hook's text is not good".to_owned(),
        1 => first.map(Fault::to_string).unwrap_or_default(),
        n => format!(
            "{} (and {} more)",
            first.map(Fault::to_string).unwrap_or_default(),
            n - 1
        ),
    };
    let mut problem = Problem::field("toml", detail, "a text without errors: see `faults`");
    if let Some(first) = first {
        problem.expected = Some(first.expected.clone());
        problem.field = Some(format!("toml:{}", first.field));
    }
    problem.with("faults", serde_json::to_value(&faults).unwrap_or_default())
}

/// What a text leaves to the hook it belongs to.
pub fn fills(record: &HookRecord, revision: u32, url: Option<String>, now: Time) -> Fills {
    let customers = match (&record.customers, record.opted_in) {
        (_, true) => Some(HookCustomers::OptedIn),
        (customers, _) if customers.is_empty() => None,
        (customers, _) => Some(HookCustomers::Only(customers.clone())),
    };
    Fills {
        id: record.id.clone(),
        revision,
        author: record.author.clone(),
        now,
        subject: record.ticket.as_ref().map(|t| subject(t, url)),
        customers,
    }
}

pub fn subject(at: &TicketRef, url: Option<String>) -> Subject {
    Subject::Ticket {
        system: at.system.clone(),
        key: at.key.clone(),
        url,
    }
}

/// The hook that a revision says: from its frozen bytes, or from its text as of now.
pub fn hook_of(record: &HookRecord, revision: &HookRevision, now: Time) -> Answer<Hook> {
    if let Some(payload) = &revision.payload {
        return Hook::from_payload(&payload.0)
            .map_err(|e| Problem::internal("reading a frozen hook", e));
    }
    let draft = authoring::parse(&revision.toml).map_err(faulty)?;
    draft
        .into_hook(fills(record, revision.revision, None, now))
        .map_err(faulty)
}

/// The customers of a hook, and whether it is for all who opted in.
pub fn customers_of(customers: &HookCustomers) -> (Vec<CustomerId>, bool) {
    match customers {
        HookCustomers::Only(list) => (list.clone(), false),
        HookCustomers::OptedIn => (Vec::new(), true),
    }
}
