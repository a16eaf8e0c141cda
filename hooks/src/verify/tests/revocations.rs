//! What was taken back, by whom, and what that ends.
use super::*;

#[test]
fn a_revoked_hook_person_or_key_is_refused_with_the_reason() {
    let s = sample();
    let bytes = s.signed(&s.hook(), &[&s.ada_file, &s.ben_file]);
    let digest = Envelope::from_bson(&bytes, 1 << 18).unwrap().digest();
    let cases = [
        (Revoked::Hook(digest), "hook_revoked"),
        (Revoked::Person("ben".parse().unwrap()), "signer_revoked"),
        (Revoked::Key(s.ada_file.public().id()), "signer_revoked"),
    ];
    for (revoked, code) in cases {
        let mut trust = s.trust_listing(&bytes);
        let verified = trust.verify_hook(&bytes, &s.me(), s.now).unwrap();
        trust.add_revocation(&s.revocation(1, revoked)).unwrap();
        let refusal = trust.verify_hook(&bytes, &s.me(), s.now).unwrap_err();
        assert_eq!(refusal.code(), code);
        assert!(refusal.to_string().contains("laptop stolen"));
        assert_eq!(
            trust.still_wanted(&verified).unwrap_err().code(),
            code,
            "a run is cut off too"
        );
    }
}

#[test]
fn the_revocation_of_one_of_three_signers_leaves_enough() {
    let s = sample();
    let bytes = s.signed(&s.hook(), &[&s.ada_file, &s.ada_browser, &s.ben_file]);
    let mut trust = s.trust_listing(&bytes);
    trust
        .add_revocation(&s.revocation(1, Revoked::Key(s.ada_file.public().id())))
        .unwrap();
    assert!(trust.verify_hook(&bytes, &s.me(), s.now).is_ok());
}

#[test]
fn only_a_root_undoes_a_revocation() {
    let s = sample();
    let bytes = s.signed(&s.hook(), &[&s.ada_file, &s.ben_file]);
    let mut trust = s.trust_listing(&bytes);
    trust
        .add_revocation(&s.revocation(1, Revoked::Person("ben".parse().unwrap())))
        .unwrap();
    assert!(trust.verify_hook(&bytes, &s.me(), s.now).is_err());
    let undone = vec![Undone {
        revoker: s.rita.public().id(),
        number: 1,
    }];
    let next = Root {
        version: 2,
        undone,
        ..s.root()
    };
    trust
        .add_root(&s.signed(&next, &[&s.rita, &s.rolf]))
        .unwrap();
    assert!(trust.verify_hook(&bytes, &s.me(), s.now).is_ok());
}

#[test]
fn a_revocation_counts_only_from_a_revoker_and_without_gaps_or_forks() {
    let s = sample();
    let mut trust = s.trust();
    let forged = {
        let mut e = Envelope::from_bson(
            &s.revocation(1, Revoked::Person("ben".parse().unwrap())),
            1 << 18,
        )
        .unwrap();
        e.signatures.clear();
        e.add_signature(&s.rolf);
        e.to_bson().unwrap()
    };
    assert_eq!(trust.add_revocation(&forged), Err(Refusal::NotARevoker));
    let ben = || Revoked::Person("ben".parse().unwrap());
    assert_eq!(
        trust.add_revocation(&s.revocation(2, ben())),
        Err(Refusal::RevocationGap {
            expected: 1,
            found: 2
        })
    );
    assert_eq!(
        trust.add_revocation(&s.revocation(1, ben())),
        Ok(Added::New)
    );
    assert_eq!(
        trust.add_revocation(&s.revocation(1, ben())),
        Ok(Added::Known)
    );
    let other = s.revocation(1, Revoked::Person("cleo".parse().unwrap()));
    assert_eq!(
        trust.add_revocation(&other),
        Err(Refusal::RevocationFork(1))
    );
}

#[test]
fn a_list_that_names_revocations_which_are_not_here_starts_nothing() {
    let s = sample();
    let bytes = s.signed(&s.hook(), &[&s.ada_file, &s.ben_file]);
    let mut trust = s.trust();
    let mut list = s.list(1, &[&bytes]);
    list.revokers = vec![s.revoker_head(2)];
    trust
        .accept_list(&s.list_bytes(&list), &s.me(), s.now)
        .unwrap();
    assert_eq!(
        trust.verify_hook(&bytes, &s.me(), s.now).unwrap_err(),
        Refusal::RevocationsMissing { missing: 2 }
    );
    let revoker = s.rita.public().id();
    assert_eq!(
        trust.missing(),
        [
            Missing::Revocation { revoker, number: 1 },
            Missing::Revocation { revoker, number: 2 }
        ]
    );
}
