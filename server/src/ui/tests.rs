//! Pages through the real router: who gets in, what no other site can do, what browsers are told.
#![allow(clippy::unwrap_used)]
mod routes;
mod sessions;
mod strangers;
mod together;

use axum::{
    body::Body,
    http::{Request, StatusCode},
};

use crate::{
    agent::testing::{ORIGIN, Said},
    api::tests::house::House,
    ui::csrf,
};

/// A browser: it sends its cookie and says where it comes from.
pub struct Browser<'a> {
    pub house: &'a House,
    pub token: Option<String>,
    pub origin: Option<&'static str>,
}

impl<'a> Browser<'a> {
    pub async fn of(house: &'a House, person: &str) -> Self {
        Self {
            house,
            token: Some(house.token(person).await),
            origin: Some(ORIGIN),
        }
    }

    pub fn nobody(house: &'a House) -> Self {
        Self {
            house,
            token: None,
            origin: Some(ORIGIN),
        }
    }

    pub fn request(&self, method: &str, path: &str) -> axum::http::request::Builder {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("accept", "text/html,*/*;q=0.8");
        if let Some(token) = &self.token {
            request = request.header("cookie", format!("__Host-boathook={token}"));
        }
        if let (Some(origin), "POST") = (self.origin, method) {
            request = request.header("origin", origin);
        }
        request
    }

    pub async fn get(&self, path: &str) -> Said {
        let request = self.request("GET", path).body(Body::empty()).unwrap();
        self.house.bench.send(request).await
    }

    /// A form of a page of ours: its token is added.
    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Said {
        let token = self.token.as_deref().map(csrf::masked).unwrap_or_default();
        self.post_as_is(path, &[form, &[("csrf", &token)]].concat())
            .await
    }

    pub async fn post_as_is(&self, path: &str, form: &[(&str, &str)]) -> Said {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let request = self
            .request("POST", path)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(body))
            .unwrap();
        self.house.bench.send(request).await
    }
}

/// A page without what is another one each time: its request's number, and its forms' token.
pub fn alike(text: &str) -> String {
    let mut text = text.to_owned();
    for before in [
        "boathook-csrf\" content=\"",
        "name=\"csrf\" value=\"",
        "Request <code>",
    ] {
        let mut parts = text.split(before);
        let mut kept = parts.next().unwrap().to_owned();
        for part in parts {
            kept.push_str(before);
            kept.push_str(&part[part.find(['"', '<']).unwrap()..]);
        }
        text = kept;
    }
    text
}

#[tokio::test]
async fn who_is_not_signed_in_is_asked_to_be_and_comes_back_to_the_page() {
    let house = House::new().await;
    let said = Browser::nobody(&house).get("/tickets?customer=acme").await;
    assert_eq!(said.status, StatusCode::SEE_OTHER);
    assert_eq!(
        said.header("location"),
        "/sign-in?to=%2Ftickets%3Fcustomer%3Dacme"
    );
    let said = Browser::nobody(&house)
        .get("/sign-in?to=//evil.example")
        .await;
    assert!(
        said.text().contains(r#"name="to" value="/""#),
        "{}",
        said.text()
    );
}

#[tokio::test]
async fn a_cookie_signs_in_to_pages_and_to_the_api() {
    let house = House::new().await;
    let ada = Browser::of(&house, "ada").await;
    assert!(
        ada.get("/tickets")
            .await
            .text()
            .contains("<h1>Tickets</h1>")
    );
    assert_eq!(ada.get("/api/v1/me").await.ok()["person"], "ada");
    let said = ada.post("/sign-out", &[]).await;
    assert_eq!(said.status, StatusCode::SEE_OTHER);
    assert!(said.header("set-cookie").contains("Max-Age=0"));
    // A copy of the cookie is worth nothing any more.
    assert_eq!(ada.get("/tickets").await.status, StatusCode::SEE_OTHER);
    assert_eq!(ada.get("/api/v1/me").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn another_site_does_nothing_in_a_persons_name() {
    let house = House::new().await;
    let mut ada = Browser::of(&house, "ada").await;
    let own = csrf::masked(ada.token.as_deref().unwrap());
    let of_ben = csrf::masked(&house.token("ben").await);
    // Without the token, or with another's.
    for form in [vec![], vec![("csrf", "x")], vec![("csrf", of_ben.as_str())]] {
        let said = ada.post_as_is("/sign-out", &form).await;
        assert_eq!(said.status, StatusCode::FORBIDDEN, "{form:?}");
    }
    // With it, but from elsewhere, or by a browser that does not say from where.
    for origin in [Some("https://evil.example"), Some("null"), None] {
        ada.origin = origin;
        let said = ada.post_as_is("/sign-out", &[("csrf", &own)]).await;
        assert_eq!(said.status, StatusCode::FORBIDDEN, "{origin:?}");
    }
    assert_eq!(ada.get("/tickets").await.status, StatusCode::OK);
    ada.origin = Some(ORIGIN);
    let said = ada.post_as_is("/sign-out", &[("csrf", &own)]).await;
    assert_eq!(said.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_sign_in_of_another_site_is_refused() {
    let house = House::new().await;
    let mut nobody = Browser::nobody(&house);
    nobody.origin = Some("https://evil.example");
    let said = nobody
        .post_as_is("/sign-in", &[("person", "ada"), ("password", "x")])
        .await;
    assert_eq!(said.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_cookie_changes_nothing_through_the_api_without_the_header() {
    let house = House::new().await;
    let ada = Browser::of(&house, "ada").await;
    let token = csrf::masked(ada.token.as_deref().unwrap());
    for (header, status) in [("", 403), (token.as_str(), 204)] {
        let request = ada
            .request("DELETE", "/api/v1/sign-in")
            .header("origin", ORIGIN)
            .header(csrf::HEADER, header)
            .body(Body::empty())
            .unwrap();
        assert_eq!(house.bench.send(request).await.status.as_u16(), status);
    }
}

#[tokio::test]
async fn a_viewer_is_refused_the_pages_of_staff() {
    let house = House::new().await;
    let vera = Browser::of(&house, "vera").await;
    let said = vera.get("/tickets").await;
    assert_eq!(said.status, StatusCode::FORBIDDEN);
    assert!(
        said.text().contains("<h1>Not for you</h1>"),
        "{}",
        said.text()
    );
    assert_eq!(vera.get("/").await.header("location"), "/audit");
}

#[tokio::test]
async fn every_page_and_every_error_has_the_strict_headers() {
    let house = House::new().await;
    let ada = Browser::of(&house, "ada").await;
    for path in [
        "/",
        "/sign-in",
        "/nothing",
        "/tickets?after=x",
        "/assets/none",
    ] {
        let said = ada.get(path).await;
        let policy = said.header("content-security-policy");
        assert!(
            policy.contains("default-src 'none'") && !policy.contains("unsafe"),
            "{path}"
        );
        assert!(policy.contains("frame-ancestors 'none'"), "{path}");
        assert_eq!(said.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(
            said.header("content-type"),
            "text/html; charset=utf-8",
            "{path}"
        );
        assert!(
            said.header("strict-transport-security").contains("max-age"),
            "{path}"
        );
        for inline in ["<script>", "style=", "onclick=", "javascript:"] {
            assert!(!said.text().contains(inline), "{path}: {inline}");
        }
    }
}

#[tokio::test]
async fn what_others_wrote_is_shown_as_text() {
    let house = House::new().await;
    let title = r#"<script>alert(1)</script>" onload='x' {{7*7}}"#;
    let body = serde_json::json!({"customer": "acme", "title": title});
    let token = house.token("ada").await;
    house
        .send(
            Some(&token),
            "PUT",
            "/api/v1/tickets/jira/%3Cb%3E-1",
            Some(&body),
        )
        .await
        .ok();
    let text = Browser::of(&house, "ada")
        .await
        .get("/tickets")
        .await
        .text();
    assert!(
        !text.contains("<script>alert") && !text.contains("<b>-1"),
        "{text}"
    );
    assert!(
        text.contains("alert(1)") && text.contains("{{7*7}}"),
        "{text}"
    );
    assert!(text.contains(r#"href="/tickets/jira/%3Cb%3E-1""#), "{text}");
}

#[tokio::test]
async fn an_error_page_shows_the_way_on_to_whoever_is_signed_in() {
    let house = House::new().await;
    let ada = Browser::of(&house, "ada").await;
    let said = ada.get("/nothing").await;
    assert_eq!(said.status, StatusCode::NOT_FOUND);
    let text = said.text();
    assert!(text.contains("<h1>Nothing is here</h1>") && text.contains("href=\"/hooks\""));
    assert!(!text.contains("href=\"/admin\""), "she is no admin");
    let text = Browser::nobody(&house).get("/nothing").await.text();
    assert!(!text.contains("<nav"), "{text}");
    let stale = Browser {
        token: Some(format!("bh_{}", "A".repeat(43))),
        ..Browser::nobody(&house)
    };
    assert!(!stale.get("/nothing").await.text().contains("<nav"));
}

#[tokio::test]
async fn an_address_of_the_api_that_is_none_stays_a_problem() {
    let house = House::new().await;
    let said = Browser::of(&house, "ada")
        .await
        .get("/api/v1/nothing")
        .await;
    assert_eq!(said.refusal(), (404, "not_found".into()));
}

#[tokio::test]
async fn what_cannot_be_done_now_says_when_to_try_again() {
    let house = House::new().await;
    let said = Browser::nobody(&house).get("/maintenance?x=1").await;
    assert_eq!(said.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(said.header("retry-after"), "60");
    let text = said.text();
    assert!(
        text.contains("in 60 s") && text.contains("href=\"/maintenance?x=1\""),
        "{text}"
    );
}
