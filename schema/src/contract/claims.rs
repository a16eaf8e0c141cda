//! Claims, leases, answers: exact quotas, whatever races.
use boathook_hooks::{
    ids::{ClaimId, Digest, InstanceId},
    protocol::AnswerKind,
    states::{HookState, StoppedBy},
    time::{DAY, MINUTE},
};
use futures_util::future::join_all;

use super::bench::{AN_HOUR, Bench, acme, at_acme, bolt, done, iid, refused};
use crate::{
    Change, Claim, ClaimAsk, ClaimReply, ClaimState, EventKind, Lease, NewAnswer, Outcome, Overrun,
    Page, Quota, Refused, Scope,
};

const MIB: u64 = 1 << 20;

fn agent(n: u32) -> Scope {
    Scope::Instance {
        customer: acme(),
        instance: iid(n),
    }
}

async fn release(b: &Bench, claim: &ClaimId, kind: AnswerKind) -> crate::Answer<Claim> {
    b.store
        .release(&Scope::System, b.system(), claim.clone(), kind, "so".into())
        .await
}

async fn reject(b: &Bench, claim: &ClaimId) -> crate::Answer<Claim> {
    b.store
        .reject(&Scope::System, b.system(), claim.clone(), "bad zip".into())
        .await
}

async fn overrun(b: &Bench, claim: &ClaimId) -> Overrun {
    done(
        b.store
            .overrun(&Scope::System, b.system(), claim.clone(), 2 * MIB)
            .await,
    )
}

async fn renew(b: &Bench, claim: &ClaimId) -> crate::Answer<Lease> {
    b.store
        .renew(&Scope::System, b.system(), claim.clone(), b.lease())
        .await
}

async fn attempt(b: &Bench, digest: Digest, n: u32, attempt: u32) -> ClaimReply {
    b.claims(digest, vec![b.ask(n, attempt, 100)])
        .await
        .remove(0)
}

async fn state_of(b: &Bench, digest: &Digest, instance: &InstanceId) -> ClaimState {
    b.store
        .claim_of(&Scope::System, digest, instance)
        .await
        .unwrap()
        .unwrap()
        .state
}

pub async fn places_are_granted_until_all_are_reserved(b: Bench) {
    let digest = b.published(3).await;
    let replies = b
        .claims(digest, (0..5).map(|n| b.ask(n, 1, 100)).collect())
        .await;
    for (n, reply) in replies.iter().enumerate() {
        let expected = match reply {
            ClaimReply::Granted(lease) => n < 3 && lease.claim.reservation == 1,
            ClaimReply::Busy { until } => n >= 3 && *until == b.lease(),
            _ => false,
        };
        assert!(expected, "{n}: {reply:?}");
    }
    let usage = b.revision(&digest).await.usage;
    assert_eq!(
        (usage.reserved, usage.reserved_bytes, usage.rows),
        (3, 300, 3)
    );
    assert_eq!(
        b.count(EventKind::CLAIMS_GRANTED).await,
        1,
        "a group is one event"
    );
    let unknown = b.store.claim(
        &Scope::System,
        b.system(),
        Digest::of(b"x"),
        b.lease(),
        vec![],
    );
    assert!(matches!(refused(unknown.await), Refused::NotFound(_)));
}

/// Half through one server and half through another, as they come: one by one, and in groups.
pub async fn of_a_thousand_at_once_ten_get_the_ten_places(b: Bench) {
    let digest = b.published(10).await;
    let other = b.another().await;
    let asks: Vec<ClaimAsk> = (0..1_000).map(|n| b.ask(n, 1, 100)).collect();
    let groups = asks.chunks(4).flat_map(|group| match group {
        [a, b, c, d] => vec![vec![a.clone()], vec![b.clone(), c.clone()], vec![d.clone()]],
        few => vec![few.to_vec()],
    });
    let answers = join_all(groups.enumerate().map(|(n, group)| {
        let store = if n % 2 == 0 { &b.store } else { &other };
        let write = b.system().until(b.now.plus_ms(10 * MINUTE));
        store.claim(&Scope::System, write, digest, b.lease(), group)
    }))
    .await;
    let replies: Vec<ClaimReply> = answers.into_iter().flat_map(done).collect();
    let granted: Vec<&ClaimReply> = replies
        .iter()
        .filter(|r| matches!(r, ClaimReply::Granted(_)))
        .collect();
    let busy = replies
        .iter()
        .filter(|r| matches!(r, ClaimReply::Busy { .. }))
        .count();
    assert_eq!((replies.len(), granted.len(), busy), (1_000, 10, 990));
    let usage = b.revision(&digest).await.usage;
    assert_eq!((usage.reserved, usage.rows), (10, 10));
    for reply in granted {
        if let ClaimReply::Granted(lease) = reply {
            let salt = lease.claim.instance.to_string();
            done(b.commit(b.packet(&lease.claim, 100, &salt)).await);
        }
    }
    assert_eq!(b.revision(&digest).await.state, HookState::Full);
    assert_eq!(b.claim(digest, 5_000, 100).await, ClaimReply::Full);
}

pub async fn bytes_are_a_quota_as_places_are(b: Bench) {
    let quota = Quota {
        total_bytes: 250,
        ..b.quota(10)
    };
    let digest = b.published_with(&[acme()], quota).await;
    let first = b.granted(digest, 1, 100).await;
    b.granted(digest, 2, 100).await;
    assert!(matches!(
        b.claim(digest, 3, 100).await,
        ClaimReply::Busy { .. }
    ));
    b.granted(digest, 3, 50).await;
    // The packet turns out smaller than what was reserved for it: the rest is free at once.
    done(b.commit(b.packet(&first.claim, 20, "a")).await);
    b.granted(digest, 4, 80).await;
    let usage = b.revision(&digest).await.usage;
    assert_eq!((usage.accepted_bytes, usage.reserved_bytes), (20, 230));
    assert_eq!(
        b.claim(digest, 5, 240).await,
        ClaimReply::Full,
        "these bytes never come back"
    );
}

pub async fn a_packet_larger_than_allowed_is_refused_before_it_is_made(b: Bench) {
    let digest = b.published(2).await;
    assert_eq!(
        b.claim(digest, 1, MIB + 1).await,
        ClaimReply::TooLarge { limit: MIB }
    );
    b.granted(digest, 1, MIB).await;
}

pub async fn an_instance_that_holds_a_place_gets_the_same_claim(mut b: Bench) {
    let digest = b.published(1).await;
    let first = b.granted(digest, 1, 100).await;
    b.later(MINUTE);
    let ClaimReply::Same(again) = b.claim(digest, 1, 100).await else {
        panic!("another claim");
    };
    assert_eq!((again.claim, again.until), (first.claim, b.lease()));
    assert_eq!(b.revision(&digest).await.usage.reserved, 1);
    assert_eq!(b.count(EventKind::CLAIMS_GRANTED).await, 1);
}

pub async fn only_reserved_is_busy_and_accepted_is_full(b: Bench) {
    let digest = b.published(2).await;
    let first = b.granted(digest, 1, 100).await;
    let second = b.granted(digest, 2, 100).await;
    assert!(matches!(
        b.claim(digest, 3, 100).await,
        ClaimReply::Busy { .. }
    ));
    done(b.commit(b.packet(&first.claim, 100, "a")).await);
    assert!(matches!(
        b.claim(digest, 3, 100).await,
        ClaimReply::Busy { .. }
    ));
    done(b.commit(b.packet(&second.claim, 100, "b")).await);
    assert_eq!(b.claim(digest, 3, 100).await, ClaimReply::Full);
    assert_eq!(
        b.claim(digest, 1, 100).await,
        ClaimReply::Answered,
        "it has answered"
    );
    assert_eq!(b.changes().await.pop(), Some(Change::Full { digest }));
    assert_eq!(b.count(EventKind::HOOK_FULL).await, 1);
}

pub async fn a_lease_that_ran_out_gives_its_place_back(mut b: Bench) {
    let digest = b.published(1).await;
    let lease = b.granted(digest, 1, 100).await;
    b.later(10 * MINUTE - 1);
    assert!(matches!(
        b.claim(digest, 2, 100).await,
        ClaimReply::Busy { .. }
    ));
    assert_eq!(
        b.store.due_leases(&Scope::System, b.now, 10).await.unwrap(),
        []
    );
    b.later(1);
    assert_eq!(
        b.store.due_leases(&Scope::System, b.now, 10).await.unwrap(),
        [digest]
    );
    // In the claim of another itself, and by the runner.
    b.granted(digest, 2, 100).await;
    assert_eq!(
        state_of(&b, &digest, &lease.claim.instance).await,
        ClaimState::Expired
    );
    b.later(AN_HOUR);
    let returned = b
        .store
        .return_leases(&Scope::System, b.system(), digest)
        .await;
    assert_eq!(done(returned), 1);
    let again = b
        .store
        .return_leases(&Scope::System, b.system(), digest)
        .await;
    assert_eq!(done(again), 0);
    assert_eq!(
        b.store.due_leases(&Scope::System, b.now, 10).await.unwrap(),
        []
    );
    let usage = b.revision(&digest).await.usage;
    assert_eq!((usage.reserved, usage.reserved_bytes), (0, 0));
    assert_eq!(b.count(EventKind::LEASES_RETURNED).await, 2);
}

pub async fn a_claim_that_lost_its_lease_takes_a_free_place_again_or_none(mut b: Bench) {
    let digest = b.published(1).await;
    let lease = b.granted(digest, 1, 100).await;
    b.later(AN_HOUR);
    done(
        b.store
            .return_leases(&Scope::System, b.system(), digest)
            .await,
    );
    done(renew(&b, &lease.claim).await);
    assert_eq!(b.revision(&digest).await.usage.reserved, 1);
    b.later(AN_HOUR);
    let second = b.granted(digest, 2, 100).await;
    assert_eq!(refused(renew(&b, &lease.claim).await), Refused::NoPlace);
    let late = b.commit(b.packet(&lease.claim, 100, "late")).await;
    assert_eq!(refused(late), Refused::NoPlace);
    let size = b.store.size_claim(
        &Scope::System,
        b.system(),
        lease.claim.clone(),
        50,
        b.lease(),
    );
    assert_eq!(refused(size.await), Refused::NoPlace);
    done(release(&b, &second.claim, AnswerKind::Waiting).await);
    done(b.commit(b.packet(&lease.claim, 100, "late")).await);
    assert_eq!(b.revision(&digest).await.state, HookState::Full);
}

pub async fn renewing_never_shortens_a_lease(b: Bench) {
    let digest = b.published(1).await;
    let lease = b.granted(digest, 1, 100).await;
    let sooner = b.now.plus_ms(1);
    let renewed = b
        .store
        .renew(&agent(1), b.system(), lease.claim.clone(), sooner)
        .await;
    assert_eq!(done(renewed).until, lease.until);
    let foreign = b
        .store
        .renew(&agent(2), b.system(), lease.claim, b.lease())
        .await;
    assert!(matches!(refused(foreign), Refused::NotFound(_)));
}

pub async fn sizing_gives_bytes_back_and_never_takes_more(b: Bench) {
    let digest = b.published(2).await;
    let lease = b.granted(digest, 1, 1_000).await;
    let size = async |bytes| {
        let claim = lease.claim.clone();
        b.store
            .size_claim(&agent(1), b.system(), claim, bytes, b.lease())
            .await
    };
    assert_eq!(
        refused(size(1_001).await),
        Refused::TooLarge { limit: 1_000 }
    );
    assert_eq!(done(size(400).await).bytes, 400);
    assert_eq!(done(size(400).await).bytes, 400);
    assert_eq!(refused(size(401).await), Refused::TooLarge { limit: 400 });
    assert_eq!(b.revision(&digest).await.usage.reserved_bytes, 400);
    let large = b.commit(b.packet(&lease.claim, 401, "x")).await;
    assert_eq!(refused(large), Refused::TooLarge { limit: 400 });
    assert_eq!(b.count(EventKind::CLAIM_SIZED).await, 1);
}

pub async fn an_answer_gives_the_place_back_and_decides_whether_it_may_come_again(b: Bench) {
    let digest = b.published(2).await;
    use AnswerKind as A;
    let kinds = [
        (A::Refused, false),
        (A::Declined, false),
        (A::Unsupported, false),
        (A::AnsweredBefore, false),
        (A::Waiting, true),
        (A::Failed, true),
    ];
    for (n, (kind, again)) in kinds.into_iter().enumerate() {
        let n = u32::try_from(n).unwrap();
        let lease = b.granted(digest, n, 100).await;
        let released = done(release(&b, &lease.claim, kind).await);
        assert_eq!(released.state, ClaimState::Failed);
        assert_eq!(
            done(release(&b, &lease.claim, kind).await),
            released,
            "repeated"
        );
        assert_eq!(b.revision(&digest).await.usage.reserved, 0);
        let reply = attempt(&b, digest, n, 2).await;
        match reply {
            ClaimReply::Granted(lease) if again => {
                assert_eq!(lease.claim.reservation, 2);
                done(release(&b, &lease.claim, A::Declined).await);
            }
            ClaimReply::Answered if !again => {}
            other => panic!("after {kind:?}: {other:?}"),
        }
    }
    let answers = b
        .store
        .answers(&at_acme(), &digest, Page::default())
        .await
        .unwrap();
    assert_eq!(answers.items.len(), 6);
}

pub async fn interrupted_is_final_once_its_attempts_are_spent(b: Bench) {
    let digest = b.published(1).await;
    let first = b.granted(digest, 1, 100).await;
    let claim = done(release(&b, &first.claim, AnswerKind::Interrupted).await);
    assert!(!claim.is_final);
    let ClaimReply::Granted(second) = attempt(&b, digest, 1, 2).await else {
        panic!("a second attempt is allowed");
    };
    let claim = done(release(&b, &second.claim, AnswerKind::Interrupted).await);
    assert!(claim.is_final);
    assert_eq!(attempt(&b, digest, 1, 2).await, ClaimReply::Answered);
    assert_eq!(
        attempt(&b, digest, 2, 3).await,
        ClaimReply::Answered,
        "of two attempts the third"
    );
}

pub async fn a_failed_run_counts_as_an_attempt_whatever_the_agent_says(b: Bench) {
    let digest = b.published(1).await;
    for _ in 0..2 {
        let lease = b.granted(digest, 1, 100).await;
        done(release(&b, &lease.claim, AnswerKind::Failed).await);
    }
    assert_eq!(b.claim(digest, 1, 100).await, ClaimReply::Answered);
    // Waiting is no run.
    for _ in 0..5 {
        let lease = b.granted(digest, 2, 100).await;
        done(release(&b, &lease.claim, AnswerKind::Waiting).await);
    }
}

pub async fn a_rejected_packet_is_final(b: Bench) {
    let digest = b.published(1).await;
    let lease = b.granted(digest, 1, 100).await;
    let rejected = done(reject(&b, &lease.claim).await);
    assert_eq!(
        (rejected.state, rejected.is_final),
        (ClaimState::Rejected, true)
    );
    assert_eq!(done(reject(&b, &lease.claim).await), rejected);
    let late = b.commit(b.packet(&lease.claim, 100, "x")).await;
    assert!(matches!(refused(late), Refused::ClaimClosed(_)));
    assert!(matches!(
        refused(release(&b, &lease.claim, AnswerKind::Failed).await),
        Refused::ClaimClosed(_)
    ));
    assert_eq!(attempt(&b, digest, 1, 2).await, ClaimReply::Answered);
    b.granted(digest, 2, 100).await;
    assert_eq!(b.count(EventKind::CLAIM_REJECTED).await, 1);
}

pub async fn rows_are_limited_however_many_fail(b: Bench) {
    let digest = b.published(2).await;
    for n in 0..8 {
        let lease = b.granted(digest, n, 100).await;
        done(release(&b, &lease.claim, AnswerKind::Waiting).await);
    }
    assert_eq!(b.claim(digest, 8, 100).await, ClaimReply::Full);
    b.granted(digest, 3, 100).await;
    assert_eq!(b.revision(&digest).await.usage.rows, 8);
}

pub async fn errors_beyond_the_allowed_share_stop_the_hook(b: Bench) {
    let quota = Quota {
        stop_error_percent: Some(50),
        ..b.quota(10)
    };
    let digest = b.published_with(&[acme()], quota).await;
    b.accepted(digest, 0, 100).await;
    for n in 1..4 {
        let lease = b.granted(digest, n, 100).await;
        assert_eq!(
            b.revision(&digest).await.state,
            HookState::Published,
            "after {n} runs"
        );
        done(release(&b, &lease.claim, AnswerKind::Failed).await);
    }
    let state = b.revision(&digest).await.state;
    assert!(
        matches!(
            state,
            HookState::Stopped {
                by: StoppedBy::Errors,
                ..
            }
        ),
        "{state:?}"
    );
    assert_eq!(b.changes().await.pop(), Some(Change::Stop { digest }));
}

pub async fn the_second_instance_that_overran_stops_the_hook(b: Bench) {
    let digest = b.published(5).await;
    let first = b.granted(digest, 1, 100).await;
    let second = b.granted(digest, 2, 100).await;
    let third = b.granted(digest, 3, 100).await;
    let expected = Overrun {
        instances: 1,
        stopped: None,
    };
    assert_eq!(overrun(&b, &first.claim).await, expected);
    assert_eq!(state_of(&b, &digest, &iid(1)).await, ClaimState::Rejected);
    assert_eq!(
        attempt(&b, digest, 1, 2).await,
        ClaimReply::Answered,
        "its claim is lost"
    );
    assert_eq!(b.revision(&digest).await.state, HookState::Published);
    let stopped = overrun(&b, &second.claim).await;
    assert_eq!(stopped.instances, 2);
    let revision = b.revision(&digest).await;
    assert!(matches!(
        revision.state,
        HookState::Stopped {
            by: StoppedBy::Overruns,
            ..
        }
    ));
    assert_eq!(stopped.stopped, Some(revision.control));
    assert_eq!(
        (revision.usage.reserved, revision.usage.reserved_bytes),
        (0, 0)
    );
    assert_eq!(
        state_of(&b, &digest, &third.claim.instance).await,
        ClaimState::Failed
    );
    assert_eq!(b.count(EventKind::CLAIM_OVERRUN).await, 2);
}

pub async fn an_overrun_is_counted_once_an_instance(b: Bench) {
    let digest = b.published(5).await;
    let first = b.granted(digest, 1, 100).await;
    for _ in 0..3 {
        assert_eq!(overrun(&b, &first.claim).await.instances, 1);
    }
    assert_eq!(b.count(EventKind::CLAIM_OVERRUN).await, 1);
    let accepted = b.accepted(digest, 2, 100).await;
    let answer = b
        .store
        .overrun(&Scope::System, b.system(), accepted, 200)
        .await;
    assert!(matches!(refused(answer), Refused::ClaimClosed(_)));
}

pub async fn a_claim_before_its_time_waits_and_after_its_end_is_over(mut b: Bench) {
    let quota = Quota {
        not_before: b.now.plus_ms(MINUTE),
        ..b.quota(1)
    };
    let not_before = quota.not_before;
    let digest = b.published_with(&[acme()], quota).await;
    assert_eq!(
        b.claim(digest, 1, 100).await,
        ClaimReply::Busy { until: not_before }
    );
    b.later(MINUTE);
    let lease = b.granted(digest, 1, 100).await;
    done(release(&b, &lease.claim, AnswerKind::Waiting).await);
    b.later(7 * DAY);
    // Nobody has called `expire` yet.
    assert!(matches!(
        b.claim(digest, 1, 100).await,
        ClaimReply::Ended { .. }
    ));
}

pub async fn an_older_reservation_is_closed(b: Bench) {
    let digest = b.published(1).await;
    let first = b.granted(digest, 1, 100).await;
    done(release(&b, &first.claim, AnswerKind::Waiting).await);
    let second = b.granted(digest, 1, 100).await;
    assert_eq!((first.claim.reservation, second.claim.reservation), (1, 2));
    assert_eq!(
        b.store.claim_by_id(&agent(1), &first.claim).await.unwrap(),
        None
    );
    assert!(
        b.store
            .claim_by_id(&agent(1), &second.claim)
            .await
            .unwrap()
            .is_some()
    );
    let closed = b.commit(b.packet(&first.claim, 100, "x")).await;
    assert!(matches!(refused(closed), Refused::ClaimClosed(_)));
    assert!(matches!(
        refused(renew(&b, &first.claim).await),
        Refused::ClaimClosed(_)
    ));
    assert!(
        b.store
            .may_delete_chunks(&Scope::System, &first.claim, b.now)
            .await
            .unwrap()
    );
    assert!(
        !b.store
            .may_delete_chunks(&Scope::System, &second.claim, b.now)
            .await
            .unwrap()
    );
}

pub async fn agents_claim_for_themselves_and_people_never(b: Bench) {
    let digest = b.published(5).await;
    let claim = async |scope: Scope, ask: ClaimAsk| {
        let asks = vec![ask];
        b.store
            .claim(&scope, b.system(), digest, b.lease(), asks)
            .await
    };
    for scope in [Scope::All, at_acme()] {
        assert_eq!(
            refused(claim(scope, b.ask(1, 1, 100)).await),
            Refused::OutOfScope
        );
    }
    let neighbour = done(claim(agent(2), b.ask(1, 1, 100)).await);
    assert_eq!(neighbour, [ClaimReply::NotFound]);
    let elsewhere = ClaimAsk {
        customer: bolt(),
        ..b.ask(1, 1, 100)
    };
    let stranger = done(claim(Scope::System, elsewhere).await);
    assert_eq!(
        stranger,
        [ClaimReply::NotFound],
        "the hook is not for that customer"
    );
    assert!(matches!(
        done(claim(agent(1), b.ask(1, 1, 100)).await)[0],
        ClaimReply::Granted(_)
    ));
    let people = b.store.return_leases(&Scope::All, b.ada(), digest).await;
    assert_eq!(refused(people), Refused::OutOfScope);
}

pub async fn an_answer_without_a_claim_is_listed_and_the_newest_stands(b: Bench) {
    let digest = b.published(1).await;
    let say = async |scope: Scope, n: u32, kind: AnswerKind| {
        let answer = NewAnswer {
            revision: digest,
            instance: iid(n),
            customer: acme(),
            kind,
            reason: "because".into(),
        };
        b.store.answer(&scope, b.system(), answer).await
    };
    done(say(agent(1), 1, AnswerKind::Waiting).await);
    done(say(agent(2), 2, AnswerKind::Refused).await);
    done(say(agent(1), 1, AnswerKind::Declined).await);
    done(say(agent(1), 1, AnswerKind::Declined).await);
    let page = b
        .store
        .answers(&at_acme(), &digest, Page::default())
        .await
        .unwrap();
    let kinds: Vec<AnswerKind> = page.items.iter().map(|a| a.kind).collect();
    assert_eq!(kinds, [AnswerKind::Declined, AnswerKind::Refused]);
    assert_eq!(
        b.count(EventKind::ANSWER_GIVEN).await,
        3,
        "a repeat is no news"
    );
    assert_eq!(
        refused(say(agent(2), 1, AnswerKind::Failed).await),
        Refused::OutOfScope
    );
    assert_eq!(
        refused(say(at_acme(), 1, AnswerKind::Failed).await),
        Refused::OutOfScope
    );
    assert!(matches!(
        b.store.claim_of(&Scope::System, &digest, &iid(1)).await,
        Ok(None)
    ));
    let unknown = NewAnswer {
        revision: Digest::of(b"x"),
        instance: iid(1),
        customer: acme(),
        kind: AnswerKind::Failed,
        reason: String::new(),
    };
    let answer: crate::Answer<()> = b.store.answer(&agent(1), b.system(), unknown).await;
    assert!(matches!(answer, Ok(Outcome::Refused(Refused::NotFound(_)))));
}
