//! What is refused before a hook is even understood.
use super::*;

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
