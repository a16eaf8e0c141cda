//! Quotas against a model so simple that it is seen to be right: it keeps no counters, only claims, and adds them up.
//! A backend's tests feed it random sequences; every reply and every sum must agree.
use std::collections::{BTreeMap, BTreeSet};

use boathook_hooks::{
    ids::{ClaimId, Digest},
    protocol::AnswerKind,
    states::HookState,
    time::{MINUTE, Time},
};

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

struct Claim {
    state: S,
    bytes: u64,
    until: Time,
    attempt: u32,
    answer: Option<AnswerKind>,
    is_final: bool,
    reservation: u16,
}

struct Model {
    places: u32,
    total_bytes: u64,
    rows: u32,
    now: Time,
    /// Published, full or stopped.
    state: &'static str,
    claims: BTreeMap<u32, Claim>,
    overruns: BTreeSet<u32>,
}

enum Room {
    Free,
    Busy,
    Full,
}

impl Model {
    /// Claims in that state, and their bytes.
    fn sum(&self, state: S) -> (u32, u64) {
        let all = self.claims.values().filter(|c| c.state == state);
        all.fold((0, 0), |(count, bytes), c| (count + 1, bytes + c.bytes))
    }

    fn room(&self, bytes: u64) -> Room {
        let (accepted, accepted_bytes) = self.sum(S::Accepted);
        let (reserved, reserved_bytes) = self.sum(S::Reserved);
        if accepted >= self.places || accepted_bytes + bytes > self.total_bytes {
            Room::Full
        } else if accepted + reserved >= self.places
            || accepted_bytes + reserved_bytes + bytes > self.total_bytes
        {
            Room::Busy
        } else {
            Room::Free
        }
    }

    fn settle(&mut self) {
        for claim in self.claims.values_mut() {
            if claim.state == S::Reserved && claim.until <= self.now {
                claim.state = S::Expired;
            }
        }
    }

    fn fill(&mut self) {
        let (accepted, bytes) = self.sum(S::Accepted);
        if self.state == "published" && (accepted >= self.places || bytes >= self.total_bytes) {
            self.state = "full";
        }
    }

    fn claim(&mut self, n: u32, bytes: u64) -> Said {
        self.settle();
        let until = self.now.plus_ms(LEASE_MS);
        let known = self.claims.get(&n);
        let ran = known.is_some_and(|c| {
            c.state == S::Failed
                && matches!(c.answer, Some(AnswerKind::Failed | AnswerKind::Interrupted))
        });
        let attempt = known.map_or(1, |c| c.attempt + u32::from(ran));
        if known.is_some_and(|c| c.is_final) || attempt > ATTEMPTS {
            return Said::Answered;
        }
        if let Some(claim) = self.claims.get_mut(&n).filter(|c| c.state == S::Reserved) {
            claim.until = until;
            return Said::Same;
        }
        match self.state {
            "full" => return Said::Full,
            "stopped" => return Said::Ended,
            _ if bytes > PACKET_BYTES => return Said::TooLarge,
            _ => {}
        }
        let is_new = !self.claims.contains_key(&n);
        match self.room(bytes) {
            Room::Full => return Said::Full,
            Room::Busy => return Said::Busy,
            Room::Free if is_new && self.claims.len() as u32 >= self.rows => return Said::Full,
            Room::Free => {}
        }
        let reservation = self.claims.get(&n).map_or(1, |c| c.reservation + 1);
        let claim = Claim {
            state: S::Reserved,
            bytes,
            until,
            attempt,
            answer: None,
            is_final: false,
            reservation,
        };
        self.claims.insert(n, claim);
        Said::Granted
    }

    /// Takes a place again if the lease ran out; says why not.
    fn revive(&mut self, n: u32) -> Option<Said> {
        if self.state == "stopped" {
            return Some(Said::Ended);
        }
        let (state, bytes) = (self.claims[&n].state, self.claims[&n].bytes);
        match (state, self.room(bytes)) {
            (S::Reserved, _) => None,
            (S::Expired, Room::Free) => {
                self.claims.get_mut(&n)?.state = S::Reserved;
                None
            }
            (S::Expired, _) => Some(Said::NoPlace),
            _ => Some(Said::Closed),
        }
    }

    /// Renews, at another size perhaps, or takes the packet.
    fn keep(&mut self, n: u32, bytes: Option<u64>, commit: bool) -> Said {
        if commit && self.claims[&n].state == S::Accepted {
            return Said::Same;
        }
        let kept: BTreeMap<u32, S> = self.claims.iter().map(|(n, c)| (*n, c.state)).collect();
        if self.claims[&n].state == S::Expired {
            self.settle();
        }
        let before = self.claims[&n].bytes;
        let refused = if bytes.is_some_and(|b| b > before) {
            Some(Said::TooLarge)
        } else {
            if !commit && let (Some(bytes), Some(claim)) = (bytes, self.claims.get_mut(&n)) {
                claim.bytes = bytes;
            }
            self.revive(n)
        };
        if let Some(refused) = refused {
            // A refusal changes nothing.
            for (n, claim) in &mut self.claims {
                claim.state = kept[n];
            }
            self.claims.get_mut(&n).unwrap().bytes = before;
            return refused;
        }
        let until = self.now.plus_ms(LEASE_MS);
        let claim = self.claims.get_mut(&n).unwrap();
        if commit {
            claim.state = S::Accepted;
            claim.bytes = bytes.unwrap_or(before);
            claim.is_final = true;
            self.fill();
        } else {
            claim.until = claim.until.max(until);
        }
        Said::Done
    }

    fn release(&mut self, n: u32, kind: AnswerKind) -> Said {
        let claim = self.claims.get_mut(&n).unwrap();
        match claim.state {
            S::Reserved | S::Expired => {}
            S::Failed if claim.answer == Some(kind) => return Said::Done,
            S::Failed if claim.answer.is_none() => {}
            _ => return Said::Closed,
        }
        claim.state = S::Failed;
        claim.answer = Some(kind);
        claim.is_final = kind == AnswerKind::Declined
            || (kind == AnswerKind::Interrupted && claim.attempt >= ATTEMPTS);
        Said::Done
    }

    fn reject(&mut self, n: u32) -> Said {
        let claim = self.claims.get_mut(&n).unwrap();
        match claim.state {
            S::Reserved | S::Expired | S::Rejected => {
                (claim.state, claim.is_final) = (S::Rejected, true);
                Said::Done
            }
            _ => Said::Closed,
        }
    }

    fn overrun(&mut self, n: u32) -> Said {
        let claim = self.claims.get_mut(&n).unwrap();
        if claim.state == S::Accepted {
            return Said::Closed;
        }
        if !self.overruns.insert(n) {
            return Said::Done;
        }
        (claim.state, claim.is_final) = (S::Rejected, true);
        if self.overruns.len() >= 2 && self.state == "published" {
            self.state = "stopped";
            for claim in self.claims.values_mut().filter(|c| c.state == S::Reserved) {
                claim.state = S::Failed;
                claim.answer = None;
            }
        }
        Said::Done
    }

    fn lower(&mut self, places: u32) -> Said {
        if self.state != "published" {
            return Said::Ended;
        }
        if places == self.places {
            return Said::Done;
        }
        if places > self.places {
            return Said::Raises;
        }
        let held =
            |c: &&Claim| c.state == S::Accepted || (c.state == S::Reserved && c.until > self.now);
        if self.claims.values().filter(held).count() as u32 > places {
            return Said::InUse;
        }
        self.settle();
        self.places = places;
        self.fill();
        Said::Done
    }

    /// What the store must say; a step on a claim that is not there is none.
    fn step(&mut self, step: Step) -> Option<Said> {
        let there = |n: u32| self.claims.contains_key(&n);
        Some(match step {
            Step::Claim { n, bytes } => self.claim(n, bytes),
            Step::Size { n, bytes } if there(n) => self.keep(n, Some(bytes), false),
            Step::Renew { n } if there(n) => self.keep(n, None, false),
            Step::Commit { n, bytes } if there(n) => self.keep(n, Some(bytes), true),
            Step::Release { n, kind } if there(n) => self.release(n, kind),
            Step::Reject { n } if there(n) => self.reject(n),
            Step::Overrun { n } if there(n) => self.overrun(n),
            Step::Lower { places } => self.lower(places),
            Step::Return => {
                self.settle();
                Said::Done
            }
            Step::Wait { ms } => {
                self.now = self.now.plus_ms(ms);
                return None;
            }
            _ => return None,
        })
    }
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
                ClaimReply::NotFound => panic!("not found"),
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
