//! Searching by the beginnings of words.
use std::collections::BTreeSet;

use super::bench::{Bench, acme, at_acme, at_bolt, bolt, done, ticket};
use crate::{Found, Page, PutTicket, Scope, TicketRef};

async fn put(b: &Bench, key: &str, customer: boathook_hooks::ids::CustomerId, title: &str) {
    let put = PutTicket {
        at: TicketRef {
            key: key.into(),
            ..ticket()
        },
        customer,
        title: title.into(),
        url: None,
        state: None,
    };
    done(b.store.put_ticket(&Scope::All, b.ada(), put).await);
}

async fn find(b: &Bench, scope: &Scope, text: &str) -> Vec<(String, String)> {
    let page = b.store.search(scope, text, Page::default()).await.unwrap();
    page.items
        .into_iter()
        .map(|Found { kind, id, .. }| (kind, id))
        .collect()
}

fn tickets(keys: &[&str]) -> Vec<(String, String)> {
    keys.iter()
        .map(|k| ("ticket".to_owned(), format!("zendesk/{k}")))
        .collect()
}

pub async fn records_are_found_by_the_beginnings_of_all_words(b: Bench) {
    put(&b, "1", acme(), "Checkout is slow in Zürich").await;
    put(&b, "2", acme(), "Slow login").await;
    let scope = at_acme();
    assert_eq!(find(&b, &scope, "slo").await, tickets(&["1", "2"]));
    assert_eq!(find(&b, &scope, "SLOW check").await, tickets(&["1"]));
    assert_eq!(find(&b, &scope, "zür").await, tickets(&["1"]));
    assert_eq!(find(&b, &scope, "zendesk/2").await, tickets(&["2"]));
    for nothing in ["low", "slow crash", "", "!?", "%", "s_ow", "slow*"] {
        let expected = if nothing == "slow*" {
            tickets(&["1", "2"])
        } else {
            vec![]
        };
        assert_eq!(find(&b, &scope, nothing).await, expected, "{nothing:?}");
    }
}

pub async fn a_changed_title_is_found_by_its_new_words_only(b: Bench) {
    put(&b, "1", acme(), "Slow").await;
    put(&b, "1", acme(), "Quick").await;
    assert_eq!(find(&b, &at_acme(), "quick").await, tickets(&["1"]));
    assert_eq!(find(&b, &at_acme(), "slow").await, []);
}

pub async fn every_kind_of_record_is_found(b: Bench) {
    b.customer(acme()).await;
    b.instance(7, acme()).await;
    put(&b, "4711", acme(), "Checkout").await;
    let digest = b.published(1).await;
    b.accepted(digest, 7, 100).await;
    let found = async |text: &str| find(&b, &at_acme(), text).await;
    assert_eq!(
        found("incorporated").await,
        [("customer".to_owned(), "acme".to_owned())]
    );
    assert_eq!(
        found("app 7").await,
        [("instance".to_owned(), "i-00007".to_owned())]
    );
    let kinds: Vec<String> = found("4711")
        .await
        .into_iter()
        .map(|(kind, _)| kind)
        .collect();
    assert_eq!(kinds, ["packet", "ticket"]);
    assert_eq!(found("slow checkout").await[0].0, "hook");
    // By whose they are, too: all kinds, and together with other words.
    let kinds = |found: Vec<(String, String)>| -> BTreeSet<String> {
        found.into_iter().map(|(kind, _)| kind).collect()
    };
    let all = ["customer", "hook", "instance", "packet", "ticket"];
    assert_eq!(kinds(found("acme").await), all.map(String::from).into());
    assert_eq!(
        found("acme app 7").await,
        [("instance".to_owned(), "i-00007".to_owned())]
    );
    assert_eq!(found("bolt").await, []);
}

/// Whichever word is begun with, all words count, and one goes on where one was.
pub async fn several_words_are_paged_by_the_rarest(b: Bench) {
    for n in 0..150 {
        let other = if n % 3 == 0 { "crash" } else { "hang" };
        put(&b, &format!("{n:03}"), acme(), &format!("checkout {other}")).await;
    }
    put(&b, "200", acme(), "checkout rare").await;
    // Shorter than the other, and rarer.
    assert_eq!(
        find(&b, &at_acme(), "checkout rare").await,
        tickets(&["200"])
    );
    assert_eq!(find(&b, &at_acme(), "checkout zz").await, []);
    for words in ["checkout crash", "crash checkout", "c crash", "crash"] {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = Page::first(7).after(after);
            let page = b.store.search(&at_acme(), words, page).await.unwrap();
            found.extend(page.items.into_iter().map(|f| f.id));
            // What is rare now need not be when one goes on.
            let next = found.len() + 300;
            put(&b, &format!("{next}"), acme(), "hang").await;
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let expected = (0..150).step_by(3).map(|n| format!("zendesk/{n:03}"));
        assert_eq!(found, expected.collect::<Vec<_>>(), "{words}");
    }
}

pub async fn what_another_customer_has_is_not_found(b: Bench) {
    put(&b, "1", acme(), "Slow").await;
    put(&b, "2", bolt(), "Slow").await;
    let shared = b.drafted(&[acme(), bolt()]).await;
    b.drafted(&[]).await;
    assert_eq!(find(&b, &at_bolt(), "slow").await.len(), 2);
    assert_eq!(find(&b, &Scope::All, "slow").await.len(), 4);
    let hooks = b
        .store
        .search(&at_bolt(), "checkout", Page::default())
        .await
        .unwrap()
        .items;
    assert_eq!(hooks.len(), 1, "the house's draft is the house's");
    // Of the customers that share it each is found by its own name alone.
    let by = async |scope: &Scope, name: &str| {
        let found = find(&b, scope, &format!("{name} checkout")).await;
        found
            .iter()
            .filter(|(_, id)| *id == shared.id.as_str())
            .count()
    };
    assert_eq!(
        (by(&at_bolt(), "bolt").await, by(&at_bolt(), "acme").await),
        (1, 0)
    );
    assert_eq!(
        (by(&at_acme(), "acme").await, by(&Scope::All, "acme").await),
        (1, 1)
    );
    let both = Scope::Only([acme(), bolt()].into());
    assert_eq!((by(&both, "acme").await, by(&both, "bolt").await), (1, 1));
    assert_eq!(
        (hooks[0].id.as_str(), &hooks[0].customer),
        (shared.id.as_str(), &Some(bolt()))
    );
    let agent = Scope::Instance {
        customer: acme(),
        instance: super::bench::iid(1),
    };
    assert_eq!(find(&b, &agent, "slow").await, []);
}
