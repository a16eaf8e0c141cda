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

/// Root 2, of which Rolf alone is a revoker; `last` is what it lets count of Rita's.
fn without_rita(s: &Sample, last: Option<u64>) -> Vec<u8> {
    let revoker = s.rita.public().id();
    let root = Root {
        version: 2,
        revokers: vec![s.root().root.keys[1].clone()],
        last_revocations: last
            .map(|number| LastRevocation { revoker, number })
            .into_iter()
            .collect(),
        ..s.root()
    };
    s.signed(&root, &[&s.rita, &s.rolf])
}

#[test]
fn a_dropped_revoker_revokes_nothing_more_and_what_was_revoked_stays() {
    let s = sample();
    let bytes = s.signed(&s.hook(), &[&s.ada_file, &s.ben_file]);
    let ben = || Revoked::Person("ben".parse().unwrap());
    let cleo = || Revoked::Person("cleo".parse().unwrap());
    let mut trust = s.trust_listing(&bytes);
    trust.add_revocation(&s.revocation(1, cleo())).unwrap();
    trust.add_root(&without_rita(&s, Some(1))).unwrap();
    assert_eq!(
        trust.add_revocation(&s.revocation(2, ben())),
        Err(Refusal::BeyondLastRevocation { last: 1, found: 2 })
    );
    assert!(trust.verify_hook(&bytes, &s.me(), s.now).is_ok());
    assert_eq!(trust.revocations().all().count(), 1);
    // One at or below the number may still come late.
    let mut late = s.trust();
    late.add_root(&without_rita(&s, Some(1))).unwrap();
    assert_eq!(
        late.add_revocation(&s.revocation(1, cleo())),
        Ok(Added::New)
    );
}

#[test]
fn what_a_dropped_revoker_signed_beyond_the_last_no_longer_counts_once_the_root_is_here() {
    let s = sample();
    let bytes = s.signed(&s.hook(), &[&s.ada_file, &s.ben_file]);
    let ben = || Revoked::Person("ben".parse().unwrap());
    let mut trust = s.trust_listing(&bytes);
    trust.add_revocation(&s.revocation(1, ben())).unwrap();
    assert!(trust.verify_hook(&bytes, &s.me(), s.now).is_err());
    trust.add_root(&without_rita(&s, Some(0))).unwrap();
    assert!(trust.verify_hook(&bytes, &s.me(), s.now).is_ok());
    // It reads back from the disk, and has the digest of those who never saw the revocation.
    let again = TrustStore::from_bundle(&trust.bundle()).unwrap();
    assert_eq!(
        again.revocations().digest(),
        s.trust().revocations().digest()
    );
}

#[test]
fn a_list_that_still_counts_what_the_root_refuses_asks_for_nothing() {
    let s = sample();
    let bytes = s.signed(&s.hook(), &[&s.ada_file, &s.ben_file]);
    let mut trust = s.trust();
    trust.add_root(&without_rita(&s, Some(0))).unwrap();
    let mut list = s.list(1, &[&bytes]);
    list.revokers = vec![s.revoker_head(2)];
    trust
        .accept_list(&s.list_bytes(&list), &s.me(), s.now)
        .unwrap();
    assert_eq!(trust.missing(), []);
    assert!(trust.verify_hook(&bytes, &s.me(), s.now).is_ok());
}

#[test]
fn a_root_that_drops_a_revoker_says_which_revocation_is_the_last() {
    let s = sample();
    let code = |trust: &TrustStore, root: &[u8]| {
        let refusal = trust.clone().add_root(root).unwrap_err();
        assert!(
            refusal.to_string().contains("last_revocations"),
            "{refusal}"
        );
        refusal.code()
    };
    let mut trust = s.trust();
    assert_eq!(code(&trust, &without_rita(&s, None)), "unsound");
    trust.add_root(&without_rita(&s, Some(3))).unwrap();
    // Nor may a later one forget it, or say it of who may revoke.
    let third = |last_revocations, revokers| Root {
        version: 3,
        revokers,
        last_revocations,
        ..s.root()
    };
    let signed = |root: &Root| s.signed(root, &[&s.rita, &s.rolf]);
    let rolf = vec![s.root().root.keys[1].clone()];
    let last = |number| LastRevocation {
        revoker: s.rita.public().id(),
        number,
    };
    assert_eq!(
        code(&trust, &signed(&third(vec![], rolf.clone()))),
        "unsound"
    );
    assert_eq!(
        code(
            &trust,
            &signed(&third(vec![last(3), last(4)], rolf.clone()))
        ),
        "unsound"
    );
    assert_eq!(
        code(&trust, &signed(&third(vec![last(3)], s.root().revokers))),
        "unsound"
    );
    assert_eq!(
        trust.add_root(&signed(&third(vec![last(3)], rolf))),
        Ok(Added::New)
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
