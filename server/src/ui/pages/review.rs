//! Review: what is one about to allow on a customer's machine, and whose signatures are missing.
use std::collections::BTreeMap;

use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use boathook_hooks::{
    documents::{Document as _, hook::Hook, roster::KeyPlace},
    ids::HookId,
    keys::KeyId,
    states::HookState,
};
use boathook_schema::{HookRecord, HookRevision, RevisionRow, Role};
use serde::Deserialize;
use tokio::try_join;

use crate::{
    api::{
        extract::{Path, Query},
        hooks::{HookView, edit::sent_back, find, find_revision, latest, view::viewed},
    },
    app::{App, Shared},
    errors::{Answer, Problem},
    people::{Caller, EngineerOrReviewer, Reviewer, Staff},
    ui::{
        chrome::{Chrome, Section, html},
        differ::{self, Line},
        explained::Explained,
        forms::Form,
        links,
        pages::ticket::page_of,
        visit::Visit,
        words::Mark,
    },
};

#[derive(Template)]
#[template(path = "pages/review.html")]
struct Page {
    chrome: Chrome,
    hook: HookView,
    mark: Mark,
    ticket: Option<String>,
    x: Explained,
    reason: Vec<String>,
    /// Since the last revision that was signed by enough people; none without one.
    difference: Option<Difference>,
    payload_type: &'static str,
    may: May,
    keys: Keys,
    problem: Option<Problem>,
    words: String,
}

/// What page and script must know of the caller's keys.
struct Keys {
    /// Ids of those in browsers that the roster admits, with blanks between.
    admitted: String,
    /// Anybody's: one that the roster dropped since says no more whose it was.
    revoked: BTreeMap<KeyId, String>,
    /// Why no key of theirs counts any more.
    gone: Option<String>,
}

impl Page {
    fn newest(&self) -> u32 {
        let all = self.hook.revisions.iter().map(|r| r.revision);
        all.max().unwrap_or(self.hook.revision)
    }

    /// What changes with the text that is reviewed, for the script.
    fn bytes(&self) -> String {
        let digest = self.hook.digest.map(|d| d.to_string());
        format!("{} {}", self.newest(), digest.unwrap_or_default())
    }
}

impl Page {
    /// Where one goes on with what is not in review any more: its text for who wrote it, else its hook.
    fn onward(&self) -> Option<(String, &'static str)> {
        let to = page_of(&self.hook.id, &self.hook.state);
        match &self.hook.state {
            HookState::InReview => None,
            HookState::Draft | HookState::SentBack { .. } => {
                self.may.change.then_some((to, "Change the text"))
            }
            _ => Some((to, "To the hook's page")),
        }
    }
}

struct Difference {
    revision: u32,
    lines: Vec<Line>,
}

/// What the page offers this caller.
struct May {
    sign: bool,
    send_back: bool,
    /// What is signed or held and not published yet.
    publish: bool,
    /// Its author, who may write its text.
    change: bool,
    /// Signed already.
    has_signed: bool,
    /// A wide hook of browser keys alone needs one from elsewhere.
    needs_command: bool,
}

#[derive(Deserialize)]
pub struct Which {
    revision: Option<u32>,
}

#[derive(Deserialize)]
pub struct Typed {
    words: String,
}

pub async fn get(
    State(app): State<Shared>,
    Staff(caller): Staff,
    visit: Visit,
    Path(id): Path<HookId>,
    Query(which): Query<Which>,
) -> Answer<Response> {
    let record = find(&app, &caller.scope, &id).await?;
    page(
        &app,
        &caller,
        &visit,
        &record,
        which.revision,
        None,
        String::new(),
    )
    .await
}

pub async fn send_back(
    State(app): State<Shared>,
    Reviewer(caller): Reviewer,
    visit: Visit,
    Path(id): Path<HookId>,
    Form(typed): Form<Typed>,
) -> Answer<Response> {
    match sent_back(&app, &caller, &id, typed.words.clone()).await {
        Ok(_) => Ok(Redirect::to(&format!("/hooks/{id}/review")).into_response()),
        Err(problem) => {
            let record = find(&app, &caller.scope, &id).await?;
            page(
                &app,
                &caller,
                &visit,
                &record,
                None,
                Some(problem),
                typed.words,
            )
            .await
        }
    }
}

/// Publishes what is held.
pub async fn publish(
    State(app): State<Shared>,
    EngineerOrReviewer(caller): EngineerOrReviewer,
    Path(id): Path<HookId>,
) -> Answer<Response> {
    crate::api::hooks::publish::publish_signed(&app, &caller, &id).await?;
    Ok(Redirect::to(&format!("/hooks/{id}")).into_response())
}

async fn page(
    app: &App,
    caller: &Caller,
    visit: &Visit,
    record: &HookRecord,
    number: Option<u32>,
    problem: Option<Problem>,
    words: String,
) -> Answer<Response> {
    let row = match number {
        Some(number) => record
            .revision(number)
            .ok_or_else(|| Problem::not_found("revision"))?,
        None => latest(record)?,
    };
    let seen = async {
        let seen = viewed(app, &caller.scope, record, Some(row.revision)).await?;
        let x = Explained::of(app, &caller.scope, &seen.hook).await?;
        Ok((seen.view, x))
    };
    let ((view, x), before) = try_join!(seen, signed_before(app, caller, record, row))?;
    let status = problem.as_ref().map(|p| p.status);
    let page = Page {
        chrome: Chrome::of(
            app,
            caller,
            visit,
            Section::Hooks,
            format!("Review {}", view.title),
        ),
        mark: Mark::from(&view.state),
        ticket: record.ticket.as_ref().map(links::ticket),
        difference: before.map(|before| Difference {
            lines: differ::lines(&before.toml, &view.toml),
            revision: before.revision,
        }),
        payload_type: Hook::PAYLOAD_TYPE,
        may: may(caller, &view, x.is_wide()),
        keys: keys(app, caller),
        reason: x.words.reason.clone(),
        hook: view,
        x,
        problem,
        words,
    };
    let mut answer = html(&page)?;
    *answer.status_mut() = status.unwrap_or(StatusCode::OK);
    Ok(answer)
}

fn may(caller: &Caller, view: &HookView, is_wide: bool) -> May {
    let in_review = view.state == HookState::InReview;
    let may = |roles: &[Role]| caller.may(roles, &view.customers);
    // Publishing is of the newest revision, whichever is looked at.
    let is_newest = view
        .revisions
        .last()
        .is_some_and(|r| r.revision == view.revision);
    let waits = matches!(view.state, HookState::Signed | HookState::Held { .. });
    let has_signed = view.signatures.iter().any(|s| s.person == caller.person);
    let from_elsewhere = view.signatures.iter().any(|s| s.place != KeyPlace::Browser);
    // The other signatures that are missing may still be from browsers.
    let is_last = view.people.have + 1 >= view.people.needed as usize;
    May {
        sign: in_review && may(&[Role::Reviewer, Role::Engineer]),
        send_back: in_review && may(&[Role::Reviewer]),
        publish: waits && is_newest && may(&[Role::Reviewer, Role::Engineer]),
        change: view.author == caller.person && may(&[Role::Engineer]),
        has_signed,
        needs_command: in_review && is_wide && is_last && !from_elsewhere,
    }
}

fn keys(app: &App, caller: &Caller) -> Keys {
    let current = app.trust.current();
    let revoked = current.revoked_keys();
    let roster = current.verifier.as_ref().and_then(|t| t.roster());
    let person = roster.and_then(|r| r.people.iter().find(|p| p.person == caller.person));
    let admitted = person.into_iter().flat_map(|p| &p.keys);
    let admitted = admitted
        .filter(|k| k.place == KeyPlace::Browser && !revoked.contains_key(&k.key.id()))
        .map(|k| k.key.id().to_string())
        .collect::<Vec<_>>()
        .join(" ");
    Keys {
        admitted,
        revoked,
        gone: current.revoked_person(&caller.person),
    }
}

/// The last revision before that one that enough people had signed.
async fn signed_before(
    app: &App,
    caller: &Caller,
    record: &HookRecord,
    row: &RevisionRow,
) -> Answer<Option<HookRevision>> {
    let was_signed = |state: &HookState| {
        !matches!(
            state,
            HookState::Draft | HookState::InReview | HookState::SentBack { .. }
        )
    };
    let before = record
        .revisions
        .iter()
        .rev()
        .find(|r| r.revision < row.revision && was_signed(&r.state));
    Ok(match before {
        Some(before) => Some(find_revision(app, &caller.scope, &record.id, before.revision).await?),
        None => None,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use axum::http::StatusCode;
    use boathook_hooks::documents::revocation::Revoked;

    use crate::{
        api::tests::house::{House, TOML, id},
        ui::tests::Browser,
    };

    #[tokio::test]
    async fn a_review_shows_what_is_allowed_the_bytes_and_who_is_missing() {
        let house = House::new().await;
        let hook = house.in_review(TOML).await;
        let path = format!("/hooks/{}/review", id(&hook));
        let ben = Browser::of(&house, "ben").await;
        let text = ben.get(&path).await.text();
        assert!(
            text.contains("facts of the machine") && text.contains("0 of 2 people"),
            "{text}"
        );
        assert!(text.contains(hook["digest"].as_str().unwrap()), "{text}");
        let key = house.bench.sample.ben_browser.public().id().to_string();
        assert!(text.contains(&format!("data-admitted=\"{key}")), "{text}");
        house
            .sign("ben", &hook, &house.bench.sample.ben_browser)
            .await
            .ok();
        let text = ben.get(&path).await.text();
        assert!(
            text.contains("1 of 2 people") && text.contains("You have signed"),
            "{text}"
        );
    }

    #[tokio::test]
    async fn sent_back_needs_words_and_the_next_revision_shows_what_changed() {
        let house = House::new().await;
        let hook = house.in_review(TOML).await;
        let back = format!("/hooks/{}/send-back", id(&hook));
        let ben = Browser::of(&house, "ben").await;
        let said = ben.post(&back, &[("words", " ")]).await;
        assert_eq!(said.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(said.text().contains("aria-invalid"), "{}", said.text());
        let said = ben.post(&back, &[("words", "fewer <places>")]).await;
        assert_eq!(said.status, StatusCode::SEE_OTHER, "{}", said.text());
        let review = format!("/hooks/{}/review", id(&hook));
        let text = ben.get(&review).await.text();
        assert!(
            text.contains("sent back") && !text.contains("<places>"),
            "{text}"
        );
        // An engineer cannot.
        let ada = Browser::of(&house, "ada").await;
        assert_eq!(
            ada.post(&back, &[("words", "x")]).await.status,
            StatusCode::FORBIDDEN
        );
    }

    #[tokio::test]
    async fn what_is_held_is_published_by_whoever_may() {
        let house = House::new().await;
        let hook = house.in_review(TOML).await;
        house
            .sign("ada", &hook, &house.bench.sample.ada_browser)
            .await
            .ok();
        let mut last = house
            .signature(&hook, &house.bench.sample.ben_browser)
            .await;
        last["hold"] = true.into();
        let held = house.hook_post("ben", &hook, "signatures", last).await.ok();
        assert_eq!(held["state"]["state"], "held", "{held}");
        let path = format!("/hooks/{}/review", id(&hook));
        for (person, offered) in [
            ("ada", true),
            ("ben", true),
            ("adam", false),
            ("hana", false),
        ] {
            let text = Browser::of(&house, person).await.get(&path).await.text();
            assert_eq!(text.contains("Publish now"), offered, "{person}");
        }
        let publish = format!("/hooks/{}/publish", id(&hook));
        let adam = Browser::of(&house, "adam").await;
        assert_eq!(adam.post(&publish, &[]).await.status, StatusCode::FORBIDDEN);
        let ben = Browser::of(&house, "ben").await;
        assert_eq!(ben.post(&publish, &[]).await.status, StatusCode::SEE_OTHER);
        assert!(!ben.get(&path).await.text().contains("Publish now"));
    }

    #[tokio::test]
    async fn the_difference_is_from_the_last_revision_that_was_signed() {
        let house = House::new().await;
        let hook = house.published().await;
        let changed = TOML.replace("places = 10", "places = 4");
        let body = serde_json::json!({"toml": changed, "expect": hook["version"]});
        let path = format!("/api/v1/hooks/{}", id(&hook));
        house.ask("ada", "PUT", &path, Some(body)).await.ok();
        house
            .ask("ada", "POST", &format!("{path}/submit"), None)
            .await
            .ok();
        let text = Browser::of(&house, "ben")
            .await
            .get(&format!("/hooks/{}/review", id(&hook)))
            .await
            .text();
        assert!(text.contains("Changed since revision 1"), "{text}");
        assert!(
            text.contains("removed: </span>places = 10")
                && text.contains("added: </span>places = 4"),
            "{text}"
        );
    }

    #[tokio::test]
    async fn a_wide_hook_says_which_command_its_last_signature_needs() {
        let house = House::new().await;
        let wide = format!("{TOML}\n[[collect]]\ncollector = \"command\"\npath = \"/bin/uname\"\n");
        let hook = house.in_review(&wide).await;
        let path = format!("/hooks/{}/review", id(&hook));
        let ben = Browser::of(&house, "ben").await;
        assert!(
            !ben.get(&path)
                .await
                .text()
                .contains("A key outside of the browser")
        );
        house
            .sign("ada", &hook, &house.bench.sample.ada_browser)
            .await
            .ok();
        let text = ben.get(&path).await.text();
        assert!(text.contains("A key outside of the browser"), "{text}");
        assert!(
            text.contains(&format!("boathook hook sign {}", id(&hook))),
            "{text}"
        );
    }

    #[tokio::test]
    async fn a_key_or_a_person_that_was_revoked_is_not_offered_to_sign() {
        let house = House::new().await;
        let hook = house.in_review(TOML).await;
        let path = format!("/hooks/{}/review", id(&hook));
        let key = house.bench.sample.ben_browser.public().id();
        let revoked = |number, what| house.bench.sample.revocation(number, what);
        house.import(revoked(1, Revoked::Key(key))).await.ok();
        let ben = Browser::of(&house, "ben").await;
        let text = ben.get(&path).await.text();
        assert!(text.contains("data-admitted=\"\""), "{text}");
        assert!(text.contains(&format!("<li data-key=\"{key}\">")), "{text}");
        let own = ben.get("/me").await.text();
        assert!(own.contains("</span> revoked</span>"), "{own}");
        let hana = Browser::of(&house, "hana").await;
        let keys = hana.get("/admin/keys").await.text();
        assert!(keys.contains("take it out of the next roster"), "{keys}");
        let gone = Revoked::Person("ben".parse().unwrap());
        house.import(revoked(2, gone)).await.ok();
        let text = ben.get(&path).await.text();
        assert!(
            text.contains("You sign no more") && !text.contains("id=\"signing\""),
            "{text}"
        );
    }
}
