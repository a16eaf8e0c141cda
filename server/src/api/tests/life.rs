//! A hook's life beside its signatures: drafts, review, stopping, lowering, the next revision.
#![allow(clippy::unwrap_used)]
use boathook_hooks::time::DAY;
use boathook_schema::Role;
use serde_json::{Value, json};

use super::house::{House, TOML, id};

#[tokio::test]
async fn a_draft_is_not_signed_and_a_signature_fixes_its_bytes() {
    let house = House::new().await;
    let draft = house.draft(TOML).await;
    let path = format!("/api/v1/hooks/{}", id(&draft));
    let none = house
        .get("ada", &format!("{path}/revisions/1/payload"))
        .await;
    assert_eq!(none.refusal().0, 409);
    let key = &house.bench.sample.ada_browser;
    let body = json!({
        "revision": 1, "digest": "00".repeat(32), "keyid": key.public().id(), "sig": key.sign(b"x"),
    });
    assert_eq!(
        house
            .hook_post("ada", &draft, "signatures", body)
            .await
            .refusal()
            .0,
        409
    );
    let hook = house
        .hook_post("ada", &draft, "submit", json!({}))
        .await
        .ok();
    // Once somebody signed, it is theirs too: nothing changes before it is sent back.
    let hook = house.sign("ada", &hook, key).await.ok();
    let edit = json!({"toml": TOML, "expect": hook["version"]});
    let said = house.ask("ada", "PUT", &path, Some(edit)).await;
    assert_eq!(said.refusal(), (409, "signed".into()), "{}", said.text());
    let empty = house
        .hook_post("ben", &hook, "send-back", json!({"words": " "}))
        .await;
    assert_eq!((empty.refusal().0, empty.field().as_str()), (422, "words"));
    let back = house
        .hook_post(
            "ben",
            &hook,
            "send-back",
            json!({"words": "which upgrade?"}),
        )
        .await
        .ok();
    assert_eq!(back["state"]["state"], "sent_back");
    let text = TOML.replace("the upgrade", "the upgrade to 4.2");
    let edit = json!({"toml": text, "expect": back["version"]});
    house.ask("ada", "PUT", &path, Some(edit)).await.ok();
    let again = house
        .hook_post("ada", &hook, "submit", json!({}))
        .await
        .ok();
    assert_ne!(again["digest"], hook["digest"]);
    assert_eq!(again["people"]["have"], 0, "{again}");
}

#[tokio::test]
async fn only_its_author_edits_a_hook_and_a_stale_version_is_refused() {
    let house = House::new().await;
    house.person("eve", &[Role::Engineer], Some("acme")).await;
    let draft = house.draft(TOML).await;
    let path = format!("/api/v1/hooks/{}", id(&draft));
    let edit = |expect: &Value| json!({"toml": TOML.replace("3d", "2d"), "expect": expect});
    let said = house
        .ask("eve", "PUT", &path, Some(edit(&draft["version"])))
        .await;
    assert_eq!(said.refusal().0, 403);
    assert_eq!(
        house
            .hook_post("eve", &draft, "submit", json!({}))
            .await
            .refusal()
            .0,
        403
    );
    let changed = house
        .ask("ada", "PUT", &path, Some(edit(&draft["version"])))
        .await
        .ok();
    assert_ne!(changed["version"], draft["version"]);
    let stale = house
        .ask("ada", "PUT", &path, Some(edit(&draft["version"])))
        .await;
    assert_eq!(stale.refusal(), (409, "version".into()));
}

#[tokio::test]
async fn a_text_with_faults_is_refused_with_every_fault() {
    let house = House::new().await;
    house.ticket().await;
    let toml = TOML.replace("places = 10", "places = \"many\"");
    let ticket = json!({"system": "jira", "key": "SUP-1"});
    let said = house
        .post(
            "ada",
            "/api/v1/hooks",
            json!({"toml": toml, "ticket": ticket}),
        )
        .await;
    assert_eq!(said.refusal().0, 422);
    assert!(said.field().starts_with("toml:"), "{}", said.text());
    let fault = &said.json()["faults"][0];
    assert!(
        fault["line"].as_u64().unwrap() > 0 && fault["expected"].is_string(),
        "{fault}"
    );
    let lint = house
        .post("ada", "/api/v1/lint", json!({ "toml": toml }))
        .await
        .ok();
    assert!(lint["faults"].as_array().unwrap().contains(fault), "{lint}");
    let explained = house
        .post("ada", "/api/v1/explain", json!({ "toml": TOML }))
        .await
        .ok();
    assert_eq!(explained["reach"]["reach"], "ordinary");
    assert!(
        explained["sections"].as_array().unwrap().len() == 1,
        "{explained}"
    );
}

#[tokio::test]
async fn stopping_needs_a_reason_and_ends_a_hook_for_good() {
    let house = House::new().await;
    let hook = house.published().await;
    let said = house
        .hook_post("ada", &hook, "stop", json!({"why": "  "}))
        .await;
    assert_eq!((said.refusal().0, said.field().as_str()), (422, "why"));
    let hook = house
        .hook_post("ben", &hook, "stop", json!({"why": "solved"}))
        .await
        .ok();
    assert_eq!(hook["state"]["state"], "stopped", "{hook}");
    assert!(
        hook["state"].to_string().contains("solved") && hook["state"].to_string().contains("ben")
    );
    assert_eq!(
        house.get("vera", "/api/v1/audit/now").await.ok()["items"],
        json!([])
    );
    for what in ["publish", "hold"] {
        assert_eq!(
            house
                .hook_post("ada", &hook, what, json!({}))
                .await
                .refusal()
                .0,
            409,
            "{what}"
        );
    }
    assert_eq!(
        house
            .hook_post("ada", &hook, "lower", json!({"places": 1}))
            .await
            .refusal()
            .0,
        409
    );
}

#[tokio::test]
async fn a_full_hook_is_stopped_so_that_runs_that_go_on_are_cut_off() {
    let house = House::new().await;
    let hook = house.published().await;
    house.packet(&hook, b"one").await;
    let full = house
        .hook_post("ada", &hook, "lower", json!({"places": 1}))
        .await
        .ok();
    assert_eq!(full["state"]["state"], "full", "{full}");
    let stopped = house
        .hook_post("ben", &hook, "stop", json!({"why": "too much load"}))
        .await
        .ok();
    assert_eq!(stopped["state"]["state"], "stopped", "{stopped}");
}

#[tokio::test]
async fn lowering_only_lowers() {
    let house = House::new().await;
    let hook = house.published().await;
    let nothing = house.hook_post("ada", &hook, "lower", json!({})).await;
    assert_eq!(
        (nothing.refusal().0, nothing.field().as_str()),
        (422, "places")
    );
    let lowered = house
        .hook_post("ada", &hook, "lower", json!({"places": 4}))
        .await
        .ok();
    assert_eq!(lowered["quota"]["places"], 4);
    let at = house.bench.now().plus_ms(DAY);
    let lowered = house
        .hook_post("ada", &hook, "lower", json!({"expires_at": at}))
        .await
        .ok();
    assert_eq!(lowered["expires_at"], json!(at));
    for raise in [
        json!({"places": 5}),
        json!({"places": 11}),
        json!({"expires_at": at.plus_ms(1)}),
    ] {
        let said = house.hook_post("ada", &hook, "lower", raise.clone()).await;
        assert_eq!(
            said.refusal(),
            (422, "raises".into()),
            "{raise}: {}",
            said.text()
        );
    }
    let draft = house.draft(TOML).await;
    assert_eq!(
        house
            .hook_post("ada", &draft, "lower", json!({"places": 1}))
            .await
            .refusal()
            .0,
        409
    );
}

#[tokio::test]
async fn a_new_revision_of_a_published_hook_needs_new_signatures() {
    let house = House::new().await;
    let hook = house.published().await;
    let path = format!("/api/v1/hooks/{}", id(&hook));
    let edit = json!({"toml": TOML.replace("= 10", "= 20"), "expect": hook["version"]});
    let second = house.ask("ada", "PUT", &path, Some(edit)).await.ok();
    assert_eq!(
        (&second["revision"], &second["state"]["state"]),
        (&json!(2), &json!("draft"))
    );
    let second = house
        .hook_post("ada", &second, "submit", json!({}))
        .await
        .ok();
    assert_eq!(second["people"]["have"], 0);
    let old = house
        .signature(&hook, &house.bench.sample.ada_browser)
        .await;
    assert!(
        house
            .hook_post("ada", &hook, "signatures", old)
            .await
            .status
            .is_client_error()
    );
    house
        .sign("ada", &second, &house.bench.sample.ada_browser)
        .await
        .ok();
    let second = house
        .sign("ben", &second, &house.bench.sample.ben_browser)
        .await
        .ok();
    let states: Vec<&Value> = second["revisions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| &r["state"]["state"])
        .collect();
    assert_eq!(states, [&json!("superseded"), &json!("published")]);
}

#[tokio::test]
async fn a_hook_of_two_customers_is_seen_with_one_and_changed_with_both() {
    let house = House::new().await;
    house.person("max", &[Role::Engineer], None).await;
    house.ticket().await;
    let toml = format!("customers = [\"acme\", \"globex\"]\n{TOML}");
    let body = json!({"toml": toml, "ticket": {"system": "jira", "key": "SUP-1"}});
    let hook = house.post("max", "/api/v1/hooks", body).await.ok();
    house
        .get("gil", &format!("/api/v1/hooks/{}", id(&hook)))
        .await
        .ok();
    for (what, body) in [
        ("stop", json!({"why": "no"})),
        ("submit", json!({})),
        ("hold", json!({})),
        ("publish", json!({})),
        ("send-back", json!({"words": "no"})),
        ("lower", json!({"places": 1})),
    ] {
        let said = house.hook_post("gil", &hook, what, body).await;
        assert_eq!(said.refusal(), (403, "forbidden".into()), "{what}");
    }
    let stopped = house
        .hook_post("max", &hook, "stop", json!({"why": "solved"}))
        .await
        .ok();
    assert_eq!(stopped["state"]["state"], "stopped");
}
