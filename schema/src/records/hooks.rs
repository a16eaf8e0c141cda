//! Hooks from draft to signatures: texts, frozen payloads, signatures, states.
use boathook_hooks::{
    documents::roster::KeyPlace,
    ids::{Blob, CustomerId, Digest, HookId, PersonId},
    keys::{KeyId, Signature},
    states::HookState,
    time::Time,
};
use serde::{Deserialize, Serialize};

use crate::records::TicketRef;

/// A hook through all its revisions. Its version rises with every change of any of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookRecord {
    pub id: HookId,
    pub version: u64,
    pub author: PersonId,
    pub title: String,
    /// Empty: the house's (a draft without customers, or for all who opted in).
    pub customers: Vec<CustomerId>,
    pub opted_in: bool,
    pub ticket: Option<TicketRef>,
    pub created_at: Time,
    pub changed_at: Time,
    /// The starting text that it was made from, by name: never changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// Oldest first, never empty; the last is the one that is worked on.
    pub revisions: Vec<RevisionRow>,
}

impl HookRecord {
    pub fn latest(&self) -> Option<&RevisionRow> {
        self.revisions.last()
    }

    pub fn revision(&self, number: u32) -> Option<&RevisionRow> {
        self.revisions.iter().find(|r| r.revision == number)
    }
}

/// One revision in short; the text and bytes are read with `hook_revision`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevisionRow {
    /// 1, 2, 3, …
    pub revision: u32,
    pub state: HookState,
    /// SHA-256 of the payload, once frozen.
    pub digest: Option<Digest>,
    /// Who signed these bytes, each once, in order of their ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signed_by: Vec<PersonId>,
}

/// One revision whole, as far as it lives in the hook: text, frozen bytes, signatures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookRevision {
    pub hook: HookId,
    pub revision: u32,
    pub state: HookState,
    pub author: PersonId,
    /// The authoring form, as its author wrote it.
    pub toml: String,
    /// The bytes that people sign; none before review.
    pub payload: Option<Blob>,
    pub digest: Option<Digest>,
    pub signatures: Vec<HookSignature>,
    pub created_at: Time,
    pub changed_at: Time,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookSignature {
    pub person: PersonId,
    pub keyid: KeyId,
    pub place: KeyPlace,
    pub sig: Signature,
    pub at: Time,
}

/// A draft's text with what lists need of it. The author is the write's actor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DraftText {
    pub hook: HookId,
    pub author: PersonId,
    pub title: String,
    pub customers: Vec<CustomerId>,
    pub opted_in: bool,
    pub ticket: Option<TicketRef>,
    pub toml: String,
    /// Of a new hook alone: the name of the starting text that it was made from.
    #[serde(default)]
    pub template: Option<String>,
}

/// A signature that was verified, and what it leads to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddSignature {
    pub hook: HookId,
    pub revision: u32,
    pub digest: Digest,
    /// The hook's version that the people were counted at: the count holds only there.
    pub expect: u64,
    pub signature: HookSignature,
    pub then: AfterSignature,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AfterSignature {
    /// More people are needed.
    Wait,
    /// The last one: signed, to be published now.
    Signed,
    /// The last one, but it is to be held.
    Held,
}

/// Which hooks a list holds: all that is set.
#[derive(Clone, Debug, Default)]
pub struct HookFilter {
    /// A [`HookState::word`] of the latest revision.
    pub state: Option<String>,
    pub customer: Option<CustomerId>,
    pub ticket: Option<TicketRef>,
    pub author: Option<PersonId>,
}
