//! Packets, once their chunks are durable and checked.
use boathook_hooks::{
    ids::{Blob, ClaimId},
    time::Time,
};

use super::{Read, verbs};
use crate::{
    Answer, CommitPacket, Committed, Helped, Packet, PacketsBy, Page, Paged, Scope, Verdict,
    Verdicts, Write,
};

verbs! {
    /// The claim becomes accepted. One that expired takes a free place, or `NoPlace` (410); seven
    /// days after the revision's end none does (`Ended`). With the last place the
    /// revision is full. The same bytes again: `Same`.
    fn commit_packet(scope: &Scope, write: Write, commit: CommitPacket) -> Answer<Committed>;
    /// Keeps the receipt with the packet; the first one stands and comes back.
    fn put_receipt(scope: &Scope, write: Write, claim: ClaimId, receipt: Blob) -> Answer<Packet>;
    fn packet(scope: &Scope, claim: &ClaimId) -> Read<Option<Packet>>;
    /// Newest first, without their statements and chunks.
    fn packets(scope: &Scope, by: PacketsBy, page: Page) -> Read<Paged<Packet>>;
    /// What the actor, a person, says of a packet: whether it answered what it was asked for. It takes the place of what they
    /// said before; the same again changes nothing. `NotFound` or `Erased` without the packet.
    fn judge_packet(scope: &Scope, write: Write, claim: ClaimId, answered: Helped, note: String) -> Answer<()>;
    /// What was said of it, by person.
    fn verdicts(scope: &Scope, claim: &ClaimId) -> Read<Vec<Verdict>>;
    /// How many verdicts said what of the newest `packets` packets that have any and that hooks made from that starting text
    /// brought, of the scope's customers.
    fn template_verdicts(scope: &Scope, template: &str, packets: u32) -> Read<Verdicts>;
    /// Whether chunks beneath that claim can never be wanted again: rejected, replaced by a newer reservation, of a packet
    /// or an instance that was erased, or never accepted and an hour more than seven days past the revision's end. An unknown revision's are kept.
    fn may_delete_chunks(scope: &Scope, claim: &ClaimId, now: Time) -> Read<bool>;
}
