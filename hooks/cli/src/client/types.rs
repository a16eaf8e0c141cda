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
    /// How many have signed whose signatures count.
    pub have: u64,
    pub needed: u64,
    pub missing: Vec<String>,
}

impl People {
    /// Lists of hooks do not say it.
    fn is_unsaid(&self) -> bool {
        self.needed == 0
    }
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
    #[serde(default, skip_serializing_if = "People::is_unsaid")]
    pub people: People,
    #[serde(default, skip_serializing_if = "Option::is_none")]
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

    /// The word with who and why: `stopped by ada: seen enough`.
    pub fn state_line(&self) -> String {
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        let mut line = self.state_word();
        let by = self.state.get("by");
        if let Some(by) = text(by).or_else(|| text(by.and_then(|b| b.get("person")))) {
            line.push_str(&format!(" by {by}"));
        }
        if let Some(number) = self.state.get("revision").and_then(Value::as_u64) {
            line.push_str(&format!(" by revision {number}"));
        }
        let words = ["why", "words"].map(|name| text(self.state.get(name)));
        if let Some(words) = words.into_iter().flatten().next() {
            line.push_str(&format!(": {words}"));
        }
        line
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_state_says_by_whom_and_why() {
        let line = |state: Value| {
            let id = "01a1fd24-67c7-7382-91b9-b2b7cc8c7623";
            let view = serde_json::json!({"id": id, "revision": 1, "state": state});
            serde_json::from_value::<HookView>(view)
                .unwrap()
                .state_line()
        };
        let by = serde_json::json!({"person": "ada"});
        let stopped = serde_json::json!({"state": "stopped", "by": by, "why": "seen enough"});
        assert_eq!(line(stopped), "stopped by ada: seen enough");
        let overruns = serde_json::json!({"state": "stopped", "by": "overruns", "why": "x"});
        assert_eq!(line(overruns), "stopped by overruns: x");
        let back = serde_json::json!({"state": "sent_back", "by": "ben", "words": "less"});
        assert_eq!(line(back), "sent back by ben: less");
        assert_eq!(line(serde_json::json!({"state": "in_review"})), "in review");
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
