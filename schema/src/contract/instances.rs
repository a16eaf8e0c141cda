//! Instances: states, sessions, what is seen of them.
use boathook_hooks::documents::identity::Facts;

use super::bench::{AN_HOUR, Bench, acme, at_acme, at_bolt, bolt, done, iid, public, refused};
use crate::{
    Chain, Change, EventKind, Instance, InstanceState, NewInstance, Refused, Scope, SessionAsk,
    SessionStep, SuspendReason,
};

fn agent(n: u32) -> Scope {
    Scope::Instance {
        customer: acme(),
        instance: iid(n),
    }
}

fn new(n: u32, key: u8, confirm: bool) -> NewInstance {
    NewInstance {
        id: iid(n),
        customer: acme(),
        key: public(key),
        facts: Facts::default(),
        confirm,
    }
}

async fn waiting(b: &Bench) -> Instance {
    done(
        b.store
            .put_instance(&Scope::System, b.system(), new(1, 1, true))
            .await,
    )
}

fn ask(value: &str, nonce: &str, fresh: &str) -> SessionAsk {
    SessionAsk {
        instance: iid(1),
        value: value.into(),
        nonce: nonce.into(),
        fresh: fresh.into(),
        facts: Facts {
            name: "app-1".into(),
            ..Facts::default()
        },
    }
}

async fn session(b: &Bench, ask: SessionAsk) -> SessionStep {
    done(b.store.next_session(&agent(1), b.system(), ask).await)
}

fn next(value: &str, retry: bool) -> SessionStep {
    SessionStep::Next {
        value: value.into(),
        retry,
        facts_changed: false,
    }
}

pub async fn names_are_told_of_those_that_the_scope_holds(b: Bench) {
    for (n, customer) in [(1, acme()), (2, bolt()), (3, acme())] {
        let named = NewInstance {
            customer,
            facts: Facts {
                name: format!("app-{n}"),
                ..Facts::default()
            },
            ..new(n, n as u8, false)
        };
        let put = b.store.put_instance(&Scope::System, b.system(), named);
        done(put.await);
    }
    let (at, sold) = (at_acme(), || "sold".to_owned());
    done(b.store.retire_instance(&at, b.ada(), iid(3), sold()).await);
    done(b.store.erase_instance(&at, b.ada(), iid(3), sold()).await);
    let names = async |scope: &Scope| {
        let ids = [3, 2, 9, 1].map(iid).to_vec();
        b.store.instance_names(scope, ids).await.unwrap()
    };
    let named = |n: u32| (iid(n), format!("app-{n}"));
    assert_eq!(names(&Scope::All).await, [named(2), named(1)]);
    assert_eq!(names(&at_acme()).await, [named(1)]);
    assert_eq!(names(&agent(1)).await, [named(1)]);
    assert_eq!(names(&agent(2)).await, []);
}

pub async fn an_instance_is_made_once_for_its_key(b: Bench) {
    let made = done(
        b.store
            .put_instance(&Scope::System, b.system(), new(1, 1, false))
            .await,
    );
    assert_eq!(made.state, InstanceState::Confirmed);
    let again = done(
        b.store
            .put_instance(&Scope::System, b.system(), new(1, 1, false))
            .await,
    );
    assert_eq!(again, made);
    let other = b
        .store
        .put_instance(&Scope::System, b.system(), new(1, 2, false))
        .await;
    assert_eq!(refused(other), Refused::OtherKey);
    let by_people = b
        .store
        .put_instance(&Scope::All, b.ada(), new(2, 2, false))
        .await;
    assert_eq!(refused(by_people), Refused::OutOfScope);
    assert_eq!(b.count(EventKind::INSTANCE_ENROLLED).await, 1);
}

pub async fn an_instance_that_waits_is_confirmed_by_its_fingerprint_only(b: Bench) {
    let made = waiting(&b).await;
    assert_eq!(made.state, InstanceState::Unconfirmed);
    let confirm = async |scope: Scope, key: u8| {
        b.store
            .confirm_instance(&scope, b.ada(), iid(1), public(key).id())
            .await
    };
    assert_eq!(refused(confirm(at_acme(), 2).await), Refused::OtherKey);
    assert!(matches!(
        refused(confirm(at_bolt(), 1).await),
        Refused::NotFound(_)
    ));
    assert_eq!(refused(confirm(agent(1), 1).await), Refused::OutOfScope);
    assert!(done(confirm(at_acme(), 1).await).may_work());
    done(confirm(at_acme(), 1).await);
    assert_eq!(b.count(EventKind::INSTANCE_CONFIRMED).await, 1);
    assert_eq!(b.changes().await, [Change::Facts { instance: iid(1) }]);
}

pub async fn suspending_denies_and_resuming_leads_back_to_where_it_was(b: Bench) {
    waiting(&b).await;
    let suspend = async |reason| {
        done(
            b.store
                .suspend_instance(&at_acme(), b.ada(), iid(1), reason)
                .await,
        )
        .state
    };
    let first = suspend(SuspendReason::Cloned).await;
    let again = suspend(SuspendReason::Overrun).await;
    assert_eq!(first, again, "the first reason stays");
    let answer = b
        .store
        .next_session(&agent(1), b.system(), ask("", "n", "a"))
        .await;
    assert!(matches!(refused(answer), Refused::InstanceState { .. }));
    let resume = async || {
        b.store
            .resume_instance(&at_acme(), b.ada(), iid(1), "ok".into())
            .await
    };
    assert_eq!(done(resume().await).state, InstanceState::Unconfirmed);
    assert!(matches!(
        refused(resume().await),
        Refused::InstanceState { .. }
    ));
    let key = public(1).id();
    done(
        b.store
            .confirm_instance(&at_acme(), b.ada(), iid(1), key)
            .await,
    );
    suspend(SuspendReason::Words("odd".into())).await;
    assert_eq!(done(resume().await).state, InstanceState::Confirmed);
    let deny = Change::Deny { instance: iid(1) };
    assert_eq!(b.changes().await.iter().filter(|c| **c == deny).count(), 2);
}

pub async fn retiring_is_for_ever_and_an_agents_own_right(b: Bench) {
    b.instance(1, acme()).await;
    b.instance(2, acme()).await;
    let other = b
        .store
        .retire_instance(&agent(2), b.system(), iid(1), "x".into())
        .await;
    assert!(matches!(refused(other), Refused::NotFound(_)));
    let own = b
        .store
        .retire_instance(&agent(1), b.system(), iid(1), "gone".into())
        .await;
    let retired = done(own);
    assert_eq!(retired.state, InstanceState::Retired { why: "gone".into() });
    let again = b
        .store
        .retire_instance(&at_acme(), b.ada(), iid(1), "again".into())
        .await;
    assert_eq!(done(again), retired);
    for answer in [
        b.store
            .resume_instance(&at_acme(), b.ada(), iid(1), "x".into())
            .await,
        b.store
            .suspend_instance(&at_acme(), b.ada(), iid(1), SuspendReason::Cloned)
            .await,
        b.store
            .confirm_instance(&at_acme(), b.ada(), iid(1), public(1).id())
            .await,
    ] {
        assert!(matches!(refused(answer), Refused::InstanceState { .. }));
    }
    let answer = b
        .store
        .next_session(&agent(1), b.system(), ask("", "n", "a"))
        .await;
    assert!(matches!(refused(answer), Refused::InstanceState { .. }));
    assert_eq!(b.changes().await, [Change::Deny { instance: iid(1) }]);
}

pub async fn a_session_hands_the_next_value_on_and_a_retry_gets_the_same(b: Bench) {
    b.instance(1, acme()).await;
    assert_eq!(session(&b, ask("", "n1", "v1")).await, next("v1", false));
    assert_eq!(session(&b, ask("v1", "n2", "v2")).await, next("v2", false));
    // The answer was lost on the way: the same value with the same nonce.
    assert_eq!(session(&b, ask("v1", "n2", "v3")).await, next("v2", true));
    assert_eq!(session(&b, ask("v2", "n3", "v4")).await, next("v4", false));
}

pub async fn a_spent_value_with_another_nonce_is_a_fork(b: Bench) {
    b.instance(1, acme()).await;
    session(&b, ask("", "n1", "v1")).await;
    session(&b, ask("v1", "n2", "v2")).await;
    assert_eq!(
        session(&b, ask("v1", "clone", "v3")).await,
        SessionStep::Fork
    );
    assert_eq!(
        session(&b, ask("", "n1", "v3")).await,
        SessionStep::Fork,
        "spent long ago"
    );
    assert_eq!(b.count(EventKind::SESSION_FORKED).await, 2);
    assert_eq!(session(&b, ask("v2", "n3", "v3")).await, next("v3", false));
}

pub async fn changed_facts_are_told_to_the_control_log(mut b: Bench) {
    b.instance(1, acme()).await;
    session(&b, ask("", "n1", "v1")).await;
    assert_eq!(b.changes().await, []);
    b.later(1);
    let mut renamed = ask("v1", "n2", "v2");
    renamed.facts.name = "app-2".into();
    let step = session(&b, renamed).await;
    assert!(matches!(
        step,
        SessionStep::Next {
            facts_changed: true,
            ..
        }
    ));
    assert_eq!(b.changes().await, [Change::Facts { instance: iid(1) }]);
    assert_eq!(b.count(EventKind::FACTS_CHANGED).await, 1);
    let found = b
        .store
        .instance(&at_acme(), &iid(1))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (found.facts.name.as_str(), found.last_seen),
        ("app-2", b.now)
    );
}

pub async fn sessions_are_for_the_instance_alone(b: Bench) {
    b.instance(1, acme()).await;
    b.instance(2, acme()).await;
    let answer = b
        .store
        .next_session(&agent(2), b.system(), ask("", "n", "v"))
        .await;
    assert!(matches!(refused(answer), Refused::NotFound(_)));
    for scope in [Scope::All, at_acme()] {
        let answer = b
            .store
            .next_session(&scope, b.ada(), ask("", "n", "v"))
            .await;
        assert_eq!(refused(answer), Refused::OutOfScope);
    }
}

pub async fn seen_moves_forward_only_and_writes_no_event(b: Bench) {
    b.instance(1, acme()).await;
    b.instance(2, bolt()).await;
    let events = b.events(Chain::Customer(acme()), None).await.len();
    let (later, earlier) = (b.now.plus_ms(AN_HOUR), b.now.plus_ms(-AN_HOUR));
    let seen = vec![(iid(1), later), (iid(2), earlier), (iid(9), later)];
    let moved = b
        .store
        .touch_instances(&Scope::System, b.system(), seen.clone())
        .await;
    assert_eq!(done(moved), 1);
    let found = b
        .store
        .instance(&Scope::All, &iid(1))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.last_seen, later);
    let found = b
        .store
        .instance(&Scope::All, &iid(2))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.last_seen, b.now);
    assert_eq!(b.events(Chain::Customer(acme()), None).await.len(), events);
    let answer = b.store.touch_instances(&Scope::All, b.ada(), seen).await;
    assert_eq!(refused(answer), Refused::OutOfScope);
}
