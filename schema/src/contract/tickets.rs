//! Tickets: known by system and key.
use super::bench::{Bench, acme, at_acme, bolt, done, refused, ticket};
use crate::{Chain, EventKind, Page, PutTicket, Refused, Scope, TicketRef};

fn put(title: &str) -> PutTicket {
    PutTicket {
        at: ticket(),
        customer: acme(),
        title: title.into(),
        url: Some("https://tickets.example/4711".into()),
        state: None,
    }
}

pub async fn a_ticket_is_known_by_system_and_key(b: Bench) {
    let made = done(b.store.put_ticket(&at_acme(), b.ada(), put("Slow")).await);
    assert_eq!((made.version, made.created_at), (1, b.now));
    let found = b.store.ticket(&at_acme(), &ticket()).await.unwrap();
    assert_eq!(found, Some(made));
    let other = TicketRef {
        system: "jira".into(),
        ..ticket()
    };
    assert_eq!(b.store.ticket(&at_acme(), &other).await.unwrap(), None);
    let events = b
        .events(Chain::Customer(acme()), Some(EventKind::TICKET_PUT))
        .await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].refs.ticket, Some(ticket()));
}

pub async fn the_same_ticket_again_changes_nothing(mut b: Bench) {
    let made = done(b.store.put_ticket(&at_acme(), b.ada(), put("Slow")).await);
    b.later(1_000);
    let again = done(b.store.put_ticket(&at_acme(), b.ada(), put("Slow")).await);
    assert_eq!(again, made);
    assert_eq!(b.count(EventKind::TICKET_PUT).await, 1);
    let renamed = done(
        b.store
            .put_ticket(&at_acme(), b.ada(), put("Very slow"))
            .await,
    );
    assert_eq!((renamed.version, renamed.created_at), (2, made.created_at));
    assert_eq!(b.count(EventKind::TICKET_PUT).await, 2);
}

pub async fn a_ticket_never_changes_its_customer(b: Bench) {
    done(b.store.put_ticket(&at_acme(), b.ada(), put("Slow")).await);
    let moved = PutTicket {
        customer: bolt(),
        ..put("Slow")
    };
    let answer = b.store.put_ticket(&Scope::All, b.ada(), moved).await;
    assert!(matches!(refused(answer), Refused::Exists(_)));
    let found = b
        .store
        .ticket(&Scope::All, &ticket())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.customer, acme());
}

pub async fn a_ticket_without_system_or_key_is_refused(b: Bench) {
    for at in [("", "4711"), ("zendesk", "")] {
        let at = TicketRef {
            system: at.0.into(),
            key: at.1.into(),
        };
        let answer = b
            .store
            .put_ticket(&at_acme(), b.ada(), PutTicket { at, ..put("x") })
            .await;
        assert!(matches!(refused(answer), Refused::Malformed(_)));
    }
}

pub async fn tickets_are_listed_newest_first_whoever_asks(mut b: Bench) {
    // Their keys say nothing of when they were made.
    for (n, key) in ["m", "a", "z", "k"].into_iter().enumerate() {
        let at = TicketRef {
            key: key.into(),
            ..ticket()
        };
        let customer = if n % 2 == 0 { acme() } else { bolt() };
        let new = PutTicket {
            at,
            customer,
            ..put(key)
        };
        done(b.store.put_ticket(&Scope::All, b.ada(), new).await);
        b.later(1_000);
    }
    // A change leaves it where it is.
    let first = TicketRef {
        key: "m".into(),
        ..ticket()
    };
    let changed = PutTicket {
        at: first,
        ..put("M")
    };
    done(b.store.put_ticket(&Scope::All, b.ada(), changed).await);
    let both = Scope::Only([acme(), bolt()].into());
    for (scope, customer, keys) in [
        (Scope::All, None, vec!["k", "z", "a", "m"]),
        (both, None, vec!["k", "z", "a", "m"]),
        (Scope::All, Some(acme()), vec!["z", "m"]),
        (at_acme(), None, vec!["z", "m"]),
    ] {
        let (mut found, mut page) = (Vec::new(), Page::first(1));
        loop {
            let next = b
                .store
                .tickets(&scope, customer.clone(), page)
                .await
                .unwrap();
            found.extend(next.items.into_iter().map(|t| t.at.key));
            if next.next.is_none() {
                break;
            }
            page = Page::first(1).after(next.next);
        }
        assert_eq!(found, keys);
    }
}
