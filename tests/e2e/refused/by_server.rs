//! What the real server refuses to instances that ask for what is not theirs.
use boathook_hooks::{
    documents::identity::Facts,
    keys::SecretKey,
    protocol::{self, AnswerKind, ClaimPhase, EnrollAnswer, JoinString},
};
use boathook_tests::{
    api,
    sim::{Said, SimInstance, enroll_body},
    world::{OPEN_POLICY, World, agent::Agent, hooks::Published},
};
use reqwest::{Method, StatusCode};

fn hook_for(audience: &str) -> String {
    format!(
        "title = \"Facts of the machine\"\nreason = \"Slow.\"\ncustomers = [\"acme\"]\nexpires = \"1d\"\n\
         [ticket]\nsystem = \"jira\"\nkey = \"SUP-1\"\n[audience]\n{audience}\n\
         [limits]\nplaces = 5\npacket = \"1 MiB\"\n\
         [[collect]]\nsection = \"host\"\ncollector = \"host\"\n"
    )
}

/// Ada's hook for these instances alone.
async fn hook_of(world: &World, instances: &[&SimInstance]) -> Published {
    let ids: Vec<_> = instances.iter().map(|s| s.instance.to_string()).collect();
    let audience = format!("instances = {ids:?}");
    world.publish(&hook_for(&audience)).await.unwrap()
}

async fn enroll(world: &World, join: &JoinString, key: &SecretKey, origin: &str) -> Said {
    let facts = Facts {
        name: "sim".into(),
        agent_version: "0.1.0".into(),
        ..Facts::default()
    };
    let body = enroll_body(origin, &join.token, key, &facts).unwrap();
    let request = api::http(&world.server.ca).unwrap().post(format!(
        "{}{}",
        join.origin,
        protocol::PATH_ENROLL
    ));
    let request = request.header("content-type", protocol::CONTENT_TYPE);
    let reply = request.body(body).send().await.unwrap();
    Said {
        status: reply.status(),
        headers: reply.headers().clone(),
        body: reply.bytes().await.unwrap(),
    }
}

fn assert_refused(said: &Said, status: StatusCode, words: &str) {
    assert_eq!(said.status, status, "{}", said.text());
    assert!(said.text().contains(words), "{}", said.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_join_token_that_is_used_up_enrols_nobody_else() {
    let world = World::start().await.unwrap();
    let join = world.join("acme", 1).await.unwrap();
    let key = SecretKey::generate().unwrap();
    // An enrolment that was signed for another server is none, and does not use the token up.
    let elsewhere = enroll(&world, &join, &key, "https://other.example").await;
    let words = "enroll.v1 was made for another server";
    assert_refused(&elsewhere, StatusCode::FORBIDDEN, words);
    let first = enroll(&world, &join, &key, &join.origin).await;
    let again = enroll(&world, &join, &key, &join.origin).await;
    let instance = |said: &Said| said.bson::<EnrollAnswer>().unwrap().instance;
    assert_eq!(
        instance(&first),
        instance(&again),
        "a retry is no second use"
    );
    let other = SecretKey::generate().unwrap();
    let said = enroll(&world, &join, &other, &join.origin).await;
    assert_refused(&said, StatusCode::FORBIDDEN, "the join token is used up");
    // The agent says it in the same words.
    let agent = Agent::prepare(&world.path().join("late"), "late", OPEN_POLICY).unwrap();
    let words = agent.enroll(&join).unwrap_err().to_string();
    assert!(
        words.contains("enrolling: 403 Forbidden the join token is used up"),
        "{words}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bearer_opens_nothing_of_another_instance() {
    let world = World::start().await.unwrap();
    let (one, other) = (
        world.sim("one").await.unwrap(),
        world.sim("two").await.unwrap(),
    );
    let hook = hook_of(&world, &[&one]).await;
    let token = one.token_of(&hook.digest).await.unwrap();
    assert!(other.list().await.unwrap().hooks.is_empty());
    let fetched = other.hook(&hook.digest).await.unwrap();
    assert_refused(&fetched, StatusCode::NOT_FOUND, "hook");
    let claim = one
        .claimed(&hook.digest, &token, 1 << 16)
        .await
        .unwrap()
        .claim;
    let get = |path: String| other.request::<()>(Method::GET, path.leak(), None);
    let post = |path: String| other.request::<()>(Method::POST, path.leak(), None);
    for said in [
        get(protocol::path_claim(&claim)).await.unwrap(),
        post(protocol::path_renew(&claim)).await.unwrap(),
        other.create_upload(&claim, 100).await.unwrap(),
    ] {
        assert_refused(&said, StatusCode::NOT_FOUND, "claim");
    }
    // Nor into an upload that was begun.
    let created = one.create_upload(&claim, 100).await.unwrap();
    let url = created.header("location").unwrap().to_owned();
    let said = other.patch(&url, 0, vec![0; 100]).await.unwrap();
    assert_refused(&said, StatusCode::NOT_FOUND, "");
    assert!(other.offset(&url).await.is_err());
    assert_eq!(one.offset(&url).await.unwrap(), 0);
    // Nor is a place given back that is another's.
    let theirs = hook_of(&world, &[&other]).await;
    let their_token = other.token_of(&theirs.digest).await.unwrap();
    let said = other
        .answer(
            &theirs.digest,
            &their_token,
            AnswerKind::Failed,
            Some(claim.clone()),
        )
        .await
        .unwrap();
    assert_refused(&said, StatusCode::NOT_FOUND, "claim");
    let phase = one.status(&claim).await.unwrap().state;
    assert_eq!(phase, ClaimPhase::Receiving);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_on_anothers_token_is_refused() {
    let world = World::start().await.unwrap();
    let (one, other) = (
        world.sim("one").await.unwrap(),
        world.sim("two").await.unwrap(),
    );
    let hook = hook_of(&world, &[&one, &other]).await;
    let stolen = one.token_of(&hook.digest).await.unwrap();
    let own = other.token_of(&hook.digest).await.unwrap();
    assert_ne!(stolen, own);
    let said = other.claim(&hook.digest, &stolen, 1 << 16).await.unwrap();
    let words = "the token is not of this hook for this instance";
    assert_refused(&said, StatusCode::FORBIDDEN, words);
    // Nor does it answer in the other's name.
    let said = other
        .answer(&hook.digest, &stolen, AnswerKind::Refused, None)
        .await
        .unwrap();
    assert_refused(&said, StatusCode::FORBIDDEN, words);
    // A token is of one hook, too.
    let second = hook_of(&world, &[&other]).await;
    let said = other.claim(&second.digest, &own, 1 << 16).await.unwrap();
    assert_refused(&said, StatusCode::FORBIDDEN, words);
    other.claimed(&hook.digest, &own, 1 << 16).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bearer_that_was_changed_or_left_out_is_none() {
    let world = World::start().await.unwrap();
    let mut one = world.sim("one").await.unwrap();
    let good = one.bearer.clone();
    let middle = good.len() / 2;
    let mut changed = good.clone().into_bytes();
    changed[middle] = if changed[middle] == b'A' { b'B' } else { b'A' };
    for bearer in [
        String::from_utf8(changed).unwrap(),
        String::new(),
        "x".into(),
    ] {
        one.bearer = bearer;
        let said = one.poll(0, None).await.unwrap();
        assert_refused(&said, StatusCode::UNAUTHORIZED, "challenge");
    }
    one.bearer = good;
    one.list().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_nobody_confirmed_gets_no_hook() {
    let world = World::start().await.unwrap();
    let token = serde_json::json!({"count": 1, "expires_in": "1d", "confirm": true});
    let join = world.join_with("acme", token).await.unwrap();
    let http = api::http(&world.server.ca).unwrap();
    let facts = Facts {
        name: "one".into(),
        agent_version: "0.1.0".into(),
        ..Facts::default()
    };
    let one = SimInstance::join(&http, &join, facts).await.unwrap();
    let hook = world.publish(&hook_for("everyone = true")).await.unwrap();
    assert!(one.list().await.unwrap().hooks.is_empty());
    let said = one.claim(&hook.digest, "token", 1 << 16).await.unwrap();
    assert_refused(
        &said,
        StatusCode::FORBIDDEN,
        "this instance waits for a person to confirm its fingerprint",
    );
}
