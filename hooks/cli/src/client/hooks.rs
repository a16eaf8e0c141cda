//! Requests about hooks, and the checks on the bytes that people sign.
use boathook_hooks::{
    documents::{Document as _, hook::Hook},
    envelope::{Envelope, pae},
    ids::Digest,
    keys::SecretKey,
    strict::{self, MAX_DOCUMENT},
    time::Time,
    verify::validate,
};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Client, HookFilter, HookView, NewSignature, Payload, calls::given};
use crate::error::{Error, Result};

/// Hooks.
impl Client {
    pub async fn lint(&self, toml: &str) -> Result<Value> {
        self.post("lint", &["lint"], &json!({"toml": toml})).await
    }

    /// A draft; `ticket` is (system, key).
    pub async fn new_hook(&self, toml: &str, ticket: Option<(&str, &str)>) -> Result<HookView> {
        let mut body = json!({"toml": toml});
        if let Some((system, key)) = ticket {
            body["ticket"] = json!({"system": system, "key": key});
        }
        self.post("make the hook", &["hooks"], &body).await
    }

    /// A new text of a draft, or the next revision. `expect` is the version that was seen.
    pub async fn edit_hook(&self, id: &str, toml: &str, expect: u64) -> Result<HookView> {
        self.put(
            "edit the hook",
            &["hooks", id],
            &json!({"toml": toml, "expect": expect}),
        )
        .await
    }

    pub async fn hook(&self, id: &str) -> Result<HookView> {
        self.get("fetch the hook", &["hooks", id], &[]).await
    }

    pub async fn hooks(&self, filter: &HookFilter) -> Result<Vec<HookView>> {
        let query = given(&[
            ("state", &filter.state),
            ("customer", &filter.customer),
            ("ticket", &filter.ticket),
        ]);
        self.all("list hooks", &["hooks"], &query).await
    }

    /// Answers and claims, per instance.
    pub async fn hook_instances(&self, id: &str) -> Result<Vec<Value>> {
        self.all(
            "list the hook's instances",
            &["hooks", id, "instances"],
            &[],
        )
        .await
    }

    /// `submit`, `hold` or `publish`.
    async fn step(&self, id: &str, verb: &'static str, body: &Value) -> Result<HookView> {
        self.post(verb, &["hooks", id, verb], body).await
    }

    pub async fn submit(&self, id: &str) -> Result<HookView> {
        self.step(id, "submit", &json!({})).await
    }

    pub async fn hold(&self, id: &str) -> Result<HookView> {
        self.step(id, "hold", &json!({})).await
    }

    pub async fn publish(&self, id: &str) -> Result<HookView> {
        self.step(id, "publish", &json!({})).await
    }

    pub async fn send_back(&self, id: &str, words: &str) -> Result<HookView> {
        self.step(id, "send-back", &json!({"words": words})).await
    }

    pub async fn stop(&self, id: &str, why: &str) -> Result<HookView> {
        self.step(id, "stop", &json!({"why": why})).await
    }

    pub async fn lower(
        &self,
        id: &str,
        places: Option<u32>,
        expires_at: Option<Time>,
    ) -> Result<HookView> {
        let mut body = json!({});
        if let Some(places) = places {
            body["places"] = places.into();
        }
        if let Some(end) = expires_at {
            body["expires_at"] = end.to_string().into();
        }
        self.step(id, "lower", &body).await
    }

    /// The bytes that people sign. Refused unless their digest is the one that the server names and `expected` (when
    /// given), and unless they are revision `revision` of hook `id`, whole and sound.
    pub async fn payload(
        &self,
        id: &str,
        revision: u32,
        expected: Option<Digest>,
    ) -> Result<Payload> {
        let number = revision.to_string();
        let request = self.request(Method::GET, &["hooks", id, "revisions", &number, "payload"])?;
        let (bytes, headers) = self.bytes("fetch the payload", request).await?;
        let named = headers
            .get("boathook-digest")
            .and_then(|v| v.to_str().ok())
            .and_then(|v| v.parse().ok());
        check_payload(bytes, id, revision, expected, named)
    }

    /// Signs `payload` with `key` and hands the signature in; the last one that is needed publishes unless held.
    pub async fn sign_hook(
        &self,
        payload: &Payload,
        key: &SecretKey,
        hold: bool,
    ) -> Result<HookView> {
        let signature = NewSignature {
            revision: payload.hook.revision,
            digest: payload.digest,
            keyid: key.public().id(),
            sig: key.sign(&pae(Hook::PAYLOAD_TYPE, &payload.bytes)),
            hold,
        };
        self.post(
            "hand in the signature",
            &["hooks", payload.hook.id.as_str(), "signatures"],
            &signature,
        )
        .await
    }

    /// The envelope of a revision, with the signatures so far.
    pub async fn hook_envelope(&self, id: &str, revision: u32) -> Result<Envelope> {
        let number = revision.to_string();
        let request = self.request(
            Method::GET,
            &["hooks", id, "revisions", &number, "envelope"],
        )?;
        let (bytes, _) = self.bytes("fetch the envelope", request).await?;
        Ok(Envelope::from_bson(&bytes, MAX_DOCUMENT)?)
    }
}

/// What a person is about to sign must be what the server names, in every respect.
fn check_payload(
    bytes: Vec<u8>,
    id: &str,
    revision: u32,
    expected: Option<Digest>,
    named: Option<Digest>,
) -> Result<Payload> {
    let digest = Digest::of(&bytes);
    let differs =
        |what: String| Error::failed(what, "sign nothing, and tell the operator of the server");
    if let Some(other) = [expected, named]
        .into_iter()
        .flatten()
        .find(|d| *d != digest)
    {
        return Err(differs(format!(
            "the server names the digest {other}, but its bytes have {digest}"
        )));
    }
    let hook: Hook = strict::decode(&bytes, MAX_DOCUMENT)
        .map_err(|e| differs(format!("the payload does not read: {e}")))?;
    if hook.id.as_str() != id || hook.revision != revision {
        return Err(differs(format!(
            "these are the bytes of hook {} revision {}",
            hook.id, hook.revision
        )));
    }
    validate(&hook)?;
    Ok(Payload {
        bytes,
        digest,
        hook,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use boathook_hooks::verify::sample::Sample;

    use super::*;

    fn sample() -> (Hook, Vec<u8>, Digest) {
        let hook = Sample::new(Time::from_ms(1_700_000_000_000)).hook();
        let bytes = hook.to_payload().unwrap();
        let digest = Digest::of(&bytes);
        (hook, bytes, digest)
    }

    #[test]
    fn the_payload_that_is_signed_is_the_one_that_was_named() {
        let (hook, bytes, digest) = sample();
        let payload =
            check_payload(bytes, hook.id.as_str(), 1, Some(digest), Some(digest)).unwrap();
        assert_eq!((payload.digest, payload.hook), (digest, hook));
    }

    #[test]
    fn other_bytes_than_named_are_not_signed() {
        let (hook, bytes, digest) = sample();
        let (id, other) = (hook.id.as_str(), Digest::of(b"other"));
        let refused = |id: &str, revision, expected, named| {
            assert!(check_payload(bytes.clone(), id, revision, expected, named).is_err());
        };
        refused(id, 1, Some(other), Some(digest));
        refused(id, 1, Some(digest), Some(other));
        refused("another", 1, Some(digest), None);
        refused(id, 2, Some(digest), None);
        let mut longer = bytes.clone();
        longer.push(0);
        assert!(check_payload(longer, id, 1, None, None).is_err());
    }

    #[test]
    fn a_hook_that_no_agent_would_run_is_not_signed() {
        let (hook, ..) = sample();
        let bytes = Hook {
            places: 0,
            ..hook.clone()
        }
        .to_payload()
        .unwrap();
        assert!(matches!(
            check_payload(bytes, hook.id.as_str(), 1, None, None),
            Err(Error::Refused(_))
        ));
    }
}
