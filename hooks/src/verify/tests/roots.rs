//! Roots and rosters, each carried by the one before.
use super::*;

#[test]
fn a_root_with_another_fingerprint_or_too_few_people_is_refused() {
    let s = sample();
    assert_eq!(
        TrustStore::pin(&s.root_bytes(), Digest::of(b"other"))
            .unwrap_err()
            .code(),
        "other_root"
    );
    let alone = s.signed(&s.root(), &[&s.rita]);
    assert_eq!(
        TrustStore::pin(&alone, s.fingerprint()).unwrap_err().code(),
        "root_people"
    );
}

#[test]
fn the_next_root_needs_both_thresholds_and_exactly_one_more() {
    let s = sample();
    let (new_a, new_b) = (
        SecretKey::from_seed(&[21; 32]),
        SecretKey::from_seed(&[22; 32]),
    );
    let mut next = s.root();
    next.version = 2;
    next.root.keys[0].key = new_a.public();
    next.root.keys[1].key = new_b.public();
    let mut trust = s.trust();
    let by_old = s.signed(&next, &[&s.rita, &s.rolf]);
    let by_new = s.signed(&next, &[&new_a, &new_b]);
    assert_eq!(
        trust.add_root(&by_old).unwrap_err(),
        Refusal::RootPeople {
            version: 2,
            by: 2,
            needed: 2,
            found: 0
        }
    );
    assert_eq!(
        trust.add_root(&by_new).unwrap_err(),
        Refusal::RootPeople {
            version: 2,
            by: 1,
            needed: 2,
            found: 0
        }
    );
    let skipping = s.signed(
        &Root {
            version: 3,
            ..next.clone()
        },
        &[&s.rita, &s.rolf, &new_a, &new_b],
    );
    assert_eq!(
        trust.add_root(&skipping),
        Err(Refusal::RootVersion {
            expected: 2,
            found: 3
        })
    );
    let by_both = s.signed(&next, &[&s.rita, &s.rolf, &new_a, &new_b]);
    assert_eq!(trust.add_root(&by_both), Ok(Added::New));
    assert_eq!(trust.add_root(&by_both), Ok(Added::Known));
}

#[test]
fn a_root_is_sound_or_refused() {
    let s = sample();
    let mut shared_key = s.root();
    shared_key.admission.keys[1].key = s.rita.public();
    let mut online_holder = s.root();
    online_holder.online.push(s.rita.public());
    let mut no_threshold = s.root();
    no_threshold.admission.threshold = 3;
    let too_long = Root {
        expires_at: s.now.plus_ms(367 * DAY),
        ..s.root()
    };
    for root in [shared_key, online_holder, no_threshold, too_long] {
        let bytes = s.signed(&root, &[&s.rita, &s.rolf]);
        let digest = Envelope::from_bson(&bytes, 1 << 18).unwrap().digest();
        assert_eq!(
            TrustStore::pin(&bytes, digest).unwrap_err().code(),
            "unsound"
        );
    }
}

#[test]
fn a_roster_needs_its_holders_and_never_goes_back() {
    let s = sample();
    let mut trust = s.trust();
    let mut next = s.roster();
    next.version = 3;
    let alone = s.signed(&next, &[&s.rita]);
    assert_eq!(
        trust.add_roster(&alone),
        Err(Refusal::RosterPeople {
            needed: 2,
            found: 1
        })
    );
    trust.add_roster(&s.roster_bytes(&next)).unwrap();
    next.version = 2;
    assert_eq!(
        trust.add_roster(&s.roster_bytes(&next)),
        Err(Refusal::RosterRollback { seen: 3, found: 2 })
    );
    next.version = 3;
    next.people.pop();
    assert_eq!(
        trust.add_roster(&s.roster_bytes(&next)),
        Err(Refusal::RosterFork(3))
    );
}

#[test]
fn a_roster_with_a_doubled_or_an_online_key_or_too_long_a_life_is_refused() {
    let s = sample();
    let add = |key: &SecretKey| {
        let mut roster = s.roster();
        roster.version = 2;
        roster.people[1].keys.push(RosterKey {
            key: key.public(),
            place: KeyPlace::File,
            admitted_at: s.now,
        });
        roster
    };
    let mut long = s.roster();
    long.version = 2;
    long.expires_at = s.now.plus_ms(31 * DAY);
    for roster in [add(&s.ada_file), add(&s.online), long] {
        assert_eq!(
            s.trust()
                .add_roster(&s.roster_bytes(&roster))
                .unwrap_err()
                .code(),
            "unsound"
        );
    }
}

#[test]
fn a_revoked_admission_key_no_longer_carries_the_roster() {
    let s = sample();
    let mut trust = s.trust();
    trust
        .add_revocation(&s.revocation(1, Revoked::Key(s.rolf.public().id())))
        .unwrap();
    assert!(trust.roster().is_none());
}

#[test]
fn what_an_online_key_said_is_forgotten_when_a_root_replaces_it() {
    let s = sample();
    let mut trust = s.trust();
    trust
        .accept_list(&s.list_bytes(&s.list(1_000, &[])), &s.me(), s.now)
        .unwrap();
    let fresh = SecretKey::from_seed(&[31; 32]);
    let next = Root {
        version: 2,
        online: vec![fresh.public()],
        ..s.root()
    };
    trust
        .add_root(&s.signed(&next, &[&s.rita, &s.rolf]))
        .unwrap();
    assert!(trust.list().is_none());
    let list = s.signed(&s.list(1, &[]), &[&fresh]);
    assert!(trust.accept_list(&list, &s.me(), s.now).is_ok());
}

#[test]
fn a_run_outlives_the_roster_until_it_is_taken_back_itself() {
    let s = sample();
    let bytes = s.signed(&s.hook(), &[&s.ada_file, &s.ben_file]);
    let mut trust = s.trust_listing(&bytes);
    let verified = trust.verify_hook(&bytes, &s.me(), s.now).unwrap();
    trust
        .add_revocation(&s.revocation(1, Revoked::Key(s.rolf.public().id())))
        .unwrap();
    assert!(trust.roster().is_none());
    assert_eq!(trust.still_wanted(&verified), Ok(()));
    trust
        .add_revocation(&s.revocation(2, Revoked::Hook(verified.digest())))
        .unwrap();
    assert!(matches!(
        trust.still_wanted(&verified),
        Err(Refusal::HookRevoked(_))
    ));
}
