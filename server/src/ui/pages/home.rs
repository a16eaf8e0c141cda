//! Home: what needs me. Each part is a page of one list by key, and what it names is read by id.
use std::collections::BTreeSet;

use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse as _, Redirect, Response},
};
use boathook_hooks::{
    documents::roster::RosterPerson,
    states::{HookState, StoppedBy},
    time::{DAY, Time},
};
use boathook_schema::{
    HookFilter, HookRecord, Packet, PacketsBy, Page as Rows, Role, Scope, Ticket, TicketRef,
};
use futures_util::future::try_join_all;
use serde::Deserialize;
use tokio::try_join;

use crate::{
    api::hooks::{authoring::bounds, counts_as},
    app::{App, Shared},
    errors::{Answer, IntoAnswer as _, Problem},
    people::{AnyRole, Caller, Staff},
    ui::{
        chrome::{Chrome, Section, html},
        forms::Form,
        links,
        names::Names,
        packets::summary::Tally,
        shown::Shown,
        visit::Visit,
        words::Mark,
    },
};

/// Hooks in review that are looked through.
const REVIEWS: u32 = 50;
/// The person's newest hooks, of which the rest of the page is told.
const OWN: u32 = 50;
/// Of those, so many are asked for their newest packets.
const ASKED: usize = 12;
/// Newest packets of each of them.
const EACH: u32 = 6;
/// Lines of each part.
const LINES: usize = 10;
/// What a person who has never said so has not seen.
const FIRST_DAYS: i64 = 7;

#[derive(Template)]
#[template(path = "pages/home.html")]
struct Page {
    chrome: Chrome,
    reviews: Vec<HookRecord>,
    /// As many people as must sign a hook.
    needed: usize,
    sent_back: Vec<HookRecord>,
    ended: Vec<Ended>,
    news: Vec<News>,
    more_news: bool,
    tickets: Vec<Ticket>,
    /// Whether those are the ones that they wrote hooks for.
    own_tickets: bool,
    signs: bool,
    writes: bool,
    /// Until when they have seen what came, and the page's own time: what comes after is news still.
    seen: Option<Time>,
    now: String,
}

/// A hook of theirs that stopped, or whose runs fail.
struct Ended {
    hook: HookRecord,
    mark: Mark,
}

struct News {
    href: String,
    instance: Shown,
    hook: Shown,
    ticket: Option<(String, Shown)>,
    at: Time,
    tally: Tally,
}

pub async fn get(
    State(app): State<Shared>,
    AnyRole(caller): AnyRole,
    visit: Visit,
) -> Answer<Response> {
    let Some(scope) = caller.as_staff() else {
        return Ok(Redirect::to("/audit").into_response());
    };
    let caller = Caller { scope, ..caller };
    let scope = &caller.scope;
    let has = |roles: &[Role]| caller.roles.iter().any(|g| roles.contains(&g.role));
    let own = HookFilter {
        author: Some(caller.person.clone()),
        ..HookFilter::default()
    };
    let sent_back = HookFilter {
        state: Some("sent back".into()),
        ..own.clone()
    };
    let (seen, sent_back, own, reviews) = try_join!(
        async { Ok(app.store.seen(scope, &caller.person).await?) },
        async { Ok(app.store.hooks(scope, sent_back, lines()).await?.items) },
        async { Ok(app.store.hooks(scope, own, Rows::first(OWN)).await?.items) },
        reviews(&app, &caller),
    )?;
    let since = seen.unwrap_or(app.now().plus_ms(-FIRST_DAYS * DAY));
    let ((news, more_news), (tickets, own_tickets), ended) = try_join!(
        news(&app, scope, &own, since),
        tickets(&app, scope, &own),
        ended(&app, &caller, &own, since),
    )?;
    html(&Page {
        chrome: Chrome::of(&app, &caller, &visit, Section::Home, "Home"),
        reviews,
        needed: people_needed(&app),
        sent_back,
        ended,
        news,
        more_news,
        tickets,
        own_tickets,
        signs: has(&[Role::Engineer, Role::Reviewer]),
        writes: has(&[Role::Engineer]),
        seen,
        now: app.now().to_string(),
    })
}

#[derive(Deserialize)]
pub struct Looked {
    /// The time of the page that was looked at.
    at: String,
}

/// What came until the page was made is seen.
pub async fn seen(
    State(app): State<Shared>,
    Staff(caller): Staff,
    Form(looked): Form<Looked>,
) -> Answer<Response> {
    let at = looked.at.parse::<Time>();
    let at = at.map_err(|_| Problem::field("at", "that is no time", "a time as of RFC 3339"))?;
    let write = caller.write(app.now());
    app.store
        .mark_seen(&caller.scope, write, at)
        .await
        .answer()?;
    Ok(Redirect::to("/").into_response())
}

fn lines() -> Rows {
    Rows::first(LINES as u32)
}

/// Hooks in review for whose bytes this person's signature is missing, and would count.
async fn reviews(app: &App, caller: &Caller) -> Answer<Vec<HookRecord>> {
    let in_review = HookFilter {
        state: Some("in review".into()),
        ..HookFilter::default()
    };
    let page = Rows::first(REVIEWS);
    let hooks = app.store.hooks(&caller.scope, in_review, page).await?;
    let current = app.trust.current();
    let roster = current.verifier.as_ref().and_then(|t| t.roster());
    let known = roster.and_then(|r| r.people.iter().find(|p| p.person == caller.person));
    let needed = people_needed(app);
    // Signed by enough people it waits for a key of another place, which may be theirs, too.
    let waits = |hook: &HookRecord| waits_for(caller, known, hook, signers(hook) >= needed);
    Ok(hooks.items.into_iter().filter(waits).take(LINES).collect())
}

fn people_needed(app: &App) -> usize {
    usize::try_from(bounds(app).hook_people).unwrap_or(usize::MAX)
}

/// How many people have signed its latest revision.
fn signers(hook: &HookRecord) -> usize {
    hook.latest().map_or(0, |r| r.signed_by.len())
}

fn waits_for(
    caller: &Caller,
    known: Option<&RosterPerson>,
    hook: &HookRecord,
    lacks_key: bool,
) -> bool {
    let signed = hook
        .latest()
        .is_some_and(|r| r.signed_by.contains(&caller.person));
    let is_author = hook.author == caller.person;
    let counts = match known {
        Some(person) => counts_as(person, &hook.author, &hook.customers, hook.opted_in).is_ok(),
        // Without an admitted key yet: the page of the hook says what to do.
        None => is_author || caller.may(&[Role::Reviewer], &hook.customers),
    };
    (!signed || lacks_key)
        && counts
        && caller.may(&[Role::Engineer, Role::Reviewer], &hook.customers)
}

/// Those that somebody or something else stopped since, and those whose runs fail.
async fn ended(app: &App, caller: &Caller, own: &[HookRecord], since: Time) -> Answer<Vec<Ended>> {
    let read = own.iter().map(async |hook| -> Answer<Option<Ended>> {
        let Some(latest) = hook.latest() else {
            return Ok(None);
        };
        let mark = match (&latest.state, latest.digest) {
            (HookState::Stopped { by, .. }, _) => {
                let own = matches!(by, StoppedBy::Person(p) if *p == caller.person);
                (hook.changed_at > since && !own).then(|| Mark::from(&latest.state))
            }
            (HookState::Published, Some(digest)) => {
                let revision = app.store.revision(&caller.scope, &digest).await?;
                revision.and_then(|r| failing(r.usage.failed))
            }
            _ => None,
        };
        Ok(mark.map(|mark| Ended {
            hook: hook.clone(),
            mark,
        }))
    });
    let all = try_join_all(read).await?;
    Ok(all.into_iter().flatten().take(LINES).collect())
}

fn failing(runs: u32) -> Option<Mark> {
    let why = match runs {
        0 => return None,
        1 => "1 run failed".to_owned(),
        n => format!("{n} runs failed"),
    };
    Some(Mark {
        word: "failing",
        shape: "✕",
        class: "bad",
        why: Some(Shown::of(&why)),
    })
}

/// What came for their hooks since then, newest first, and whether there is more.
async fn news(
    app: &App,
    scope: &Scope,
    own: &[HookRecord],
    since: Time,
) -> Answer<(Vec<News>, bool)> {
    // What was never published has none, and what ended long before then gets none any more.
    let brings = |hook: &&HookRecord| {
        let is_open = hook
            .latest()
            .is_some_and(|r| r.state == HookState::Published);
        hook.revisions.iter().any(|r| r.digest.is_some())
            && (is_open || hook.changed_at.plus_ms(FIRST_DAYS * DAY) > since)
    };
    let asked = own.iter().filter(brings).take(ASKED);
    let read = asked.map(async |hook| -> Answer<Vec<(&HookRecord, Packet)>> {
        let by = PacketsBy::Hook(hook.id.clone());
        let page = app.store.packets(scope, by, Rows::first(EACH)).await?;
        let new = page.items.into_iter().filter(|p| p.received_at > since);
        Ok(new.map(|packet| (hook, packet)).collect())
    });
    let mut more = false;
    let mut all = Vec::new();
    for some in try_join_all(read).await? {
        more |= some.len() == EACH as usize;
        all.extend(some);
    }
    all.sort_by_key(|(_, packet)| std::cmp::Reverse(packet.received_at));
    more |= all.len() > LINES;
    all.truncate(LINES);
    let names = Names::of(app, scope, all.iter().map(|(_, p)| p.instance())).await?;
    let line = |(hook, packet): (&HookRecord, Packet)| News {
        href: format!("/packets/{}", packet.claim),
        instance: names.get(packet.instance()),
        hook: Shown::cut(&hook.title, 80),
        ticket: packet
            .ticket
            .as_ref()
            .map(|t| (links::ticket(t), Shown::cut(&t.key, 80))),
        at: packet.received_at,
        tally: Tally::of_summaries(&packet.sections),
    };
    Ok((all.into_iter().map(line).collect(), more))
}

/// Their own, by the hooks that they wrote; else the newest of their customers.
async fn tickets(app: &App, scope: &Scope, own: &[HookRecord]) -> Answer<(Vec<Ticket>, bool)> {
    let mut known = BTreeSet::new();
    let refs = own.iter().filter_map(|h| h.ticket.as_ref());
    let refs: Vec<&TicketRef> = refs.filter(|t| known.insert(*t)).take(LINES * 2).collect();
    let read = refs.into_iter().map(|at| app.store.ticket(scope, at));
    let own: Vec<Ticket> = try_join_all(read).await?.into_iter().flatten().collect();
    let open =
        |all: Vec<Ticket>| -> Vec<Ticket> { all.into_iter().filter(is_open).take(LINES).collect() };
    let own = open(own);
    if !own.is_empty() {
        return Ok((own, true));
    }
    let newest = app.store.tickets(scope, None, Rows::first(30)).await?;
    Ok((open(newest.items), false))
}

impl Page {
    /// Enough people have signed, and none of them with a key outside of a browser.
    fn lacks_key(&self, hook: &HookRecord) -> bool {
        signers(hook) >= self.needed
    }

    fn mark(hook: &HookRecord) -> Option<Mark> {
        hook.latest().map(|r| Mark::from(&r.state))
    }
}

/// As far as the other system's word tells.
fn is_open(ticket: &Ticket) -> bool {
    let word = ticket.state.as_deref().unwrap_or_default().to_lowercase();
    ![
        "closed",
        "done",
        "resolved",
        "solved",
        "cancelled",
        "canceled",
    ]
    .contains(&word.as_str())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use axum::http::StatusCode;
    use boathook_schema::Role;
    use serde_json::json;

    use crate::{
        api::tests::house::{House, TOML, id},
        ui::tests::Browser,
    };

    async fn home(house: &House, person: &str) -> String {
        Browser::of(house, person).await.get("/").await.text()
    }

    #[tokio::test]
    async fn a_review_waits_for_whose_signature_is_missing_and_would_count() {
        let house = House::new().await;
        let hook = house.in_review(TOML).await;
        house.person("eve", &[Role::Engineer], Some("acme")).await;
        house.person("ray", &[Role::Reviewer], Some("acme")).await;
        let link = format!("/hooks/{}/review", id(&hook));
        // Ray has no key yet, and the hook's page says what to do; Eve is neither author nor reviewer.
        for (person, waits) in [
            ("ada", true),
            ("ben", true),
            ("ray", true),
            ("eve", false),
            ("adam", false),
            ("gil", false),
            ("hana", false),
        ] {
            assert_eq!(
                home(&house, person).await.contains(&link),
                waits,
                "{person}"
            );
        }
        house
            .sign("ada", &hook, &house.bench.sample.ada_browser)
            .await
            .ok();
        assert!(!home(&house, "ada").await.contains(&link));
        assert!(home(&house, "ben").await.contains(&link));
    }

    #[tokio::test]
    async fn a_wide_hook_that_browsers_alone_have_signed_waits_still() {
        let house = House::new().await;
        let wide = format!("{TOML}\n[[collect]]\ncollector = \"command\"\npath = \"/bin/uname\"\n");
        let hook = house.in_review(&wide).await;
        let (sample, missing) = (
            &house.bench.sample,
            "a key outside of the browser is missing",
        );
        house.sign("ada", &hook, &sample.ada_browser).await.ok();
        assert!(!home(&house, "ben").await.contains(missing));
        house.sign("ben", &hook, &sample.ben_browser).await.ok();
        for person in ["ada", "ben"] {
            let text = home(&house, person).await;
            assert!(
                text.contains(&format!("/hooks/{}/review", id(&hook))),
                "{person}"
            );
            assert!(text.contains(missing), "{person}");
        }
    }

    #[tokio::test]
    async fn what_was_sent_back_is_the_authors() {
        let house = House::new().await;
        let hook = house.in_review(TOML).await;
        house
            .hook_post(
                "ben",
                &hook,
                "send-back",
                json!({"words": "fewer\u{202e} <places>"}),
            )
            .await
            .ok();
        let text = home(&house, "ada").await;
        assert!(
            text.contains(&format!("/hooks/{}/edit", id(&hook))),
            "{text}"
        );
        assert!(text.contains("fewer") && !text.contains("<places>") && !text.contains('\u{202e}'));
        assert!(!home(&house, "ben").await.contains("fewer"));
    }

    #[tokio::test]
    async fn packets_and_stopped_hooks_are_news_until_they_are_seen() {
        let house = House::new().await;
        let hook = house.published().await;
        let claim = house.packet(&hook, b"facts\n").await;
        house
            .hook_post("ben", &hook, "stop", json!({"why": "enough of it"}))
            .await
            .ok();
        let ada = Browser::of(&house, "ada").await;
        let text = ada.get("/").await.text();
        let packet = format!("/packets/{claim}");
        assert!(
            text.contains(&packet) && text.contains("enough of it"),
            "{text}"
        );
        assert!(text.contains("/tickets/jira/SUP-1"), "{text}");
        let others = home(&house, "ben").await;
        assert!(
            !others.contains(&packet) && !others.contains("enough of it"),
            "{others}"
        );
        let at = text.split("name=\"at\" value=\"").nth(1).unwrap();
        let at = at.split('"').next().unwrap();
        let said = ada.post("/seen", &[("at", at)]).await;
        assert_eq!(
            (said.status, said.header("location")),
            (StatusCode::SEE_OTHER, "/")
        );
        let text = ada.get("/").await.text();
        assert!(
            !text.contains(&packet) && !text.contains("enough of it"),
            "{text}"
        );
        assert!(text.contains("/tickets/jira/SUP-1"), "{text}");
        let said = ada.post("/seen", &[("at", "yesterday")]).await;
        assert_eq!(said.status, StatusCode::UNPROCESSABLE_ENTITY);
        let vera = Browser::of(&house, "vera").await;
        assert_eq!(
            vera.post("/seen", &[("at", at)]).await.status,
            StatusCode::FORBIDDEN
        );
        assert_eq!(vera.get("/").await.header("location"), "/audit");
    }

    #[tokio::test]
    async fn without_own_hooks_the_customers_open_tickets_stand_there() {
        let house = House::new().await;
        let empty = home(&house, "ada").await;
        assert!(empty.contains("boathook ticket put"), "{empty}");
        house.ticket().await;
        let body = json!({"customer": "acme", "title": "Old", "state": "Closed"});
        house
            .ask("ada", "PUT", "/api/v1/tickets/jira/SUP-0", Some(body))
            .await
            .ok();
        let text = home(&house, "ben").await;
        assert!(text.contains("Slow") && !text.contains("SUP-0"), "{text}");
        assert!(!home(&house, "gil").await.contains("Slow"));
    }
}
