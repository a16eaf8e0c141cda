//! Claims, leases, answers. Quota: accepted + reserved ≤ places and bytes, whatever races.
use boathook_hooks::{
    ids::{ClaimId, Digest, InstanceId},
    protocol::AnswerKind,
    time::Time,
};

use super::{Read, verbs};
use crate::{
    Answer, AnswerRow, Claim, ClaimAsk, ClaimReply, InstanceRun, Lease, NewAnswer, Overrun, Page,
    Paged, Scope, Write,
};

verbs! {
    /// One reply an ask, in order, as if they came one after another. `lease_until` is for those that are granted.
    /// Leases that ran out at the write's `now` give their places back first.
    fn claim(scope: &Scope, write: Write, digest: Digest, lease_until: Time, asks: Vec<ClaimAsk>) -> Answer<Vec<ClaimReply>>;
    /// The claim of that id: none when a newer reservation replaced it.
    fn claim_by_id(scope: &Scope, id: &ClaimId) -> Read<Option<Claim>>;
    /// The newest claim of an instance.
    fn claim_of(scope: &Scope, digest: &Digest, instance: &InstanceId) -> Read<Option<Claim>>;
    /// By instance.
    fn claims(scope: &Scope, digest: &Digest, page: Page) -> Read<Paged<Claim>>;
    /// Shrinks the reservation to the packet's real size (`TooLarge` when it would grow) and renews the lease. A claim
    /// that expired takes a free place again or is refused with `NoPlace`.
    fn size_claim(scope: &Scope, write: Write, claim: ClaimId, bytes: u64, lease_until: Time) -> Answer<Lease>;
    /// Upload progress. Never shortens a lease. A claim that expired takes a free place again, or `NoPlace`.
    fn renew(scope: &Scope, write: Write, claim: ClaimId, lease_until: Time) -> Answer<Lease>;
    /// Gives the place back with an answer, which is listed by `answers`. Repeated with the same kind: done.
    fn release(scope: &Scope, write: Write, claim: ClaimId, kind: AnswerKind, reason: String) -> Answer<Claim>;
    /// The packet did not stand its check: final, the place comes back.
    fn reject(scope: &Scope, write: Write, claim: ClaimId, reason: String) -> Answer<Claim>;
    /// More bytes came than were declared: the claim is lost for good, and the hook stops at
    /// `stop_after_overruns` such instances. The caller then suspends the instance.
    fn overrun(scope: &Scope, write: Write, claim: ClaimId, sent: u64) -> Answer<Overrun>;
    /// Leases that ran out at the write's `now` give their places back. Says how many.
    fn return_leases(scope: &Scope, write: Write, digest: Digest) -> Answer<u32>;
    /// Revisions with leases that ran out, for `return_leases`.
    fn due_leases(scope: &Scope, now: Time, limit: u32) -> Read<Vec<Digest>>;
    /// What an instance says that holds no claim. The newest answer stands.
    fn answer(scope: &Scope, write: Write, answer: NewAnswer) -> Answer<()>;
    /// What an instance claimed or answered: what was published last first.
    fn runs(scope: &Scope, instance: &InstanceId, page: Page) -> Read<Paged<InstanceRun>>;
    /// By instance.
    fn answers(scope: &Scope, digest: &Digest, page: Page) -> Read<Paged<AnswerRow>>;
}
