//! Waves as people see them, and how the first one is chosen.
#![allow(clippy::unwrap_used)]
use boathook_hooks::{
    documents::{hook::Hook, identity::Facts},
    keys::SecretKey,
};
use boathook_schema::{NewInstance, Scope, SuspendReason, Write};
use serde_json::json;

use super::house::{House, id};
use crate::{periodic, waves};

impl House {
    /// So many instances on record, every other one with the label `tier = web`.
    async fn crowd(&self, customer: &str, count: u32) {
        let store = &self.bench.app.store;
        for n in 0..count {
            let mut facts = Facts::default();
            if n % 2 == 0 {
                facts.labels.insert("tier".into(), "web".into());
            }
            let new = NewInstance {
                id: format!("{customer}-{n}").parse().unwrap(),
                customer: customer.parse().unwrap(),
                key: SecretKey::from_seed(&[9; 32]).public(),
                facts,
                confirm: false,
            };
            let put = store.put_instance(&Scope::System, Write::system(self.bench.now()), new);
            put.await.unwrap().done().unwrap();
        }
    }

    fn web(&self) -> Hook {
        let mut hook = self.bench.hook(1);
        let labels = &mut hook.audience.labels;
        labels.insert("tier".into(), "web".into());
        hook
    }
}

#[tokio::test]
async fn the_first_wave_is_sized_by_the_instances_that_match_and_may_work() {
    let house = House::with(|config| config.waves.first_least = 5).await;
    house.crowd("acme", 60).await;
    house.crowd("globex", 20).await;
    let app = &house.bench.app;
    assert_eq!(waves::about(app, &house.web()).await.unwrap(), 30);
    let (scope, write) = (Scope::System, Write::system(house.bench.now()));
    let (one, why) = ("acme-0".parse().unwrap(), SuspendReason::Cloned);
    let suspended = app.store.suspend_instance(&scope, write, one, why);
    suspended.await.unwrap().done().unwrap();
    assert_eq!(waves::about(app, &house.web()).await.unwrap(), 29);
    let wave = waves::first(app, &house.web()).await.unwrap();
    assert!((wave.share() - 5.0 / 29.0).abs() < 1e-9, "{wave:?}");

    // Whoever is named is meant.
    let mut named = house.web();
    named.audience.instances = vec!["acme-2".parse().unwrap()];
    assert!(waves::first(app, &named).await.unwrap().is_all());
    let mut many = house.web();
    many.places = 10;
    assert!(waves::first(app, &many).await.unwrap().is_all());
}

/// None of a thinned sample matches: some of the others may.
#[tokio::test]
async fn what_a_sample_does_not_find_is_not_offered_to_all_at_once() {
    let house = House::new().await;
    house.crowd("acme", 2_300).await;
    let app = &house.bench.app;
    let mut hook = house.bench.hook(1);
    hook.audience.labels.insert("tier".into(), "db".into());
    assert_eq!(waves::about(app, &hook).await.unwrap(), 0);
    let wave = waves::first(app, &hook).await.unwrap();
    // 40 of 3 × 16.
    assert!((wave.share() - 40.0 / 48.0).abs() < 1e-9, "{wave:?}");
}

#[tokio::test]
async fn a_hook_for_few_is_offered_to_all_and_says_so() {
    let house = House::new().await;
    let hook = house.published().await;
    let path = format!("/api/v1/hooks/{}", id(&hook));
    let seen = house.get("ada", &path).await.ok();
    let now = house.bench.now();
    let all = json!({"percent": 100.0, "since": now, "held": "all"});
    assert_eq!(seen["offered"], all);
    let active = house.get("vera", "/api/v1/audit/now").await.ok();
    assert_eq!(active["items"][0]["offered_percent"], 100.0);
    let draft = house.draft(super::house::TOML).await;
    assert!(draft["offered"].is_null(), "{draft}");
}

#[tokio::test]
async fn a_hook_for_many_says_to_how_many_it_is_offered_and_what_holds_it() {
    let house = House::with(|config| config.waves.first_times = 1).await;
    house.crowd("acme", 160).await;
    // Ten places: the least of a first wave, 40 of 160.
    let hook = house.published().await;
    let path = format!("/api/v1/hooks/{}", id(&hook));
    let offered = async || house.get("ada", &path).await.ok()["offered"].clone();
    let first = offered().await;
    assert_eq!(
        (&first["percent"], &first["held"]),
        (&json!(25.0), &json!("pause"))
    );
    house.bench.app.clock.advance(90_000);
    assert!(offered().await["held"].is_null(), "more are about to be");
    periodic::widen(&house.bench.app).await.unwrap();
    let second = offered().await;
    assert_eq!(
        (&second["percent"], &second["held"]),
        (&json!(50.0), &json!("pause"))
    );
    assert_eq!(second["since"], json!(house.bench.now()));
    let stopped = house
        .hook_post("ada", &hook, "stop", json!({"why": "x"}))
        .await
        .ok();
    assert!(stopped["offered"].is_null(), "{stopped}");
}
