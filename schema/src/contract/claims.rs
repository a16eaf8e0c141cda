//! Claims and leases: exact quotas, whatever races.
use boathook_hooks::{
    ids::{ClaimId, Digest, InstanceId},
    protocol::AnswerKind,
    states::HookState,
    time::{DAY, MINUTE},
};
use futures_util::future::join_all;

use super::bench::{AN_HOUR, Bench, acme, at_acme, bolt, done, iid, refused};
use crate::{
    Change, Claim, ClaimAsk, ClaimReply, ClaimState, EventKind, Lease, Quota, Refused, Scope,
};

const MIB: u64 = 1 << 20;

pub(super) fn agent(n: u32) -> Scope {
    Scope::Instance {
        customer: acme(),
        instance: iid(n),
    }
}

pub(super) async fn release(b: &Bench, claim: &ClaimId, kind: AnswerKind) -> crate::Answer<Claim> {
    b.store
        .release(&Scope::System, b.system(), claim.clone(), kind, "so".into())
        .await
}

async fn renew(b: &Bench, claim: &ClaimId) -> crate::Answer<Lease> {
    b.store
        .renew(&Scope::System, b.system(), claim.clone(), b.lease())
        .await
}

pub(super) async fn state_of(b: &Bench, digest: &Digest, instance: &InstanceId) -> ClaimState {
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
