//! Each check of the verifier's order with the test that fails when it is removed.
#![allow(clippy::unwrap_used)]
use super::{sample::Sample, *};
use crate::{
    documents::{
        Document,
        hook::{FORMAT, Hook, TemplateUse},
        hook_list::Head,
        identity::Facts,
        revocation::Revoked,
        root::{Root, Undone},
        roster::{KeyPlace, RosterKey, RosterPerson, SigningRole},
    },
    envelope::{Envelope, EnvelopeError},
    ids::Digest,
    keys::SecretKey,
    protocol::AnswerKind,
    strict::StrictError,
    time::{DAY, HOUR, MINUTE, Time},
};

fn sample() -> Sample {
    Sample::new(Time::from_ms(1_790_000_000_000))
}

/// The refusal of a hook that the server lists, signed by Ada and Ben unless said otherwise.
fn refusal_of(s: &Sample, hook: &Hook) -> Refusal {
    let bytes = s.signed(hook, &[&s.ada_file, &s.ben_file]);
    s.trust_listing(&bytes)
        .verify_hook(&bytes, &s.me(), s.now)
        .unwrap_err()
}

fn refusal_signed_by(s: &Sample, hook: &Hook, keys: &[&SecretKey]) -> Refusal {
    let bytes = s.signed(hook, keys);
    s.trust_listing(&bytes)
        .verify_hook(&bytes, &s.me(), s.now)
        .unwrap_err()
}

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
fn a_hook_larger_than_the_cap_is_refused_before_it_is_decoded() {
    let s = sample();
    let refusal = s
        .trust()
        .verify_hook(&vec![0; 256 * 1024 + 1], &s.me(), s.now)
        .unwrap_err();
    assert!(matches!(
        refusal,
        Refusal::Envelope(EnvelopeError::Bson(StrictError::TooLarge {
            limit: 262_144,
            ..
        }))
    ));
}

#[test]
fn another_payload_type_is_refused_even_if_signed() {
    let s = sample();
    let payload = s.hook().to_payload().unwrap();
    let envelope = Envelope::sign(
        "application/vnd.boathook.template.v1+bson",
        payload,
        &[&s.ada_file, &s.ben_file],
    );
    let bytes = envelope.to_bson().unwrap();
    let refusal = s
        .trust_listing(&bytes)
        .verify_hook(&bytes, &s.me(), s.now)
        .unwrap_err();
    assert!(
        matches!(refusal, Refusal::Envelope(EnvelopeError::OtherType { .. })),
        "{refusal}"
    );
}

#[test]
fn a_hook_that_no_one_of_the_roster_signed_is_not_even_parsed() {
    let s = sample();
    let garbage = Envelope::sign(
        Hook::PAYLOAD_TYPE,
        b"garbage".to_vec(),
        &[&s.online, &s.rita],
    )
    .to_bson()
    .unwrap();
    let refusal = s
        .trust_listing(&garbage)
        .verify_hook(&garbage, &s.me(), s.now)
        .unwrap_err();
    assert_eq!(refusal, Refusal::NoRosterSignature);
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
fn a_format_that_is_too_new_is_answered_unsupported_before_unknown_fields_are() {
    let s = sample();
    let mut document: bson::Document =
        bson::deserialize_from_slice(&s.hook().to_payload().unwrap()).unwrap();
    document.insert("format", i64::from(FORMAT) + 1);
    document.insert("a_field_of_the_future", true);
    let payload = bson::serialize_to_vec(&document).unwrap();
    let bytes = Envelope::sign(Hook::PAYLOAD_TYPE, payload, &[&s.ada_file, &s.ben_file])
        .to_bson()
        .unwrap();
    let refusal = s
        .trust_listing(&bytes)
        .verify_hook(&bytes, &s.me(), s.now)
        .unwrap_err();
    assert_eq!(
        refusal,
        Refusal::FormatTooNew {
            found: FORMAT + 1,
            known: FORMAT
        }
    );
    assert_eq!(refusal.answer(), AnswerKind::Unsupported);
}

#[test]
fn an_agent_older_than_min_agent_answers_unsupported() {
    let s = sample();
    let refusal = refusal_of(
        &s,
        &Hook {
            min_agent: Some("0.2.0".into()),
            ..s.hook()
        },
    );
    assert!(matches!(refusal, Refusal::AgentTooOld { .. }));
    assert_eq!(refusal.answer(), AnswerKind::Unsupported);
}

#[test]
fn an_unknown_field_in_a_signed_hook_is_refused() {
    let s = sample();
    let mut document: bson::Document =
        bson::deserialize_from_slice(&s.hook().to_payload().unwrap()).unwrap();
    document.insert("extra", true);
    let payload = bson::serialize_to_vec(&document).unwrap();
    let bytes = Envelope::sign(Hook::PAYLOAD_TYPE, payload, &[&s.ada_file, &s.ben_file])
        .to_bson()
        .unwrap();
    let refusal = s
        .trust_listing(&bytes)
        .verify_hook(&bytes, &s.me(), s.now)
        .unwrap_err();
    assert!(
        matches!(&refusal, Refusal::Unreadable { source: StrictError::Fields(f), .. } if f.contains("extra")),
        "{refusal}"
    );
}

#[test]
fn format_one_refuses_template_checks_and_when() {
    let s = sample();
    let template = Some(TemplateUse {
        digest: Digest::of(b""),
        params: bson::Document::new(),
    });
    let hooks = [
        Hook {
            template,
            ..s.hook()
        },
        Hook {
            checks: vec![bson::doc! {"a": 1}],
            ..s.hook()
        },
        Hook {
            when: Some(bson::doc! {"a": 1}),
            ..s.hook()
        },
    ];
    for hook in hooks {
        let refusal = refusal_of(&s, &hook);
        assert!(matches!(refusal, Refusal::NotInFormat(_)), "{refusal}");
    }
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
fn a_clock_set_back_revives_nothing() {
    let s = sample();
    let short = Hook {
        expires_at: s.now.plus_ms(HOUR),
        ..s.hook()
    };
    let bytes = s.signed(&short, &[&s.ada_file, &s.ben_file]);
    let mut trust = s.trust();
    let mut later = s.list(2, &[&bytes]);
    later.issued_at = s.now.plus_ms(2 * HOUR);
    later.expires_at = s.now.plus_ms(3 * HOUR);
    trust
        .accept_list(&s.list_bytes(&later), &s.me(), s.now)
        .unwrap();
    let refusal = trust.verify_hook(&bytes, &s.me(), s.now).unwrap_err();
    assert_eq!(refusal, Refusal::Expired(s.now.plus_ms(HOUR)));
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

#[test]
fn a_list_that_names_a_newer_root_or_roster_starts_nothing() {
    let s = sample();
    let bytes = s.signed(&s.hook(), &[&s.ada_file, &s.ben_file]);
    for (root, roster, code) in [(2, 1, "root_missing"), (1, 2, "roster_missing")] {
        let mut trust = s.trust();
        let mut list = s.list(1, &[&bytes]);
        (list.root_version, list.roster_version) = (root, roster);
        trust
            .accept_list(&s.list_bytes(&list), &s.me(), s.now)
            .unwrap();
        assert_eq!(
            trust
                .verify_hook(&bytes, &s.me(), s.now)
                .unwrap_err()
                .code(),
            code
        );
    }
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

#[test]
fn a_hook_that_is_not_listed_or_stopped_or_whose_listing_ended_is_not_started() {
    let s = sample();
    let bytes = s.signed(&s.hook(), &[&s.ada_file, &s.ben_file]);
    let digest = Envelope::from_bson(&bytes, 1 << 18).unwrap().digest();
    let with = |list| {
        let mut trust = s.trust();
        trust
            .accept_list(&s.list_bytes(&list), &s.me(), s.now)
            .unwrap();
        trust.verify_hook(&bytes, &s.me(), s.now).unwrap_err()
    };
    assert_eq!(
        s.trust().verify_hook(&bytes, &s.me(), s.now).unwrap_err(),
        Refusal::NoList
    );
    assert_eq!(with(s.list(1, &[])), Refusal::NotListed);
    let mut stopped = s.list(1, &[&bytes]);
    stopped.stopped = vec![digest];
    assert_eq!(with(stopped), Refusal::Stopped);
    let mut lowered = s.list(1, &[&bytes]);
    lowered.hooks[0].expires_at = s.now;
    assert_eq!(with(lowered), Refusal::Expired(s.now));
}

#[test]
fn a_list_may_lower_the_end_but_never_raise_it() {
    let s = sample();
    let bytes = s.signed(&s.hook(), &[&s.ada_file, &s.ben_file]);
    for (listed, expected) in [(DAY, DAY), (100 * DAY, 7 * DAY)] {
        let mut trust = s.trust();
        let mut list = s.list(1, &[&bytes]);
        list.hooks[0].expires_at = s.now.plus_ms(listed);
        trust
            .accept_list(&s.list_bytes(&list), &s.me(), s.now)
            .unwrap();
        let verified = trust.verify_hook(&bytes, &s.me(), s.now).unwrap();
        assert_eq!(verified.expires_at(), s.now.plus_ms(expected));
    }
}

#[test]
fn a_stale_list_starts_nothing() {
    let s = sample();
    let bytes = s.signed(&s.hook(), &[&s.ada_file, &s.ben_file]);
    let trust = s.trust_listing(&bytes);
    let refusal = trust
        .verify_hook(&bytes, &s.me(), s.now.plus_ms(HOUR))
        .unwrap_err();
    assert_eq!(refusal, Refusal::ListStale(s.now.plus_ms(HOUR)));
}

#[test]
fn a_list_of_another_instance_customer_or_signer_is_refused() {
    let s = sample();
    let mut trust = s.trust();
    let mut list = s.list(1, &[]);
    list.instance = "app-02".parse().unwrap();
    assert_eq!(
        trust
            .accept_list(&s.list_bytes(&list), &s.me(), s.now)
            .unwrap_err()
            .code(),
        "list_of_another"
    );
    let mut list = s.list(1, &[]);
    list.customer = "globex".parse().unwrap();
    assert_eq!(
        trust
            .accept_list(&s.list_bytes(&list), &s.me(), s.now)
            .unwrap_err()
            .code(),
        "list_of_another"
    );
    let forged = s.signed(&s.list(1, &[]), &[&s.ada_file, &s.rita]);
    assert_eq!(
        trust.accept_list(&forged, &s.me(), s.now),
        Err(Refusal::UnknownOnlineKey)
    );
}

#[test]
fn an_older_list_is_refused() {
    let s = sample();
    let mut trust = s.trust();
    trust
        .accept_list(&s.list_bytes(&s.list(5, &[])), &s.me(), s.now)
        .unwrap();
    let refusal = trust
        .accept_list(&s.list_bytes(&s.list(4, &[])), &s.me(), s.now)
        .unwrap_err();
    assert_eq!(refusal, Refusal::ListRollback { seen: 5, found: 4 });
}

#[test]
fn a_list_from_more_than_a_day_ahead_is_refused_and_not_remembered() {
    let s = sample();
    let mut trust = s.trust();
    let mut list = s.list(9, &[]);
    list.issued_at = s.now.plus_ms(DAY + 1);
    list.expires_at = list.issued_at.plus_ms(HOUR);
    let refusal = trust
        .accept_list(&s.list_bytes(&list), &s.me(), s.now)
        .unwrap_err();
    assert_eq!(refusal.code(), "list_from_future");
    assert!(
        trust
            .accept_list(&s.list_bytes(&s.list(1, &[])), &s.me(), s.now)
            .is_ok()
    );
}

#[test]
fn a_list_that_lives_longer_than_a_day_is_refused() {
    let s = sample();
    let mut list = s.list(1, &[]);
    list.expires_at = s.now.plus_ms(DAY + 1);
    assert_eq!(
        s.trust()
            .accept_list(&s.list_bytes(&list), &s.me(), s.now)
            .unwrap_err()
            .code(),
        "unsound"
    );
}

#[test]
fn a_critical_extension_that_is_unknown_is_refused_and_others_are_ignored() {
    let s = sample();
    let mut list = s.list(1, &[]);
    list.extensions
        .insert("hints".into(), bson::Bson::Boolean(true));
    assert!(
        s.trust()
            .accept_list(&s.list_bytes(&list), &s.me(), s.now)
            .is_ok()
    );
    list.critical.push("hints".into());
    assert_eq!(
        s.trust()
            .accept_list(&s.list_bytes(&list), &s.me(), s.now)
            .unwrap_err()
            .code(),
        "critical_extension"
    );
}

#[test]
fn a_history_that_is_shorter_or_different_is_told() {
    let s = sample();
    let head = |n, h: &[u8]| Head {
        number: n,
        hash: Digest::of(h),
    };
    let list = |number, head: Head| {
        let mut list = s.list(number, &[]);
        list.heads.customer = head;
        s.list_bytes(&list)
    };
    let mut trust = s.trust();
    assert_eq!(
        trust
            .accept_list(&list(1, head(7, b"a")), &s.me(), s.now)
            .unwrap()
            .history,
        None
    );
    let news = trust
        .accept_list(&list(2, head(6, b"x")), &s.me(), s.now)
        .unwrap();
    assert!(matches!(
        news.history,
        Some(HistoryFault::Shorter {
            seen: 7,
            found: 6,
            ..
        })
    ));
    let news = trust
        .accept_list(&list(3, head(7, b"b")), &s.me(), s.now)
        .unwrap();
    assert!(matches!(
        news.history,
        Some(HistoryFault::Different { number: 7, .. })
    ));
    assert_eq!(
        trust
            .accept_list(&list(4, head(8, b"c")), &s.me(), s.now)
            .unwrap()
            .history,
        None
    );
}

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
fn a_bundle_is_verified_again_when_it_is_read() {
    let s = sample();
    let bytes = s.signed(&s.hook(), &[&s.ada_file, &s.ben_file]);
    let mut trust = s.trust_listing(&bytes);
    trust
        .add_revocation(&s.revocation(1, Revoked::Person("cleo".parse().unwrap())))
        .unwrap();
    let bundle = trust.bundle();
    let again = TrustStore::from_bundle(&bundle).unwrap();
    assert!(again.verify_hook(&bytes, &s.me(), s.now).is_ok());
    assert_eq!(again.bundle(), bundle);
    let mut forged = bundle.clone();
    forged.roster = Some(crate::ids::Blob(s.signed(&s.roster(), &[&s.rita])));
    assert_eq!(
        TrustStore::from_bundle(&forged).unwrap_err().code(),
        "roster_people"
    );
    let mut forged = bundle;
    forged.list = Some(crate::ids::Blob(
        s.signed(&s.list(1, &[&bytes]), &[&s.ada_file]),
    ));
    assert_eq!(
        TrustStore::from_bundle(&forged).unwrap_err().code(),
        "unknown_online_key"
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

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(400))]

    #[test]
    fn no_single_changed_byte_of_a_signed_hook_is_ever_verified(at in 0usize..4096, to in 0u8..=255) {
        let s = sample();
        let good = s.signed(&s.hook(), &[&s.ada_file, &s.ben_file]);
        let trust = s.trust_listing(&good);
        let mut bytes = good.clone();
        let at = at % bytes.len();
        bytes[at] = to;
        let verified = trust.verify_hook(&bytes, &s.me(), s.now);
        proptest::prop_assert_eq!(verified.is_ok(), bytes == good);
    }

    #[test]
    fn a_bundle_cut_off_or_mixed_up_never_panics(cut in 0usize..3000, at in 0usize..3000, to in 0u8..=255) {
        let s = sample();
        let good = s.signed(&s.hook(), &[&s.ada_file, &s.ben_file]);
        let mut bytes = crate::strict::encode(&s.trust_listing(&good).bundle()).unwrap();
        let length = bytes.len();
        bytes[at % length] = to;
        bytes.truncate(length - cut % 8);
        if let Ok(bundle) = crate::strict::decode::<TrustBundle>(&bytes, MAX_BUNDLE) {
            let _ = TrustStore::from_bundle(&bundle);
        }
    }
}

#[test]
fn a_hook_beside_the_one_that_is_listed_is_not_started() {
    let s = sample();
    let bytes = s.signed(&s.hook(), &[&s.ada_file, &s.ben_file]);
    let other = Hook {
        revision: 2,
        ..s.hook()
    };
    let other = s.signed(&other, &[&s.ada_file, &s.ben_file]);
    let refusal = s
        .trust_listing(&other)
        .verify_hook(&bytes, &s.me(), s.now)
        .unwrap_err();
    assert_eq!(refusal, Refusal::NotListed);
}

#[test]
fn a_run_goes_on_when_its_hook_is_no_longer_listed_and_ends_when_it_is_stopped() {
    let s = sample();
    let bytes = s.signed(&s.hook(), &[&s.ada_file, &s.ben_file]);
    let mut trust = s.trust_listing(&bytes);
    let verified = trust.verify_hook(&bytes, &s.me(), s.now).unwrap();
    let mut take = |list| {
        trust
            .accept_list(&s.list_bytes(&list), &s.me(), s.now)
            .unwrap();
        trust.still_wanted(&verified)
    };
    assert_eq!(take(s.list(2, &[])), Ok(()), "full, expired or superseded");
    let mut stopped = s.list(3, &[]);
    stopped.stopped = vec![verified.digest()];
    assert_eq!(take(stopped), Err(Refusal::Stopped));
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

#[test]
fn what_the_online_key_signed_as_something_else_is_no_hook_list() {
    let s = sample();
    let payload = s.list(1, &[]).to_payload().unwrap();
    let other = "application/vnd.boathook.receipt.v1+bson";
    let bytes = Envelope::sign(other, payload, &[&s.online])
        .to_bson()
        .unwrap();
    let refusal = s.trust().accept_list(&bytes, &s.me(), s.now).unwrap_err();
    assert!(
        matches!(refusal, Refusal::Envelope(EnvelopeError::OtherType { .. })),
        "{refusal:?}"
    );
}

#[test]
fn a_list_whose_time_is_over_is_not_taken() {
    let s = sample();
    let list = s.list(1, &[]);
    let end = list.expires_at;
    let bytes = s.list_bytes(&list);
    let mut trust = s.trust();
    assert_eq!(
        trust.accept_list(&bytes, &s.me(), end).unwrap_err(),
        Refusal::ListStale(end)
    );
    assert!(trust.list().is_none());
    assert!(trust.accept_list(&bytes, &s.me(), end.plus_ms(-1)).is_ok());
}
