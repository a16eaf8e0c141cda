//! Hooks from draft to the last signature.
use boathook_hooks::{
    ids::{Blob, HookId},
    states::Move,
};

use super::{Read, verbs};
use crate::{
    AddSignature, Answer, DraftText, HookFilter, HookRecord, HookRevision, Page, Paged, Scope,
    Write,
};

verbs! {
    /// With `expect` none: makes a hook with the draft of its revision 1. With `expect` its version: replaces the text
    /// of an unsigned revision (whose frozen bytes and signatures go), or opens revision N + 1 when the latest is
    /// published or over.
    fn submit_draft(scope: &Scope, write: Write, draft: DraftText, expect: Option<u64>) -> Answer<HookRecord>;
    /// Moves the latest revision one legal step. `Submit` needs `payload`, the bytes that people will sign; no other
    /// step takes one. `LastSignature` comes from `add_signature`, `Publish`, `Fill` and `Supersede` from `publish` and
    /// `commit_packet`, `Hold` in review from the last signature, and what is published is stopped by `stop` and ended
    /// by `expire`: here these are refused.
    fn advance(scope: &Scope, write: Write, hook: HookId, revision: u32, expect: Option<u64>, step: Move, payload: Option<Blob>) -> Answer<HookRecord>;
    /// Adds a verified signature in review. The same key again changes nothing and is done. A publishing server then
    /// calls `publish`.
    fn add_signature(scope: &Scope, write: Write, signature: AddSignature) -> Answer<HookRecord>;
    fn hook(scope: &Scope, id: &HookId) -> Read<Option<HookRecord>>;
    fn hook_revision(scope: &Scope, id: &HookId, revision: u32) -> Read<Option<HookRevision>>;
    /// Newest first: by id, which is by time of making, falling. By state, customer, ticket, author, author and state; of
    /// other filters together the narrowest of these is read and the rest left out.
    fn hooks(scope: &Scope, filter: HookFilter, page: Page) -> Read<Paged<HookRecord>>;
}
