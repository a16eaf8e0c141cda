//! One instance: what it says of itself, its key, its runs and packets; and letting it in or not, for admins.
use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use boathook_hooks::{ids::InstanceId, protocol::AnswerKind};
use boathook_schema::{
    Chain, EventFilter, InstanceRun, InstanceState, PacketsBy, Page as Rows, Role, scope_of,
};
use serde::Deserialize;
use tokio::try_join;

use crate::{
    api::{
        erasures::erase_instance,
        extract::{Path, Query},
        instances::{
            InstanceView, Why, confirm_instance, find, resume_instance, retire_instance,
            suspend_instance,
        },
        packets::PacketRow,
    },
    app::{App, Shared},
    errors::{Answer, Problem},
    people::{Admin, Caller, Staff},
    ui::{
        chrome::{Chrome, Section, html_with},
        forms::Form,
        history::History,
        links,
        pages::instances::{mark, products},
        visit::Visit,
        words::Mark,
    },
};

/// Runs and packets that one page shows.
const ROWS: u32 = 30;

#[derive(Template)]
#[template(path = "pages/instance.html")]
struct Page {
    chrome: Chrome,
    view: InstanceView,
    state: InstanceState,
    mark: Mark,
    products: String,
    runs: Vec<Run>,
    next_runs: Option<String>,
    packets: Vec<PacketRow>,
    next_packets: Option<String>,
    /// What it said no to, as far as these runs tell.
    said_no: Vec<String>,
    history: History,
    may_act: bool,
    /// The form that failed, and why.
    deed: &'static str,
    problem: Option<Problem>,
    typed: String,
}

/// What it made of one revision.
struct Run {
    run: InstanceRun,
    word: String,
    class: &'static str,
    why: Option<String>,
    at: boathook_hooks::time::Time,
}

impl From<InstanceRun> for Run {
    fn from(run: InstanceRun) -> Self {
        let claimed = run
            .claim
            .as_ref()
            .map(|c| c.ended_at.unwrap_or(c.reserved_at));
        let answered = run.answer.as_ref().map(|a| a.at);
        let at = claimed.max(answered).unwrap_or(run.revision.published_at);
        // Of the two what was said last tells how it is.
        let answer = run.answer.as_ref().filter(|_| answered >= claimed);
        let (word, class, why) = match (answer, &run.claim) {
            (Some(a), _) => (a.kind.to_string(), "over", Some(a.reason.clone())),
            (None, Some(c)) => {
                let (word, class) = match c.state.word() {
                    "accepted" => ("received", "good"),
                    "reserved" => ("running", "wants"),
                    other => (other, "bad"),
                };
                (word.to_owned(), class, c.reason.clone())
            }
            (None, None) => (String::new(), "quiet", None),
        };
        Self {
            run,
            word,
            class,
            why,
            at,
        }
    }
}

#[derive(Default, Deserialize)]
pub struct Asked {
    runs: Option<String>,
    packets: Option<String>,
}

#[derive(Deserialize)]
pub struct Fingerprint {
    #[serde(default)]
    fingerprint: String,
}

#[derive(Deserialize)]
pub struct Typed {
    #[serde(default)]
    why: String,
    /// What is erased, by its name or id.
    #[serde(default)]
    name: String,
}

impl Typed {
    fn why(&self) -> Why {
        Why {
            why: self.why.trim().to_owned(),
        }
    }
}

pub async fn get(
    State(app): State<Shared>,
    Staff(caller): Staff,
    visit: Visit,
    Path(id): Path<InstanceId>,
    Query(asked): Query<Asked>,
) -> Answer<Response> {
    let on = On::of(&app, &caller, &visit, &id);
    page(on, asked, None).await
}

pub async fn confirm(
    State(app): State<Shared>,
    Admin(caller): Admin,
    visit: Visit,
    Path(id): Path<InstanceId>,
    Form(typed): Form<Fingerprint>,
) -> Answer<Response> {
    let on = On::of(&app, &caller, &visit, &id);
    // Pasted from a terminal it may have blanks around and between.
    let text: String = typed.fingerprint.split_whitespace().collect();
    let wrong = || {
        Problem::field(
            "fingerprint",
            "that is no fingerprint",
            "64 characters, as `boathook-agent status` shows it",
        )
    };
    let done = match text.parse() {
        Ok(fingerprint) => confirm_instance(&app, &caller, id.clone(), fingerprint).await,
        Err(_) => Err(wrong()),
    };
    let done = done.map_err(|problem| match problem.code {
        // Another key than this one asks to be let in: that is what is compared for.
        "other_key" => Problem::field(
            "fingerprint",
            "the instance has another fingerprint: do not confirm it before you know whose this one is",
            "the fingerprint on record",
        ),
        _ => problem,
    });
    on.after("confirm", typed.fingerprint, done.map(drop)).await
}

pub async fn suspend(
    State(app): State<Shared>,
    Admin(caller): Admin,
    visit: Visit,
    Path(id): Path<InstanceId>,
    Form(typed): Form<Typed>,
) -> Answer<Response> {
    let on = On::of(&app, &caller, &visit, &id);
    let done = suspend_instance(&app, &caller, id.clone(), typed.why()).await;
    on.after("suspend", typed.why, done.map(drop)).await
}

pub async fn resume(
    State(app): State<Shared>,
    Admin(caller): Admin,
    visit: Visit,
    Path(id): Path<InstanceId>,
    Form(typed): Form<Typed>,
) -> Answer<Response> {
    let on = On::of(&app, &caller, &visit, &id);
    let done = resume_instance(&app, &caller, id.clone(), typed.why()).await;
    on.after("resume", typed.why, done.map(drop)).await
}

pub async fn retire(
    State(app): State<Shared>,
    Admin(caller): Admin,
    visit: Visit,
    Path(id): Path<InstanceId>,
    Form(typed): Form<Typed>,
) -> Answer<Response> {
    let on = On::of(&app, &caller, &visit, &id);
    let done = retire_instance(&app, &caller, id.clone(), typed.why()).await;
    on.after("retire", typed.why, done.map(drop)).await
}

/// Erases it for good. What it is called must be typed: there is no way back.
pub async fn erase(
    State(app): State<Shared>,
    Admin(caller): Admin,
    visit: Visit,
    Path(id): Path<InstanceId>,
    Form(typed): Form<Typed>,
) -> Answer<Response> {
    let on = On::of(&app, &caller, &visit, &id);
    let instance = find(&app, &caller.scope, &id).await?;
    let named = typed.name.trim();
    let done = if named.is_empty() || (named != instance.facts.name && named != id.as_str()) {
        let detail = "that is not what the instance is called";
        Err(Problem::field("name", detail, "its name or its id"))
    } else {
        match typed.why().words() {
            Ok(why) => erase_instance(&app, &caller, id.clone(), why).await,
            Err(problem) => Err(problem),
        }
    };
    match done {
        Ok(_) => Ok(Redirect::to("/instances?state=retired").into_response()),
        Err(problem) => on.after("erase", typed.why, Err(problem)).await,
    }
}

/// Who does what to which instance.
struct On<'a> {
    app: &'a App,
    caller: &'a Caller,
    visit: &'a Visit,
    id: &'a InstanceId,
}

impl<'a> On<'a> {
    const fn of(app: &'a App, caller: &'a Caller, visit: &'a Visit, id: &'a InstanceId) -> Self {
        Self {
            app,
            caller,
            visit,
            id,
        }
    }

    /// To the page after a deed; or the page with why it was not done.
    async fn after(self, deed: &'static str, typed: String, done: Answer<()>) -> Answer<Response> {
        match done {
            Ok(()) => Ok(Redirect::to(&format!("/instances/{}", self.id)).into_response()),
            Err(problem) if problem.status == StatusCode::NOT_FOUND => Err(problem),
            Err(problem) => page(self, Asked::default(), Some((deed, typed, problem))).await,
        }
    }
}

async fn page(
    on: On<'_>,
    asked: Asked,
    failed: Option<(&'static str, String, Problem)>,
) -> Answer<Response> {
    let On {
        app,
        caller,
        visit,
        id,
    } = on;
    let (scope, address) = (&caller.scope, format!("/instances/{id}"));
    let instance = find(app, scope, id).await?;
    let page = |after| Rows::first(ROWS).after(after);
    let runs = async { Ok(app.store.runs(scope, id, page(asked.runs)).await?) };
    let by = PacketsBy::Instance(id.clone());
    let packets = async { Ok(app.store.packets(scope, by, page(asked.packets)).await?) };
    let filter = EventFilter {
        instance: Some(id.clone()),
        ..EventFilter::default()
    };
    let chain = [Chain::Customer(instance.customer.clone())];
    let query = ("instance", id.as_str());
    let history = History::of(app, scope, &chain, filter, query);
    let (runs, packets, history) = try_join!(runs, packets, history)?;
    let runs_next = runs
        .next
        .map(|n| links::with_query(&address, [("runs", n.as_str())]));
    let next = packets
        .next
        .map(|n| links::with_query(&address, [("packets", n.as_str())]));
    let runs: Vec<Run> = runs.items.into_iter().map(Run::from).collect();
    let mut said_no: Vec<String> = Vec::new();
    for answer in runs.iter().filter_map(|r| r.run.answer.as_ref()) {
        let no = matches!(answer.kind, AnswerKind::Refused | AnswerKind::Declined);
        if no && !said_no.contains(&answer.reason) {
            said_no.push(answer.reason.clone());
        }
    }
    let title = match instance.facts.name.as_str() {
        "" => id.to_string(),
        name => name.to_owned(),
    };
    let as_admin = scope_of(&caller.roles, &[Role::Admin]);
    let may_act = as_admin.is_some_and(|s| s.holds(&instance.customer));
    let (deed, typed, problem) = match failed {
        Some((deed, typed, problem)) => (deed, typed, Some(problem)),
        None => ("", String::new(), None),
    };
    let status = problem.as_ref().map(|p| p.status);
    let page = Page {
        chrome: Chrome::of(app, caller, visit, Section::Instances, title),
        mark: mark(&instance, app.now()),
        products: products(&instance.facts),
        state: instance.state.clone(),
        view: instance.into(),
        runs,
        next_runs: runs_next,
        packets: packets.items.into_iter().map(PacketRow::from).collect(),
        next_packets: next,
        said_no,
        history,
        may_act,
        deed,
        problem,
        typed,
    };
    html_with(status, &page)
}

impl Page {
    fn is_unconfirmed(&self) -> bool {
        self.state == InstanceState::Unconfirmed
    }

    fn is_suspended(&self) -> bool {
        matches!(self.state, InstanceState::Suspended { .. })
    }

    fn is_retired(&self) -> bool {
        matches!(self.state, InstanceState::Retired { .. })
    }

    fn retire_asks(&self) -> String {
        format!(
            "Retire {} for good? It can never come back.",
            self.chrome.title
        )
    }

    /// The problem, where it is that form's.
    fn wrong(&self, deed: &str) -> Option<&Problem> {
        self.problem.as_ref().filter(|_| self.deed == deed)
    }

    fn typed(&self, deed: &str) -> &str {
        if self.deed == deed { &self.typed } else { "" }
    }
}

#[cfg(test)]
#[path = "instance_tests.rs"]
mod tests;
