//! An instance and the people of a hook over real TLS: just enough to bring a packet to the server.
use std::io::Cursor;

use boathook_hooks::{
    documents::{
        Document as _,
        hook::Hook,
        hook_list::HookList,
        identity::{Enroll, Facts, Session},
    },
    envelope::{Envelope, pae},
    ids::{Blob, ClaimId, Digest, InstanceId},
    keys::SecretKey,
    packet::{Consent, Content, HookRef, Mode, Outcome, PacketWriter, RunFacts, WriteLimits},
    protocol::*,
    redaction::Redactor,
    strict,
    time::Time,
};
use reqwest::{Body, Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::home::{Home, ORIGIN, Served};

pub const TOML: &str = r#"
title = "Host facts"
reason = "Slow since the upgrade."
expires = "3d"

[ticket]
system = "jira"
key = "SUP-1"

[audience]
everyone = true

[limits]
places = 10
packet = "8 MiB"

[[collect]]
collector = "host"
"#;

async fn bson<T: serde::de::DeserializeOwned>(response: Response) -> T {
    let status = response.status();
    let bytes = response.bytes().await.unwrap();
    assert!(
        status.is_success(),
        "{status} {}",
        String::from_utf8_lossy(&bytes)
    );
    bson::deserialize_from_slice(&bytes).unwrap()
}

pub async fn enroll(
    client: &Client,
    served: &Served,
    join: &JoinString,
    key: &SecretKey,
) -> EnrollAnswer {
    let enroll = Enroll {
        origin: ORIGIN.into(),
        token: Digest::of(join.token.as_bytes()),
        key: key.public(),
        facts: Facts::default(),
        signed_at: Time::wall_clock(),
    };
    let envelope = Blob(enroll.envelope(&[key]).unwrap().to_bson().unwrap());
    let body = EnrollRequest {
        token: join.token.clone(),
        envelope,
    };
    let request = client
        .post(served.url(PATH_ENROLL))
        .header("content-type", CONTENT_TYPE);
    bson(
        request
            .body(strict::encode(&body).unwrap())
            .send()
            .await
            .unwrap(),
    )
    .await
}

/// An enrolled instance with a session.
pub struct Agent {
    client: Client,
    base: String,
    pub instance: InstanceId,
    pub key: SecretKey,
    pub bearer: String,
}

impl Agent {
    /// A new instance by a join string of `home`.
    pub async fn join(home: &Home, served: &Served) -> Self {
        let join: JoinString = home.join_string().parse().unwrap();
        let (client, key) = (home.client(), SecretKey::generate().unwrap());
        let answer = enroll(&client, served, &join, &key).await;
        Self::open(&client, served, answer.instance, key).await
    }

    pub async fn open(
        client: &Client,
        served: &Served,
        instance: InstanceId,
        key: SecretKey,
    ) -> Self {
        let post = |body: Vec<u8>| {
            let request = client
                .post(served.url(PATH_SESSION))
                .header("content-type", CONTENT_TYPE);
            request.body(body).send()
        };
        let refused: Value = post(Vec::new()).await.unwrap().json().await.unwrap();
        let session = Session {
            origin: ORIGIN.into(),
            instance: instance.clone(),
            challenge: refused["challenge"].as_str().unwrap().to_owned(),
            facts: Facts::default(),
            value: String::new(),
            nonce: "00112233445566778899aabbccddeeff".into(),
            signed_at: Time::wall_clock(),
        };
        let bytes = session.envelope(&[&key]).unwrap().to_bson().unwrap();
        let answer: SessionAnswer = bson(post(bytes).await.unwrap()).await;
        Self {
            client: client.clone(),
            base: served.url(""),
            instance,
            key,
            bearer: answer.bearer,
        }
    }

    /// The same instance at a server that was started again.
    pub fn at(&mut self, served: &Served) {
        self.base = served.url("");
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("{}{path}", self.base))
            .bearer_auth(&self.bearer)
    }

    pub async fn poll(&self) -> Response {
        self.request(Method::GET, &format!("{PATH_HOOKS}?wait=0"))
            .send()
            .await
            .unwrap()
    }

    pub async fn list(&self) -> HookList {
        let response = self.poll().await;
        assert!(response.status().is_success(), "{response:?}");
        let envelope =
            Envelope::from_bson(&response.bytes().await.unwrap(), strict::MAX_DOCUMENT).unwrap();
        strict::decode(&envelope.payload.0, strict::MAX_DOCUMENT).unwrap()
    }

    /// A long poll that begins now.
    pub fn long_poll(&self, etag: &str, seconds: u32) -> RequestBuilder {
        self.request(Method::GET, &format!("{PATH_HOOKS}?wait={seconds}"))
            .header("if-none-match", etag)
    }

    pub async fn claim(&self, digest: &Digest, bytes: u64) -> ClaimId {
        let hooks = self.list().await.hooks;
        let token = hooks
            .into_iter()
            .find(|h| h.digest == *digest)
            .unwrap()
            .token;
        let body = strict::encode(&ClaimRequest {
            token,
            attempt: 1,
            bytes,
        })
        .unwrap();
        let request = self
            .request(Method::POST, &path_claims(digest))
            .header("content-type", CONTENT_TYPE);
        bson::<ClaimAnswer>(request.body(body).send().await.unwrap())
            .await
            .claim
    }

    fn tus(&self, method: Method, claim: &ClaimId) -> RequestBuilder {
        self.request(method, &path_upload(claim))
            .header("tus-resumable", "1.0.0")
    }

    pub async fn create(&self, claim: &ClaimId, length: usize) {
        let request = self
            .tus(Method::POST, claim)
            .header("upload-length", length);
        assert_eq!(request.send().await.unwrap().status(), 201);
    }

    pub async fn offset(&self, claim: &ClaimId) -> usize {
        let said = self.tus(Method::HEAD, claim).send().await.unwrap();
        assert!(said.status().is_success(), "{said:?}");
        said.headers()["upload-offset"]
            .to_str()
            .unwrap()
            .parse()
            .unwrap()
    }

    pub fn patch(&self, claim: &ClaimId, offset: usize, body: impl Into<Body>) -> RequestBuilder {
        self.tus(Method::PATCH, claim)
            .header("content-type", "application/offset+octet-stream")
            .header("upload-offset", offset)
            .body(body)
    }

    pub async fn phase(&self, claim: &ClaimId) -> ClaimPhase {
        let said = self
            .request(Method::GET, &path_claim(claim))
            .send()
            .await
            .unwrap();
        bson::<ClaimStatus>(said).await.state
    }

    /// A packet with one file of `bytes` incompressible letters.
    pub fn packet(&self, hook: &Value, claim: &ClaimId, bytes: usize) -> Vec<u8> {
        let facts = RunFacts {
            mode: Mode::Verified,
            hook: Some(HookRef {
                digest: claim.revision,
                id: hook["id"].as_str().unwrap().parse().unwrap(),
                revision: 1,
            }),
            subject: None,
            claim: Some(claim.clone()),
            instance: Some(self.instance.clone()),
            customer: Some("acme".parse().unwrap()),
            policy: Digest::of(b"no policy"),
            consent: Consent::Auto,
            signed_by: Vec::new(),
            privileges: Vec::new(),
            agent_version: "0.1.0".into(),
            started_at: Time::wall_clock(),
        };
        let redactor = Redactor::builder().build().unwrap();
        let out = Cursor::new(Vec::new());
        let mut writer =
            PacketWriter::new(out, redactor, facts, WriteLimits::zip_bytes(64 << 20)).unwrap();
        let now = Time::wall_clock();
        writer
            .begin_section("host".parse().unwrap(), "host", now)
            .unwrap();
        writer.begin_file("facts.txt", Content::Text).unwrap();
        let mut state = 1_u32;
        let mut letter = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if state >> 27 == 0 {
                b'\n'
            } else {
                b'a' + (state >> 24) as u8 % 26
            }
        };
        let text: Vec<u8> = (0..bytes).map(|_| letter()).collect();
        writer.write(&text).unwrap();
        writer.finish_file().unwrap();
        writer
            .finish_section(Outcome::Ok, "", Vec::new(), 1)
            .unwrap();
        writer.finish(now, false, &self.key).unwrap().0.into_inner()
    }
}

/// Ada's and Ben's hook for jira/SUP-1 of acme, published through the JSON API.
pub async fn publish(home: &Home, served: &Served) -> Value {
    home.person("ada", &["engineer"]);
    home.person("ben", &["reviewer"]);
    let (client, ada, ben) = (home.client(), home.token("ada"), home.token("ben"));
    let send = async |method: Method, token: &str, path: &str, body: Value| -> Value {
        let request = client
            .request(method, served.url(path))
            .bearer_auth(token)
            .json(&body);
        let response = request.send().await.unwrap();
        let (status, text) = (response.status(), response.text().await.unwrap());
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    };
    let ticket = json!({"customer": "acme", "title": "Slow"});
    send(Method::PUT, &ada, "/api/v1/tickets/jira/SUP-1", ticket).await;
    let hook = send(Method::POST, &ada, "/api/v1/hooks", json!({ "toml": TOML })).await;
    let path = format!("/api/v1/hooks/{}", hook["id"].as_str().unwrap());
    send(Method::POST, &ada, &format!("{path}/submit"), json!({})).await;
    let payload = client
        .get(served.url(&format!("{path}/revisions/1/payload")))
        .bearer_auth(&ada);
    let payload = payload.send().await.unwrap().bytes().await.unwrap();
    let mut hook = Value::Null;
    for (token, key) in [(&ada, &home.sample.ada_file), (&ben, &home.sample.ben_file)] {
        let body = json!({
            "revision": 1,
            "digest": Digest::of(&payload),
            "keyid": key.public().id(),
            "sig": key.sign(&pae(Hook::PAYLOAD_TYPE, &payload)),
        });
        hook = send(Method::POST, token, &format!("{path}/signatures"), body).await;
    }
    assert_eq!(hook["state"]["state"], "published");
    hook
}

pub fn digest(hook: &Value) -> Digest {
    hook["digest"].as_str().unwrap().parse().unwrap()
}
