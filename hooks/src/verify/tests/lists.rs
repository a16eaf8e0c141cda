//! Hook lists: whose, how fresh, and what they may do.
use super::*;

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
