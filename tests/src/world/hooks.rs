//! Publishing hooks the way people do: draft, review, two signatures; and crafting ones that no honest server would.
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use boathook_hooks::{
    envelope::pae,
    ids::{Digest, HookId},
    keys::SecretKey,
};
use serde_json::{Value, json};

use super::World;
use crate::api::Api;

/// A hook that both have signed.
#[derive(Clone, Debug)]
pub struct Published {
    pub id: HookId,
    pub revision: u32,
    pub digest: Digest,
}

const PAYLOAD_TYPE: &str =
    <boathook_hooks::documents::hook::Hook as boathook_hooks::documents::Document>::PAYLOAD_TYPE;

impl World {
    /// Ada's hook on her ticket; she and Ben sign with their file keys, the second signature publishes.
    pub async fn publish(&self, toml: &str) -> Result<Published> {
        let draft = self.submit(toml).await?;
        self.sign(&self.ada, &self.house.ada.file, &draft).await?;
        self.sign(&self.ben, &self.house.ben.file, &draft).await?;
        Ok(draft)
    }

    /// In review, signed by nobody yet.
    pub async fn submit(&self, toml: &str) -> Result<Published> {
        let draft = self.ada.post("hooks", json!({"toml": toml})).await?;
        let id = draft["id"].as_str().context("no id")?.to_owned();
        let hook = self
            .ada
            .post(&format!("hooks/{id}/submit"), json!({}))
            .await?;
        Ok(Published {
            id: id.parse().map_err(anyhow::Error::msg)?,
            revision: u32::try_from(hook["revision"].as_u64().context("no revision")?)?,
            digest: hook["digest"]
                .as_str()
                .context("no digest")?
                .parse()
                .map_err(anyhow::Error::msg)?,
        })
    }

    /// Fetches the very bytes, checks their digest, signs, sends the signature.
    pub async fn sign(&self, who: &Api, key: &SecretKey, hook: &Published) -> Result<Value> {
        let Published {
            id,
            revision,
            digest,
        } = hook;
        let payload = who
            .bytes(&format!("hooks/{id}/revisions/{revision}/payload"))
            .await?;
        if Digest::of(&payload) != *digest {
            bail!("the payload's digest is not the hook's");
        }
        let sig = key.sign(&pae(PAYLOAD_TYPE, &payload));
        let body =
            json!({"revision": revision, "digest": digest, "keyid": key.public().id(), "sig": sig});
        who.post(&format!("hooks/{id}/signatures"), body).await
    }

    /// Waits until the hook has `count` packets; their rows, newest first.
    pub async fn packets(&self, hook: &Published, count: usize) -> Result<Vec<Value>> {
        let until = Instant::now() + Duration::from_secs(30);
        let mut found = 0;
        while Instant::now() < until {
            let list = self.ada.get(&format!("packets?hook={}", hook.id)).await?;
            let items = list["items"].as_array().cloned().unwrap_or_default();
            found = items.len();
            if found >= count {
                return Ok(items);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        bail!(
            "{found} of {count} packets after 30 s; server: {}",
            self.server.log()
        )
    }

    /// The packet's statement, once it is there.
    pub async fn packet(&self, hook: &Published) -> Result<Value> {
        let row = self.packets(hook, 1).await?.remove(0);
        let claim = row["claim_id"].as_str().context("no claim_id")?;
        self.ada.get(&format!("packets/{claim}")).await
    }

    /// One file of a packet, as text.
    pub async fn file(&self, packet: &Value, path: &str) -> Result<String> {
        let claim = packet["claim_id"].as_str().context("no claim_id")?;
        let bytes = self
            .ada
            .bytes(&format!("packets/{claim}/files/{path}"))
            .await?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Waits for the answer of an instance to a hook: its kind and reason.
    pub async fn answer(&self, hook: &Published) -> Result<(String, String)> {
        let until = Instant::now() + Duration::from_secs(30);
        while Instant::now() < until {
            let list = self
                .ada
                .get(&format!("hooks/{}/instances", hook.id))
                .await?;
            for row in list["items"].as_array().into_iter().flatten() {
                if let (Some(kind), Some(reason)) = (row["answer"].as_str(), row["why"].as_str()) {
                    return Ok((kind.to_owned(), reason.to_owned()));
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        bail!("no answer after 30 s; server: {}", self.server.log())
    }
}
