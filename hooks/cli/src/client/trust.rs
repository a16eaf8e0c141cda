//! Requests about trust documents and the audit.
use boathook_hooks::{envelope::Envelope, ids::Digest, strict::MAX_DOCUMENT, verify::TrustStore};
use reqwest::{Method, header};
use serde_json::Value;

use super::{Client, is_missing};
use crate::error::Result;

/// Roots that are fetched at most: a server cannot keep a client busy for ever.
const MAX_ROOTS: u64 = 1_000;

/// Trust and audit.
impl Client {
    pub async fn trust_summary(&self) -> Result<Value> {
        self.get("fetch the trust", &["trust"], &[]).await
    }

    /// The envelope of root `version`; none when there is none.
    pub async fn root_envelope(&self, version: u64) -> Result<Option<Vec<u8>>> {
        self.trust_document("roots", version).await
    }

    pub async fn roster_envelope(&self, version: u64) -> Result<Option<Vec<u8>>> {
        self.trust_document("rosters", version).await
    }

    async fn trust_document(&self, kind: &str, version: u64) -> Result<Option<Vec<u8>>> {
        let number = version.to_string();
        let request = self.request(Method::GET, &["trust", kind, &number])?;
        match self.bytes("fetch a trust document", request).await {
            Ok((bytes, _)) => Ok(Some(bytes)),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The server's roots, verified from the one with `fingerprint` on; without it whatever the first one is.
    pub async fn trust(&self, fingerprint: Option<Digest>) -> Result<Option<TrustStore>> {
        let Some(first) = self.root_envelope(1).await? else {
            return Ok(None);
        };
        let fingerprint = match fingerprint {
            Some(fingerprint) => fingerprint,
            None => Envelope::from_bson(&first, MAX_DOCUMENT)?.digest(),
        };
        let mut trust = TrustStore::pin(&first, fingerprint)?;
        for version in 2..=MAX_ROOTS {
            let Some(next) = self.root_envelope(version).await? else {
                break;
            };
            trust.add_root(&next)?;
        }
        Ok(Some(trust))
    }

    /// A root, roster or revocation for the server to verify and keep.
    pub async fn import_trust(&self, envelope: Vec<u8>) -> Result<Value> {
        let request = self.request(Method::POST, &["trust", "documents"])?;
        let request = request
            .header(header::CONTENT_TYPE, "application/bson")
            .body(envelope);
        self.answer("import the document", request).await
    }

    /// JSON lines, as they come; `take` gets each part.
    pub async fn audit_export(
        &self,
        chain: &str,
        mut take: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let request = self
            .request(Method::GET, &["audit", "export"])?
            .query(&[("chain", chain)]);
        let mut response = self.send("export the audit", request).await?;
        while let Some(part) = response
            .chunk()
            .await
            .map_err(|e| super::network("export the audit", &self.origin, e))?
        {
            take(&part)?;
        }
        Ok(())
    }

    pub async fn audit_heads(&self) -> Result<Value> {
        self.get("fetch the audit's heads", &["audit", "heads"], &[])
            .await
    }
}
