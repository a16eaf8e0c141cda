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
    page(&app, &caller, &visit, &id, asked, None).await
}

pub async fn confirm(
    State(app): State<Shared>,
    Admin(caller): Admin,
    visit: Visit,
    Path(id): Path<InstanceId>,
    Form(typed): Form<Fingerprint>,
) -> Answer<Response> {
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
    after(
        &app,
        &caller,
        &visit,
        &id,
        "confirm",
        typed.fingerprint,
        done.map(drop),
    )
    .await
}

pub async fn suspend(
    State(app): State<Shared>,
    Admin(caller): Admin,
    visit: Visit,
    Path(id): Path<InstanceId>,
    Form(typed): Form<Typed>,
) -> Answer<Response> {
    let done = suspend_instance(&app, &caller, id.clone(), typed.why()).await;
    after(
        &app,
        &caller,
        &visit,
        &id,
        "suspend",
        typed.why,
        done.map(drop),
    )
    .await
}

pub async fn resume(
    State(app): State<Shared>,
    Admin(caller): Admin,
    visit: Visit,
    Path(id): Path<InstanceId>,
    Form(typed): Form<Typed>,
) -> Answer<Response> {
    let done = resume_instance(&app, &caller, id.clone(), typed.why()).await;
    after(
        &app,
        &caller,
        &visit,
        &id,
        "resume",
        typed.why,
        done.map(drop),
    )
    .await
}

pub async fn retire(
    State(app): State<Shared>,
    Admin(caller): Admin,
    visit: Visit,
    Path(id): Path<InstanceId>,
    Form(typed): Form<Typed>,
) -> Answer<Response> {
    let done = retire_instance(&app, &caller, id.clone(), typed.why()).await;
    after(
        &app,
        &caller,
        &visit,
        &id,
        "retire",
        typed.why,
        done.map(drop),
    )
    .await
}

/// Erases it for good. What it is called must be typed: there is no way back.
pub async fn erase(
    State(app): State<Shared>,
    Admin(caller): Admin,
    visit: Visit,
    Path(id): Path<InstanceId>,
    Form(typed): Form<Typed>,
) -> Answer<Response> {
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
        Err(problem) => after(&app, &caller, &visit, &id, "erase", typed.why, Err(problem)).await,
    }
}

/// To the page after a deed; or the page with why it was not done.
async fn after(
    app: &App,
    caller: &Caller,
    visit: &Visit,
    id: &InstanceId,
    deed: &'static str,
    typed: String,
    done: Answer<()>,
) -> Answer<Response> {
    match done {
        Ok(()) => Ok(Redirect::to(&format!("/instances/{id}")).into_response()),
        Err(problem) if problem.status == StatusCode::NOT_FOUND => Err(problem),
        Err(problem) => {
            let failed = Some((deed, typed, problem));
            page(app, caller, visit, id, Asked::default(), failed).await
        }
    }
}

async fn page(
    app: &App,
    caller: &Caller,
    visit: &Visit,
    id: &InstanceId,
    asked: Asked,
    failed: Option<(&'static str, String, Problem)>,
) -> Answer<Response> {
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
#[allow(clippy::unwrap_used)]
mod tests {
    use axum::http::StatusCode;
    use boathook_hooks::{keys::SecretKey, protocol::EnrollAnswer};
    use boathook_schema::InstanceState;

    use crate::{api::tests::house::House, ui::tests::Browser};

    async fn state(house: &House, id: &str) -> InstanceState {
        house.bench.on_record(&id.parse().unwrap()).await.state
    }

    /// Its address, as it waits.
    async fn waiting(house: &House, key: &SecretKey) -> String {
        let token = house.bench.token(1, true).await;
        let answer: EnrollAnswer = house.bench.enroll(key, &token).await.bson();
        answer.instance.to_string()
    }

    #[tokio::test]
    async fn an_admin_confirms_it_by_its_own_fingerprint_alone() {
        let house = House::new().await;
        let key = SecretKey::generate().unwrap();
        let id = waiting(&house, &key).await;
        let (page, post) = (
            format!("/instances/{id}"),
            format!("/instances/{id}/confirm"),
        );
        let own = key.public().id().to_string();
        let adam = Browser::of(&house, "adam").await;
        // What is to be compared is not there to be copied.
        assert!(!adam.get(&page).await.text().contains(&own));
        let other = SecretKey::generate().unwrap().public().id().to_string();
        for wrong in ["", "no fingerprint", other.as_str()] {
            let said = adam.post(&post, &[("fingerprint", wrong)]).await;
            assert_eq!(said.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
            assert!(
                said.text().contains(r#"id="fingerprint-wrong""#),
                "{}",
                said.text()
            );
            assert_eq!(state(&house, &id).await, InstanceState::Unconfirmed);
        }
        let ada = Browser::of(&house, "ada").await;
        let said = ada.post(&post, &[("fingerprint", &own)]).await;
        assert_eq!(said.status, StatusCode::FORBIDDEN);
        assert!(!ada.get(&page).await.text().contains(&post));
        let said = adam
            .post(&post, &[("fingerprint", &format!(" {own}\n"))])
            .await;
        assert_eq!(
            (said.status, said.header("location")),
            (StatusCode::SEE_OTHER, page.as_str())
        );
        assert_eq!(state(&house, &id).await, InstanceState::Confirmed);
        assert!(adam.get(&page).await.text().contains(&own));
    }

    #[tokio::test]
    async fn it_is_suspended_resumed_retired_and_then_erased_by_its_name() {
        let house = House::new().await;
        let id = house.bench.instance().await.instance.to_string();
        let at = |what: &str| format!("/instances/{id}/{what}");
        let adam = Browser::of(&house, "adam").await;
        let said = adam.post(&at("suspend"), &[("why", " ")]).await;
        assert_eq!(said.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(state(&house, &id).await, InstanceState::Confirmed);
        let erase = [("why", "sold"), ("name", id.as_str())];
        let said = adam.post(&at("erase"), &erase).await;
        assert_eq!(said.status, StatusCode::CONFLICT, "{}", said.text());
        for (deed, word) in [
            ("suspend", "suspended"),
            ("resume", "confirmed"),
            ("retire", "retired"),
        ] {
            let said = adam.post(&at(deed), &[("why", "we looked")]).await;
            assert_eq!(
                said.status,
                StatusCode::SEE_OTHER,
                "{deed}: {}",
                said.text()
            );
            assert_eq!(state(&house, &id).await.word(), word);
        }
        let text = adam.get(&format!("/instances/{id}")).await.text();
        assert!(
            text.contains("retired") && text.contains("we looked"),
            "{text}"
        );
        let said = adam
            .post(&at("erase"), &[("why", "sold"), ("name", "another")])
            .await;
        assert_eq!(said.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(said.text().contains(r#"value="sold""#), "{}", said.text());
        let said = adam.post(&at("erase"), &erase).await;
        assert_eq!(said.status, StatusCode::SEE_OTHER, "{}", said.text());
        let said = adam.get(&format!("/instances/{id}")).await;
        assert_eq!(said.status, StatusCode::GONE);
    }

    #[tokio::test]
    async fn its_runs_and_packets_stand_on_its_page_for_its_customers_staff() {
        let house = House::new().await;
        let hook = house.published().await;
        let claim = house.packet(&hook, b"kernel").await;
        let page = format!("/instances/{}", claim.instance);
        let text = Browser::of(&house, "ada").await.get(&page).await.text();
        for words in [
            "Host facts",
            "received",
            "SUP-1",
            &format!("/packets/{claim}"),
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
        assert!(
            text.contains("sent a packet for revision 1 of Host facts"),
            "{text}"
        );
        assert!(!text.contains("Retire instance"));
        for (person, status) in [("vera", 403), ("gil", 404)] {
            let said = Browser::of(&house, person).await.get(&page).await;
            assert_eq!(said.status.as_u16(), status, "{person}");
        }
        let gil = Browser::of(&house, "gil").await;
        let said = gil
            .post(&format!("{page}/retire"), &[("why", "mine now")])
            .await;
        assert_eq!(said.status, StatusCode::NOT_FOUND);
    }
}
