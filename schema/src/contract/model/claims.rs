//! The model: claims, added up whenever a sum is wanted.
use std::collections::{BTreeMap, BTreeSet};

use boathook_hooks::{protocol::AnswerKind, time::Time};

use super::{ATTEMPTS, LEASE_MS, PACKET_BYTES, Said, Step};
use crate::ClaimState as S;

pub(super) struct Claim {
    pub(super) state: S,
    pub(super) bytes: u64,
    until: Time,
    attempt: u32,
    answer: Option<AnswerKind>,
    pub(super) is_final: bool,
    pub(super) reservation: u16,
}

pub(super) struct Model {
    pub(super) places: u32,
    pub(super) total_bytes: u64,
    pub(super) rows: u32,
    pub(super) now: Time,
    /// Published, full or stopped.
    pub(super) state: &'static str,
    pub(super) claims: BTreeMap<u32, Claim>,
    pub(super) overruns: BTreeSet<u32>,
}

enum Room {
    Free,
    Busy,
    Full,
}

impl Model {
    /// Claims in that state, and their bytes.
    pub(super) fn sum(&self, state: S) -> (u32, u64) {
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
    pub(super) fn step(&mut self, step: Step) -> Option<Said> {
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
