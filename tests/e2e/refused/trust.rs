//! Roots and rosters that a server made up or withholds: none of them lets a hook start.
use boathook_hooks::{
    documents::{
        Document as _,
        root::{Bounds, Root},
        roster::Roster,
    },
    ids::Digest,
    time::DAY,
};
use boathook_tests::{
    liar::{Liar, took_list, trouble},
    world::{OPEN_POLICY, agent::Agent},
};

use super::nothing_ran;

/// Root 2, which would let one person do everything.
fn lax_root(liar: &Liar) -> Root {
    let bounds = Bounds {
        hook_people: 1,
        ..Bounds::default()
    };
    Root {
        version: 2,
        ..liar.house.root(&[liar.online.public()], bounds)
    }
}

/// A running agent is told of a new document together with a hook by Ada alone; its trouble.
async fn trouble_with(put: impl FnOnce(&Liar), words: &str) {
    let liar = Liar::start().await.unwrap();
    let agent = liar.agent().await.unwrap();
    took_list(&agent, 1).await.unwrap();
    put(&liar);
    let hook = liar.hook().envelope(&[&liar.house.ada.file]).unwrap();
    let digest = liar.serve(2, &hook).unwrap();
    trouble(&agent, words).await.unwrap();
    nothing_ran(&liar, &agent, &digest);
}

fn roster(liar: &Liar) -> Roster {
    liar.house.roster(2, 20 * DAY)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_root_that_one_holder_signed_is_refused() {
    let put = |liar: &Liar| {
        let root = lax_root(liar).envelope(&[&liar.house.rita]).unwrap();
        liar.put_root_envelope(2, &root).unwrap();
    };
    let words = "root 2 has the signatures of 1 of the 2 people that root 1 asks for";
    trouble_with(put, words).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_root_that_the_server_signed_is_refused() {
    let put = |liar: &Liar| {
        let mut root = lax_root(liar);
        // Its own holders would be the server alone.
        root.root.threshold = 1;
        root.root.keys[0].key = liar.online.public();
        let root = root.envelope(&[&liar.online]).unwrap();
        liar.put_root_envelope(2, &root).unwrap();
    };
    let words = "root 2 has the signatures of 0 of the 2 people that root 1 asks for";
    trouble_with(put, words).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_root_that_leaves_out_a_version_is_refused() {
    let put = |liar: &Liar| {
        let mut root = lax_root(liar);
        root.version = 3;
        let root = liar.house.by_holders(&root).unwrap();
        liar.put_root_envelope(2, &root).unwrap();
    };
    trouble_with(put, "expected root version 2, found 3").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_roster_that_one_holder_or_the_server_signed_is_refused() {
    for by_server in [false, true] {
        let put = |liar: &Liar| {
            let key = if by_server {
                &liar.online
            } else {
                &liar.house.rita
            };
            let roster = roster(liar).envelope(&[key]).unwrap();
            liar.put_roster_envelope(2, &roster).unwrap();
        };
        let found = if by_server { 0 } else { 1 };
        let words =
            format!("the roster has the signatures of {found} of the 2 admission holders it needs");
        trouble_with(put, &words).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_roster_is_refused_where_a_newer_one_is_asked_for() {
    let liar = Liar::start().await.unwrap();
    liar.put_roster(&roster(&liar)).unwrap();
    liar.serve_list(&liar.list(2, &[])).unwrap();
    let agent = liar.agent().await.unwrap();
    took_list(&agent, 2).await.unwrap();
    let old = liar.house.by_holders(&liar.house.roster(1, DAY)).unwrap();
    liar.put_roster_envelope(3, &old).unwrap();
    let hook = liar.both(&liar.hook()).unwrap();
    let digest = liar.serve(3, &hook).unwrap();
    trouble(
        &agent,
        "roster 1 is older than roster 2, which was seen already",
    )
    .await
    .unwrap();
    nothing_ran(&liar, &agent, &digest);
}

/// What the agent says when it cannot enrol.
async fn enroll_error(liar: &Liar, fingerprint: Option<Digest>) -> String {
    let agent = Agent::prepare(&liar.dir().join("agent"), "app-01", OPEN_POLICY).unwrap();
    let mut join = liar.join();
    join.root = fingerprint.unwrap_or(join.root);
    tokio::task::spawn_blocking(move || agent.enroll(&join).unwrap_err().to_string())
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_root_that_is_not_the_join_strings_ends_the_enrolment() {
    let liar = Liar::start().await.unwrap();
    let pinned = Digest::of(b"another root");
    let words = enroll_error(&liar, Some(pinned)).await;
    assert!(
        words.contains(
            "the server's roots are not those of the join string: the root's fingerprint is "
        ) && words.contains(&format!("but {pinned} was pinned")),
        "{words}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_that_is_not_the_join_strings_ends_the_enrolment() {
    let liar = Liar::start().await.unwrap();
    liar.pretend_customer("globex");
    let words = enroll_error(&liar, None).await;
    assert!(
        words.contains("the server gave another customer (globex) than the join string (acme)"),
        "{words}"
    );
}
