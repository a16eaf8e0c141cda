//! What a sign-in is worth is asked at each request: a copied cookie ends with it, a role or a customer with its grant,
//! and so does what is being watched.
use std::time::Duration;

use axum::{
    body::{Body, BodyDataStream},
    http::StatusCode,
};
use futures_util::StreamExt as _;
use tower::ServiceExt as _;

use super::Browser;
use crate::{
    agent::testing::ORIGIN,
    api::tests::{
        house::{House, id},
        operations::Things,
    },
    ui::csrf,
};

/// A stream that nothing may follow on is over by then.
const SOON: Duration = Duration::from_secs(10);

impl Browser<'_> {
    /// As a page of ours watches.
    async fn watch(&self, path: &str) -> (StatusCode, BodyDataStream) {
        let request = self.request("GET", path).body(Body::empty()).unwrap();
        let sent = self.house.bench.router.clone().oneshot(request).await;
        let response = sent.unwrap();
        (response.status(), response.into_body().into_data_stream())
    }

    /// As a script of a page of ours does.
    pub async fn api(&self, path: &str, body: &serde_json::Value) -> super::Said {
        let token = self.token.as_deref().map(csrf::masked).unwrap_or_default();
        let request = self
            .request("POST", path)
            .header("origin", ORIGIN)
            .header(csrf::HEADER, token)
            .header("content-type", "application/json");
        let request = request.body(body.to_string().into()).unwrap();
        self.house.bench.send(request).await
    }
}

/// The first event: how it stands.
async fn first(stream: &mut BodyDataStream) -> String {
    let piece = tokio::time::timeout(SOON, stream.next()).await;
    let text = String::from_utf8(piece.unwrap().unwrap().unwrap().to_vec()).unwrap();
    assert!(text.contains("data:"), "{text}");
    text
}

/// It ends soon, and tells nothing more until then.
async fn ends(mut stream: BodyDataStream) {
    let rest = async {
        while let Some(piece) = stream.next().await {
            let text = String::from_utf8(piece.unwrap().to_vec()).unwrap();
            assert!(!text.contains("data:"), "it told: {text}");
        }
    };
    let over = tokio::time::timeout(SOON, rest).await;
    over.expect("the stream goes on");
}

/// The hook's and the ticket's, as they were told first.
async fn watched(browser: &Browser<'_>, things: &Things) -> [BodyDataStream; 2] {
    let of_hook = format!("/api/v1/hooks/{}/events", things.hook);
    let (_, mut hook) = browser.watch(&of_hook).await;
    let (_, mut ticket) = browser.watch("/api/v1/tickets/jira/SUP-1/events").await;
    first(&mut hook).await;
    first(&mut ticket).await;
    [hook, ticket]
}

async fn both_end([hook, ticket]: [BodyDataStream; 2]) {
    tokio::join!(ends(hook), ends(ticket));
}

#[tokio::test]
async fn a_stolen_cookie_is_worth_nothing_once_its_owner_signed_out() {
    let house = House::new().await;
    let things = Things::make(&house).await;
    let ada = Browser::of(&house, "ada").await;
    let thief = Browser {
        token: ada.token.clone(),
        ..Browser::nobody(&house)
    };
    let page = format!("/hooks/{}", things.hook);
    assert_eq!(thief.get(&page).await.status, StatusCode::OK);
    let streams = watched(&thief, &things).await;
    assert_eq!(
        ada.post("/sign-out", &[]).await.status,
        StatusCode::SEE_OTHER
    );

    let said = thief.get(&page).await;
    assert_eq!(said.status, StatusCode::SEE_OTHER);
    assert!(said.header("location").starts_with("/sign-in?to="));
    let stop = format!("{page}/stop");
    let said = thief.post(&stop, &[("why", "mine now")]).await;
    assert_eq!(said.status, StatusCode::UNAUTHORIZED, "{}", said.text());
    assert!(
        said.text().contains("You are signed out"),
        "{}",
        said.text()
    );
    for path in [
        "/api/v1/me",
        "/api/v1/hooks",
        "/api/v1/tickets/jira/SUP-1/events",
    ] {
        assert_eq!(
            thief.get(path).await.status,
            StatusCode::UNAUTHORIZED,
            "{path}"
        );
    }
    let body = serde_json::json!({"why": "mine now"});
    let said = thief.api(&format!("/api/v1{stop}"), &body).await;
    assert_eq!(said.status, StatusCode::UNAUTHORIZED, "{}", said.text());
    // Something happens that a watcher would be told of.
    let hook = house.get("ada", &format!("/api/v1{page}")).await.ok();
    assert_eq!(hook["state"]["state"], "published", "{hook}");
    house.packet(&hook, b"x").await;
    both_end(streams).await;
}

#[tokio::test]
async fn all_other_sign_ins_end_with_one_click() {
    let house = House::new().await;
    let things = Things::make(&house).await;
    let (ada, left) = (
        Browser::of(&house, "ada").await,
        Browser::of(&house, "ada").await,
    );
    let streams = watched(&left, &things).await;
    let said = ada.post("/me/end-others", &[]).await;
    assert_eq!(said.status, StatusCode::SEE_OTHER, "{}", said.text());
    assert_eq!(left.get("/tickets").await.status, StatusCode::SEE_OTHER);
    assert_eq!(ada.get("/tickets").await.status, StatusCode::OK);
    both_end(streams).await;
}

/// What Hana makes of Ada on the admin's page.
async fn make_of_ada(house: &House, roles: &[(&str, &str)]) {
    let hana = Browser::of(house, "hana").await;
    let form = [&[("name", "Ada")], roles].concat();
    let said = hana.post("/admin/people/ada", &form).await;
    assert_eq!(said.status, StatusCode::SEE_OTHER, "{}", said.text());
}

#[tokio::test]
async fn a_role_that_is_taken_away_is_gone_at_the_next_request() {
    let house = House::new().await;
    let things = Things::make(&house).await;
    let ada = Browser::of(&house, "ada").await;
    let streams = watched(&ada, &things).await;
    let roles = [("viewer", "only"), ("viewer_customers", "acme")];
    make_of_ada(&house, &roles).await;

    let page = format!("/hooks/{}", things.hook);
    for path in ["/tickets", "/tickets/jira/SUP-1", &page, "/search?q=slow"] {
        assert_eq!(ada.get(path).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    let stop = format!("{page}/stop");
    let said = ada.post(&stop, &[("why", "still mine")]).await;
    assert_eq!(said.status, StatusCode::FORBIDDEN);
    let body = serde_json::json!({"why": "still mine"});
    let said = ada.api(&format!("/api/v1{stop}"), &body).await;
    assert_eq!(said.refusal(), (403, "forbidden".into()));
    // What is left to her works, in the same sign-in.
    assert_eq!(ada.get("/audit").await.status, StatusCode::OK);
    assert_eq!(ada.get("/").await.header("location"), "/audit");
    let hook = house.get("ben", &format!("/api/v1{page}")).await.ok();
    assert_eq!(hook["state"]["state"], "published", "{hook}");
    house.packet(&hook, b"x").await;
    both_end(streams).await;
    let (status, _) = ada.watch(&format!("/api/v1{page}/events")).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_customer_that_is_taken_away_is_gone_at_the_next_request() {
    let house = House::new().await;
    let things = Things::make(&house).await;
    let ada = Browser::of(&house, "ada").await;
    let streams = watched(&ada, &things).await;
    let roles = [("engineer", "only"), ("engineer_customers", "globex")];
    make_of_ada(&house, &roles).await;

    let page = format!("/hooks/{}", things.hook);
    let packet = format!("/packets/{}", things.claim);
    for path in ["/tickets/jira/SUP-1", &page, &packet] {
        assert_eq!(ada.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    for path in ["/", "/tickets", "/hooks", "/instances", "/packets"] {
        let said = ada.get(path).await;
        assert_eq!(said.status, StatusCode::OK, "{path}");
        assert!(
            !said.text().contains("href=\"/tickets/jira/SUP-1"),
            "{path}"
        );
        assert!(!said.text().contains(&things.hook), "{path}");
    }
    let said = ada.post(&format!("{page}/stop"), &[("why", "x")]).await;
    assert_eq!(said.status, StatusCode::NOT_FOUND);
    let hook = house.get("ben", &format!("/api/v1{page}")).await.ok();
    assert_eq!(
        (id(&hook), &hook["state"]["state"]),
        (things.hook.as_str(), &"published".into())
    );
    house.packet(&hook, b"x").await;
    both_end(streams).await;
}

#[tokio::test]
async fn a_token_opens_no_page_once_its_person_lost_the_role() {
    let house = House::new().await;
    Things::make(&house).await;
    let ada = Browser::of(&house, "ada").await;
    let form = [
        ("label", "a program"),
        ("expires_in", "1d"),
        ("role", "engineer:acme"),
        ("roles", "engineer:acme"),
    ];
    let page = ada.post("/me/tokens", &form).await.text();
    let secrets = page.split("bh_").skip(1).map(|rest| {
        let is_part = |c: &char| c.is_ascii_alphanumeric() || "_-".contains(*c);
        rest.chars().take_while(is_part).collect::<String>()
    });
    let secret = secrets.max_by_key(String::len).unwrap();
    assert!(secret.len() > 20, "{page}");
    let secret = format!("bh_{secret}");
    let program = Browser {
        token: Some(secret),
        ..Browser::nobody(&house)
    };
    assert!(program.get("/").await.text().contains("SUP-1"));
    house
        .person("ada", &[boathook_schema::Role::Viewer], None)
        .await;
    let said = program.get("/").await;
    assert_eq!(said.status, StatusCode::SEE_OTHER, "{}", said.text());
    assert_eq!(said.header("location"), "/audit");
    let me = program.get("/api/v1/me").await.text();
    assert!(!me.contains("engineer"), "{me}");
}

#[tokio::test]
async fn a_link_on_another_site_begins_no_download_and_makes_no_chain() {
    let house = House::new().await;
    let vera = Browser::of(&house, "vera").await;
    let from = async |site: &str, path: &str| {
        let request = vera.request("GET", path).header("sec-fetch-site", site);
        let request = request.body(Body::empty()).unwrap();
        house.bench.send(request).await.status.as_u16()
    };
    for path in [
        "/api/v1/audit/export?chain=customer:acme",
        "/api/v1/audit/events.csv?chain=customer:acme",
        "/audit/verify?chain=customer:acme",
    ] {
        assert_eq!(from("cross-site", path).await, 403, "{path}");
        assert!(
            [200, 303].contains(&from("same-origin", path).await),
            "{path}"
        );
        let unknown = path.replace("acme", "nobody-at-all");
        assert_eq!(from("same-origin", &unknown).await, 404, "{unknown}");
    }
    // A link to a page is what links are for.
    assert_eq!(from("cross-site", "/audit").await, 200);
    let heads = vera.get("/api/v1/audit/heads").await.text();
    assert!(!heads.contains("nobody-at-all"), "{heads}");
}
