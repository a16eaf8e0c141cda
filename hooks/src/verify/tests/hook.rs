//! Whom a hook is for, when, and how much it may ask.
use super::*;

#[test]
fn a_hook_for_another_customer_is_refused() {
    let s = sample();
    let mut roster = s.roster();
    for person in &mut roster.people {
        person.customers = crate::documents::roster::RosterCustomers::All;
    }
    roster.version = 2;
    let hook = Hook {
        customers: crate::documents::hook::HookCustomers::Only(vec!["globex".parse().unwrap()]),
        ..s.hook()
    };
    let bytes = s.signed(&hook, &[&s.ada_file, &s.ben_file]);
    let mut trust = s.trust_listing(&bytes);
    trust.add_roster(&s.roster_bytes(&roster)).unwrap();
    let refusal = trust.verify_hook(&bytes, &s.me(), s.now).unwrap_err();
    assert_eq!(refusal, Refusal::NotForCustomer("acme".parse().unwrap()));
}

#[test]
fn a_hook_for_those_who_opted_in_asks_the_customers_own_fact() {
    let s = sample();
    let hook = Hook {
        subject: crate::documents::hook::Subject::Package {
            name: "openssl".into(),
        },
        customers: crate::documents::hook::HookCustomers::OptedIn,
        ..s.hook()
    };
    let bytes = s.signed(&hook, &[&s.ada_file, &s.ben_file]);
    let trust = s.trust_listing(&bytes);
    assert_eq!(
        trust
            .verify_hook(&bytes, &s.me(), s.now)
            .unwrap_err()
            .code(),
        "not_for_customer"
    );
    let me = Me {
        facts: Facts {
            opted_in: true,
            ..s.me().facts
        },
        ..s.me()
    };
    assert!(trust.verify_hook(&bytes, &me, s.now).is_ok());
}

#[test]
fn an_instance_outside_the_audience_refuses() {
    let s = sample();
    let mut hook = s.hook();
    hook.audience.everyone = false;
    hook.audience.instances = vec!["app-02".parse().unwrap()];
    assert!(matches!(refusal_of(&s, &hook), Refusal::NotForInstance(_)));
}

#[test]
fn not_before_forgives_ten_minutes_and_expiry_nothing() {
    let s = sample();
    let bytes = s.signed(&s.hook(), &[&s.ada_file, &s.ben_file]);
    let trust = s.trust();
    let at = |ms: i64| {
        trust
            .verify_offline(&bytes, Some(&s.me()), s.now.plus_ms(ms))
            .map(|_| ())
    };
    assert_eq!(at(-10 * MINUTE), Ok(()));
    assert_eq!(at(-10 * MINUTE - 1), Err(Refusal::NotYet(s.now)));
    assert_eq!(at(7 * DAY - 1), Ok(()));
    assert_eq!(at(7 * DAY), Err(Refusal::Expired(s.now.plus_ms(7 * DAY))));
}

#[test]
fn an_expired_roster_starts_nothing() {
    let s = sample();
    let mut roster = s.roster();
    roster.version = 2;
    roster.expires_at = s.now.plus_ms(HOUR);
    let bytes = s.signed(&s.hook(), &[&s.ada_file, &s.ben_file]);
    let mut trust = s.trust_listing(&bytes);
    trust.add_roster(&s.roster_bytes(&roster)).unwrap();
    let refusal = trust
        .verify_offline(&bytes, Some(&s.me()), s.now.plus_ms(HOUR))
        .unwrap_err();
    assert_eq!(refusal, Refusal::RosterExpired(s.now.plus_ms(HOUR)));
}

#[test]
fn an_expired_root_starts_nothing_but_still_verifies_the_next() {
    let s = sample();
    let mut root = s.root();
    root.expires_at = s.now.plus_ms(HOUR);
    let bytes = s.signed(&root, &[&s.rita, &s.rolf]);
    let mut trust = TrustStore::pin(
        &bytes,
        Envelope::from_bson(&bytes, 1 << 18).unwrap().digest(),
    )
    .unwrap();
    trust.add_roster(&s.roster_bytes(&s.roster())).unwrap();
    let hook = s.signed(&s.hook(), &[&s.ada_file, &s.ben_file]);
    let later = s.now.plus_ms(2 * HOUR);
    let refusal = trust
        .verify_offline(&hook, Some(&s.me()), later)
        .unwrap_err();
    assert_eq!(refusal, Refusal::RootExpired(root.expires_at));
    let next = Root {
        version: 2,
        expires_at: s.now.plus_ms(30 * DAY),
        ..root
    };
    trust
        .add_root(&s.signed(&next, &[&s.rita, &s.rolf]))
        .unwrap();
    assert!(trust.verify_offline(&hook, Some(&s.me()), later).is_ok());
}

#[test]
fn a_hook_beyond_the_roots_bounds_is_refused() {
    let s = sample();
    let hooks = [
        (
            Hook {
                places: 10_001,
                ..s.hook()
            },
            "places",
        ),
        (
            Hook {
                packet_bytes: 1 << 40,
                total_bytes: 1 << 40,
                ..s.hook()
            },
            "packet_bytes",
        ),
        (
            Hook {
                total_bytes: u64::MAX >> 1,
                ..s.hook()
            },
            "total_bytes",
        ),
        (
            Hook {
                expires_at: s.now.plus_ms(14 * DAY + 1),
                ..s.hook()
            },
            "days",
        ),
    ];
    for (hook, expected) in hooks {
        let refusal = refusal_of(&s, &hook);
        assert!(
            matches!(refusal, Refusal::BeyondBounds { field, .. } if field == expected),
            "{refusal}"
        );
    }
}
