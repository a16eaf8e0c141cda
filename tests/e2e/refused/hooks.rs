//! Hooks that enough people signed, and that must not run here or now all the same.
use boathook_hooks::{
    documents::{
        Document as _,
        hook::{Audience, Hook, HookCustomers},
        revocation::Revoked,
    },
    envelope::Envelope,
    protocol::AnswerKind,
    time::{DAY, HOUR, MINUTE, Time},
};
use boathook_tests::{
    liar::{Liar, log_line, took_list, trouble},
    world::{OPEN_POLICY, house::slug},
};

use super::{answer_to, nothing_ran, refusal_of};

/// Ada's and Ben's hook, changed before they sign it.
async fn refused(change: impl FnOnce(&mut Hook)) -> String {
    let liar = Liar::start().await.unwrap();
    let mut hook = liar.hook();
    change(&mut hook);
    refusal_of(&liar, &liar.both(&hook).unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_for_another_customer_is_refused() {
    let words = refused(|h| h.customers = HookCustomers::Only(vec![slug("globex")])).await;
    assert_eq!(words, "the hook is not for customer acme");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_by_an_author_of_another_customer_is_refused() {
    let liar = Liar::start().await.unwrap();
    let hook = Hook {
        author: slug("cleo"),
        ..liar.hook()
    };
    let keys = [&liar.house.cleo.file, &liar.house.ben.file];
    assert_eq!(
        refusal_of(&liar, &hook.envelope(&keys).unwrap()).await,
        "cleo is not an author for this customer"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_for_another_instance_is_refused() {
    let words = refused(|h| {
        h.audience = Audience {
            instances: vec![slug("app-02")],
            ..Audience::default()
        }
    })
    .await;
    assert_eq!(
        words,
        "this instance is not in the hook's audience: it names other instances than app-01"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_hook_is_refused_though_the_list_says_that_it_lives() {
    let end = Time::wall_clock().plus_ms(-MINUTE);
    let words = refused(|h| h.expires_at = end).await;
    assert_eq!(words, format!("the hook expired at {end}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_beyond_the_roots_bounds_is_refused() {
    let words = refused(|h| h.places = 10_001).await;
    assert_eq!(
        words,
        "the hook passes a bound of the root: places is 10001, at most 10000 is allowed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_that_lives_longer_than_the_root_allows_is_refused() {
    let words = refused(|h| h.expires_at = h.not_before.plus_ms(15 * DAY)).await;
    assert_eq!(
        words,
        "the hook passes a bound of the root: days is 15, at most 14 is allowed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_of_a_later_format_is_unsupported_whatever_else_is_in_it() {
    let liar = Liar::start().await.unwrap();
    let payload = liar.hook().to_payload().unwrap();
    let mut fields: bson::Document = bson::deserialize_from_slice(&payload).unwrap();
    fields.insert("format", 2_i64);
    fields.insert("of_the_future", true);
    let payload = bson::serialize_to_vec(&fields).unwrap();
    let keys = [&liar.house.ada.file, &liar.house.ben.file];
    let hook = Envelope::sign(Hook::PAYLOAD_TYPE, payload.clone(), &keys);
    let (kind, words) = answer_to(&liar, &hook).await;
    assert_eq!(kind, AnswerKind::Unsupported);
    assert_eq!(
        words,
        "the hook's format is 2, and this version understands up to 1"
    );
    // Not a byte of it is believed before somebody of the roster signed.
    let stranger = Liar::start().await.unwrap();
    let hook = Envelope::sign(Hook::PAYLOAD_TYPE, payload, &[&stranger.online]);
    assert_eq!(
        refusal_of(&stranger, &hook).await,
        "no one of the roster signed the hook"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_for_newer_agents_is_unsupported() {
    let liar = Liar::start().await.unwrap();
    let hook = Hook {
        min_agent: Some("99.0.0".into()),
        ..liar.hook()
    };
    let (kind, words) = answer_to(&liar, &liar.both(&hook).unwrap()).await;
    assert_eq!(kind, AnswerKind::Unsupported);
    assert_eq!(
        words,
        "the hook needs version 99.0.0 of the agent, and this is 0.1.0"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_hook_is_refused() {
    let liar = Liar::start().await.unwrap();
    let hook = liar.both(&liar.hook()).unwrap();
    let revoked = liar.house.revocation(1, Revoked::Hook(hook.digest()));
    liar.put_revocation(1, revoked.unwrap());
    assert_eq!(
        refusal_of(&liar, &hook).await,
        "the hook was revoked: laptop stolen"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_by_a_revoked_person_or_key_is_refused() {
    for by_key in [false, true] {
        let liar = Liar::start().await.unwrap();
        let key = liar.house.ben.file.public().id();
        let revoked = if by_key {
            Revoked::Key(key)
        } else {
            Revoked::Person(slug("ben"))
        };
        liar.put_revocation(1, liar.house.revocation(1, revoked).unwrap());
        assert_eq!(
            refusal_of(&liar, &liar.both(&liar.hook()).unwrap()).await,
            "ben, or the key ben signed with, was revoked: laptop stolen"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_that_was_seen_stays_though_the_server_forgets_it() {
    let liar = Liar::start().await.unwrap();
    let hook = liar.both(&liar.hook()).unwrap();
    let revoked = liar.house.revocation(1, Revoked::Hook(hook.digest()));
    liar.put_revocation(1, revoked.unwrap());
    liar.serve_list(&liar.list(2, &[])).unwrap();
    let agent = liar.agent().await.unwrap();
    took_list(&agent, 2).await.unwrap();
    let mut forgetful = liar.list(3, &[&hook]);
    forgetful.revokers.clear();
    liar.serve_as(hook.digest(), hook.to_bson().unwrap());
    liar.serve_list(&forgetful).unwrap();
    let (_, words) = liar.answer(&agent, &hook.digest()).await.unwrap();
    assert_eq!(words, "the hook was revoked: laptop stolen");
    nothing_ran(&liar, &agent, &hook.digest());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_starts_while_a_revocation_is_withheld() {
    let liar = Liar::start().await.unwrap();
    let hook = liar.both(&liar.hook()).unwrap();
    let agent = liar.agent().await.unwrap();
    took_list(&agent, 1).await.unwrap();
    liar.serve_as(hook.digest(), hook.to_bson().unwrap());
    let mut list = liar.list(2, &[&hook]);
    list.revokers = vec![boathook_hooks::documents::hook_list::RevokerHead {
        revoker: liar.house.rita.public().id(),
        number: 1,
    }];
    liar.serve_list(&list).unwrap();
    log_line(
        &agent,
        &["1 revocations that the hook list names are not here yet"],
    )
    .await
    .unwrap();
    trouble(&agent, "fetching a revocation: 404").await.unwrap();
    nothing_ran(&liar, &agent, &hook.digest());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_starts_under_an_expired_roster() {
    let liar = Liar::start().await.unwrap();
    let mut roster = liar.house.roster(2, DAY);
    roster.issued_at = roster.issued_at.plus_ms(-10 * DAY);
    roster.expires_at = roster.issued_at.plus_ms(9 * DAY);
    liar.put_roster(&roster).unwrap();
    let digest = liar.serve(2, &liar.both(&liar.hook()).unwrap()).unwrap();
    let agent = liar.agent().await.unwrap();
    let words = format!("the roster expired at {}", roster.expires_at);
    // It may run once there is a new roster, so there is no answer yet: the agent's own words are here.
    log_line(&agent, &["not yet", &digest.short(), &words])
        .await
        .unwrap();
    let status = agent.command(&["status"], "").unwrap();
    assert!(
        status.contains("Roster: version 2, EXPIRED: nothing starts"),
        "{status}"
    );
    assert!(liar.was_fetched(&digest) && liar.answers(&digest).is_empty());
    nothing_ran(&liar, &agent, &digest);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_starts_under_an_expired_root() {
    let mut end = Time::wall_clock();
    let liar = Liar::with(|root| {
        root.issued_at = root.issued_at.plus_ms(-100 * DAY);
        root.expires_at = root.issued_at.plus_ms(99 * DAY);
        end = root.expires_at;
    })
    .await
    .unwrap();
    let digest = liar.serve(2, &liar.both(&liar.hook()).unwrap()).unwrap();
    let agent = liar.agent().await.unwrap();
    let words = format!("the root expired at {end}");
    log_line(&agent, &["not yet", &digest.short(), &words])
        .await
        .unwrap();
    nothing_ran(&liar, &agent, &digest);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_that_begins_later_waits() {
    let liar = Liar::start().await.unwrap();
    let hook = Hook {
        not_before: Time::wall_clock().plus_ms(HOUR),
        ..liar.hook()
    };
    let digest = liar.serve(2, &liar.both(&hook).unwrap()).unwrap();
    let agent = liar.agent().await.unwrap();
    let words = format!("the hook begins at {}", hook.not_before);
    log_line(&agent, &["not yet", &digest.short(), &words])
        .await
        .unwrap();
    assert!(liar.answers(&digest).is_empty());
    nothing_ran(&liar, &agent, &digest);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_document_than_the_listed_one_is_not_even_looked_at() {
    let liar = Liar::start().await.unwrap();
    let listed = liar.both(&liar.hook()).unwrap();
    let other = liar.both(&liar.hook()).unwrap();
    liar.serve(2, &listed).unwrap();
    liar.serve_as(listed.digest(), other.to_bson().unwrap());
    let agent = liar.agent().await.unwrap();
    let words = "the server sent another document than the listed hook";
    log_line(&agent, &[words, &listed.digest().short()])
        .await
        .unwrap();
    for digest in [listed.digest(), other.digest()] {
        assert!(liar.answers(&digest).is_empty());
        nothing_ran(&liar, &agent, &digest);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_policy_does_not_allow_is_refused() {
    let liar = Liar::start().await.unwrap();
    let digest = liar.serve(2, &liar.both(&liar.hook()).unwrap()).unwrap();
    let agent = liar.agent_with(OPEN_POLICY).await.unwrap();
    let (kind, words) = liar.answer(&agent, &digest).await.unwrap();
    assert_eq!(kind, AnswerKind::Refused);
    let marker = liar.marker().display().to_string();
    assert_eq!(
        words,
        format!(
            "the policy of this instance allows nothing of it (mark: the command /usr/bin/touch {marker} is not allowed)"
        )
    );
    nothing_ran(&liar, &agent, &digest);
}
