//! Another customer's things look on every page like things that are not there: nothing is learned from the answer.
use axum::http::StatusCode;
use boathook_hooks::ids::{ClaimId, HookId};
use serde_json::json;

use super::{
    Browser, Said, alike,
    routes::{WHO, ask, fill},
};
use crate::api::tests::{
    house::{House, TOML, id},
    operations::Things,
};

/// Ids of nothing, of the same kinds.
fn nothing(real: &Things) -> Things {
    let mut claim: ClaimId = real.claim.parse().unwrap();
    claim.reservation += 7;
    Things {
        hook: HookId::fresh().to_string(),
        claim: claim.to_string(),
        instance: "none".into(),
    }
}

/// The same request about nothing.
fn about_nothing(real: &Things, none: &Things, at: &str) -> String {
    at.replace(&real.hook, &none.hook)
        .replace(&real.claim, &none.claim)
        .replace(&real.instance, &none.instance)
        .replace("SUP-1", "SUP-2")
        .replace("acme", "nobody")
}

/// What an answer tells besides what was asked for: status, headers and body.
fn told(said: &Said, real: &Things, none: &Things) -> (StatusCode, Vec<(String, String)>, String) {
    let masked = |text: &str| about_nothing(real, none, text).replace("%3Aacme", "%3Anobody");
    let of_answer = |name: &&axum::http::HeaderName| {
        !["x-request-id", "content-length", "date"].contains(&name.as_str())
    };
    let mut headers: Vec<_> = said
        .headers
        .keys()
        .filter(of_answer)
        .map(|name| (name.to_string(), masked(said.header(name.as_str()))))
        .collect();
    headers.sort();
    (said.status, headers, masked(&alike(&said.text())))
}

/// A ticket and a draft of globex's.
async fn own(house: &House) -> String {
    let body = json!({"customer": "globex", "title": "Mine"});
    let path = "/api/v1/tickets/jira/OWN-1";
    house.ask("gil", "PUT", path, Some(body)).await.ok();
    let body = json!({"toml": TOML, "ticket": {"system": "jira", "key": "OWN-1"}});
    id(&house.post("gil", "/api/v1/hooks", body).await.ok()).to_owned()
}

#[tokio::test]
async fn every_page_about_another_customers_thing_is_that_of_nothing() {
    let house = House::new().await;
    let real = Things::make(&house).await;
    let none = nothing(&real);
    let kept = async || {
        let mut all = Vec::new();
        for (kind, own) in [
            ("hooks", &real.hook),
            ("instances", &real.instance),
            ("packets", &real.claim),
        ] {
            let path = format!("/api/v1/{kind}/{own}");
            all.push(house.get("adam", &path).await.ok());
        }
        all
    };
    let before = kept().await;
    let mut tried = 0;
    for (method, path, who) in WHO {
        if *who == "-" || !path.contains('{') || path.contains("{person}") {
            continue;
        }
        let at = fill(&real, path);
        let gil = Browser::of(&house, "gil").await;
        let hidden = ask(&gil, method, path, &at).await;
        let missing = ask(&gil, method, path, &about_nothing(&real, &none, &at)).await;
        // Admins of all customers alone may rename one.
        let wanted = match (*method, *path) {
            ("post", "/admin/customers/{id}") => StatusCode::FORBIDDEN,
            _ => StatusCode::NOT_FOUND,
        };
        assert_eq!(hidden.status, wanted, "{method} {path}: {}", hidden.text());
        let (hidden, missing) = (told(&hidden, &real, &none), told(&missing, &real, &none));
        assert_eq!(hidden, missing, "{method} {path}");
        tried += 1;
    }
    assert!(tried > 20, "{tried}");
    assert_eq!(kept().await, before);
}

#[tokio::test]
async fn what_an_address_asks_for_tells_nothing_of_others() {
    let house = House::new().await;
    let real = Things::make(&house).await;
    let none = nothing(&real);
    own(&house).await;
    let gil = Browser::of(&house, "gil").await;
    for at in [
        "/tickets?customer=acme",
        "/hooks?customer=acme",
        "/hooks?customer=acme&state=published",
        "/instances?customer=acme",
        "/packets?ticket=jira/SUP-1",
        "/packets?hook=HOOK",
        "/packets?instance=INSTANCE",
        "/hooks/HOOK?revision=1",
        "/hooks/HOOK/review?revision=1",
        "/tickets/jira/SUP-1/hooks/new?start=blank",
        "/packets/CLAIM/files/host/facts.txt?as=text&from=1&q=kernel",
        "/search?q=SUP-1",
        "/search?q=HOOK",
        "/search?q=INSTANCE",
        "/search?q=CLAIM",
        "/search?q=acme",
        "/audit?tab=days&customer=acme",
        "/audit?tab=events&chain=customer:acme",
        "/audit?tab=events&chain=customer:globex&hook=HOOK",
        "/audit?tab=events&chain=customer:globex&ticket=jira/SUP-1",
        "/audit?tab=events&chain=customer:globex&instance=INSTANCE",
        "/audit/verify?chain=customer:acme",
    ] {
        let at = at
            .replace("HOOK", &real.hook)
            .replace("INSTANCE", &real.instance)
            .replace("CLAIM", &real.claim);
        let hidden = gil.get(&at).await;
        let missing = gil.get(&about_nothing(&real, &none, &at)).await;
        let (hidden, missing) = (told(&hidden, &real, &none), told(&missing, &real, &none));
        assert_eq!(hidden, missing, "{at}");
        assert!(!hidden.2.contains("Host facts for"), "{at}");
    }
}

#[tokio::test]
async fn what_a_form_names_tells_nothing_of_others() {
    let house = House::new().await;
    let real = Things::make(&house).await;
    let none = nothing(&real);
    let hook = own(&house).await;
    let gil = Browser::of(&house, "gil").await;
    let text = |more: &str| format!("{more}\n{TOML}");
    let of_ticket = |key: &str| format!("{TOML}\n[ticket]\nsystem = \"jira\"\nkey = \"{key}\"\n");
    let named = TOML.replace(
        "everyone = true",
        &format!("instances = [\"{}\"]", real.instance),
    );
    let texts = [
        text("customers = [\"acme\"]"),
        text("customers = [\"globex\", \"acme\"]"),
        of_ticket("SUP-1"),
        format!("customers = [\"acme\"]\n{named}"),
    ];
    for toml in &texts {
        let toml_of_nothing = about_nothing(&real, &none, toml);
        for (at, act) in [
            ("/tickets/jira/OWN-1/hooks/new".to_owned(), "check"),
            ("/tickets/jira/OWN-1/hooks/new".to_owned(), "save"),
            ("/hooks/preview".to_owned(), "check"),
            (format!("/hooks/{hook}/edit"), "check"),
            (format!("/hooks/{hook}/edit"), "save"),
        ] {
            let hidden = gil.post(&at, &[("toml", toml), ("act", act)]).await;
            let missing = gil
                .post(&at, &[("toml", &toml_of_nothing), ("act", act)])
                .await;
            assert!(
                act == "check" || hidden.status.is_client_error(),
                "{at}: {toml}"
            );
            let (hidden, missing) = (told(&hidden, &real, &none), told(&missing, &real, &none));
            assert_eq!(hidden, missing, "{act} {at}: {toml}");
        }
    }
    for key in ["SUP-1", "SUP-2"] {
        let form = [("toml", TOML), ("system", "jira"), ("key", key)];
        let said = gil.post("/hooks/preview", &form).await;
        assert!(
            said.text().contains("no instance matches"),
            "{}",
            said.text()
        );
    }
}

/// An id that is no id at all is one of nothing, too.
#[tokio::test]
async fn an_id_that_cannot_be_one_is_answered_as_nothing() {
    let house = House::new().await;
    let gil = Browser::of(&house, "gil").await;
    for at in [
        "/hooks/x%20y",
        "/packets/zz",
        "/instances/%00",
        "/admin/customers/A%20B",
    ] {
        assert_eq!(gil.get(at).await.status, StatusCode::NOT_FOUND, "{at}");
    }
}
