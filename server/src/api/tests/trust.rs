//! Trust documents are verified before they are stored; keys are asked for by their own people.
#![allow(clippy::unwrap_used)]
use boathook_hooks::{
    documents::{Document as _, roster::SigningRole},
    keys::SecretKey,
};
use serde_json::json;

use super::house::House;

#[tokio::test]
async fn trust_documents_are_verified_before_they_are_stored() {
    let house = House::new().await;
    let sample = &house.bench.sample;
    let mut roster = sample.roster();
    roster.version = 2;
    let alone = sample.signed(&roster, &[&sample.rita]);
    assert_eq!(house.import(alone).await.refusal().0, 422);
    for person in &mut roster.people {
        person.roles = vec![SigningRole::Author, SigningRole::Reviewer];
    }
    let said = house.import(sample.roster_bytes(&roster)).await.ok();
    assert_eq!(said, json!({"kind": "roster", "number": 2, "new": true}));
    let again = house.import(sample.roster_bytes(&roster)).await.ok();
    assert_eq!(again["new"], false);
    let back = house.import(sample.roster_bytes(&sample.roster())).await;
    assert_eq!(back.refusal().0, 422, "an older roster: {}", back.text());
    // Root 3 does not follow root 1; a hook is no trust document; and noise is none at all.
    let skipped = boathook_hooks::documents::root::Root {
        version: 3,
        ..house.bench.root.clone()
    };
    let skipped = sample.signed(&skipped, &[&sample.rita, &sample.rolf]);
    assert_eq!(house.import(skipped).await.refusal().0, 422);
    let hook = sample
        .hook()
        .envelope(&[&sample.ada_browser])
        .unwrap()
        .to_bson()
        .unwrap();
    assert_eq!(house.import(hook).await.refusal().0, 422);
    assert!(
        house
            .import(b"noise".to_vec())
            .await
            .status
            .is_client_error()
    );
    let view = house.get("vera", "/api/v1/trust").await.ok();
    assert_eq!(
        (&view["root"]["version"], &view["roster"]["version"]),
        (&json!(1), &json!(2))
    );
}

#[tokio::test]
async fn a_request_for_admission_is_ones_own_and_waits_for_its_holders() {
    let house = House::new().await;
    let key = SecretKey::from_seed(&[42; 32]).public();
    let ask = json!({"key": key, "place": "browser", "comment": "new laptop"});
    let mut of_ben = ask.clone();
    of_ben["person"] = "ben".into();
    let said = house.post("ada", "/api/v1/trust/admissions", of_ben).await;
    assert_eq!((said.refusal().0, said.field().as_str()), (422, "person"));
    house
        .post("ada", "/api/v1/trust/admissions", ask)
        .await
        .ok();
    let queue = house.get("hana", "/api/v1/trust/admissions").await.ok();
    assert_eq!(queue["items"][0]["fingerprint"], json!(key.id()));
    assert_eq!(queue["items"][0]["person"], "ada");
    let path = format!("/api/v1/trust/admissions/{}", key.id());
    assert_eq!(house.ask("hana", "DELETE", &path, None).await.status, 204);
    assert_eq!(
        house.get("hana", "/api/v1/trust/admissions").await.ok()["items"],
        json!([])
    );
}
