//! An instance without a machine behind it: speaks the agent protocol over real TLS and sends whatever a test wants,
//! honest or not. It does not verify hooks: the real agent does, and is tested as such.
pub mod raw;

use anyhow::{Context as _, Result, bail, ensure};
use boathook_hooks::{
    documents::{
        Document,
        hook_list::HookList,
        identity::{Enroll, Facts, Session},
    },
    envelope::Envelope,
    ids::{Blob, ClaimId, CustomerId, Digest, InstanceId},
    keys::SecretKey,
    protocol::{
        self, AnswerKind, AnswerRequest, ClaimAnswer, ClaimRequest, ClaimStatus, EnrollAnswer,
        EnrollRequest, JoinString, SessionAnswer,
    },
    strict,
    time::Time,
};
use reqwest::{Method, StatusCode, header};
use serde::{Serialize, de::DeserializeOwned};

pub struct SimInstance {
    pub http: reqwest::Client,
    pub origin: String,
    pub key: SecretKey,
    pub instance: InstanceId,
    pub customer: CustomerId,
    pub facts: Facts,
    pub bearer: String,
    value: String,
}

/// What the server said: status, headers, body.
#[derive(Debug, Clone)]
pub struct Said {
    pub status: StatusCode,
    pub headers: header::HeaderMap,
    pub body: bytes::Bytes,
}

impl Said {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub fn bson<T: DeserializeOwned>(&self) -> Result<T> {
        ensure!(self.status.is_success(), "{} {}", self.status, self.text());
        Ok(bson::deserialize_from_slice(&self.body)?)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

pub fn nonce() -> Result<String> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.iter().map(|b| format!("{b:02x}")).collect())
}

async fn said(request: reqwest::RequestBuilder) -> Result<Said> {
    let reply = request.send().await?;
    let (status, headers) = (reply.status(), reply.headers().clone());
    Ok(Said {
        status,
        headers,
        body: reply.bytes().await?,
    })
}

/// As an agent does: what a busy server sends away comes again.
async fn unless_busy(request: impl Fn() -> reqwest::RequestBuilder) -> Result<Said> {
    for _ in 0..20 {
        let said = said(request()).await?;
        if said.status != StatusCode::SERVICE_UNAVAILABLE {
            return Ok(said);
        }
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
    bail!("the server was busy 20 times")
}

/// The bytes of an enrolment, with a token of one's own choosing.
pub fn enroll_body(origin: &str, token: &str, key: &SecretKey, facts: &Facts) -> Result<Vec<u8>> {
    let document = Enroll {
        origin: origin.to_owned(),
        token: Digest::of(token.as_bytes()),
        key: key.public(),
        facts: facts.clone(),
        signed_at: Time::wall_clock(),
    };
    let envelope = Blob(document.envelope(&[key])?.to_bson()?);
    Ok(strict::encode(&EnrollRequest {
        token: token.to_owned(),
        envelope,
    })?)
}

impl SimInstance {
    /// Enrols with a key of its own and opens a session.
    pub async fn join(http: &reqwest::Client, join: &JoinString, facts: Facts) -> Result<Self> {
        let key = SecretKey::generate()?;
        let body = enroll_body(&join.origin, &join.token, &key, &facts)?;
        let url = format!("{}{}", join.origin, protocol::PATH_ENROLL);
        let answer: EnrollAnswer = unless_busy(|| {
            http.post(&url)
                .header(header::CONTENT_TYPE, protocol::CONTENT_TYPE)
                .body(body.clone())
        })
        .await?
        .bson()
        .context("enrol")?;
        let mut sim = Self {
            http: http.clone(),
            origin: join.origin.clone(),
            key,
            instance: answer.instance,
            customer: answer.customer,
            facts,
            bearer: String::new(),
            value: String::new(),
        };
        sim.session().await?;
        Ok(sim)
    }

    pub async fn request<T: Serialize>(
        &self,
        method: Method,
        path: &str,
        body: Option<&T>,
    ) -> Result<Said> {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.origin))
            .bearer_auth(&self.bearer);
        if let Some(body) = body {
            request = request
                .header(header::CONTENT_TYPE, protocol::CONTENT_TYPE)
                .body(strict::encode(body)?);
        }
        said(request).await
    }

    async fn get(&self, path: &str) -> Result<Said> {
        said(
            self.http
                .get(format!("{}{path}", self.origin))
                .bearer_auth(&self.bearer),
        )
        .await
    }

    /// Opens the next session: fetches a challenge, signs it, keeps bearer and value.
    pub async fn session(&mut self) -> Result<()> {
        let url = format!("{}{}", self.origin, protocol::PATH_SESSION);
        let mut challenge = String::new();
        let nonce = nonce()?;
        for _ in 0..2 {
            let document = Session {
                origin: self.origin.clone(),
                instance: self.instance.clone(),
                challenge: challenge.clone(),
                facts: self.facts.clone(),
                value: self.value.clone(),
                nonce: nonce.clone(),
                signed_at: Time::wall_clock(),
            };
            let body = document.envelope(&[&self.key])?.to_bson()?;
            let reply = unless_busy(|| {
                self.http
                    .post(&url)
                    .header(header::CONTENT_TYPE, protocol::CONTENT_TYPE)
                    .body(body.clone())
            })
            .await?;
            if reply.status == StatusCode::UNAUTHORIZED {
                let problem: serde_json::Value = serde_json::from_slice(&reply.body)?;
                challenge = problem["challenge"]
                    .as_str()
                    .with_context(|| format!("no challenge: {}", reply.text()))?
                    .to_owned();
                continue;
            }
            let answer: SessionAnswer = reply.bson().context("session")?;
            self.bearer = answer.bearer;
            self.value = answer.value;
            return Ok(());
        }
        bail!("the server refused its own challenge")
    }

    /// The hook list as the server says it now; `wait` in seconds.
    pub async fn poll(&self, wait: u32, etag: Option<&str>) -> Result<Said> {
        let url = format!("{}{}?wait={wait}", self.origin, protocol::PATH_HOOKS);
        let mut request = self.http.get(url).bearer_auth(&self.bearer);
        if let Some(etag) = etag {
            request = request.header(header::IF_NONE_MATCH, etag);
        }
        said(request).await
    }

    pub async fn list(&self) -> Result<HookList> {
        read_list(&self.poll(0, None).await?)
    }

    /// Polls until the list names `digest`; its token.
    pub async fn token_of(&self, digest: &Digest) -> Result<String> {
        for _ in 0..100 {
            if let Some(listed) = self
                .list()
                .await?
                .hooks
                .into_iter()
                .find(|h| h.digest == *digest)
            {
                return Ok(listed.token);
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        bail!("{digest} was not listed for {}", self.instance)
    }

    pub async fn hook(&self, digest: &Digest) -> Result<Said> {
        self.get(&protocol::path_hook(digest)).await
    }

    pub async fn claim(&self, digest: &Digest, token: &str, bytes: u64) -> Result<Said> {
        let body = ClaimRequest {
            token: token.to_owned(),
            attempt: 1,
            bytes,
        };
        self.request(Method::POST, &protocol::path_claims(digest), Some(&body))
            .await
    }

    pub async fn claimed(&self, digest: &Digest, token: &str, bytes: u64) -> Result<ClaimAnswer> {
        self.claim(digest, token, bytes).await?.bson()
    }

    pub async fn answer(
        &self,
        digest: &Digest,
        token: &str,
        kind: AnswerKind,
        claim: Option<ClaimId>,
    ) -> Result<Said> {
        let body = AnswerRequest {
            token: token.to_owned(),
            kind,
            reason: "a test".into(),
            claim,
        };
        self.request(Method::POST, &protocol::path_answers(digest), Some(&body))
            .await
    }

    pub async fn status(&self, claim: &ClaimId) -> Result<ClaimStatus> {
        self.status_said(claim).await?.bson()
    }

    pub async fn status_said(&self, claim: &ClaimId) -> Result<Said> {
        self.get(&protocol::path_claim(claim)).await
    }

    fn tus(&self, method: Method, url: &str) -> reqwest::RequestBuilder {
        let url = if url.starts_with('/') {
            format!("{}{url}", self.origin)
        } else {
            url.to_owned()
        };
        self.http
            .request(method, url)
            .bearer_auth(&self.bearer)
            .header("tus-resumable", "1.0.0")
    }

    pub async fn create_upload(&self, claim: &ClaimId, length: u64) -> Result<Said> {
        said(
            self.tus(Method::POST, &protocol::path_upload(claim))
                .header("upload-length", length),
        )
        .await
    }

    pub async fn offset(&self, url: &str) -> Result<u64> {
        let reply = said(self.tus(Method::HEAD, url)).await?;
        reply
            .header("upload-offset")
            .with_context(|| format!("no offset: {}", reply.status))?
            .parse()
            .context("offset")
    }

    pub async fn patch(
        &self,
        url: &str,
        offset: u64,
        bytes: impl Into<reqwest::Body>,
    ) -> Result<Said> {
        let request = self.tus(Method::PATCH, url).header("upload-offset", offset);
        said(
            request
                .header(header::CONTENT_TYPE, "application/offset+octet-stream")
                .body(bytes),
        )
        .await
    }

    /// Creates the upload and sends all of it in one PATCH.
    pub async fn upload(&self, claim: &ClaimId, packet: Vec<u8>) -> Result<Said> {
        let created = self.create_upload(claim, packet.len() as u64).await?;
        ensure!(
            created.status == StatusCode::CREATED,
            "{} {}",
            created.status,
            created.text()
        );
        let url = created
            .header("location")
            .context("no location")?
            .to_owned();
        self.patch(&url, 0, packet).await
    }
}

pub fn read_list(reply: &Said) -> Result<HookList> {
    ensure!(
        reply.status == StatusCode::OK,
        "{} {}",
        reply.status,
        reply.text()
    );
    let envelope = Envelope::from_bson(&reply.body, strict::MAX_DOCUMENT)?;
    Ok(strict::decode(&envelope.payload.0, strict::MAX_DOCUMENT)?)
}
