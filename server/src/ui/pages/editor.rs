//! Writing a hook: new on a ticket, or an existing draft. The text is the whole truth; beside it stands what it means.
use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use boathook_hooks::{
    authoring::{self, Fault, Severity},
    ids::HookId,
    states::HookState,
};
use boathook_schema::{HookFilter, HookRecord, Page as Rows, Scope, Ticket, TicketRef};
use futures_util::future::try_join_all;
use serde::Deserialize;
use tokio::try_join;

use crate::{
    api::{
        extract::{Path, Query},
        hooks::{
            authoring::{bounds, previewed},
            edit::{ChangedHook, NewHook, change, freeze, new_hook},
            find, find_revision, latest,
        },
        tickets,
    },
    app::{App, Shared},
    errors::{Answer, Problem},
    people::{Caller, Engineer},
    ui::{
        chrome::{Chrome, Section, html},
        explained::Explained,
        forms::{Fields, Form},
        links,
        starts::{self, Filled, Start},
        visit::Visit,
        words::Mark,
    },
};

/// Of so many packets that people said something of, the newest, it is counted how a start did.
const COUNTED: u32 = 100;

#[derive(Template)]
#[template(path = "pages/editor.html")]
struct Page {
    chrome: Chrome,
    /// Where the form goes.
    action: String,
    ticket: Option<Ticket>,
    back: String,
    heading: String,
    mark: Option<Mark>,
    toml: String,
    /// The version that is edited; none for a new hook.
    expect: Option<u64>,
    starts: Vec<Choice>,
    /// The parameters of the start that the text came from.
    form: Option<Filled>,
    /// The text is that of the ticket's newest hook.
    from_last: bool,
    /// The start that is recorded with a new hook.
    template: Option<String>,
    preview: Preview,
    problem: Option<Problem>,
}

/// A text to start from, and how its packets did.
struct Choice {
    start: &'static Start,
    /// Such as `answered 7 of 9`.
    did: Option<String>,
}

impl Choice {
    async fn of(app: &App, caller: &Caller, start: &'static Start) -> Answer<Self> {
        let said = app
            .store
            .template_verdicts(&caller.scope, start.name, COUNTED)
            .await?;
        let did = (!said.is_empty()).then(|| format!("answered {} of {}", said.yes, said.all()));
        Ok(Self { start, did })
    }
}

/// What a page of the editor is made for.
#[derive(Default)]
struct What<'a> {
    ticket: Option<Ticket>,
    /// The hook that is changed; none for a new one.
    record: Option<&'a HookRecord>,
    toml: String,
    template: Option<String>,
    form: Option<Filled>,
    from_last: bool,
    problem: Option<Problem>,
}

/// What stands beside the text, and follows it as it is typed.
#[derive(Template)]
#[template(path = "pages/preview.html")]
pub struct Preview {
    faults: Vec<Fault>,
    explained: Option<Explained>,
}

impl Preview {
    async fn of(app: &App, scope: &Scope, toml: &str, ticket: Option<&Ticket>) -> Answer<Self> {
        let mut faults = authoring::lint_at(toml, Some(&bounds(app)), app.now());
        if ticket.is_some() {
            // The text is for this ticket and its customer without saying so.
            let is_filled = |f: &Fault| {
                f.severity == Severity::Warning && ["ticket", "customers"].contains(&&*f.field)
            };
            faults.retain(|f| !is_filled(f));
        }
        let at = ticket.map(|t| &t.at);
        let hook = previewed(toml, at, ticket.map(|t| &t.customer), app.now())?;
        let explained = match hook {
            Ok(hook) => Some(Explained::of(app, scope, &hook).await?),
            Err(_) => None,
        };
        Ok(Self { faults, explained })
    }

    fn errors(&self) -> usize {
        let is_error = |f: &&Fault| f.severity == Severity::Error;
        self.faults.iter().filter(is_error).count()
    }

    fn word(fault: &Fault) -> &'static str {
        match fault.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

#[derive(Deserialize)]
pub struct Typed {
    toml: String,
    expect: Option<u64>,
    /// The start that a new hook's text came from.
    template: Option<String>,
    /// `check`, `save` or `submit`; nothing for the preview.
    #[serde(default)]
    act: String,
    /// For the preview alone.
    system: Option<String>,
    key: Option<String>,
}

/// `start=NAME` begins with that text, and `p-PARAMETER=` fills it in; without, with the ticket's newest hook.
pub async fn new(
    State(app): State<Shared>,
    Engineer(caller): Engineer,
    visit: Visit,
    Path((system, key)): Path<(String, String)>,
    Query(asked): Query<Fields>,
) -> Answer<Response> {
    let ticket = tickets::find(&app, &caller.scope, &TicketRef { system, key }).await?;
    let start = match asked.get("start") {
        "" => None,
        name => Some(starts::of(name).ok_or_else(|| Problem::not_found("starting text"))?),
    };
    let last = match start {
        Some(_) => None,
        None => last_of(&app, &caller, &ticket).await?,
    };
    let mut what = What {
        ticket: Some(ticket),
        ..What::default()
    };
    match (last, start.or(starts::all().first())) {
        (Some((toml, template)), _) => {
            (what.toml, what.template, what.from_last) = (toml, template, true);
        }
        (None, Some(start)) => {
            let filled = start.filled(|name| {
                let name = format!("{}{name}", starts::PREFIX);
                asked.all(&name).next()
            });
            what.toml.clone_from(&filled.text);
            what.template = Some(start.name.to_owned());
            what.form = Some(filled);
        }
        (None, None) => {}
    }
    Page::of(&app, &caller, &visit, what).await
}

pub async fn create(
    State(app): State<Shared>,
    Engineer(caller): Engineer,
    visit: Visit,
    Path((system, key)): Path<(String, String)>,
    Form(typed): Form<Typed>,
) -> Answer<Response> {
    let at = TicketRef { system, key };
    let ticket = tickets::find(&app, &caller.scope, &at).await?;
    let template = typed.template.filter(|name| starts::of(name).is_some());
    let mut what = What {
        ticket: Some(ticket),
        toml: lines(&typed.toml),
        template: template.clone(),
        ..What::default()
    };
    if typed.act == "check" {
        return Page::of(&app, &caller, &visit, what).await;
    }
    let body = NewHook {
        toml: what.toml.clone(),
        ticket: Some(at),
        template,
    };
    match new_hook(&app, &caller, body).await {
        Ok(record) => on(&app, &caller, &record.id, &typed.act).await,
        Err(problem) => {
            what.problem = Some(problem);
            Page::of(&app, &caller, &visit, what).await
        }
    }
}

pub async fn edit(
    State(app): State<Shared>,
    Engineer(caller): Engineer,
    visit: Visit,
    Path(id): Path<HookId>,
) -> Answer<Response> {
    let record = find(&app, &caller.scope, &id).await?;
    let revision = latest(&record)?.revision;
    let toml = find_revision(&app, &caller.scope, &id, revision)
        .await?
        .toml;
    let what = What {
        ticket: ticket_of(&app, &caller, &record).await?,
        record: Some(&record),
        toml,
        ..What::default()
    };
    Page::of(&app, &caller, &visit, what).await
}

pub async fn save(
    State(app): State<Shared>,
    Engineer(caller): Engineer,
    visit: Visit,
    Path(id): Path<HookId>,
    Form(typed): Form<Typed>,
) -> Answer<Response> {
    let record = find(&app, &caller.scope, &id).await?;
    let mut what = What {
        ticket: ticket_of(&app, &caller, &record).await?,
        record: Some(&record),
        toml: lines(&typed.toml),
        ..What::default()
    };
    if typed.act == "check" {
        return Page::of(&app, &caller, &visit, what).await;
    }
    let body = ChangedHook {
        toml: what.toml.clone(),
        expect: typed.expect.unwrap_or(record.version),
    };
    match change(&app, &caller, &id, body).await {
        Ok(record) => on(&app, &caller, &record.id, &typed.act).await,
        Err(problem) => {
            what.problem = Some(problem);
            Page::of(&app, &caller, &visit, what).await
        }
    }
}

/// What stands beside the text, for the script that follows the typing.
pub async fn preview(
    State(app): State<Shared>,
    Engineer(caller): Engineer,
    Form(typed): Form<Typed>,
) -> Answer<Response> {
    let ticket = match (typed.system, typed.key) {
        (Some(system), Some(key)) => {
            app.store
                .ticket(&caller.scope, &TicketRef { system, key })
                .await?
        }
        _ => None,
    };
    html(&Preview::of(&app, &caller.scope, &lines(&typed.toml), ticket.as_ref()).await?)
}

/// After saving: on to the review, or back to the text, which says what is still wrong.
async fn on(app: &App, caller: &Caller, id: &HookId, act: &str) -> Answer<Response> {
    let to = match act {
        "submit" => match freeze(app, caller, id).await {
            Ok(_) => format!("/hooks/{id}/review"),
            Err(problem) if problem.code == "field" => format!("/hooks/{id}/edit"),
            Err(problem) => return Err(problem),
        },
        _ => format!("/hooks/{id}/edit"),
    };
    Ok(Redirect::to(&to).into_response())
}

/// Browsers send CR LF for every end of a line.
fn lines(typed: &str) -> String {
    typed.replace("\r\n", "\n")
}

async fn ticket_of(app: &App, caller: &Caller, record: &HookRecord) -> Answer<Option<Ticket>> {
    Ok(match &record.ticket {
        Some(at) => app.store.ticket(&caller.scope, at).await?,
        None => None,
    })
}

/// The text of the ticket's newest hook, and which start that came from.
async fn last_of(
    app: &App,
    caller: &Caller,
    ticket: &Ticket,
) -> Answer<Option<(String, Option<String>)>> {
    let filter = HookFilter {
        ticket: Some(ticket.at.clone()),
        ..HookFilter::default()
    };
    let hooks = app
        .store
        .hooks(&caller.scope, filter, Rows::first(1))
        .await?;
    let Some(record) = hooks.items.into_iter().next() else {
        return Ok(None);
    };
    let revision = latest(&record)?.revision;
    let found = app
        .store
        .hook_revision(&caller.scope, &record.id, revision)
        .await?;
    Ok(found.map(|r| (r.toml, record.template)))
}

impl Page {
    async fn of(app: &App, caller: &Caller, visit: &Visit, what: What<'_>) -> Answer<Response> {
        let What {
            ticket,
            record,
            toml,
            template,
            form,
            from_last,
            problem,
        } = what;
        let offered = match record {
            Some(_) => [].iter(),
            None => starts::all().iter(),
        };
        let starts = try_join_all(offered.map(|start| Choice::of(app, caller, start)));
        let preview = Preview::of(app, &caller.scope, &toml, ticket.as_ref());
        let (preview, starts) = try_join!(preview, starts)?;
        let of_ticket = ticket.as_ref().map(|t| links::ticket(&t.at));
        let (action, heading) = match record {
            Some(record) => (
                format!("/hooks/{}/edit", record.id),
                match latest(record)?.state {
                    // Its text becomes the next revision's.
                    ref state if state.is_final() || *state == HookState::Published => {
                        format!(
                            "Revision {} of {}",
                            latest(record)?.revision + 1,
                            record.title
                        )
                    }
                    _ => record.title.clone(),
                },
            ),
            None => (
                format!("{}/hooks/new", of_ticket.as_deref().unwrap_or_default()),
                "New hook".to_owned(),
            ),
        };
        let is_right = form.as_ref().is_none_or(Filled::is_right);
        let status = problem.as_ref().map(|p| p.status);
        let status = status.or((!is_right).then_some(StatusCode::UNPROCESSABLE_ENTITY));
        let page = Self {
            chrome: Chrome::of(app, caller, visit, Section::Tickets, heading.as_str()),
            action,
            back: of_ticket.unwrap_or_else(|| "/hooks".to_owned()),
            ticket,
            heading,
            mark: record
                .and_then(|r| r.latest())
                .map(|r| Mark::from(&r.state)),
            toml,
            expect: record.map(|r| r.version),
            starts,
            form,
            from_last,
            template,
            preview,
            problem,
        };
        let mut answer = html(&page)?;
        *answer.status_mut() = status.unwrap_or(StatusCode::OK);
        Ok(answer)
    }
}

#[cfg(test)]
#[path = "editor_tests.rs"]
mod tests;
