//! Two people at one review at once: nothing is signed that was not shown, and each is told what happened.
use axum::http::StatusCode;
use boathook_hooks::{documents::Document as _, documents::hook::Hook, envelope::pae, ids::Digest};
use serde_json::{Value, json};

use super::{Browser, Said};
use crate::api::tests::house::{House, TOML, id};

/// A review page as somebody has it open: with the bytes that it shows and that the script of it signs.
struct Open<'a> {
    browser: Browser<'a>,
    path: String,
    revision: u64,
    payload: Vec<u8>,
    digest: String,
    text: String,
}

impl<'a> Open<'a> {
    async fn by(house: &'a House, person: &str, hook: &Value) -> Self {
        let browser = Browser::of(house, person).await;
        let path = format!("/hooks/{}", id(hook));
        let said = browser.get(&format!("{path}/review")).await;
        assert_eq!(said.status, StatusCode::OK, "{}", said.text());
        let text = said.text();
        let of = |name: &str| {
            let rest = text.split(&format!("data-{name}=\"")).nth(1);
            rest.unwrap().split('"').next().unwrap().to_owned()
        };
        let revision = of("revision").parse().unwrap();
        let bytes = format!("/api/v1{path}/revisions/{revision}/payload");
        let payload = browser.get(&bytes).await.body.to_vec();
        let digest = of("digest");
        assert_eq!(Digest::of(&payload).to_string(), digest);
        Self {
            browser,
            path,
            revision,
            payload,
            digest,
            text,
        }
    }

    /// The button: over the bytes of this page, whatever became of the hook.
    async fn sign(&self, hold: bool) -> Said {
        let sample = &self.browser.house.bench.sample;
        let own = self.text.contains("data-person=\"ada\"");
        let key = if own {
            &sample.ada_browser
        } else {
            &sample.ben_browser
        };
        let body = json!({
            "revision": self.revision,
            "digest": self.digest,
            "keyid": key.public().id(),
            "sig": key.sign(&pae(Hook::PAYLOAD_TYPE, &self.payload)),
            "hold": hold,
        });
        let path = format!("/api/v1{}/signatures", self.path);
        self.browser.api(&path, &body).await
    }

    async fn post(&self, what: &str, form: &[(&str, &str)]) -> Said {
        self.browser
            .post(&format!("{}/{what}", self.path), form)
            .await
    }

    /// The page, opened again.
    async fn again(&self) -> String {
        self.browser
            .get(&format!("{}/review", self.path))
            .await
            .text()
    }

    async fn record(&self) -> Value {
        let path = format!("/api/v1{}", self.path);
        self.browser.get(&path).await.ok()
    }
}

#[tokio::test]
async fn one_sends_back_what_the_other_is_about_to_sign() {
    let house = House::new().await;
    let hook = house.in_review(TOML).await;
    let (ada, ben) = (
        Open::by(&house, "ada", &hook).await,
        Open::by(&house, "ben", &hook).await,
    );
    let said = ben.post("send-back", &[("words", "name the host")]).await;
    assert_eq!(said.status, StatusCode::SEE_OTHER, "{}", said.text());
    let said = ada.sign(false).await;
    assert_eq!(said.refusal(), (409, "conflict".into()));
    let words = said.json()["detail"].as_str().unwrap().to_owned();
    assert!(words.contains("ben sent it back: name the host"), "{words}");
    let record = ada.record().await;
    assert_eq!(
        (&record["state"]["state"], &record["people"]["have"]),
        (&"sent_back".into(), &0.into())
    );
    let text = ada.again().await;
    assert!(
        text.contains("sent back") && text.contains("name the host"),
        "{text}"
    );
    assert!(
        !text.contains("id=\"sign\""),
        "nothing is to be signed: {text}"
    );
}

#[tokio::test]
async fn what_was_signed_and_published_meanwhile_is_not_sent_back() {
    let house = House::new().await;
    let hook = house.in_review(TOML).await;
    let (ada, ben) = (
        Open::by(&house, "ada", &hook).await,
        Open::by(&house, "ben", &hook).await,
    );
    let other = Open::by(&house, "ben", &hook).await;
    ada.sign(false).await.ok();
    let published = ben.sign(false).await.ok();
    assert_eq!(published["state"]["state"], "published");
    let said = other
        .post("send-back", &[("words", "name <b> the host")])
        .await;
    assert_eq!(said.status, StatusCode::CONFLICT, "{}", said.text());
    let text = said.text();
    assert!(
        text.contains("role=\"alert\"") && text.contains("published"),
        "{text}"
    );
    // What was written is not lost.
    assert!(text.contains("name &#60;b&#62; the host"), "{text}");
    assert_eq!(ada.record().await["state"]["state"], "published");
}

#[tokio::test]
async fn a_signature_and_a_sending_back_at_the_same_moment_agree_on_what_was_first() {
    for _ in 0..6 {
        let house = House::new().await;
        let hook = house.in_review(TOML).await;
        let (ada, ben) = (
            Open::by(&house, "ada", &hook).await,
            Open::by(&house, "ben", &hook).await,
        );
        let form = [("words", "name the host")];
        let (signed, back) = tokio::join!(ada.sign(false), ben.post("send-back", &form));
        let record = ada.record().await;
        let state = record["state"]["state"].as_str().unwrap().to_owned();
        match (signed.status.as_u16(), back.status.as_u16()) {
            // Signed, then sent back; or the other way round.
            (200 | 409, 303) => assert_eq!(state, "sent_back", "{record}"),
            // Ben's page was older than the signature: he is asked to look again.
            (200, 409) => assert_eq!(state, "in_review", "{record}"),
            other => panic!("{other:?}: {} {}", signed.text(), back.text()),
        }
    }
}

#[tokio::test]
async fn a_text_that_was_changed_is_not_signed_from_an_older_page() {
    let house = House::new().await;
    let hook = house.in_review(TOML).await;
    let ben = Open::by(&house, "ben", &hook).await;
    let ada = Open::by(&house, "ada", &hook).await;
    let wider = TOML.replace("places = 10", "places = 500");
    let form = [("toml", wider.as_str()), ("act", "save")];
    assert_eq!(ada.post("edit", &form).await.status, StatusCode::SEE_OTHER);
    // A draft again.
    let said = ben.sign(false).await;
    assert_eq!(said.refusal(), (409, "conflict".into()));
    assert!(
        said.text().contains("its author is changing the text"),
        "{}",
        said.text()
    );
    let form = [("toml", wider.as_str()), ("act", "submit")];
    let said = ada.post("edit", &form).await;
    assert_eq!(
        said.header("location"),
        format!("{}/review", ada.path),
        "{}",
        said.text()
    );
    // In review, with other bytes.
    let said = ben.sign(false).await;
    assert_eq!((said.refusal().0, said.field().as_str()), (422, "digest"));
    let record = ben.record().await;
    assert_eq!(
        (&record["state"]["state"], &record["people"]["have"]),
        (&"in_review".into(), &0.into())
    );
    assert!(
        record["signatures"].as_array().unwrap().is_empty(),
        "{record}"
    );
    // What he then sees is what he then signs.
    let now = Open::by(&house, "ben", &hook).await;
    assert_ne!(now.digest, ben.digest);
    assert!(now.text.contains("500"), "{}", now.text);
    assert_eq!(now.sign(false).await.ok()["people"]["have"], 1);
}

#[tokio::test]
async fn an_older_revision_is_not_signed_once_a_newer_one_is_in_review() {
    let house = House::new().await;
    let hook = house.in_review(TOML).await;
    let ben = Open::by(&house, "ben", &hook).await;
    let (ada, last) = (
        Open::by(&house, "ada", &hook).await,
        Open::by(&house, "ben", &hook).await,
    );
    ada.sign(false).await.ok();
    last.sign(false).await.ok();
    let version = ada.record().await["version"].to_string();
    let wider = TOML.replace("places = 10", "places = 500");
    let form = [
        ("toml", wider.as_str()),
        ("act", "submit"),
        ("expect", version.as_str()),
    ];
    let said = ada.post("edit", &form).await;
    assert_eq!(said.status, StatusCode::SEE_OTHER, "{}", said.text());
    let said = ben.sign(false).await;
    assert_eq!(said.refusal(), (409, "conflict".into()));
    assert!(
        said.text().contains("revision 2 was begun"),
        "{}",
        said.text()
    );
    assert_eq!(ben.record().await["people"]["have"], 0);
    let now = Open::by(&house, "ben", &hook).await;
    assert_eq!(now.revision, 2);
    assert!(
        now.text.contains("Changed since revision 1"),
        "{}",
        now.text
    );
    // Signed for another revision than it is over: the bytes say which they are.
    let mixed = Open {
        payload: ben.payload.clone(),
        digest: ben.digest.clone(),
        ..now
    };
    assert_eq!(
        (
            mixed.sign(false).await.refusal().0,
            mixed.record().await["people"]["have"].clone()
        ),
        (422, 0.into())
    );
}

#[tokio::test]
async fn a_hook_that_is_stopped_while_it_is_being_signed_stays_stopped() {
    let house = House::new().await;
    let hook = house.in_review(TOML).await;
    let (ada, ben) = (
        Open::by(&house, "ada", &hook).await,
        Open::by(&house, "ben", &hook).await,
    );
    ada.sign(false).await.ok();
    let said = ada.post("stop", &[("why", "the customer found it")]).await;
    assert_eq!(said.status, StatusCode::SEE_OTHER, "{}", said.text());
    let said = ben.sign(false).await;
    assert_eq!(said.refusal(), (409, "conflict".into()));
    assert!(
        said.text()
            .contains("ada stopped it: the customer found it"),
        "{}",
        said.text()
    );
    let text = ben.again().await;
    assert!(
        text.contains("stopped") && text.contains("the customer found it"),
        "{text}"
    );
    assert!(
        !text.contains("id=\"sign\"") && !text.contains("send-back\""),
        "{text}"
    );
    assert_eq!(ben.record().await["state"]["state"], "stopped");
    crate::control::refresh(&house.bench.app).await.unwrap();
    assert_eq!(
        house.get("vera", "/api/v1/audit/now").await.ok()["items"],
        json!([])
    );
}

#[tokio::test]
async fn the_last_signature_and_a_stop_at_the_same_moment_end_in_a_stop() {
    for _ in 0..6 {
        let house = House::new().await;
        let hook = house.in_review(TOML).await;
        let (ada, ben) = (
            Open::by(&house, "ada", &hook).await,
            Open::by(&house, "ben", &hook).await,
        );
        ada.sign(false).await.ok();
        let form = [("why", "the customer found it")];
        let (signed, stopped) = tokio::join!(ben.sign(false), ada.post("stop", &form));
        let mut record = ada.record().await;
        if stopped.status != StatusCode::SEE_OTHER {
            // It changed under the stop: the page says so, and the next click ends it.
            assert_eq!(stopped.status, StatusCode::CONFLICT, "{}", stopped.text());
            assert_eq!(record["state"]["state"], "published", "{record}");
            let again = ada.post("stop", &form).await;
            assert_eq!(again.status, StatusCode::SEE_OTHER, "{}", again.text());
            record = ada.record().await;
        }
        assert_eq!(record["state"]["state"], "stopped", "{record}");
        assert!(
            matches!(signed.status.as_u16(), 200 | 409),
            "{}",
            signed.text()
        );
    }
}

#[tokio::test]
async fn what_is_held_is_published_once_however_often_it_is_clicked() {
    let house = House::new().await;
    let hook = house.in_review(TOML).await;
    let (ada, ben) = (
        Open::by(&house, "ada", &hook).await,
        Open::by(&house, "ben", &hook).await,
    );
    ada.sign(false).await.ok();
    let held = ben.sign(true).await.ok();
    assert_eq!(held["state"]["state"], "held", "{held}");
    let (one, two) = tokio::join!(ada.post("publish", &[]), ben.post("publish", &[]));
    let third = ben.post("publish", &[]).await;
    let mut done = 0;
    for said in [one, two, third] {
        match said.status {
            StatusCode::SEE_OTHER => done += 1,
            // Who was slower reads what it is now.
            status => {
                assert_eq!(status, StatusCode::CONFLICT, "{}", said.text());
                assert!(
                    said.text().contains("Somebody was quicker"),
                    "{}",
                    said.text()
                );
            }
        }
    }
    assert!(done >= 1);
    let events = house
        .bench
        .events(boathook_schema::EventKind::HOOK_PUBLISHED)
        .await;
    assert_eq!(events, 1);
}
