//! Lists are read page by page, each from its key on: nothing twice, nothing left out.
use std::fmt::Debug;

use boathook_hooks::{ids::CustomerId, time::MINUTE};

use super::bench::{Bench, acme, at_acme, bolt, done, ticket};
use crate::{
    Customers, EventFilter, Grant, HookFilter, InstanceFilter, PacketsBy, Page, Paged, PutPerson,
    PutTicket, Role, Scope, StoreError, TicketRef,
};

/// Reads all pages of two; says the items and that they are what one large page holds.
async fn walk<T: PartialEq + Debug>(
    list: impl AsyncFn(Page) -> Result<Paged<T>, StoreError>,
) -> usize {
    let mut items = Vec::new();
    let mut page = Page::first(2);
    loop {
        let found = list(page).await.unwrap();
        assert!(found.items.len() <= 2);
        let next = found.next;
        items.extend(found.items);
        if next.is_none() {
            break;
        }
        page = Page::first(2).after(next);
    }
    assert_eq!(items, list(Page::first(1_000)).await.unwrap().items);
    assert!(matches!(
        list(Page::first(2).after(Some("nonsense!".into()))).await,
        Err(StoreError::Cursor { .. })
    ));
    items.len()
}

pub async fn pages_hold_everything_once_and_in_order(mut b: Bench) {
    let s = b.store.clone();
    let both = Scope::Only([acme(), bolt()].into());
    for n in 0..5 {
        let customer = if n % 2 == 0 { acme() } else { bolt() };
        b.instance(n, customer.clone()).await;
        let put = PutTicket {
            at: TicketRef {
                key: n.to_string(),
                ..ticket()
            },
            customer,
            title: format!("ticket {n}"),
            url: None,
            state: None,
        };
        done(s.put_ticket(&Scope::All, b.ada(), put).await);
        b.drafted(&[acme(), bolt()]).await;
        let person = PutPerson {
            id: format!("p{n}").parse().unwrap(),
            name: "x".into(),
            password: None,
            roles: vec![Grant {
                role: Role::Viewer,
                customers: Customers::All,
            }],
        };
        done(s.put_person(&Scope::All, b.ada(), person, None).await);
        b.customer(format!("c{n}").parse().unwrap()).await;
    }
    for scope in [&Scope::All, &both] {
        assert_eq!(
            walk(async |p| s.instances(scope, InstanceFilter::default(), p).await).await,
            5
        );
        assert_eq!(walk(async |p| s.tickets(scope, None, p).await).await, 5);
        assert_eq!(
            walk(async |p| s.hooks(scope, HookFilter::default(), p).await).await,
            5
        );
        assert_eq!(walk(async |p| s.search(scope, "ticket", p).await).await, 5);
    }
    assert_eq!(
        walk(async |p| s.tickets(&at_acme(), None, p).await).await,
        3
    );
    assert_eq!(walk(async |p| s.people(&Scope::All, p).await).await, 5);
    assert_eq!(walk(async |p| s.customers(&Scope::All, p).await).await, 5);
    let some = Scope::Only(["c1", "c3", "c4", "zz"].map(|c| c.parse().unwrap()).into());
    assert_eq!(walk(async |p| s.customers(&some, p).await).await, 3);
    assert_eq!(walk(async |p| s.heads(&Scope::All, p).await).await, 8);
    assert_eq!(walk(async |p| s.heads(&some, p).await).await, 3);
    let digest = b.published_with(&[acme()], b.quota(10)).await;
    for n in 0..5 {
        b.accepted(digest, n, 100).await;
        if n % 2 == 0 {
            b.later(MINUTE);
        }
    }
    let chain = crate::Chain::Customer(acme());
    let filter = EventFilter::default;
    assert!(walk(async |p| s.events(&at_acme(), &chain, filter(), p).await).await > 5);
    assert_eq!(
        walk(async |p| s.claims(&at_acme(), &digest, p).await).await,
        5
    );
    for scope in [&Scope::All, &both] {
        let by = || PacketsBy::Ticket(ticket());
        assert_eq!(walk(async |p| s.packets(scope, by(), p).await).await, 5);
    }
}

/// All pages of `size`, one after the other.
async fn all<T>(size: u32, list: impl AsyncFn(Page) -> Result<Paged<T>, StoreError>) -> Vec<T> {
    let (mut items, mut page) = (Vec::new(), Page::first(size));
    loop {
        let found = list(page).await.unwrap();
        items.extend(found.items);
        match found.next {
            next @ Some(_) => page = Page::first(size).after(next),
            None => return items,
        }
    }
}

/// Of many lists few entries of each are read at a time, and one of them is much longer than the others.
pub async fn the_lists_of_many_customers_are_one_in_order(b: Bench) {
    let s = &b.store;
    let customers: Vec<CustomerId> = (0..20)
        .map(|n| format!("c{n:02}").parse().unwrap())
        .collect();
    for customer in &customers {
        b.customer(customer.clone()).await;
    }
    b.drafted(&[acme()]).await;
    for n in 0..60 {
        let of = &customers[if n % 3 == 0 { n / 3 } else { 7 }];
        let put = PutTicket {
            at: TicketRef {
                key: n.to_string(),
                ..ticket()
            },
            customer: of.clone(),
            title: format!("ticket {n}"),
            url: None,
            state: None,
        };
        done(s.put_ticket(&Scope::All, b.ada(), put).await);
        match n % 10 {
            0 => b.in_review(&[of.clone(), customers[1].clone()]).await,
            _ => b.drafted(std::slice::from_ref(of)).await,
        };
    }
    let some = Scope::Only(customers.iter().cloned().collect());
    let mut hooks = all(1_000, async |p| {
        s.hooks(&Scope::All, HookFilter::default(), p).await
    })
    .await;
    hooks.retain(|hook| hook.customers != [acme()]);
    let tickets = all(1_000, async |p| s.tickets(&Scope::All, None, p).await).await;
    assert_eq!((hooks.len(), tickets.len()), (60, 60));
    for size in [3, 30, 1_000] {
        let found = all(size, async |p| s.tickets(&some, None, p).await).await;
        assert_eq!(found, tickets, "{size}");
        for state in [None, Some("draft"), Some("in review"), Some("held")] {
            let filter = HookFilter {
                state: state.map(Into::into),
                ..HookFilter::default()
            };
            let found = all(size, async |p| s.hooks(&some, filter.clone(), p).await).await;
            let mut wanted = hooks.clone();
            wanted.retain(|h| state.is_none_or(|s| h.latest().unwrap().state.word() == s));
            assert_eq!(found, wanted, "{size} {state:?}");
        }
    }
}

pub async fn a_page_is_never_larger_than_the_most(b: Bench) {
    let most = b
        .store
        .tickets(&Scope::All, None, Page::first(u32::MAX))
        .await
        .unwrap();
    assert_eq!(most.items, []);
    assert_eq!(most.next, None);
}
