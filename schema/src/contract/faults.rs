//! A server that dies in the middle of a verb: one process prepares, another dies, a third finishes and repeats.
use boathook_hooks::{
    documents::identity::Facts,
    ids::{ClaimId, Digest, HookId},
    states::{HookState, StoppedBy},
    time::Time,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::bench::{Bench, acme, ada, done, iid, public, ticket};
use crate::{
    Chain, ChainVerdict, CheckOptions, ClaimAsk, CommitPacket, ErasedKind, EventKind, FaultKind,
    NewInstance, OpId, PacketsBy, Page, Publish, Scope, Store, StoreError, Write,
    engine::{Home, List, Table, look::beyond},
};

/// The verbs that are cut off, by name.
pub const VERBS: [&str; 5] = [
    "publish",
    "claim",
    "commit_packet",
    "stop",
    "finish_erasure",
];

/// What the process that dies needs to know.
#[derive(Debug, Serialize, Deserialize)]
pub struct Prepared {
    pub url: String,
    pub verb: String,
    now: Time,
    op: Uuid,
    hook: Option<HookId>,
    publish: Option<Publish>,
    digest: Digest,
    claim: Option<ClaimId>,
    packet: Option<CommitPacket>,
}

/// All that must be there before the verb is called.
pub async fn prepare(b: &Bench, verb: &str) -> Prepared {
    b.customer(acme()).await;
    let mut prepared = Prepared {
        url: b.url.clone(),
        verb: verb.to_owned(),
        now: b.now,
        op: Uuid::now_v7(),
        hook: None,
        publish: None,
        digest: Digest([0; 32]),
        claim: None,
        packet: None,
    };
    if verb == "publish" {
        let hook = b.signed(&[acme()]).await;
        let publish = b.publish(&hook, b.quota(3));
        prepared.digest = publish.digest;
        prepared.hook = Some(hook.id);
        prepared.publish = Some(publish);
        return prepared;
    }
    prepared.digest = b.published(3).await;
    if verb == "finish_erasure" {
        b.instance(1, acme()).await;
        let (s, words) = (&b.store, "sold to Eve".to_owned());
        done(
            s.retire_instance(&Scope::All, b.ada(), iid(1), words.clone())
                .await,
        );
        done(s.erase_instance(&Scope::All, b.ada(), iid(1), words).await);
    }
    if verb == "commit_packet" {
        let lease = b.granted(prepared.digest, 1, 100).await;
        prepared.packet = Some(b.packet(&lease.claim, 100, "x"));
        prepared.claim = Some(lease.claim);
    }
    prepared
}

/// The verb itself, under its op id. Says the answer in words that can be compared.
pub async fn act(p: &Prepared) -> String {
    let store = Store::open(&p.url).await.unwrap();
    let person = Write::person(ada(), p.now).op(OpId(p.op));
    let system = Write::system(p.now).op(OpId(p.op));
    match p.verb.as_str() {
        "publish" => {
            let publish = p.publish.clone().unwrap();
            let answer = store.publish(&Scope::All, person, publish).await;
            format!("{:?}", done(answer).state)
        }
        "claim" => {
            let ask = ClaimAsk {
                instance: iid(1),
                customer: acme(),
                attempt: 1,
                bytes: 100,
            };
            let until = p.now.plus_ms(600_000);
            let answer = store
                .claim(&Scope::System, system, p.digest, until, vec![ask])
                .await;
            format!("{:?}", done(answer))
        }
        "commit_packet" => {
            let packet = p.packet.clone().unwrap();
            let answer = store.commit_packet(&Scope::System, system, packet).await;
            format!("{:?}", done(answer).packet().sha256)
        }
        "retire_instance" => {
            let words = "sold to Eve".to_owned();
            let answer = store.retire_instance(&Scope::All, person, iid(1), words);
            format!("{:?}", done(answer.await).state)
        }
        "finish_erasure" => {
            let (kind, id) = (ErasedKind::Instance, iid(1).to_string());
            let answer = store.finish_erasure(&Scope::All, person, kind, id).await;
            format!("{:?}", done(answer))
        }
        _ => {
            let (by, why) = (StoppedBy::Person(ada()), "enough".to_owned());
            let answer = store.stop(&Scope::All, person, p.digest, by, why).await;
            let told = done(answer);
            format!("{:?} told {}", told.state, told.control > 0)
        }
    }
}

/// The store fits together, with the verb done once.
pub async fn is_sound(b: &Bench, p: &Prepared) {
    let system = &Scope::System;
    for chain in [Chain::House, Chain::Customer(acme())] {
        let verdict = b.store.verify_chain(system, &chain, None).await.unwrap();
        assert!(matches!(verdict, ChainVerdict::Whole { .. }), "{verdict:?}");
    }
    let checked = b.store.check(CheckOptions::default(), b.now, |_| {}).await;
    let mut faults = checked.unwrap().faults;
    // No bytes were sent here: the store takes the server's word for them.
    faults.retain(|f| f.kind != FaultKind::PacketWithoutBytes);
    assert_eq!(faults, []);
    let revision = b.revision(&p.digest).await;
    let active = b.store.active_hooks(system, b.now).await.unwrap();
    let listed = active.hooks.iter().any(|h| h.digest == p.digest);
    let (kind, count) = match p.verb.as_str() {
        "publish" => {
            let hook = b.hook(p.hook.as_ref().unwrap()).await;
            assert_eq!(hook.latest().unwrap().state, HookState::Published);
            assert_eq!(revision.state, HookState::Published);
            assert!(revision.control > 0, "its number is noted");
            let envelope = b.store.envelope(system, &p.digest).await.unwrap();
            assert!(listed && envelope.is_some());
            (EventKind::HOOK_PUBLISHED, 1)
        }
        "claim" => {
            assert_eq!((revision.usage.reserved, revision.usage.rows), (1, 1));
            let later = b.now.plus_ms(3_600_000);
            let due = b.store.due_leases(system, later, 10).await.unwrap();
            assert_eq!(due, [p.digest], "the runner of leases finds it");
            (EventKind::CLAIMS_GRANTED, 1)
        }
        "commit_packet" => {
            assert_eq!((revision.usage.accepted, revision.usage.reserved), (1, 0));
            let claim = p.claim.as_ref().unwrap();
            let packet = b.store.packet(system, claim).await.unwrap().unwrap();
            assert!(!packet.statement.0.is_empty());
            let by = PacketsBy::Ticket(ticket());
            let page = b.store.packets(system, by, Page::default()).await.unwrap();
            assert_eq!(page.items.len(), 1);
            (EventKind::PACKET_ACCEPTED, 1)
        }
        "finish_erasure" => {
            let kind = ErasedKind::Instance;
            let stands = b.store.erasure(system, kind, iid(1).as_str()).await;
            assert!(stands.unwrap().unwrap().receipt().is_some());
            let open = b.store.unfinished_erasures(system, Page::default()).await;
            assert_eq!(open.unwrap().items, []);
            let chain = Chain::Customer(acme());
            let retired = b.events(chain, Some(EventKind::INSTANCE_RETIRED)).await;
            assert_eq!((&retired[0].actor, &retired[0].personal), (&None, &None));
            (EventKind::INSTANCE_ERASED, 1)
        }
        _ => {
            assert!(matches!(revision.state, HookState::Stopped { .. }));
            assert!(!listed && active.stopped.iter().any(|s| s.digest == p.digest));
            (EventKind::HOOK_STOPPED, 1)
        }
    };
    assert_eq!(b.count(kind.clone()).await, count, "{kind}");
    let changes = b.changes().await;
    let told = changes.iter().filter(|change| match change {
        crate::Change::Publish { digest, .. } => p.verb == "publish" && *digest == p.digest,
        crate::Change::Stop { digest } => p.verb == "stop" && *digest == p.digest,
        _ => false,
    });
    let wanted = usize::from(matches!(p.verb.as_str(), "publish" | "stop"));
    assert_eq!(told.count(), wanted, "told once");
}

/// An instance of whose name nothing may stay.
pub async fn with_a_laptop(b: &Bench) {
    let new = NewInstance {
        id: iid(1),
        customer: acme(),
        key: public(1),
        facts: Facts {
            name: "eves-laptop".into(),
            ..Facts::default()
        },
        confirm: false,
    };
    let put = b.store.put_instance(&Scope::System, b.system(), new);
    done(put.await);
}

async fn erase(b: &Bench) {
    let why = "asked".to_owned();
    let begun = b.store.erase_instance(&Scope::All, b.ada(), iid(1), why);
    done(begun.await);
}

/// Says which packets are left.
async fn answers(b: &Bench) -> Vec<ClaimId> {
    let erased = b.store.erase_answers(&Scope::All, b.ada(), iid(1), None);
    done(erased.await).packets
}

async fn finish(b: &Bench, write: Write, kind: ErasedKind, id: &str) -> crate::Answer<()> {
    let finished = b
        .store
        .finish_erasure(&Scope::All, write, kind, id.to_owned());
    Ok(finished.await?.map(drop))
}

async fn fits(b: &Bench) {
    let checked = b.store.check(CheckOptions::default(), b.now, |_| {}).await;
    assert_eq!(checked.unwrap().faults, []);
}

/// A server died in the middle of a retirement, and the instance is erased all the same: what it left brings nothing back.
pub async fn an_erasure_waits_for_a_retirement(b: &Bench) {
    let (s, kind, id) = (&b.store, ErasedKind::Instance, iid(1));
    erase(b).await;
    assert_eq!(answers(b).await, []);
    let soon = b.ada().until(b.now.plus_ms(2_000));
    let early = finish(b, soon, kind, id.as_str()).await;
    assert!(
        matches!(early, Err(StoreError::TryAgain { .. })),
        "{early:?}"
    );
    assert!(s.finish_left(true).await.unwrap().finished > 0);
    done(finish(b, b.ada(), kind, id.as_str()).await);
    s.finish_left(true).await.unwrap();
    let chain = Chain::Customer(acme());
    let retired = b.events(chain, Some(EventKind::INSTANCE_RETIRED)).await;
    assert_eq!(retired.len(), 1);
    assert_eq!((&retired[0].actor, &retired[0].personal), (&None, &None));
    let home = Home::new(Table::Instances, &id);
    for (row, body) in s.0.raw_rows(&home, "", &beyond("")).await.unwrap() {
        let text = String::from_utf8_lossy(&body).into_owned();
        for word in ["eves-laptop", "to Eve"] {
            assert!(!text.contains(word), "{word} in {row}");
        }
    }
    let listed =
        s.0.read("instances", |look| look.list(List::Instances, "*", "", 9));
    assert_eq!(listed.await.unwrap(), []);
    fits(b).await;
}

/// A server died when it had accepted a packet and before it put it; the instance is erased meanwhile.
pub async fn an_erasure_finds_a_packet_on_its_way(b: &Bench, p: &Prepared) {
    let (s, claim) = (&b.store, p.claim.clone().unwrap());
    let retired = s.retire_instance(&Scope::All, b.ada(), iid(1), "sold".into());
    done(retired.await);
    erase(b).await;
    assert_eq!(answers(b).await, std::slice::from_ref(&claim));
    assert!(s.finish_left(true).await.unwrap().finished > 0);
    assert_eq!(s.packet(&Scope::System, &claim).await.unwrap(), None);
    let by = PacketsBy::Instance(iid(1));
    let page = s.packets(&Scope::System, by, Page::default()).await;
    assert_eq!(page.unwrap().items, []);
    assert_eq!(answers(b).await, std::slice::from_ref(&claim), "its chunks");
    done(finish(b, b.ada(), ErasedKind::Packet, &claim.to_string()).await);
    assert_eq!(answers(b).await, []);
    done(finish(b, b.ada(), ErasedKind::Instance, iid(1).as_str()).await);
    s.finish_left(true).await.unwrap();
    let open = s.unfinished_erasures(&Scope::System, Page::default()).await;
    assert_eq!(open.unwrap().items, []);
    fits(b).await;
}
