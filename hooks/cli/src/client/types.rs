//! What the server answers, as far as commands use it; everything else is kept in `more` and shown with `--json`.
use boathook_hooks::{
    documents::hook::Hook,
    ids::{Digest, HookId, PersonId},
    keys::{KeyId, Signature},
    time::Time,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One page of a list.
#[derive(Clone, Debug, Deserialize)]
pub struct List<T> {
    pub items: Vec<T>,
    pub next: Option<String>,
}

/// Shown once by the server; Debug leaves the token out.
#[derive(Clone, Deserialize)]
pub struct SignedIn {
    pub token: String,
    pub expires_at: Time,
    pub person: PersonId,
    #[serde(default)]
    pub roles: Value,
}

impl std::fmt::Debug for SignedIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SignedIn({}, until {})", self.person, self.expires_at)
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Me {
    pub person: PersonId,
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub roles: Value,
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TicketView {
    pub system: String,
    pub key: String,
    #[serde(default)]
    pub customer: String,
    #[serde(default)]
    pub title: String,
    #[serde(default)]
    pub url: Option<String>,
    #[serde(default)]
    pub hooks: Vec<Value>,
    #[serde(default)]
    pub packets: Vec<Value>,
    #[serde(default)]
    pub answers: Vec<Value>,
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// People so far.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct People {
    /// Ids, or how many.
    pub have: Value,
    pub needed: u64,
    pub missing: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HookView {
    pub id: HookId,
    pub revision: u32,
    /// `{state: "in_review", …}`.
    #[serde(default)]
    pub state: Value,
    /// For `expect` of an edit.
    #[serde(default)]
    pub version: u64,
    #[serde(default)]
    pub author: String,
    #[serde(default)]
    pub title: String,
    #[serde(default)]
    pub digest: Option<Digest>,
    #[serde(default)]
    pub people: People,
    #[serde(default)]
    pub expires_at: Option<Time>,
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

impl HookView {
    /// `in review`: the state's word.
    pub fn state_word(&self) -> String {
        let word = self
            .state
            .get("state")
            .unwrap_or(&self.state)
            .as_str()
            .unwrap_or("unknown");
        word.replace('_', " ")
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PacketView {
    pub claim_id: String,
    #[serde(default)]
    pub hook: Value,
    #[serde(default)]
    pub instance: Value,
    #[serde(default)]
    pub customer: Value,
    pub bytes: u64,
    pub sha256: Digest,
    #[serde(default)]
    pub received_at: Option<Time>,
    /// The file's name: customer, ticket, instance, time.
    #[serde(default)]
    pub name: String,
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

#[derive(Clone, Debug, Default)]
pub struct HookFilter {
    pub state: Option<String>,
    pub customer: Option<String>,
    /// `system/key`.
    pub ticket: Option<String>,
}

#[derive(Clone, Debug, Default)]
pub struct PacketFilter {
    /// `system/key`.
    pub ticket: Option<String>,
    pub hook: Option<String>,
    pub instance: Option<String>,
    /// `2026-11-21`.
    pub day: Option<String>,
}

/// The bytes of one revision that people sign: their digest was checked, and the hook was read from these very bytes.
#[derive(Clone, Debug)]
pub struct Payload {
    pub bytes: Vec<u8>,
    pub digest: Digest,
    pub hook: Hook,
}

#[derive(Clone, Debug, Serialize)]
pub struct NewSignature {
    pub revision: u32,
    pub digest: Digest,
    pub keyid: KeyId,
    pub sig: Signature,
    /// Sign, but do not publish yet.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub hold: bool,
}
