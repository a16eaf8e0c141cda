//! Instances that do what a test wants.
use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use boathook_hooks::{
    documents::{
        Document as _,
        hook_list::HookList,
        identity::{Facts, Session},
    },
    envelope::Envelope,
    ids::{ClaimId, CustomerId, Digest, InstanceId},
    keys::SecretKey,
    protocol::*,
    strict,
};
use serde::Serialize;

use super::{Bench, ORIGIN, Said, post};

/// An instance that does what a test wants.
pub struct Sim<'a> {
    pub bench: &'a Bench,
    pub key: SecretKey,
    pub instance: InstanceId,
    pub customer: CustomerId,
    pub bearer: String,
    pub value: String,
    pub facts: Facts,
}

pub fn nonce() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).unwrap();
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

impl Sim<'_> {
    pub async fn challenge(&self) -> String {
        let said = self.bench.send(post(PATH_SESSION, Vec::new())).await;
        assert_eq!(said.status, StatusCode::UNAUTHORIZED);
        let json: serde_json::Value = serde_json::from_slice(&said.body).unwrap();
        json["challenge"].as_str().unwrap().to_owned()
    }

    pub fn session(&self, challenge: &str, nonce: &str) -> Session {
        Session {
            origin: ORIGIN.into(),
            instance: self.instance.clone(),
            challenge: challenge.to_owned(),
            facts: self.facts.clone(),
            value: self.value.clone(),
            nonce: nonce.to_owned(),
            signed_at: self.bench.now(),
        }
    }

    pub async fn open(&self, session: &Session) -> Said {
        let bytes = session.envelope(&[&self.key]).unwrap().to_bson().unwrap();
        self.bench.send(post(PATH_SESSION, bytes)).await
    }

    pub async fn renew(&mut self) -> Said {
        let challenge = self.challenge().await;
        let said = self.open(&self.session(&challenge, &nonce())).await;
        let answer: SessionAnswer = said.bson();
        self.bearer = answer.bearer;
        self.value = answer.value;
        said
    }

    pub fn request(&self, method: Method, path: &str) -> axum::http::request::Builder {
        Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.bearer))
    }

    pub async fn get(&self, path: &str) -> Said {
        self.bench
            .send(self.request(Method::GET, path).body(Body::empty()).unwrap())
            .await
    }

    pub async fn post<T: Serialize>(&self, path: &str, body: &T) -> Said {
        let request = self
            .request(Method::POST, path)
            .header(header::CONTENT_TYPE, CONTENT_TYPE);
        self.bench
            .send(request.body(strict::encode(body).unwrap().into()).unwrap())
            .await
    }

    pub async fn poll(&self, wait: u32, etag: &str, seen: u64) -> Said {
        let request = self
            .request(Method::GET, &format!("{PATH_HOOKS}?wait={wait}"))
            .header(header::IF_NONE_MATCH, etag)
            .header(HEADER_SEEN, seen);
        self.bench.send(request.body(Body::empty()).unwrap()).await
    }

    pub async fn list(&self) -> HookList {
        read_list(&self.poll(0, "", 0).await)
    }

    pub async fn token(&self, digest: &Digest) -> String {
        let list = self.list().await;
        list.hooks
            .iter()
            .find(|h| h.digest == *digest)
            .unwrap()
            .token
            .clone()
    }

    pub async fn claim_with(&self, digest: &Digest, token: &str, bytes: u64) -> Said {
        let body = ClaimRequest {
            token: token.to_owned(),
            attempt: 1,
            bytes,
        };
        self.post(&path_claims(digest), &body).await
    }

    /// Claims with the token of the list.
    pub async fn claim(&self, digest: &Digest, bytes: u64) -> Said {
        let token = self.token(digest).await;
        self.claim_with(digest, &token, bytes).await
    }

    pub async fn claimed(&self, digest: &Digest) -> ClaimId {
        self.claim(digest, 1 << 20)
            .await
            .bson::<ClaimAnswer>()
            .claim
    }

    pub async fn status(&self, claim: &ClaimId) -> ClaimStatus {
        self.get(&path_claim(claim)).await.bson()
    }
}

pub fn read_list(said: &Said) -> HookList {
    assert_eq!(said.status, StatusCode::OK, "{}", said.text());
    let envelope = Envelope::from_bson(&said.body, strict::MAX_DOCUMENT).unwrap();
    strict::decode(&envelope.payload.0, strict::MAX_DOCUMENT).unwrap()
}
