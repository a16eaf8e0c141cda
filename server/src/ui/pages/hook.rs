//! One hook, live: its counters, what each instance made of it, who signed, its revisions, and how to end it.
use std::collections::BTreeSet;

use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use boathook_hooks::{
    documents::roster::KeyPlace,
    ids::{ClaimId, HookId},
    states::HookState,
};
use boathook_schema::{ErasedKind, EventFilter, HookRecord, Role, Scope};
use serde::Deserialize;
use tokio::try_join;

use crate::{
    api::{
        extract::{List, Path, Query},
        hooks::{
            HookView,
            end::{Lower, lower_hook, stop_hook},
            find,
            instances::{InstanceRow, InstancesQuery, rows},
            latest,
            view::viewed,
        },
    },
    app::{App, Shared},
    errors::{Answer, Problem},
    people::{Caller, EngineerOrReviewer, Staff},
    ui::{
        chrome::{Chrome, Section, html},
        counters::Counters,
        forms::Form,
        history::{History, chains_of},
        links,
        names::Names,
        pages::ticket::page_of,
        visit::Visit,
        words::Mark,
    },
    waves,
};

/// Instances of one page, twice as many where the claims end on it.
const ROWS: u32 = 50;

#[derive(Template)]
#[template(path = "pages/hook.html")]
struct Page {
    chrome: Chrome,
    hook: HookView,
    mark: Mark,
    ticket: Option<String>,
    counters: Option<Counters>,
    /// About how many instances it is for.
    about: u64,
    instances: Vec<InstanceRow>,
    /// Of those, whose packets were erased.
    erased: BTreeSet<ClaimId>,
    names: Names,
    next: Option<String>,
    may_stop: bool,
    may_edit: bool,
    on_going: String,
    history: History,
    problem: Option<Problem>,
}

#[derive(Deserialize)]
pub struct Which {
    revision: Option<u32>,
    after: Option<String>,
}

#[derive(Deserialize)]
pub struct Why {
    why: String,
}

#[derive(Deserialize)]
pub struct Lowered {
    places: Option<String>,
}

pub async fn get(
    State(app): State<Shared>,
    Staff(caller): Staff,
    visit: Visit,
    Path(id): Path<HookId>,
    Query(which): Query<Which>,
) -> Answer<Response> {
    page(&app, &caller, &visit, &id, which, None).await
}

pub async fn stop(
    State(app): State<Shared>,
    EngineerOrReviewer(caller): EngineerOrReviewer,
    visit: Visit,
    Path(id): Path<HookId>,
    Form(typed): Form<Why>,
) -> Answer<Response> {
    let why = typed.why.trim().to_owned();
    let done = match (1..=1_000).contains(&why.chars().count()) {
        true => stop_hook(&app, &caller, &id, why).await,
        false => Err(Problem::field(
            "why",
            "nothing says why",
            "1 to 1000 characters",
        )),
    };
    back(&app, &caller, &visit, &id, done.map(drop)).await
}

pub async fn lower(
    State(app): State<Shared>,
    EngineerOrReviewer(caller): EngineerOrReviewer,
    visit: Visit,
    Path(id): Path<HookId>,
    Form(typed): Form<Lowered>,
) -> Answer<Response> {
    let places = typed.places.as_deref().map(str::trim).map(str::parse);
    let done = match places {
        Some(Ok(places)) => {
            let body = Lower {
                places: Some(places),
                expires_at: None,
            };
            lower_hook(&app, &caller, &id, body).await
        }
        _ => Err(Problem::field(
            "places",
            "that is no number",
            "a whole number of places",
        )),
    };
    back(&app, &caller, &visit, &id, done.map(drop)).await
}

/// To the page after a deed; or the page with why it was not done.
async fn back(
    app: &App,
    caller: &Caller,
    visit: &Visit,
    id: &HookId,
    done: Answer<()>,
) -> Answer<Response> {
    let Err(problem) = done else {
        return Ok(Redirect::to(&format!("/hooks/{id}")).into_response());
    };
    if problem.status == StatusCode::NOT_FOUND {
        return Err(problem);
    }
    let which = Which {
        revision: None,
        after: None,
    };
    page(app, caller, visit, id, which, Some(problem)).await
}

async fn page(
    app: &App,
    caller: &Caller,
    visit: &Visit,
    id: &HookId,
    which: Which,
    problem: Option<Problem>,
) -> Answer<Response> {
    let record = find(app, &caller.scope, id).await?;
    let scope = &caller.scope;
    let number = match which.revision {
        Some(number) => number,
        None => latest(&record)?.revision,
    };
    let seen = async {
        let seen = viewed(app, scope, &record, Some(number)).await?;
        let about = waves::matching(app, scope, &seen.hook).await?.about;
        Ok((seen, about))
    };
    let instances = async {
        let list = listed(app, scope, &record, number, which.after).await?;
        let instances = list.items.iter().map(|i| &i.instance);
        let (names, erased) = try_join!(
            Names::of(app, scope, instances),
            erased(app, scope, &list.items)
        )?;
        Ok((list, names, erased))
    };
    let filter = EventFilter {
        hook: Some(id.clone()),
        ..EventFilter::default()
    };
    let chains = chains_of(&record.customers);
    let query = ("hook", id.as_str());
    let history = History::of(app, scope, &chains, filter, query);
    let ((seen, about), (list, names, erased), history) = try_join!(seen, instances, history)?;
    let hook = seen.view;
    let is_over = hook.state.is_final() && !hook.state.can_be_running();
    let (address, number) = (format!("/hooks/{id}"), hook.revision.to_string());
    let status = problem.as_ref().map(|p| p.status);
    let page = Page {
        chrome: Chrome::of(app, caller, visit, Section::Hooks, hook.title.as_str()),
        mark: Mark::from(&hook.state),
        ticket: record.ticket.as_ref().map(links::ticket),
        counters: seen.published.map(|r| Counters::of(&r, app.now())),
        about,
        erased,
        instances: list.items,
        names,
        next: list.next.map(|next| {
            links::with_query(
                &address,
                [("revision", number.as_str()), ("after", next.as_str())],
            )
        }),
        may_stop: !is_over && caller.may(&[Role::Engineer, Role::Reviewer], &record.customers),
        may_edit: hook.author == caller.person && caller.may(&[Role::Engineer], &record.customers),
        on_going: page_of(id, &hook.state),
        history,
        hook,
        problem,
    };
    let mut answer = html(&page)?;
    *answer.status_mut() = status.unwrap_or(StatusCode::OK);
    Ok(answer)
}

/// What instances made of a revision: claims, and where all of them stand on the page, what was answered without one.
async fn listed(
    app: &App,
    scope: &Scope,
    record: &HookRecord,
    number: u32,
    after: Option<String>,
) -> Answer<List<InstanceRow>> {
    let query = |after| InstancesQuery {
        revision: Some(number),
        after,
        limit: Some(ROWS),
    };
    let mut list = rows(app, scope, record, query(after)).await?;
    if list.next.as_deref() == Some("answers.") {
        let answers = rows(app, scope, record, query(list.next.take())).await?;
        list.items.extend(answers.items);
        list.next = answers.next;
    }
    Ok(list)
}

/// Claims whose packets came and were erased since.
async fn erased(app: &App, scope: &Scope, rows: &[InstanceRow]) -> Answer<BTreeSet<ClaimId>> {
    let accepted = rows.iter().filter(|r| r.claim == Some("accepted"));
    let claims = accepted.filter_map(|r| r.claim_id.as_ref());
    let claims = claims.map(ToString::to_string).collect();
    let kind = ErasedKind::Packet;
    let erased = app.store.erased_of(scope, kind, claims).await?;
    Ok(erased.iter().filter_map(|id| id.parse().ok()).collect())
}

impl Page {
    fn is_erased(&self, row: &InstanceRow) -> bool {
        row.claim_id
            .as_ref()
            .is_some_and(|c| self.erased.contains(c))
    }

    fn is_published(&self) -> bool {
        self.hook.state == HookState::Published
    }

    /// Such as `accepted`, or the answer's word.
    fn word(row: &InstanceRow) -> String {
        match (&row.answer, row.claim) {
            (Some(answer), _) => answer.to_string(),
            (None, Some("accepted")) => "received".to_owned(),
            (None, Some("reserved")) => "running".to_owned(),
            (None, Some(claim)) => claim.to_owned(),
            (None, None) => String::new(),
        }
    }

    fn class(row: &InstanceRow) -> &'static str {
        match (row.claim, row.answer.is_some()) {
            (Some("accepted"), _) => "good",
            (Some("reserved"), _) => "wants",
            (Some(_), _) => "bad",
            (None, true) => "over",
            (None, false) => "quiet",
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use axum::http::StatusCode;

    use crate::{
        api::tests::house::{House, id},
        ui::tests::Browser,
    };

    #[tokio::test]
    async fn a_hook_shows_its_counters_and_what_each_instance_made_of_it() {
        let house = House::new().await;
        let hook = house.published().await;
        house.packet(&hook, b"facts\n").await;
        let path = format!("/hooks/{}", id(&hook));
        let text = Browser::of(&house, "ada").await.get(&path).await.text();
        assert!(
            text.contains("<strong>1</strong> received of 10 places"),
            "{text}"
        );
        assert!(
            text.contains("received</span> <a href=\"/packets/"),
            "{text}"
        );
    }

    #[tokio::test]
    async fn a_packet_that_was_erased_is_said_to_be() {
        let house = House::new().await;
        let hook = house.published().await;
        let claim = house.packet(&hook, b"facts\n").await;
        house.packet(&hook, b"facts\n").await;
        let path = format!("/api/v1/packets/{claim}?why=a+test");
        house.ask("adam", "DELETE", &path, None).await.ok();
        let ada = Browser::of(&house, "ada").await;
        let text = ada.get(&format!("/hooks/{}", id(&hook))).await.text();
        assert_eq!(text.matches("erased</span>").count(), 1, "{text}");
        assert!(text.contains("1 of these packets was erased"), "{text}");
        assert!(!text.contains(&format!("/packets/{claim}\"")), "{text}");
        // What is gone says so, and the way on is there.
        let gone = ada.get(&format!("/packets/{claim}")).await;
        assert_eq!(gone.status, StatusCode::GONE);
        assert!(
            gone.text().contains("<nav aria-label=\"Site\">"),
            "{}",
            gone.text()
        );
    }

    #[tokio::test]
    async fn stopping_needs_a_reason_and_a_role() {
        let house = House::new().await;
        let hook = house.published().await;
        let (path, stop) = (
            format!("/hooks/{}", id(&hook)),
            format!("/hooks/{}/stop", id(&hook)),
        );
        let adam = Browser::of(&house, "adam").await;
        assert_eq!(
            adam.post(&stop, &[("why", "x")]).await.status,
            StatusCode::FORBIDDEN
        );
        let ada = Browser::of(&house, "ada").await;
        let said = ada.post(&stop, &[("why", "  ")]).await;
        assert_eq!(said.status, StatusCode::UNPROCESSABLE_ENTITY);
        let said = ada.post(&stop, &[("why", "<enough>")]).await;
        assert_eq!(said.header("location"), path, "{}", said.text());
        let text = ada.get(&path).await.text();
        assert!(
            text.contains("stopped") && text.contains("by ada:") && !text.contains("<enough>"),
            "{text}"
        );
    }

    #[tokio::test]
    async fn places_are_lowered_and_never_raised() {
        let house = House::new().await;
        let hook = house.published().await;
        let lower = format!("/hooks/{}/lower", id(&hook));
        let ada = Browser::of(&house, "ada").await;
        assert_eq!(
            ada.post(&lower, &[("places", "4")]).await.status,
            StatusCode::SEE_OTHER
        );
        for places in ["5", "many", ""] {
            let said = ada.post(&lower, &[("places", places)]).await;
            assert_eq!(said.status, StatusCode::UNPROCESSABLE_ENTITY, "{places}");
        }
        let text = ada.get(&format!("/hooks/{}", id(&hook))).await.text();
        assert!(text.contains("received of 4 places"), "{text}");
    }
}
