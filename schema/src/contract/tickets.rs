//! Tickets: known by system and key.
use super::bench::{Bench, acme, at_acme, bolt, done, refused, ticket};
use crate::{Chain, EventKind, PutTicket, Refused, Scope, TicketRef};

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
