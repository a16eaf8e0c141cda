//! How claims end without a packet: answers, rejections, overruns, and what they do to the hook.
use boathook_hooks::{
    ids::{ClaimId, Digest},
    protocol::AnswerKind,
    states::{HookState, StoppedBy},
};

use super::{
    bench::{Bench, acme, at_acme, done, iid, refused},
    claims::{agent, release, state_of},
};
use crate::{
    Change, Claim, ClaimReply, ClaimState, EventKind, NewAnswer, Outcome, Overrun, Page, Quota,
    Refused, Scope,
};

async fn reject(b: &Bench, claim: &ClaimId) -> crate::Answer<Claim> {
    b.store
        .reject(&Scope::System, b.system(), claim.clone(), "bad zip".into())
        .await
}

async fn overrun(b: &Bench, claim: &ClaimId) -> Overrun {
    done(
        b.store
            .overrun(&Scope::System, b.system(), claim.clone(), 2 << 20)
            .await,
    )
}

async fn attempt(b: &Bench, digest: Digest, n: u32, attempt: u32) -> ClaimReply {
    b.claims(digest, vec![b.ask(n, attempt, 100)])
        .await
        .remove(0)
}

pub async fn an_answer_gives_the_place_back_and_decides_whether_it_may_come_again(b: Bench) {
    let digest = b.published(2).await;
    let kinds = [
        (AnswerKind::Refused, false),
        (AnswerKind::Declined, false),
        (AnswerKind::Unsupported, false),
        (AnswerKind::AnsweredBefore, false),
        (AnswerKind::Waiting, true),
        (AnswerKind::Failed, true),
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
                done(release(&b, &lease.claim, AnswerKind::Declined).await);
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

pub async fn what_an_agent_says_of_a_run_that_was_stopped_is_heard(b: Bench) {
    let digest = b.published(2).await;
    let lease = b.granted(digest, 1, 100).await;
    b.stop(digest).await;
    let claim = done(release(&b, &lease.claim, AnswerKind::Interrupted).await);
    assert_eq!(claim.answer, Some(AnswerKind::Interrupted));
    let page = b.store.answers(&at_acme(), &digest, Page::default()).await;
    assert_eq!(page.unwrap().items[0].kind, AnswerKind::Interrupted);
    assert_eq!(b.revision(&digest).await.usage.reserved, 0);
    let other = release(&b, &lease.claim, AnswerKind::Declined).await;
    assert!(matches!(refused(other), Refused::ClaimClosed(_)));
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

pub async fn an_answer_without_a_claim_is_listed_and_the_newest_stands(mut b: Bench) {
    let digest = b.published(1).await;
    let say = async |b: &Bench, scope: Scope, n: u32, kind: AnswerKind| {
        let answer = NewAnswer {
            revision: digest,
            instance: iid(n),
            customer: acme(),
            kind,
            reason: "because".into(),
        };
        b.store.answer(&scope, b.system(), answer).await
    };
    done(say(&b, agent(1), 1, AnswerKind::Waiting).await);
    done(say(&b, agent(2), 2, AnswerKind::Refused).await);
    b.later(1);
    done(say(&b, agent(1), 1, AnswerKind::Declined).await);
    done(say(&b, agent(1), 1, AnswerKind::Declined).await);
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
        refused(say(&b, agent(2), 1, AnswerKind::Failed).await),
        Refused::OutOfScope
    );
    assert_eq!(
        refused(say(&b, at_acme(), 1, AnswerKind::Failed).await),
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

pub async fn an_instances_runs_are_listed_the_newest_hook_first(mut b: Bench) {
    b.customer(acme()).await;
    b.instance(1, acme()).await;
    let (mut digests, scope) = (Vec::new(), at_acme());
    for n in 0..4 {
        let digest = b.published(4).await;
        digests.insert(0, digest);
        match n {
            0 => drop(b.accepted(digest, 1, 100).await),
            1 => {
                let lease = b.granted(digest, 1, 100).await;
                done(release(&b, &lease.claim, AnswerKind::Failed).await);
            }
            // With no claim at all.
            2 => {
                let answer = NewAnswer {
                    revision: digest,
                    instance: iid(1),
                    customer: acme(),
                    kind: AnswerKind::Refused,
                    reason: "its policy says no".into(),
                };
                let agent = agent(1);
                done(b.store.answer(&agent, b.system(), answer).await);
            }
            // Nobody's but another's.
            _ => drop(b.granted(digest, 2, 100).await),
        }
        b.later(1_000);
    }
    let (mut runs, mut next) = (Vec::new(), None);
    loop {
        let page = Page::first(2).after(next);
        let page = b.store.runs(&scope, &iid(1), page).await.unwrap();
        runs.extend(page.items);
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    let found: Vec<Digest> = runs.iter().map(|r| r.revision.digest).collect();
    assert_eq!(found, digests[1..]);
    let said = |n: usize| {
        let (claim, answer) = (runs[n].claim.as_ref(), runs[n].answer.as_ref());
        (claim.map(|c| c.state), answer.map(|a| a.kind))
    };
    assert_eq!(said(0), (None, Some(AnswerKind::Refused)));
    assert_eq!(
        said(1),
        (Some(ClaimState::Failed), Some(AnswerKind::Failed))
    );
    assert_eq!(said(2), (Some(ClaimState::Accepted), None));
    let foreign = b
        .store
        .runs(&super::bench::at_bolt(), &iid(1), Page::default())
        .await;
    assert_eq!(foreign.unwrap().items, []);
}
