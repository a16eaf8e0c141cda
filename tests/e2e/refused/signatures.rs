//! Signatures that are not enough, each refused in its own words.
use boathook_hooks::documents::Document as _;
use boathook_tests::liar::{Liar, until};

use super::refusal_of;

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_that_is_in_order_runs_so_that_the_refusals_here_mean_something() {
    let liar = Liar::start().await.unwrap();
    let agent = liar.agent().await.unwrap();
    let digest = liar.serve(2, &liar.both(&liar.hook()).unwrap()).unwrap();
    until(&agent, "packet", || (liar.packets() == 1).then_some(()))
        .await
        .unwrap();
    assert!(liar.marker().exists() && liar.claims(&digest) == 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_by_the_author_alone_is_refused() {
    let liar = Liar::start().await.unwrap();
    let hook = liar.hook().envelope(&[&liar.house.ada.file]).unwrap();
    assert_eq!(
        refusal_of(&liar, &hook).await,
        "the hook needs 2 people, its author and reviewers of this customer, and 1 signed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_person_with_two_keys_is_refused() {
    let liar = Liar::start().await.unwrap();
    let ada = &liar.house.ada;
    let hook = liar.hook().envelope(&[&ada.file, &ada.browser]).unwrap();
    assert_eq!(
        refusal_of(&liar, &hook).await,
        "the hook needs 2 people, and ada alone signed it, with 2 keys"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_by_the_servers_own_key_is_refused() {
    let liar = Liar::start().await.unwrap();
    let hook = liar.hook().envelope(&[&liar.online]).unwrap();
    assert_eq!(
        refusal_of(&liar, &hook).await,
        "no one of the roster signed the hook"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_servers_own_key_is_no_second_person() {
    let liar = Liar::start().await.unwrap();
    let keys = [&liar.house.ada.file, &liar.online];
    let words = refusal_of(&liar, &liar.hook().envelope(&keys).unwrap()).await;
    assert!(words.ends_with("and 1 signed"), "{words}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reviewer_of_another_customer_does_not_count() {
    let liar = Liar::start().await.unwrap();
    let keys = [&liar.house.ada.file, &liar.house.cleo.file];
    assert_eq!(
        refusal_of(&liar, &liar.hook().envelope(&keys).unwrap()).await,
        "the hook needs 2 people, its author and reviewers of this customer, and cleo, who signed it, is not one of them"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wide_hook_with_browser_keys_only_is_refused() {
    let liar = Liar::start().await.unwrap();
    let keys = [&liar.house.ada.browser, &liar.house.ben.browser];
    let words = refusal_of(&liar, &liar.hook().envelope(&keys).unwrap()).await;
    assert_eq!(
        words,
        "the hook's reach is wide (it runs the command /usr/bin/touch), and all its signatures are by keys kept in a browser"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_over_other_bytes_is_none() {
    let liar = Liar::start().await.unwrap();
    let mut hook = liar.both(&liar.hook()).unwrap();
    // Ben signed a hook with one more place.
    let mut other = liar.hook();
    other.places += 1;
    hook.signatures[1] = liar.both(&other).unwrap().signatures[1].clone();
    let words = refusal_of(&liar, &hook).await;
    assert!(words.ends_with("and 1 signed"), "{words}");
}
