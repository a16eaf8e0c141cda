//! Erasing: unlist, then the caller deletes the chunks, then event and receipt.
use boathook_hooks::ids::{ClaimId, InstanceId};

use super::{Read, verbs};
use crate::{
    Answer, ErasedAnswers, ErasedKind, Erasure, ErasureReceipt, Page, Paged, Scope, Write,
};

verbs! {
    /// Begins: all of the packet but what an [`Erasure`] keeps is gone, in lists and in searches, too. The caller then
    /// deletes the chunks in its folder and calls `finish_erasure`. A repeat answers what the first one said, or what
    /// became of it since. For people of its customer and the system.
    fn erase_packet(scope: &Scope, write: Write, claim: ClaimId, why: String) -> Answer<Erasure>;
    /// Begins, of an instance that is retired; another is refused with `NotRetired`. The caller then erases its packets
    /// (`packets` by instance), calls `erase_answers` until it says none, and `finish_erasure`.
    fn erase_instance(scope: &Scope, write: Write, id: InstanceId, why: String) -> Answer<Erasure>;
    /// Takes out what an instance that is being erased answered to some of the hooks above `after`, and ends its claims of
    /// them. Says where to go on, and which packets are left: the caller erases those, too.
    fn erase_answers(scope: &Scope, write: Write, id: InstanceId, after: Option<String>) -> Answer<ErasedAnswers>;
    /// The event and the receipt; what people said of an instance goes, the chain stays whole. Refused with `PacketsLeft`
    /// while an instance has packets. A repeat gets the same receipt. `TryAgain`: what a write of before owes is not done yet.
    fn finish_erasure(scope: &Scope, write: Write, kind: ErasedKind, id: String) -> Answer<ErasureReceipt>;
    /// Begins once more, by a list that was kept apart, for a packet that this store does not know: so that its bytes, if they
    /// are there still, make no packet again. A repeat gets what stands; `Exists`: the packet is here. For `Scope::System`.
    fn put_erasure(scope: &Scope, write: Write, known: Erasure) -> Answer<Erasure>;
    /// None: there was no such thing, or it was not erased.
    fn erasure(scope: &Scope, kind: ErasedKind, id: &str) -> Read<Option<Erasure>>;
    /// Which of these were erased, or are being erased.
    fn erased_of(scope: &Scope, kind: ErasedKind, ids: Vec<String>) -> Read<Vec<String>>;
    /// All that was erased or is being erased, newest first.
    fn erasures(scope: &Scope, page: Page) -> Read<Paged<Erasure>>;
    /// What was begun and not finished, the oldest first. For `Scope::System`.
    fn unfinished_erasures(scope: &Scope, page: Page) -> Read<Paged<Erasure>>;
}
