//! Writing hooks through the real router.
#![allow(clippy::unwrap_used)]
use axum::http::StatusCode;

use crate::{
    api::tests::house::{House, TOML, id},
    ui::tests::Browser,
};

const NEW: &str = "/tickets/jira/SUP-1/hooks/new";

#[tokio::test]
async fn a_new_hook_begins_with_the_text_of_the_tickets_newest() {
    let house = House::new().await;
    house.ticket().await;
    let ada = Browser::of(&house, "ada").await;
    for title in ["Older words", "Newer words"] {
        let toml = TOML.replace("Host facts", title);
        let said = ada.post(NEW, &[("toml", &toml), ("act", "save")]).await;
        assert_eq!(said.status, StatusCode::SEE_OTHER, "{}", said.text());
    }
    let text = ada.get(NEW).await.text();
    assert!(text.contains("Newer words"), "{text}");
    assert!(!text.contains("Older words"), "{text}");
}

#[tokio::test]
async fn a_start_is_filled_in_by_its_form_and_its_packets_are_counted() {
    let house = House::new().await;
    house.ticket().await;
    let ada = Browser::of(&house, "ada").await;
    let text = ada.get(&format!("{NEW}?start=journal")).await.text();
    for part in [
        "name=\"p-units\"",
        "app.service",
        "name=\"template\" value=\"journal\"",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // What the ticket says already is asked of nobody.
    assert!(!text.contains("no customer is named") && !text.contains("nothing says what"));
    let filled = format!("{NEW}?start=journal&p-units=shop.service&p-places=3&p-title=Shop");
    let said = ada.get(&filled).await;
    assert_eq!(said.status, StatusCode::OK);
    let text = said.text();
    assert!(
        text.contains("places = 3") && text.contains("shop.service"),
        "{text}"
    );
    let wrong = ada
        .get(&format!("{NEW}?start=journal&p-places=0&p-title=Shop"))
        .await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let text = wrong.text();
    assert!(
        text.contains("id=\"p-places-wrong\"") && text.contains("aria-invalid"),
        "{text}"
    );
    assert!(
        text.contains("places = 5") && text.contains("value=\"0\""),
        "{text}"
    );
    assert_eq!(
        ada.get(&format!("{NEW}?start=nope")).await.status,
        StatusCode::NOT_FOUND
    );

    let form = [("toml", TOML), ("act", "submit"), ("template", "journal")];
    let said = ada.post(NEW, &form).await;
    let review = said.header("location").to_owned();
    let path = format!("/api/v1{}", review.trim_end_matches("/review"));
    let hook = house.get("ada", &path).await.ok();
    assert_eq!(hook["template"], "journal");
    house
        .sign("ada", &hook, &house.bench.sample.ada_browser)
        .await
        .ok();
    house
        .sign("ben", &hook, &house.bench.sample.ben_browser)
        .await
        .ok();
    crate::control::refresh(&house.bench.app).await.unwrap();
    for word in ["yes", "no", "yes"] {
        let claim = house.packet(&hook, b"x").await;
        let said = ada
            .post(&format!("/packets/{claim}/verdict"), &[("answered", word)])
            .await;
        assert_eq!(said.status, StatusCode::SEE_OTHER, "{}", said.text());
    }
    let text = ada.get(&format!("{NEW}?start=postgres")).await.text();
    assert_eq!(text.matches("answered 2 of 3").count(), 1, "{text}");
    // The ticket's next hook is of the same start.
    let text = ada.get(NEW).await.text();
    assert!(
        text.contains("name=\"template\" value=\"journal\""),
        "{text}"
    );
    let body = serde_json::json!({"toml": TOML, "template": "nope"});
    assert_eq!(
        house.post("ada", "/api/v1/hooks", body).await.field(),
        "template"
    );
}

#[tokio::test]
async fn the_explanation_names_instances_of_ones_own_customers() {
    let house = House::new().await;
    house.ticket().await;
    let mut sim = house.bench.instance().await;
    sim.facts.name = "shop-07".to_owned();
    sim.renew().await;
    let mut theirs = house.bench.instance_of("globex").await;
    theirs.facts.name = "globex-secret".to_owned();
    theirs.renew().await;
    let ada = Browser::of(&house, "ada").await;
    let form = [("toml", TOML), ("system", "jira"), ("key", "SUP-1")];
    let text = ada.post("/hooks/preview", &form).await.text();
    assert!(
        text.contains("about 1 instance matches") && text.contains("shop-07"),
        "{text}"
    );
    let toml = TOML.replacen("title", "customers = [\"globex\"]\ntitle", 1);
    let text = ada.post("/hooks/preview", &[("toml", &toml)]).await.text();
    assert!(text.contains("no instance matches"), "{text}");
    assert!(!text.contains("globex-secret"), "{text}");
}

#[tokio::test]
async fn a_text_with_a_fault_keeps_what_was_typed_and_says_what_is_wrong() {
    let house = House::new().await;
    house.ticket().await;
    let ada = Browser::of(&house, "ada").await;
    let typed = TOML.replace("places = 10", "places = 0 # <mine>");
    let said = ada.post(NEW, &[("toml", &typed), ("act", "save")]).await;
    assert_eq!(said.status, StatusCode::UNPROCESSABLE_ENTITY);
    let text = said.text();
    assert!(
        text.contains("places = 0 # &#60;mine&#62;") || text.contains("places = 0 # &lt;mine&gt;"),
        "{text}"
    );
    assert!(
        text.contains("limits.places") && text.contains("Nothing was saved"),
        "{text}"
    );
    assert_eq!(
        house.get("ada", "/api/v1/hooks").await.ok()["items"]
            .as_array()
            .unwrap()
            .len(),
        0
    );
}

#[tokio::test]
async fn a_draft_is_saved_changed_and_sent_to_review() {
    let house = House::new().await;
    house.ticket().await;
    let ada = Browser::of(&house, "ada").await;
    // As a browser sends it.
    let typed = TOML.replace('\n', "\r\n");
    let said = ada.post(NEW, &[("toml", &typed), ("act", "save")]).await;
    assert_eq!(said.status, StatusCode::SEE_OTHER, "{}", said.text());
    let edit = said.header("location").to_owned();
    let page = ada.get(&edit).await.text();
    assert!(
        page.contains("Host facts") && page.contains("name=\"expect\""),
        "{page}"
    );

    let expect = page.split("name=\"expect\" value=\"").nth(1).unwrap();
    let expect = expect.split('"').next().unwrap();
    let changed = TOML.replace("Host facts", "Facts of the host");
    let form = [
        ("toml", changed.as_str()),
        ("expect", expect),
        ("act", "submit"),
    ];
    let said = ada.post(&edit, &form).await;
    assert!(
        said.header("location").ends_with("/review"),
        "{}",
        said.text()
    );
    // Somebody with the page of before is told, and keeps the words.
    let said = ada.post(&edit, &form).await;
    assert_eq!(said.status, StatusCode::CONFLICT, "{}", said.text());
    assert!(said.text().contains("Facts of the host"));
}

#[tokio::test]
async fn only_engineers_write_and_only_authors_change() {
    let house = House::new().await;
    let draft = house.draft(TOML).await;
    for (person, path) in [
        ("ben", NEW.to_owned()),
        ("ben", format!("/hooks/{}/edit", id(&draft))),
    ] {
        let ben = Browser::of(&house, person).await;
        let said = ben.post(&path, &[("toml", TOML), ("act", "save")]).await;
        assert_eq!(said.status, StatusCode::FORBIDDEN, "{person} {path}");
    }
    let gil = Browser::of(&house, "gil").await;
    let said = gil.get(&format!("/hooks/{}/edit", id(&draft))).await;
    assert_eq!(said.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_preview_follows_the_text() {
    let house = House::new().await;
    house.ticket().await;
    let ada = Browser::of(&house, "ada").await;
    let said = ada.post("/hooks/preview", &[("toml", "title = 5")]).await;
    assert!(said.text().contains("What is wrong"), "{}", said.text());
    let said = ada
        .post(
            "/hooks/preview",
            &[("toml", TOML), ("system", "jira"), ("key", "SUP-1")],
        )
        .await;
    assert!(
        said.text().contains("facts of the machine"),
        "{}",
        said.text()
    );
}
