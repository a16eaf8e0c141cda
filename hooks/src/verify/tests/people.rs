//! Who must have signed, and with which keys.
use super::*;

#[test]
fn a_hook_signed_by_author_and_reviewer_is_verified() {
    let s = sample();
    let bytes = s.signed(&s.hook(), &[&s.ada_browser, &s.ben_browser]);
    let verified = s
        .trust_listing(&bytes)
        .verify_hook(&bytes, &s.me(), s.now)
        .unwrap();
    assert_eq!(
        verified
            .signers()
            .iter()
            .map(|p| p.as_str())
            .collect::<Vec<_>>(),
        ["ada", "ben"]
    );
    assert_eq!(
        verified.digest(),
        Envelope::from_bson(&bytes, 1 << 18).unwrap().digest()
    );
    assert_eq!(verified.token(), "token");
}

#[test]
fn the_servers_key_counts_for_nobody() {
    let s = sample();
    assert_eq!(
        refusal_signed_by(&s, &s.hook(), &[&s.online]),
        Refusal::NoRosterSignature
    );
    let refusal = refusal_signed_by(&s, &s.hook(), &[&s.ada_file, &s.online]);
    assert_eq!(
        refusal,
        Refusal::TooFewPeople {
            needed: 2,
            found: 1
        }
    );
}

#[test]
fn a_hook_without_its_authors_signature_is_refused() {
    let s = sample();
    assert_eq!(
        refusal_signed_by(&s, &s.hook(), &[&s.ben_file]),
        Refusal::AuthorMissing("ada".parse().unwrap())
    );
}

#[test]
fn a_hook_whose_author_has_not_the_role_is_refused() {
    let s = sample();
    let hook = Hook {
        author: "ben".parse().unwrap(),
        ..s.hook()
    };
    let refusal = refusal_signed_by(&s, &hook, &[&s.ada_file, &s.ben_file]);
    assert_eq!(refusal, Refusal::NotAnAuthor("ben".parse().unwrap()));
}

#[test]
fn a_hook_signed_by_the_author_alone_is_refused() {
    let s = sample();
    assert_eq!(
        refusal_signed_by(&s, &s.hook(), &[&s.ada_file]),
        Refusal::TooFewPeople {
            needed: 2,
            found: 1
        }
    );
}

#[test]
fn one_person_with_two_keys_counts_once() {
    let s = sample();
    assert_eq!(
        refusal_signed_by(&s, &s.hook(), &[&s.ada_browser, &s.ada_file]),
        Refusal::SamePerson {
            person: "ada".parse().unwrap(),
            keys: 2,
            needed: 2
        }
    );
}

#[test]
fn the_same_signature_twice_counts_once() {
    let s = sample();
    let mut envelope = s.hook().envelope(&[&s.ada_file]).unwrap();
    envelope.signatures.push(envelope.signatures[0].clone());
    let bytes = envelope.to_bson().unwrap();
    let refusal = s
        .trust_listing(&bytes)
        .verify_hook(&bytes, &s.me(), s.now)
        .unwrap_err();
    assert_eq!(
        refusal,
        Refusal::TooFewPeople {
            needed: 2,
            found: 1
        }
    );
}

#[test]
fn a_reviewer_of_another_customer_does_not_count() {
    let s = sample();
    assert_eq!(
        refusal_signed_by(&s, &s.hook(), &[&s.ada_file, &s.cleo_file]),
        Refusal::NotAReviewer {
            person: "cleo".parse().unwrap(),
            needed: 2
        }
    );
}

#[test]
fn a_wide_hook_needs_a_key_that_is_not_kept_in_a_browser() {
    let s = sample();
    let refusal = refusal_signed_by(&s, &s.wide_hook(), &[&s.ada_browser, &s.ben_browser]);
    assert!(
        matches!(refusal, Refusal::WideNeedsOtherKey { .. }),
        "{refusal}"
    );
    let bytes = s.signed(&s.wide_hook(), &[&s.ada_browser, &s.ben_file]);
    assert!(
        s.trust_listing(&bytes)
            .verify_hook(&bytes, &s.me(), s.now)
            .is_ok()
    );
}

#[test]
fn a_file_key_of_someone_who_does_not_count_makes_no_hook_wide() {
    let s = sample();
    let refusal = refusal_signed_by(
        &s,
        &s.wide_hook(),
        &[&s.ada_browser, &s.ben_browser, &s.cleo_file],
    );
    assert!(
        matches!(refusal, Refusal::WideNeedsOtherKey { .. }),
        "{refusal}"
    );
}

#[test]
fn progress_counts_people_for_all_customers_of_the_hook() {
    let s = sample();
    let trust = s.trust();
    let hook = s.hook();
    let progress = |hook: &Hook, keys: &[&SecretKey]| {
        trust.progress(&hook.envelope(keys).unwrap(), hook).unwrap()
    };
    let one = progress(&hook, &[&s.ada_browser]);
    assert_eq!(
        (one.people.len(), one.needed, one.missing.is_some()),
        (1, 2, true)
    );
    assert_eq!(
        progress(&hook, &[&s.ada_browser, &s.ben_browser]).missing,
        None
    );
    let both = crate::documents::hook::HookCustomers::Only(vec![
        "acme".parse().unwrap(),
        "globex".parse().unwrap(),
    ]);
    let hook = Hook {
        customers: both,
        ..s.hook()
    };
    assert!(
        progress(&hook, &[&s.ada_browser, &s.ben_browser, &s.cleo_file])
            .missing
            .is_some()
    );
}

#[test]
fn a_second_author_who_may_not_review_does_not_count() {
    let s = sample();
    let mut roster = s.roster();
    roster.version = 2;
    let ben: &mut RosterPerson = roster
        .people
        .iter_mut()
        .find(|p| p.person.as_str() == "ben")
        .unwrap();
    ben.roles = vec![SigningRole::Author];
    let bytes = s.signed(&s.hook(), &[&s.ada_file, &s.ben_file]);
    let mut trust = s.trust_listing(&bytes);
    trust.add_roster(&s.roster_bytes(&roster)).unwrap();
    let refusal = trust.verify_hook(&bytes, &s.me(), s.now).unwrap_err();
    assert_eq!(
        refusal,
        Refusal::NotAReviewer {
            person: "ben".parse().unwrap(),
            needed: 2
        }
    );
}
