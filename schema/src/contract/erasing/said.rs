//! What people said of an instance goes from beside the chain, which stays whole.
use boathook_hooks::documents::identity::Facts;

use super::{acmes, erase, finish, retire, whole};
use crate::{
    Actor, BrokenChain, ChainVerdict, EventFilter, EventKind, NewInstance, Page, Scope,
    SuspendReason,
    contract::bench::{Bench, Tampering, acme, ada, at_acme, done, iid, public},
    engine::{Home, Table, look::beyond},
};

/// Two instances that people let in, looked at and took out again.
async fn talked_of(b: &Bench) {
    for n in [1, 2] {
        let new = NewInstance {
            id: iid(n),
            customer: acme(),
            key: public(n as u8),
            facts: Facts {
                name: format!("eves-laptop-{n}"),
                ..Facts::default()
            },
            confirm: true,
        };
        let s = &b.store;
        done(s.put_instance(&Scope::System, b.system(), new).await);
        let (scope, key) = (at_acme(), public(n as u8).id());
        done(s.confirm_instance(&scope, b.ada(), iid(n), key).await);
        let reason = SuspendReason::Words("Eve said so".into());
        done(s.suspend_instance(&scope, b.ada(), iid(n), reason).await);
        let words = "Eve is well".to_owned();
        done(s.resume_instance(&scope, b.ada(), iid(n), words).await);
        retire(b, iid(n)).await;
    }
}

pub async fn what_people_said_of_an_instance_goes_and_the_chain_stays_whole(b: Bench) {
    talked_of(&b).await;
    let kept = whole(&b, None).await;
    let events = b.events(acmes(), None).await;
    let of = |n: u32| {
        let own = events.iter().filter(move |e| {
            e.refs.instance == Some(iid(n)) && e.actor == Some(Actor::Person(ada()))
        });
        own.map(|e| e.number).collect::<Vec<u64>>()
    };
    let (gone, stays) = (of(1), of(2));
    assert_eq!((gone.len(), stays.len()), (4, 4));
    let begun = done(erase(&b, &iid(1)).await);
    // Not before it is finished.
    whole(&b, None).await;
    let receipt = finish(&b, &begun).await;
    assert_eq!(whole(&b, Some(kept)).await, receipt.head);
    let told = b.events(acmes(), Some(EventKind::INSTANCE_ERASED)).await;
    let numbers = told[0].details.get_array("personal").unwrap().iter();
    let numbers: Vec<u64> = numbers.map(|n| n.as_i64().unwrap() as u64).collect();
    assert_eq!(numbers, gone);
    for event in b.events(acmes(), None).await {
        if gone.contains(&event.number) {
            assert_eq!((event.actor, event.personal), (None, None));
        } else if stays.contains(&event.number) {
            assert_eq!(event.actor, Some(Actor::Person(ada())));
        }
    }
    let filter = EventFilter {
        person: Some(ada()),
        ..EventFilter::default()
    };
    let page = b
        .store
        .events(&at_acme(), &acmes(), filter, Page::first(100))
        .await;
    let by_ada: Vec<u64> = page.unwrap().items.iter().map(|e| e.number).collect();
    assert!(gone.iter().all(|n| !by_ada.contains(n)), "{by_ada:?}");
    assert!(stays.iter().all(|n| by_ada.contains(n)), "{by_ada:?}");
    // Neither in its own rows, what was answered to earlier writes included.
    let home = Home::new(Table::Instances, iid(1));
    b.store.finish_left(true).await.unwrap();
    finish(&b, &begun).await;
    let rows = b.store.0.raw_rows(&home, "", &beyond("")).await.unwrap();
    for (row, body) in rows {
        let text = String::from_utf8_lossy(&body).into_owned();
        for word in ["eves-laptop", "Eve ", "to Eve"] {
            assert!(!text.contains(word), "{word} in {row}");
        }
    }
}

/// What an erasure tells of is no other event's excuse.
pub async fn what_was_wiped_beside_an_erasure_is_detected(b: Bench) {
    talked_of(&b).await;
    let begun = done(erase(&b, &iid(1)).await);
    finish(&b, &begun).await;
    whole(&b, None).await;
    let events = b.events(acmes(), Some(EventKind::INSTANCE_RETIRED)).await;
    let other = events.iter().find(|e| e.actor.is_some()).unwrap().number;
    b.tamper(&acmes(), Tampering::Erase(other)).await;
    let verdict = b.store.verify_chain(&Scope::All, &acmes(), None).await;
    let broken = ChainVerdict::Broken {
        at: other,
        why: BrokenChain::Personal,
    };
    assert_eq!(verdict.unwrap(), broken);
}
