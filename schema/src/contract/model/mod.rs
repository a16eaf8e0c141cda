//! Quotas against a model so simple that it is seen to be right: it keeps no counters, only claims, and adds them up.
//! A backend's tests feed it random sequences; every reply and every sum must agree.
mod claims;

use std::collections::{BTreeMap, BTreeSet};

use boathook_hooks::{
    ids::{ClaimId, Digest},
    protocol::AnswerKind,
    states::HookState,
    time::MINUTE,
};

use self::claims::Model;
use super::bench::{Bench, acme, iid};
use crate::{Answer, ClaimReply, ClaimState as S, Committed, Outcome, Quota, Refused, Scope};

/// Kind, instance and amount, to be read by [`Step::of`]: any three numbers are a step.
pub type Raw = (u8, u8, u32);

const INSTANCES: u8 = 7;
const PACKET_BYTES: u64 = 1_000;
const ATTEMPTS: u32 = 2;
const LEASE_MS: i64 = 10 * MINUTE;

#[derive(Clone, Copy, Debug)]
enum Step {
    Claim { n: u32, bytes: u64 },
    Size { n: u32, bytes: u64 },
    Renew { n: u32 },
    Release { n: u32, kind: AnswerKind },
    Reject { n: u32 },
    Commit { n: u32, bytes: u64 },
    Overrun { n: u32 },
    Lower { places: u32 },
    Return,
    Wait { ms: i64 },
}

impl Step {
    fn of((kind, n, amount): Raw, places: u32) -> Self {
        let n = u32::from(n % INSTANCES);
        let bytes = u64::from(amount) % (PACKET_BYTES + 100) + 1;
        let kinds = [
            AnswerKind::Waiting,
            AnswerKind::Failed,
            AnswerKind::Interrupted,
            AnswerKind::Declined,
        ];
        match kind % 16 {
            0..=4 => Self::Claim { n, bytes },
            5 => Self::Size { n, bytes },
            6 => Self::Renew { n },
            7 | 8 => Self::Release {
                n,
                kind: kinds[amount as usize % kinds.len()],
            },
            9 => Self::Reject { n },
            10 | 11 => Self::Commit { n, bytes },
            12 => Self::Overrun { n },
            13 => Self::Lower {
                places: amount % (places + 2),
            },
            14 => Self::Return,
            _ => Self::Wait {
                ms: i64::from(amount) % (2 * LEASE_MS),
            },
        }
    }
}

/// What a step is answered, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Granted,
    Same,
    Answered,
    Busy,
    Full,
    Ended,
    TooLarge,
    Done,
    NoPlace,
    Closed,
    InUse,
    Raises,
}

fn said<T>(answer: Answer<T>, done: impl FnOnce(T) -> Said) -> Said {
    match answer.unwrap() {
        Outcome::Done(value) => done(value),
        Outcome::Refused(reason) => match reason {
            Refused::NoPlace => Said::NoPlace,
            Refused::ClaimClosed(_) => Said::Closed,
            Refused::TooLarge { .. } => Said::TooLarge,
            Refused::Ended { .. } => Said::Ended,
            Refused::InUse { .. } => Said::InUse,
            Refused::Raises => Said::Raises,
            other => panic!("refused: {other:?}"),
        },
    }
}

/// The step done to the store.
async fn apply(b: &Bench, digest: Digest, claim: impl Fn(u32) -> ClaimId, step: Step) -> Said {
    let (s, system, until) = (&b.store, &Scope::System, b.now.plus_ms(LEASE_MS));
    let done = |_| Said::Done;
    match step {
        Step::Claim { n, bytes } => {
            let asks = vec![b.ask(n, 1, bytes)];
            let answer = s.claim(system, b.system(), digest, until, asks).await;
            said(answer, |replies| match &replies[0] {
                ClaimReply::Granted(lease) => {
                    assert_eq!(lease.claim, claim(n));
                    Said::Granted
                }
                ClaimReply::Same(lease) => {
                    assert_eq!(lease.claim, claim(n));
                    Said::Same
                }
                ClaimReply::Answered => Said::Answered,
                ClaimReply::Busy { .. } => Said::Busy,
                ClaimReply::Full => Said::Full,
                ClaimReply::Ended { .. } => Said::Ended,
                ClaimReply::TooLarge { .. } => Said::TooLarge,
                ClaimReply::NotFound | ClaimReply::Erased { .. } => panic!("not there"),
            })
        }
        Step::Size { n, bytes } => said(
            s.size_claim(system, b.system(), claim(n), bytes, until)
                .await,
            |_| Said::Done,
        ),
        Step::Renew { n } => said(s.renew(system, b.system(), claim(n), until).await, |_| {
            Said::Done
        }),
        Step::Release { n, kind } => {
            let words = String::new();
            said(
                s.release(system, b.system(), claim(n), kind, words).await,
                |_| Said::Done,
            )
        }
        Step::Reject { n } => said(
            s.reject(system, b.system(), claim(n), String::new()).await,
            |_| Said::Done,
        ),
        Step::Commit { n, bytes } => {
            let claim = claim(n);
            let packet = b.packet(&claim, bytes, &claim.to_string());
            said(b.commit(packet).await, |committed| match committed {
                Committed::Accepted(_) => Said::Done,
                Committed::Same(_) => Said::Same,
            })
        }
        Step::Overrun { n } => said(s.overrun(system, b.system(), claim(n), 9_999).await, |_| {
            Said::Done
        }),
        Step::Lower { places } => said(
            s.lower(system, b.system(), digest, Some(places), None)
                .await,
            |_| Said::Done,
        ),
        Step::Return => said(s.return_leases(system, b.system(), digest).await, |_| {
            Said::Done
        }),
        Step::Wait { .. } => done(()),
    }
}

/// A new hook of `places` and `total_bytes` through all steps. Panics where store and model part.
pub async fn follow(bench: &Bench, places: u32, total_bytes: u64, steps: &[Raw]) {
    let mut b = bench.clone();
    let quota = Quota {
        packet_bytes: PACKET_BYTES,
        total_bytes,
        attempts: ATTEMPTS,
        ..b.quota(places)
    };
    let digest = b.published_with(&[acme()], quota).await;
    let mut model = Model {
        places,
        total_bytes,
        rows: places * 4,
        now: b.now,
        state: "published",
        claims: BTreeMap::new(),
        overruns: BTreeSet::new(),
    };
    for raw in steps {
        let step = Step::of(*raw, places);
        let expected = model.step(step);
        b.now = model.now;
        let claims = &model.claims;
        let id = |n: u32| ClaimId {
            revision: digest,
            instance: iid(n),
            reservation: claims[&n].reservation,
        };
        if let Some(expected) = expected {
            assert_eq!(apply(&b, digest, id, step).await, expected, "{step:?}");
        }
        let revision = b.revision(&digest).await;
        let (accepted, reserved) = (model.sum(S::Accepted), model.sum(S::Reserved));
        let usage = revision.usage;
        assert_eq!(
            (usage.accepted, usage.accepted_bytes),
            accepted,
            "after {step:?}"
        );
        assert_eq!(
            (usage.reserved, usage.reserved_bytes),
            reserved,
            "after {step:?}"
        );
        assert_eq!(usage.rows as usize, model.claims.len());
        assert!(
            accepted.0 + reserved.0 <= revision.places(),
            "over the places"
        );
        assert!(accepted.1 + reserved.1 <= total_bytes, "over the bytes");
        let state = match revision.state {
            HookState::Stopped { .. } => "stopped",
            ref other => other.word(),
        };
        assert_eq!(
            (state, revision.places()),
            (model.state, model.places),
            "after {step:?}"
        );
        for (n, claim) in &model.claims {
            let found = b
                .store
                .claim_of(&Scope::System, &digest, &iid(*n))
                .await
                .unwrap()
                .unwrap();
            let expected = (claim.state, claim.bytes, claim.is_final);
            assert_eq!(
                (found.state, found.bytes, found.is_final),
                expected,
                "{n} after {step:?}"
            );
        }
    }
}
