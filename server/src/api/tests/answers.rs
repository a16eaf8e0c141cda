//! What instances said to a hook: shown as long as it stands.
#![allow(clippy::unwrap_used)]
use boathook_hooks::{
    ids::{ClaimId, Digest},
    protocol::*,
};
use serde_json::Value;

use super::house::{House, id};
use crate::agent::testing::Sim;

async fn say(sim: &Sim<'_>, digest: &Digest, kind: AnswerKind, claim: Option<ClaimId>) {
    let answer = AnswerRequest {
        token: sim.token(digest).await,
        kind,
        reason: "ask the administrator".into(),
        claim,
    };
    let said = sim.post(&path_answers(digest), &answer).await;
    assert!(said.status.is_success(), "{}", said.text());
}

/// Claim and answer of each row of `hook show --instances`, and the kinds of `ticket show`.
async fn shown(house: &House, hook: &Value) -> (Vec<(Value, Value)>, Vec<Value>) {
    let (mut rows, mut after) = (Vec::new(), String::new());
    loop {
        let path = format!("/api/v1/hooks/{}/instances{after}", id(hook));
        let page = house.get("ada", &path).await.ok();
        let items = page["items"].as_array().unwrap().clone();
        rows.extend(
            items
                .into_iter()
                .map(|r| (r["claim"].clone(), r["answer"].clone())),
        );
        match page["next"].as_str() {
            Some(next) => after = format!("?after={next}"),
            None => break,
        }
    }
    let ticket = house.get("ada", "/api/v1/tickets/jira/SUP-1").await.ok();
    let answers = ticket["answers"].as_array().unwrap();
    (rows, answers.iter().map(|a| a["kind"].clone()).collect())
}

fn row(claim: impl Into<Value>, answer: impl Into<Value>) -> (Value, Value) {
    (claim.into(), answer.into())
}

#[tokio::test]
async fn an_instance_that_waited_and_sent_its_packet_does_not_wait_any_more() {
    let house = House::new().await;
    let hook = house.published().await;
    let digest: Digest = hook["digest"].as_str().unwrap().parse().unwrap();
    let sim = house.bench.instance().await;
    say(&sim, &digest, AnswerKind::Waiting, None).await;
    let (rows, answers) = shown(&house, &hook).await;
    assert_eq!(rows, [row(Value::Null, "waiting")]);
    assert_eq!(answers, ["waiting"]);

    house.bench.app.clock.advance(1_000);
    let claim = sim.claimed(&digest).await;
    let sent = sim.upload(&claim, sim.packet(&claim, b"x")).await;
    assert!(sent.status.is_success(), "{}", sent.text());
    let (rows, answers) = shown(&house, &hook).await;
    assert_eq!(rows, [row("accepted", Value::Null)]);
    assert!(answers.is_empty(), "{answers:?}");
}

#[tokio::test]
async fn one_that_gave_its_place_back_to_wait_waits_until_it_claims_again() {
    let house = House::new().await;
    let hook = house.published().await;
    let digest: Digest = hook["digest"].as_str().unwrap().parse().unwrap();
    let sim = house.bench.instance().await;
    let claim = sim.claimed(&digest).await;
    say(&sim, &digest, AnswerKind::Waiting, Some(claim)).await;
    let (_, answers) = shown(&house, &hook).await;
    assert_eq!(answers, ["waiting"], "its claim is of before");

    house.bench.app.clock.advance(1_000);
    sim.claimed(&digest).await;
    let (rows, answers) = shown(&house, &hook).await;
    assert_eq!(rows, [row("reserved", Value::Null)]);
    assert!(answers.is_empty(), "{answers:?}");
}

#[tokio::test]
async fn other_answers_stand_whatever_its_claim_became() {
    let house = House::new().await;
    let hook = house.published().await;
    let digest: Digest = hook["digest"].as_str().unwrap().parse().unwrap();
    let sim = house.bench.instance().await;
    sim.claimed(&digest).await;
    say(&sim, &digest, AnswerKind::Declined, None).await;
    let (rows, answers) = shown(&house, &hook).await;
    assert_eq!(
        rows,
        [row("reserved", Value::Null), row(Value::Null, "declined")]
    );
    assert_eq!(answers, ["declined"]);
}
