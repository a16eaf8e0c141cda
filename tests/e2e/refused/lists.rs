//! Hook lists that do not count: old ones, foreign ones, those of another time. Each would start a hook.
use boathook_hooks::{
    documents::{Document as _, hook_list::HookList},
    envelope::Envelope,
    keys::SecretKey,
    time::{DAY, HOUR, Time},
};
use boathook_tests::{
    liar::{Liar, took_list, trouble, until},
    world::{agent::Agent, house::slug},
};

use super::nothing_ran;

/// A hook in order, served; and a list that names it, changed and not served yet.
fn listed(liar: &Liar, number: u64, change: impl FnOnce(&mut HookList)) -> (Envelope, HookList) {
    let hook = liar.both(&liar.hook()).unwrap();
    liar.serve(1, &hook).unwrap();
    let mut list = liar.list(number, &[&hook]);
    change(&mut list);
    (hook, list)
}

/// The trouble that the list is; its hook is not even fetched.
async fn trouble_with(change: impl FnOnce(&mut HookList), words: &str) -> String {
    let liar = Liar::start().await.unwrap();
    let (hook, list) = listed(&liar, 2, change);
    liar.serve_list(&list).unwrap();
    let agent = liar.agent().await.unwrap();
    let said = trouble(&agent, words).await.unwrap();
    not_even_fetched(&liar, &agent, &hook);
    said
}

fn not_even_fetched(liar: &Liar, agent: &Agent, hook: &Envelope) {
    assert!(!liar.was_fetched(&hook.digest()));
    nothing_ran(liar, agent, &hook.digest());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replayed_list_is_refused_and_after_a_restart_too() {
    let liar = Liar::start().await.unwrap();
    let (hook, old) = listed(&liar, 5, |_| ());
    // The hook was taken back before this agent came.
    liar.serve_list(&liar.list(7, &[])).unwrap();
    let mut agent = liar.agent().await.unwrap();
    took_list(&agent, 7).await.unwrap();
    liar.serve_list(&old).unwrap();
    let words = "the hook list or what it names is refused: hook list 5 is older than hook list 7, which was seen already";
    trouble(&agent, words).await.unwrap();
    not_even_fetched(&liar, &agent, &hook);
    agent.kill().unwrap();
    agent.start().unwrap();
    until(&agent, "second refusal", || {
        let log = agent.log();
        let second_start = log.rfind("the agent runs")?;
        log[second_start..].contains(words).then_some(())
    })
    .await
    .unwrap();
    not_even_fetched(&liar, &agent, &hook);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_by_an_unknown_key_is_refused_once_there_is_no_newer_root_to_name_it() {
    let liar = Liar::start().await.unwrap();
    let (hook, list) = listed(&liar, 2, |_| ());
    let other = SecretKey::generate().unwrap();
    liar.serve_list_bytes(list.envelope(&[&other]).unwrap().to_bson().unwrap());
    let agent = liar.agent().await.unwrap();
    trouble(
        &agent,
        "the hook list is not signed by an online key of the root",
    )
    .await
    .unwrap();
    let asked = liar.doors.requests();
    assert!(asked.iter().any(|r| r.path == "/agent/v1/roots/2"));
    not_even_fetched(&liar, &agent, &hook);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_by_a_person_of_the_roster_is_none() {
    let liar = Liar::start().await.unwrap();
    let (hook, list) = listed(&liar, 2, |_| ());
    let keys = [&liar.house.ada.file, &liar.house.ben.file, &liar.house.rita];
    liar.serve_list_bytes(list.envelope(&keys).unwrap().to_bson().unwrap());
    let agent = liar.agent().await.unwrap();
    trouble(
        &agent,
        "the hook list is not signed by an online key of the root",
    )
    .await
    .unwrap();
    not_even_fetched(&liar, &agent, &hook);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_for_another_instance_is_refused() {
    let words = "the hook list is for instance app-02, and this is app-01";
    trouble_with(|l| l.instance = slug("app-02"), words).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_for_another_customer_is_refused() {
    let words = "the hook list is for customer globex, and this is acme";
    trouble_with(|l| l.customer = slug("globex"), words).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_ended_is_refused() {
    let end = Time::wall_clock().plus_ms(-HOUR);
    let words = format!("the hook list ended at {end}");
    let change = |l: &mut HookList| {
        l.issued_at = end.plus_ms(-HOUR);
        l.expires_at = end;
    };
    trouble_with(change, &words).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_lives_longer_than_a_day_is_refused() {
    let change = |l: &mut HookList| l.expires_at = l.issued_at.plus_ms(DAY + 1);
    trouble_with(
        change,
        "the hook list is not sound: it must live at most 24 h",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_with_a_critical_extension_that_is_not_known_is_refused() {
    let change = |l: &mut HookList| l.critical = vec!["waves".into()];
    let words = "the hook list needs the extension \"waves\", which this version does not know";
    trouble_with(change, words).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_the_future_is_refused_and_not_remembered() {
    let liar = Liar::start().await.unwrap();
    let (hook, future) = listed(&liar, 1_000, |l| {
        l.issued_at = l.issued_at.plus_ms(2 * DAY);
        l.expires_at = l.issued_at.plus_ms(HOUR);
    });
    liar.serve_list(&future).unwrap();
    let agent = liar.agent().await.unwrap();
    trouble(&agent, "more than a day ahead of this machine's clock")
        .await
        .unwrap();
    not_even_fetched(&liar, &agent, &hook);
    // Neither its number nor its time stand in the way of a list in order.
    liar.serve(2, &hook).unwrap();
    until(&agent, "packet", || (liar.packets() == 1).then_some(()))
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_history_became_shorter_is_told_on() {
    let liar = Liar::start().await.unwrap();
    let mut list = liar.list(2, &[]);
    list.heads.customer.number = 40;
    liar.serve_list(&list).unwrap();
    let agent = liar.agent().await.unwrap();
    took_list(&agent, 2).await.unwrap();
    list = liar.list(3, &[]);
    list.heads.customer.number = 39;
    liar.serve_list(&list).unwrap();
    until(&agent, "warning", || {
        let status = agent.command(&["status"], "").ok()?;
        let words = "WARNING: the server's history is not the one seen before: the customer's audit chain has 39 events, where 40 were seen";
        status.contains(words).then_some(())
    })
    .await
    .unwrap();
}
