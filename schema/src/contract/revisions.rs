//! Published revisions: publish, stop, lower, expire, supersede.
use boathook_hooks::{
    ids::Digest,
    states::{HookState, Move, StoppedBy},
    time::{DAY, Time},
};

use super::bench::{AN_HOUR, Bench, acme, ada, at_acme, at_bolt, bolt, done, iid, refused};
use crate::{Change, ClaimReply, ClaimState, EventKind, MAX_PLACES, Quota, Refused, Scope, Told};

async fn lower(
    b: &Bench,
    digest: Digest,
    places: Option<u32>,
    end: Option<Time>,
) -> crate::Answer<Told> {
    b.store
        .lower(&at_acme(), b.ada(), digest, places, end)
        .await
}

async fn expire(b: &Bench, digest: Digest) -> crate::Answer<Told> {
    b.store.expire(&Scope::System, b.system(), digest).await
}

pub async fn publishing_needs_the_signed_bytes_and_tells_the_control_log(b: Bench) {
    let hook = b.signed(&[acme()]).await;
    let mut publish = b.publish(&hook, b.quota(3));
    publish.digest = Digest::of(b"other bytes");
    let answer = b.store.publish(&Scope::All, b.ada(), publish).await;
    assert_eq!(refused(answer), Refused::OtherBytes);
    let publish = b.publish(&hook, b.quota(3));
    let foreign = b.store.publish(&at_bolt(), b.ada(), publish.clone()).await;
    assert_eq!(refused(foreign), Refused::OutOfScope);
    let digest = publish.digest;
    let told = done(b.store.publish(&at_acme(), b.ada(), publish).await);
    assert_eq!(told.state, HookState::Published);
    let change = Change::Publish {
        digest,
        hook: hook.id.clone(),
        supersedes: None,
    };
    assert_eq!(b.changes().await, [change]);
    let revision = b.revision(&digest).await;
    assert_eq!((revision.control, revision.places()), (told.control, 3));
    assert_eq!(
        b.hook(&hook.id).await.latest().unwrap().state,
        HookState::Published
    );
    assert_eq!(b.count(EventKind::HOOK_PUBLISHED).await, 1);
}

pub async fn publishing_again_changes_nothing(b: Bench) {
    let hook = b.signed(&[acme()]).await;
    let publish = b.publish(&hook, b.quota(3));
    let first = done(b.store.publish(&at_acme(), b.ada(), publish.clone()).await);
    let again = done(b.store.publish(&at_acme(), b.ada(), publish.clone()).await);
    assert_eq!(first, again);
    assert_eq!(
        (
            b.changes().await.len(),
            b.count(EventKind::HOOK_PUBLISHED).await
        ),
        (1, 1)
    );
    b.stop(publish.digest).await;
    let answer = b.store.publish(&at_acme(), b.ada(), publish).await;
    assert!(matches!(refused(answer), Refused::Ended { .. }));
}

pub async fn what_is_not_signed_is_not_published(b: Bench) {
    let hook = b.in_review(&[acme()]).await;
    let answer = b
        .store
        .publish(&Scope::All, b.ada(), b.publish(&hook, b.quota(1)))
        .await;
    assert!(matches!(refused(answer), Refused::IllegalMove { .. }));
    assert_eq!(b.changes().await, []);
}

pub async fn what_has_expired_is_not_published(mut b: Bench) {
    let hook = b.signed(&[acme()]).await;
    let quota = b.quota(1);
    b.later(7 * DAY);
    let answer = b
        .store
        .publish(&Scope::All, b.ada(), b.publish(&hook, quota))
        .await;
    assert!(matches!(refused(answer), Refused::Ended { .. }));
}

pub async fn places_beyond_the_limit_are_not_published(b: Bench) {
    let hook = b.signed(&[acme()]).await;
    for places in [0, MAX_PLACES + 1] {
        let answer = b
            .store
            .publish(&Scope::All, b.ada(), b.publish(&hook, b.quota(places)))
            .await;
        assert!(matches!(refused(answer), Refused::Malformed(_)));
    }
}

pub async fn a_newer_revision_supersedes_the_older(b: Bench) {
    let old = b.published(2).await;
    let lease = b.granted(old, 1, 100).await;
    let hook = b.hook(&b.revision(&old).await.hook).await;
    let draft = b.draft(&hook.id, &[acme()]);
    let hook = done(
        b.store
            .submit_draft(&at_acme(), b.ada(), draft, Some(hook.version))
            .await,
    );
    assert_eq!(
        b.revision(&old).await.state,
        HookState::Published,
        "while the next is drafted"
    );
    let hook = done(b.step(&hook, Move::Submit, Some(b"second")).await);
    let hook = b.sign_out(hook).await;
    let publish = b.publish(&hook, b.quota(2));
    let new = publish.digest;
    done(b.store.publish(&at_acme(), b.ada(), publish).await);
    assert_eq!(
        b.revision(&old).await.state,
        HookState::Superseded { revision: 2 }
    );
    let hook = b.hook(&hook.id).await;
    let words: Vec<&str> = hook.revisions.iter().map(|r| r.state.word()).collect();
    assert_eq!(words, ["superseded", "published"]);
    let supersedes = b.changes().await.pop();
    assert!(matches!(supersedes, Some(Change::Publish { supersedes: Some(d), .. }) if d == old));
    // Who ran already may bring its packet; nobody begins.
    assert!(matches!(
        b.claim(old, 2, 100).await,
        ClaimReply::Ended { .. }
    ));
    done(b.commit(b.packet(&lease.claim, 100, "late")).await);
    assert!(matches!(b.claim(new, 1, 100).await, ClaimReply::Granted(_)));
    assert_eq!(b.count(EventKind::HOOK_SUPERSEDED).await, 1);
}

pub async fn stopping_ends_reservations_for_good(b: Bench) {
    let digest = b.published(3).await;
    let lease = b.granted(digest, 1, 100).await;
    let accepted = b.accepted(digest, 2, 100).await;
    let by = StoppedBy::Person(ada());
    let foreign = b
        .store
        .stop(&at_bolt(), b.ada(), digest, by, "x".into())
        .await;
    assert!(matches!(refused(foreign), Refused::NotFound(_)));
    let told = b.stop(digest).await;
    assert_eq!(told.state.word(), "stopped");
    assert_eq!(b.changes().await.pop(), Some(Change::Stop { digest }));
    let usage = b.revision(&digest).await.usage;
    assert_eq!(
        (usage.reserved, usage.reserved_bytes, usage.accepted),
        (0, 0, 1)
    );
    let claim = b
        .store
        .claim_of(&Scope::System, &digest, &iid(1))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(claim.state, ClaimState::Failed);
    assert!(
        b.store
            .packet(&at_acme(), &accepted)
            .await
            .unwrap()
            .is_some()
    );
    for answer in [
        b.store
            .renew(&Scope::System, b.system(), lease.claim.clone(), b.lease())
            .await,
        b.store
            .size_claim(
                &Scope::System,
                b.system(),
                lease.claim.clone(),
                50,
                b.lease(),
            )
            .await,
    ] {
        assert!(matches!(refused(answer), Refused::Ended { .. }));
    }
    let late = b.commit(b.packet(&lease.claim, 100, "late")).await;
    assert!(matches!(refused(late), Refused::Ended { .. }));
    assert!(matches!(
        b.claim(digest, 1, 100).await,
        ClaimReply::Ended { .. }
    ));
    assert!(matches!(
        b.claim(digest, 5, 100).await,
        ClaimReply::Ended { .. }
    ));
}

pub async fn stopping_again_changes_nothing(b: Bench) {
    let digest = b.published(3).await;
    let first = b.stop(digest).await;
    assert_eq!(b.stop(digest).await, first);
    assert_eq!(
        (
            b.changes().await.len(),
            b.count(EventKind::HOOK_STOPPED).await
        ),
        (2, 1)
    );
    let active = b.store.active_hooks(&Scope::System, b.now).await.unwrap();
    assert_eq!((active.hooks.len(), active.stopped.len()), (0, 1));
    assert_eq!(active.stopped[0].digest, digest);
}

pub async fn what_is_full_or_superseded_is_stopped_and_named_while_it_would_have_lived(b: Bench) {
    let full = b.published(1).await;
    b.accepted(full, 1, 100).await;
    assert_eq!(b.revision(&full).await.state, HookState::Full);
    let old = b.published(2).await;
    let lease = b.granted(old, 1, 100).await;
    let hook = b.hook(&b.revision(&old).await.hook).await;
    let draft = b.draft(&hook.id, &[acme()]);
    let hook = done(
        b.store
            .submit_draft(&at_acme(), b.ada(), draft, Some(hook.version))
            .await,
    );
    let hook = done(b.step(&hook, Move::Submit, Some(b"second")).await);
    let hook = b.sign_out(hook).await;
    let publish = b.publish(&hook, b.quota(2));
    let new = publish.digest;
    done(b.store.publish(&at_acme(), b.ada(), publish).await);
    for digest in [full, old] {
        let told = b.stop(digest).await;
        assert_eq!(told.state.word(), "stopped");
        assert_eq!(b.changes().await.pop(), Some(Change::Stop { digest }));
    }
    // The run that was reserved there has lost its place; the newer revision goes on.
    assert_eq!(b.revision(&old).await.usage.reserved, 0);
    let late = b.commit(b.packet(&lease.claim, 100, "late")).await;
    assert!(matches!(refused(late), Refused::Ended { .. }));
    let words: Vec<&str> = (b.hook(&hook.id).await.revisions.iter())
        .map(|r| r.state.word())
        .collect();
    assert_eq!(words, ["stopped", "published"]);
    let active = b.store.active_hooks(&Scope::System, b.now).await.unwrap();
    assert_eq!(active.hooks.len(), 1);
    assert_eq!(active.hooks[0].digest, new);
    let mut stopped: Vec<Digest> = active.stopped.iter().map(|s| s.digest).collect();
    stopped.sort();
    let mut expected = vec![full, old];
    expected.sort();
    assert_eq!(stopped, expected);
    let later = b.now.plus_ms(7 * DAY);
    let seen = b.store.active_hooks(&Scope::System, later).await.unwrap();
    assert_eq!(seen.stopped.len(), 0);
}

pub async fn what_was_stopped_is_held_until_it_would_have_ended_and_stays_stopped(mut b: Bench) {
    let digest = b.published(1).await;
    let told = b.stop(digest).await;
    b.later(7 * DAY);
    let due = b.store.due_expiry(&Scope::System, b.now, 10).await;
    for digest in due.unwrap() {
        assert_eq!(done(expire(&b, digest).await), told);
    }
    let due = b.store.due_expiry(&Scope::System, b.now, 10).await;
    assert_eq!(due.unwrap(), []);
    assert_eq!(b.revision(&digest).await.state, told.state);
    assert_eq!(b.changes().await.len(), 2);
}

pub async fn what_expired_is_not_stopped(mut b: Bench) {
    let digest = b.published(1).await;
    b.later(7 * DAY);
    done(expire(&b, digest).await);
    let by = StoppedBy::Person(ada());
    let answer = b
        .store
        .stop(&at_acme(), b.ada(), digest, by, "late".into())
        .await;
    assert!(matches!(refused(answer), Refused::IllegalMove { .. }));
}

pub async fn lowering_never_raises_and_spares_what_is_in_use(b: Bench) {
    let digest = b.published(5).await;
    b.accepted(digest, 1, 100).await;
    b.granted(digest, 2, 100).await;
    assert_eq!(
        refused(lower(&b, digest, Some(6), None).await),
        Refused::Raises
    );
    let later = b.now.plus_ms(8 * DAY);
    assert_eq!(
        refused(lower(&b, digest, None, Some(later)).await),
        Refused::Raises
    );
    assert_eq!(
        refused(lower(&b, digest, Some(1), None).await),
        Refused::InUse { places: 2 }
    );
    let end = b.now.plus_ms(DAY);
    done(lower(&b, digest, Some(3), Some(end)).await);
    assert_eq!(
        refused(lower(&b, digest, Some(4), None).await),
        Refused::Raises
    );
    let revision = b.revision(&digest).await;
    assert_eq!((revision.places(), revision.expires_at()), (3, end));
    assert_eq!(revision.quota.places, 5, "what was signed stays on record");
    assert_eq!(b.changes().await.pop(), Some(Change::Lower { digest }));
    b.granted(digest, 3, 100).await;
    assert!(matches!(
        b.claim(digest, 4, 100).await,
        ClaimReply::Busy { .. }
    ));
    assert_eq!(
        b.store.due_expiry(&Scope::System, end, 10).await.unwrap(),
        [digest]
    );
    let foreign = b
        .store
        .lower(&at_bolt(), b.ada(), digest, Some(3), None)
        .await;
    assert!(matches!(refused(foreign), Refused::NotFound(_)));
}

pub async fn lowering_to_what_it_is_changes_nothing(b: Bench) {
    let digest = b.published(5).await;
    let first = done(lower(&b, digest, Some(3), None).await);
    let again = done(lower(&b, digest, Some(3), Some(b.quota(5).expires_at)).await);
    assert_eq!(first, again);
    assert_eq!(
        (
            b.changes().await.len(),
            b.count(EventKind::HOOK_LOWERED).await
        ),
        (2, 1)
    );
}

pub async fn lowering_counts_no_lease_that_ran_out(mut b: Bench) {
    let digest = b.published(5).await;
    for n in 0..3 {
        b.granted(digest, n, 100).await;
    }
    b.later(AN_HOUR);
    done(lower(&b, digest, Some(1), None).await);
    assert_eq!(b.revision(&digest).await.usage.reserved, 0);
}

pub async fn lowering_to_the_accepted_packets_makes_it_full(b: Bench) {
    let digest = b.published(5).await;
    b.accepted(digest, 1, 100).await;
    let told = done(lower(&b, digest, Some(1), None).await);
    assert_eq!(told.state, HookState::Full);
    assert_eq!(b.changes().await.pop(), Some(Change::Full { digest }));
    assert_eq!(b.claim(digest, 2, 100).await, ClaimReply::Full);
}

pub async fn expiring_waits_for_its_time(mut b: Bench) {
    let digest = b.published(1).await;
    b.later(7 * DAY - 1);
    assert!(matches!(
        refused(expire(&b, digest).await),
        Refused::Malformed(_)
    ));
    assert_eq!(
        b.store.due_expiry(&Scope::System, b.now, 10).await.unwrap(),
        []
    );
    b.later(1);
    assert_eq!(
        b.store.due_expiry(&Scope::System, b.now, 10).await.unwrap(),
        [digest]
    );
    let told = done(expire(&b, digest).await);
    assert_eq!(told.state, HookState::Expired);
    assert_eq!(done(expire(&b, digest).await), told);
    assert_eq!(
        b.store.due_expiry(&Scope::System, b.now, 10).await.unwrap(),
        []
    );
    assert_eq!(b.changes().await.len(), 2);
}

pub async fn an_expired_revision_takes_the_packets_of_its_reservations(mut b: Bench) {
    let quota = Quota {
        expires_at: b.now.plus_ms(60_000),
        ..b.quota(2)
    };
    let digest = b.published_with(&[acme(), bolt()], quota).await;
    let lease = b.granted(digest, 1, 100).await;
    b.later(60_000);
    done(expire(&b, digest).await);
    assert!(matches!(
        b.claim(digest, 2, 100).await,
        ClaimReply::Ended { .. }
    ));
    done(
        b.store
            .renew(&Scope::System, b.system(), lease.claim.clone(), b.lease())
            .await,
    );
    done(b.commit(b.packet(&lease.claim, 100, "x")).await);
}

pub async fn the_envelope_comes_back_byte_for_byte(b: Bench) {
    let hook = b.signed(&[acme()]).await;
    let publish = b.publish(&hook, b.quota(1));
    let (digest, envelope) = (publish.digest, publish.envelope.clone());
    done(b.store.publish(&at_acme(), b.ada(), publish).await);
    let found = b.store.envelope(&at_acme(), &digest).await.unwrap();
    assert_eq!(found, Some(envelope));
    assert_eq!(b.store.envelope(&at_bolt(), &digest).await.unwrap(), None);
    assert_eq!(b.store.revision(&at_bolt(), &digest).await.unwrap(), None);
}
