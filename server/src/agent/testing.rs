//! A server in this process and instances that speak to its real router, for the tests of the agent protocol.
#![allow(clippy::unwrap_used)]
use std::io::Cursor;

use axum::{
    Router,
    body::{Body, Bytes},
    http::{HeaderMap, Method, Request, StatusCode, header},
};
use boathook_hooks::{
    documents::{
        Document as _,
        hook::Hook,
        hook_list::HookList,
        identity::{Enroll, Facts, Session},
        root::Root,
        roster::KeyPlace,
    },
    envelope::{Envelope, pae},
    ids::{Blob, ClaimId, CustomerId, Digest, InstanceId},
    keys::SecretKey,
    packet::{Consent, Content, HookRef, Mode, Outcome, PacketWriter, RunFacts, WriteLimits},
    protocol::*,
    redaction::Redactor,
    states::Move,
    strict,
    time::Time,
    verify::sample::Sample,
};
use boathook_schema::{
    AddSignature, AfterSignature, DraftText, HookSignature, Migrate, NewJoinToken, Publish, Quota,
    Revision, Scope, Write,
};
use serde::{Serialize, de::DeserializeOwned};
use tower::ServiceExt as _;

use crate::{
    app::{Clock, Shared},
    config::Config,
    keys::Keys,
    listeners, routes,
};

pub const ORIGIN: &str = "https://boathook.test";

pub struct Bench {
    pub app: Shared,
    pub router: Router,
    pub sample: Sample,
    pub root: Root,
    pub dir: tempfile::TempDir,
}

/// What the server said.
#[derive(Debug)]
pub struct Said {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Said {
    pub fn bson<T: DeserializeOwned>(&self) -> T {
        assert!(self.status.is_success(), "{} {}", self.status, self.text());
        bson::deserialize_from_slice(&self.body).unwrap()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }

    /// The last part of the problem's type.
    pub fn code(&self) -> String {
        let json: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        json["type"]
            .as_str()
            .unwrap_or_default()
            .rsplit(':')
            .next()
            .unwrap()
            .to_owned()
    }
}

pub fn acme() -> CustomerId {
    "acme".parse().unwrap()
}

impl Bench {
    /// Acme and globex, root and roster imported, the control log followed.
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(settings: impl FnOnce(&mut Config)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config::new(dir.path(), ORIGIN);
        // One peer sends all of a test's requests.
        config.limits.enroll_burst = 100_000;
        config.limits.session_burst = 100_000;
        settings(&mut config);
        let now = Time::from_ms(1_780_000_000_000);
        let sample = Sample::new(now);
        let keys = Keys::create(dir.path()).unwrap();
        std::fs::create_dir_all(dir.path().join("store")).unwrap();
        boathook_schema::migrate(&config.store_url(), Migrate::Up)
            .await
            .unwrap();
        let app = listeners::open(config, Clock::at(now), None, Default::default())
            .await
            .unwrap();

        let root = Root {
            online: vec![keys.online_public()],
            ..sample.root()
        };
        let (all, write) = (Scope::System, || Write::system(now));
        let root_bytes = sample.signed(&root, &[&sample.rita, &sample.rolf]);
        app.store
            .add_root(&all, write(), 1, Blob(root_bytes))
            .await
            .unwrap()
            .done()
            .unwrap();
        let roster = sample.roster_bytes(&sample.roster());
        app.store
            .add_roster(&all, write(), 1, Blob(roster))
            .await
            .unwrap()
            .done()
            .unwrap();
        for customer in ["acme", "globex"] {
            let (id, name) = (customer.parse().unwrap(), customer.to_owned());
            app.store
                .put_customer(&all, write(), id, name)
                .await
                .unwrap()
                .done()
                .unwrap();
        }
        app.trust.reload(&app.store).await.unwrap();
        crate::control::spawn(&app);
        Self {
            router: routes::router(app.clone()),
            app,
            sample,
            root,
            dir,
        }
    }

    pub fn now(&self) -> Time {
        self.app.now()
    }

    pub async fn send(&self, request: Request<Body>) -> Said {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Said {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }

    pub async fn post<T: Serialize>(&self, path: &str, body: &T) -> Said {
        self.send(post(path, strict::encode(body).unwrap())).await
    }

    /// A join token's text.
    pub async fn token(&self, count: u32, confirm: bool) -> String {
        let mut chance = [0; 16];
        getrandom::fill(&mut chance).unwrap();
        let text: String = chance.iter().map(|b| format!("{b:02x}")).collect();
        let token = NewJoinToken {
            hash: Digest::of(text.as_bytes()),
            count,
            ends_at: self.now().plus_ms(3_600_000),
            confirm,
        };
        let (scope, write) = (Scope::System, Write::system(self.now()));
        self.app
            .store
            .add_join_token(&scope, write, acme(), token)
            .await
            .unwrap()
            .done()
            .unwrap();
        text
    }

    pub fn enroll_request(&self, key: &SecretKey, token: &str) -> EnrollRequest {
        let enroll = Enroll {
            origin: ORIGIN.into(),
            token: Digest::of(token.as_bytes()),
            key: key.public(),
            facts: Facts::default(),
            signed_at: self.now(),
        };
        let envelope = Blob(enroll.envelope(&[key]).unwrap().to_bson().unwrap());
        EnrollRequest {
            token: token.to_owned(),
            envelope,
        }
    }

    pub async fn enroll(&self, key: &SecretKey, token: &str) -> Said {
        self.post(PATH_ENROLL, &self.enroll_request(key, token))
            .await
    }

    /// A confirmed instance of acme with a session.
    pub async fn instance(&self) -> Sim<'_> {
        let token = self.token(1, false).await;
        self.join(&token).await
    }

    pub async fn join(&self, token: &str) -> Sim<'_> {
        let key = SecretKey::generate().unwrap();
        let answer: EnrollAnswer = self.enroll(&key, token).await.bson();
        let mut sim = Sim {
            bench: self,
            key,
            instance: answer.instance,
            customer: answer.customer,
            bearer: String::new(),
            value: String::new(),
            facts: Facts::default(),
        };
        sim.renew().await;
        sim
    }

    /// The sample's hook for everyone at acme, with `places` of up to 1 MiB.
    pub fn hook(&self, places: u32) -> Hook {
        let packet_bytes = 1 << 20;
        let hook = self.sample.hook();
        Hook {
            places,
            packet_bytes,
            total_bytes: packet_bytes * u64::from(places),
            ..hook
        }
    }

    pub async fn publish(&self, hook: &Hook) -> Digest {
        let digest = self.publish_quietly(hook).await;
        crate::control::refresh(&self.app).await.unwrap();
        digest
    }

    /// As [`Self::publish`], leaving it to the feed to notice.
    pub async fn publish_quietly(&self, hook: &Hook) -> Digest {
        let (store, all, now) = (&self.app.store, Scope::System, self.now());
        let ada = || Write::person("ada".parse().unwrap(), now);
        let payload = hook.to_payload().unwrap();
        let digest = Digest::of(&payload);
        let envelope = hook
            .envelope(&[&self.sample.ada_browser, &self.sample.ben_browser])
            .unwrap();
        let draft = DraftText {
            hook: hook.id.clone(),
            author: hook.author.clone(),
            title: hook.title.clone(),
            customers: vec![acme()],
            opted_in: false,
            ticket: None,
            toml: String::new(),
        };
        store
            .submit_draft(&all, ada(), draft, None)
            .await
            .unwrap()
            .done()
            .unwrap();
        let step = store.advance(
            &all,
            ada(),
            hook.id.clone(),
            1,
            None,
            Move::Submit,
            Some(Blob(payload.clone())),
        );
        let mut record = step.await.unwrap().done().unwrap();
        for (person, key, then) in [
            ("ada", &self.sample.ada_browser, AfterSignature::Wait),
            ("ben", &self.sample.ben_browser, AfterSignature::Signed),
        ] {
            let sig = key.sign(&pae(Hook::PAYLOAD_TYPE, &payload));
            let signature = AddSignature {
                hook: hook.id.clone(),
                revision: 1,
                digest,
                expect: record.version,
                signature: HookSignature {
                    person: person.parse().unwrap(),
                    keyid: key.public().id(),
                    place: KeyPlace::Browser,
                    sig,
                    at: now,
                },
                then,
            };
            let write = Write::person(person.parse().unwrap(), now);
            record = store
                .add_signature(&all, write, signature)
                .await
                .unwrap()
                .done()
                .unwrap();
        }
        let publish = Publish {
            digest,
            hook: hook.id.clone(),
            revision: 1,
            envelope: Blob(envelope.to_bson().unwrap()),
            customers: vec![acme()],
            opted_in: false,
            ticket: None,
            author: hook.author.clone(),
            title: hook.title.clone(),
            audience: bson::serialize_to_document(&hook.audience).unwrap(),
            quota: Quota {
                places: hook.places,
                packet_bytes: hook.packet_bytes,
                total_bytes: hook.total_bytes,
                attempts: hook.attempts,
                stop_after_overruns: hook.stop_after_overruns,
                stop_error_percent: hook.stop_error_percent,
                not_before: hook.not_before,
                expires_at: hook.expires_at,
                retention_days: hook.retention_days,
            },
        };
        store
            .publish(&all, ada(), publish)
            .await
            .unwrap()
            .done()
            .unwrap();
        digest
    }

    pub async fn revision(&self, digest: &Digest) -> Revision {
        self.app
            .store
            .revision(&Scope::System, digest)
            .await
            .unwrap()
            .unwrap()
    }

    /// How often a kind stands in acme's chain.
    pub async fn events(&self, kind: boathook_schema::EventKind) -> usize {
        let filter = boathook_schema::EventFilter {
            kind: Some(kind),
            person: None,
        };
        let chain = boathook_schema::Chain::Customer(acme());
        let page = boathook_schema::Page::first(1_000);
        self.app
            .store
            .events(&Scope::System, &chain, filter, page)
            .await
            .unwrap()
            .items
            .len()
    }
}

pub fn post(path: &str, body: Vec<u8>) -> Request<Body> {
    Request::post(path)
        .header(header::CONTENT_TYPE, CONTENT_TYPE)
        .body(body.into())
        .unwrap()
}

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

    pub fn tus(&self, method: Method, claim: &ClaimId) -> axum::http::request::Builder {
        self.request(method, &path_upload(claim))
            .header("tus-resumable", "1.0.0")
    }

    pub async fn create(&self, claim: &ClaimId, length: usize) -> Said {
        let request = self
            .tus(Method::POST, claim)
            .header("upload-length", length);
        self.bench.send(request.body(Body::empty()).unwrap()).await
    }

    pub async fn head(&self, claim: &ClaimId) -> Said {
        self.bench
            .send(self.tus(Method::HEAD, claim).body(Body::empty()).unwrap())
            .await
    }

    pub fn patch_request(&self, claim: &ClaimId, offset: usize) -> axum::http::request::Builder {
        self.tus(Method::PATCH, claim)
            .header(header::CONTENT_TYPE, "application/offset+octet-stream")
            .header("upload-offset", offset)
    }

    pub async fn patch(&self, claim: &ClaimId, offset: usize, bytes: impl Into<Body>) -> Said {
        self.bench
            .send(
                self.patch_request(claim, offset)
                    .body(bytes.into())
                    .unwrap(),
            )
            .await
    }

    /// A small honest packet for `claim`.
    pub fn packet(&self, claim: &ClaimId, text: &[u8]) -> Vec<u8> {
        self.packet_as(self.facts_of_run(claim), text)
    }

    pub fn facts_of_run(&self, claim: &ClaimId) -> RunFacts {
        let hook = self
            .bench
            .app
            .agent
            .control
            .active()
            .get(&claim.revision)
            .cloned();
        let hook = hook.map(|h| HookRef {
            digest: h.digest,
            id: h.hook.id.clone(),
            revision: h.hook.revision,
        });
        RunFacts {
            mode: Mode::Verified,
            hook,
            subject: None,
            claim: Some(claim.clone()),
            instance: Some(self.instance.clone()),
            customer: Some(self.customer.clone()),
            policy: Digest::of(b"no policy"),
            consent: Consent::Auto,
            signed_by: Vec::new(),
            privileges: Vec::new(),
            agent_version: "0.1.0".into(),
            started_at: self.bench.now(),
        }
    }

    pub fn packet_as(&self, facts: RunFacts, text: &[u8]) -> Vec<u8> {
        let redactor = Redactor::builder().build().unwrap();
        let limits = WriteLimits::zip_bytes(64 << 20);
        let out = Cursor::new(Vec::new());
        let mut writer = PacketWriter::new(out, redactor, facts, limits).unwrap();
        writer
            .begin_section("host".parse().unwrap(), "host", self.bench.now())
            .unwrap();
        writer.begin_file("facts.txt", Content::Text).unwrap();
        writer.write(text).unwrap();
        writer.finish_file().unwrap();
        writer
            .finish_section(Outcome::Ok, "", Vec::new(), 1)
            .unwrap();
        writer
            .finish(self.bench.now(), false, &self.key)
            .unwrap()
            .0
            .into_inner()
    }

    /// Creates and sends all at once.
    pub async fn upload(&self, claim: &ClaimId, packet: Vec<u8>) -> Said {
        let created = self.create(claim, packet.len()).await;
        assert_eq!(created.status, StatusCode::CREATED, "{}", created.text());
        self.patch(claim, 0, packet).await
    }
}

pub fn read_list(said: &Said) -> HookList {
    assert_eq!(said.status, StatusCode::OK, "{}", said.text());
    let envelope = Envelope::from_bson(&said.body, strict::MAX_DOCUMENT).unwrap();
    strict::decode(&envelope.payload.0, strict::MAX_DOCUMENT).unwrap()
}
