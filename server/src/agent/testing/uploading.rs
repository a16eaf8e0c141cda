//! What a simulated instance sends: packets, whole and in pieces.
use std::io::Cursor;

use axum::{
    body::Body,
    http::{Method, StatusCode, header},
};
use boathook_hooks::{
    ids::{ClaimId, Digest},
    packet::{Consent, Content, HookRef, Mode, Outcome, PacketWriter, RunFacts, WriteLimits},
    protocol::*,
    redaction::Redactor,
};
use tokio::sync::mpsc;

use super::{Said, Sim};

impl Sim<'_> {
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

    /// A body that goes on as long as the sender lives, and breaks off when it sends nothing.
    pub fn flowing() -> (mpsc::Sender<Vec<u8>>, Body) {
        let (sender, pieces) = mpsc::channel::<Vec<u8>>(1);
        let stream = futures_util::stream::unfold(pieces, |mut pieces| async move {
            let piece = match pieces.recv().await? {
                empty if empty.is_empty() => Err(std::io::Error::other("cut")),
                piece => Ok(piece),
            };
            Some((piece, pieces))
        });
        (sender, Body::from_stream(stream))
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
        self.packet_with(facts, Content::Text, text)
    }

    pub fn packet_with(&self, facts: RunFacts, content: Content, bytes: &[u8]) -> Vec<u8> {
        let redactor = Redactor::builder().build().unwrap();
        let limits = WriteLimits::zip_bytes(64 << 20);
        let out = Cursor::new(Vec::new());
        let mut writer = PacketWriter::new(out, redactor, facts, limits).unwrap();
        writer
            .begin_section("host".parse().unwrap(), "host", self.bench.now())
            .unwrap();
        writer.begin_file("facts.txt", content).unwrap();
        writer.write(bytes).unwrap();
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
