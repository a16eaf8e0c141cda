//! What was erased and what is not finished, as it is listed.
use boathook_hooks::time::MINUTE;

use super::{begin, finish, open};
use crate::{
    Page, Scope,
    contract::bench::{Bench, at_acme},
};

pub async fn erasures_are_listed_newest_first(mut b: Bench) {
    let digest = b.published(4).await;
    let mut all = Vec::new();
    for n in 0..4 {
        let claim = b.accepted(digest, n, 100).await;
        b.later(MINUTE);
        let begun = begin(&b, &claim).await;
        if n % 2 == 0 {
            finish(&b, &begun).await;
        }
        all.insert(0, claim.to_string());
    }
    for scope in [Scope::All, at_acme()] {
        let (mut found, mut next) = (Vec::new(), None);
        loop {
            let page = Page::first(3).after(next);
            let page = b.store.erasures(&scope, page).await.unwrap();
            found.extend(page.items.into_iter().map(|e| e.id));
            next = page.next;
            if next.is_none() {
                break;
            }
        }
        assert_eq!(found, all);
    }
    let ids: Vec<String> = open(&b).await.into_iter().map(|e| e.id).collect();
    assert_eq!(ids, [all[2].clone(), all[0].clone()], "the oldest first");
}

/// Those that keep failing stay the oldest: whoever finishes them gets beyond.
pub async fn what_is_not_finished_is_listed_page_by_page(mut b: Bench) {
    let digest = b.published(5).await;
    let mut begun = Vec::new();
    for n in 0..5 {
        let claim = b.accepted(digest, n, 100).await;
        b.later(MINUTE);
        begun.push(begin(&b, &claim).await.id);
    }
    let (mut found, mut page) = (Vec::new(), Page::first(2));
    loop {
        let open = b.store.unfinished_erasures(&Scope::System, page).await;
        let open = open.unwrap();
        assert!(open.items.len() <= 2);
        found.extend(open.items.into_iter().map(|e| e.id));
        match open.next {
            Some(next) => page = Page::first(2).after(Some(next)),
            None => break,
        }
    }
    assert_eq!(found, begun);
}
