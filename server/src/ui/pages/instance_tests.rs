//! One instance through the real router: what its page shows, and an admin's deeds.
#![allow(clippy::unwrap_used)]
use axum::http::StatusCode;
use boathook_hooks::{keys::SecretKey, protocol::EnrollAnswer};
use boathook_schema::InstanceState;

use crate::{api::tests::house::House, ui::tests::Browser};

async fn state(house: &House, id: &str) -> InstanceState {
    house.bench.on_record(&id.parse().unwrap()).await.state
}

/// Its address, as it waits.
async fn waiting(house: &House, key: &SecretKey) -> String {
    let token = house.bench.token(1, true).await;
    let answer: EnrollAnswer = house.bench.enroll(key, &token).await.bson();
    answer.instance.to_string()
}

#[tokio::test]
async fn an_admin_confirms_it_by_its_own_fingerprint_alone() {
    let house = House::new().await;
    let key = SecretKey::generate().unwrap();
    let id = waiting(&house, &key).await;
    let (page, post) = (
        format!("/instances/{id}"),
        format!("/instances/{id}/confirm"),
    );
    let own = key.public().id().to_string();
    let adam = Browser::of(&house, "adam").await;
    // What is to be compared is not there to be copied.
    assert!(!adam.get(&page).await.text().contains(&own));
    let other = SecretKey::generate().unwrap().public().id().to_string();
    for wrong in ["", "no fingerprint", other.as_str()] {
        let said = adam.post(&post, &[("fingerprint", wrong)]).await;
        assert_eq!(said.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
        assert!(
            said.text().contains(r#"id="fingerprint-wrong""#),
            "{}",
            said.text()
        );
        assert_eq!(state(&house, &id).await, InstanceState::Unconfirmed);
    }
    let ada = Browser::of(&house, "ada").await;
    let said = ada.post(&post, &[("fingerprint", &own)]).await;
    assert_eq!(said.status, StatusCode::FORBIDDEN);
    assert!(!ada.get(&page).await.text().contains(&post));
    let said = adam
        .post(&post, &[("fingerprint", &format!(" {own}\n"))])
        .await;
    assert_eq!(
        (said.status, said.header("location")),
        (StatusCode::SEE_OTHER, page.as_str())
    );
    assert_eq!(state(&house, &id).await, InstanceState::Confirmed);
    assert!(adam.get(&page).await.text().contains(&own));
}

#[tokio::test]
async fn it_is_suspended_resumed_retired_and_then_erased_by_its_name() {
    let house = House::new().await;
    let id = house.bench.instance().await.instance.to_string();
    let at = |what: &str| format!("/instances/{id}/{what}");
    let adam = Browser::of(&house, "adam").await;
    let said = adam.post(&at("suspend"), &[("why", " ")]).await;
    assert_eq!(said.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(state(&house, &id).await, InstanceState::Confirmed);
    let erase = [("why", "sold"), ("name", id.as_str())];
    let said = adam.post(&at("erase"), &erase).await;
    assert_eq!(said.status, StatusCode::CONFLICT, "{}", said.text());
    for (deed, word) in [
        ("suspend", "suspended"),
        ("resume", "confirmed"),
        ("retire", "retired"),
    ] {
        let said = adam.post(&at(deed), &[("why", "we looked")]).await;
        assert_eq!(
            said.status,
            StatusCode::SEE_OTHER,
            "{deed}: {}",
            said.text()
        );
        assert_eq!(state(&house, &id).await.word(), word);
    }
    let text = adam.get(&format!("/instances/{id}")).await.text();
    assert!(
        text.contains("retired") && text.contains("we looked"),
        "{text}"
    );
    let said = adam
        .post(&at("erase"), &[("why", "sold"), ("name", "another")])
        .await;
    assert_eq!(said.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(said.text().contains(r#"value="sold""#), "{}", said.text());
    let said = adam.post(&at("erase"), &erase).await;
    assert_eq!(said.status, StatusCode::SEE_OTHER, "{}", said.text());
    let said = adam.get(&format!("/instances/{id}")).await;
    assert_eq!(said.status, StatusCode::GONE);
}

#[tokio::test]
async fn its_runs_and_packets_stand_on_its_page_for_its_customers_staff() {
    let house = House::new().await;
    let hook = house.published().await;
    let claim = house.packet(&hook, b"kernel").await;
    let page = format!("/instances/{}", claim.instance);
    let text = Browser::of(&house, "ada").await.get(&page).await.text();
    for words in [
        "Host facts",
        "received",
        "SUP-1",
        &format!("/packets/{claim}"),
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(
        text.contains("sent a packet for revision 1 of Host facts"),
        "{text}"
    );
    assert!(!text.contains("Retire instance"));
    for (person, status) in [("vera", 403), ("gil", 404)] {
        let said = Browser::of(&house, person).await.get(&page).await;
        assert_eq!(said.status.as_u16(), status, "{person}");
    }
    let gil = Browser::of(&house, "gil").await;
    let said = gil
        .post(&format!("{page}/retire"), &[("why", "mine now")])
        .await;
    assert_eq!(said.status, StatusCode::NOT_FOUND);
}
