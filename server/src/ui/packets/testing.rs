//! Packets as tests want them: with sections that failed, names and contents that try everything, and spoilt ones.
#![allow(clippy::unwrap_used)]
use std::io::Cursor;

use boathook_hooks::{
    ids::{ClaimId, Digest},
    packet::{Content, LeftOut, Outcome, PacketWriter, RunFacts, WriteLimits},
    protocol::{AnswerKind, AnswerRequest},
    redaction::Redactor,
};
use boathook_schema::Scope;
use serde_json::Value;

use crate::{agent::testing::Sim, api::tests::house::House};

/// One section of a packet.
pub struct Part<'a> {
    pub name: &'a str,
    pub outcome: Outcome,
    pub reason: &'a str,
    pub left_out: &'a [&'a str],
    /// What holds NUL is passed on raw.
    pub files: &'a [(&'a str, &'a [u8])],
}

pub fn ok<'a>(name: &'a str, files: &'a [(&'a str, &'a [u8])]) -> Part<'a> {
    Part {
        name,
        outcome: Outcome::Ok,
        reason: "",
        left_out: &[],
        files,
    }
}

pub fn failed<'a>(name: &'a str, outcome: Outcome, reason: &'a str) -> Part<'a> {
    Part {
        outcome,
        reason,
        ..ok(name, &[])
    }
}

/// A packet of a fresh instance of acme's that is called `app-01`.
pub async fn sent(house: &House, hook: &Value, parts: &[Part<'_>]) -> ClaimId {
    sent_by(house, "app-01", hook, parts).await
}

pub async fn sent_by(house: &House, called: &str, hook: &Value, parts: &[Part<'_>]) -> ClaimId {
    let digest: Digest = hook["digest"].as_str().unwrap().parse().unwrap();
    let mut sim = house.bench.instance().await;
    sim.facts.name = called.to_owned();
    sim.renew().await;
    let claim = sim.claimed(&digest).await;
    let facts = RunFacts {
        signed_by: vec!["ada".parse().unwrap(), "ben".parse().unwrap()],
        privileges: vec!["no new privileges".into(), "reads as <root>".into()],
        ..sim.facts_of_run(&claim)
    };
    let (out, redactor) = (
        Cursor::new(Vec::new()),
        Redactor::builder().build().unwrap(),
    );
    let limits = WriteLimits::zip_bytes(64 << 20);
    let mut writer = PacketWriter::new(out, redactor, facts, limits).unwrap();
    for part in parts {
        let now = house.bench.now();
        writer
            .begin_section(part.name.parse().unwrap(), "file", now)
            .unwrap();
        for (path, bytes) in part.files {
            let content = match bytes.contains(&0) {
                true => Content::Raw,
                false => Content::Text,
            };
            writer.begin_file(path, content).unwrap();
            writer.write(bytes).unwrap();
            writer.finish_file().unwrap();
        }
        let left_out = part.left_out.iter().map(|text| LeftOut {
            text: (*text).to_owned(),
            bytes: 5_000_000,
            items: 3,
        });
        writer
            .finish_section(part.outcome, part.reason, left_out.collect(), 1_234)
            .unwrap();
    }
    let (out, _) = writer.finish(house.bench.now(), false, &sim.key).unwrap();
    let sent = sim.upload(&claim, out.into_inner()).await;
    assert!(sent.status.is_success(), "{}", sent.text());
    claim
}

/// What an instance answers to a hook that it does not run.
pub async fn answered(sim: &Sim<'_>, hook: &Value, kind: AnswerKind, reason: &str) {
    let digest: Digest = hook["digest"].as_str().unwrap().parse().unwrap();
    let answer = AnswerRequest {
        token: sim.token(&digest).await,
        kind,
        reason: reason.to_owned(),
        claim: None,
    };
    let said = sim
        .post(&format!("/agent/v1/hooks/{digest}/answers"), &answer)
        .await;
    assert!(said.status.is_success(), "{}", said.text());
}

/// Changes the packet in the store, after it was checked and accepted.
pub async fn spoil(house: &House, claim: &ClaimId, change: impl FnOnce(&mut Vec<u8>)) {
    let store = &house.bench.app.store;
    let packet = store.packet(&Scope::System, claim).await.unwrap().unwrap();
    let (objects, folder) = (store.objects(), packet.folder());
    let read = objects.read(&folder, &packet.chunks, 0..packet.bytes);
    let mut bytes = read.await.unwrap().to_vec();
    change(&mut bytes);
    objects.delete(&folder).await.unwrap();
    objects.put(&folder, 0, bytes.into()).await.unwrap();
}
