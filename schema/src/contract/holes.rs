//! What is gone without a trace in its own record: a check looks for it from what should lead there.
use boathook_hooks::{
    documents::{Document as _, hook::Hook},
    envelope::{Envelope, EnvelopeSignature},
    ids::Blob,
};

use super::{
    bench::{Bench, Tampering, acme, at_acme, done, iid},
    whole::{check, filled, kinds},
};
use crate::{Chain, ErasedKind, Fault, FaultKind, Page, Scope, aggregates::erasing, engine::List};

/// What is found but the bytes of packets, which these have none of.
async fn faults(b: &Bench) -> Vec<FaultKind> {
    let mut kinds = kinds(&check(b, false).await);
    kinds.retain(|kind| *kind != FaultKind::PacketWithoutBytes);
    kinds
}

/// All that a repair said of faults of this kind.
async fn mended(b: &Bench, kind: FaultKind) -> Vec<Fault> {
    let mut faults = check(b, true).await.faults;
    faults.retain(|fault| fault.kind == kind);
    faults
}

pub async fn a_statement_that_is_gone_is_found(b: Bench) {
    let digest = b.published(3).await;
    for (n, statement, gone) in [
        (1, b"{}".to_vec(), "0000"),
        // In pieces of half a MiB.
        (2, vec![b' '; 700 << 10], "0001"),
        (3, vec![b' '; 1_200 << 10], "0001"),
    ] {
        let lease = b.granted(digest, n, 100).await;
        let mut commit = b.packet(&lease.claim, 100, "x");
        commit.statement = Blob(statement);
        let part = format!("{}/{}", lease.claim, commit.sha256);
        done(b.commit(commit).await);
        assert_eq!(faults(&b).await.len() as u32, n - 1);
        let place = (List::Statements, part.as_str(), gone);
        done(b.store.0.raw_list(place, None, 9).await);
    }
    assert_eq!(faults(&b).await, [FaultKind::PacketWithoutStatement; 3]);
    assert!(!check(&b, true).await.is_clean());
}

pub async fn an_envelope_that_is_gone_is_found_and_made_again_of_what_was_signed(b: Bench) {
    let hook = b.signed(&[acme()]).await;
    let kept = b.store.hook_revision(&Scope::System, &hook.id, 1).await;
    let kept = kept.unwrap().unwrap();
    let mut envelope = Envelope::unsigned(Hook::PAYLOAD_TYPE, kept.payload.unwrap().0);
    envelope
        .signatures
        .extend(kept.signatures.iter().map(|s| EnvelopeSignature {
            keyid: s.keyid,
            sig: s.sig,
        }));
    let mut publish = b.publish(&hook, b.quota(2));
    publish.envelope = Blob(envelope.to_bson().unwrap());
    let (digest, bytes) = (publish.digest, publish.envelope.clone());
    done(b.store.publish(&at_acme(), b.ada(), publish).await);
    // Another, of whose envelope its hook knows nothing.
    let strange = b.published(2).await;
    assert_eq!(faults(&b).await, []);
    for digest in [digest, strange] {
        let part = digest.to_string();
        let place = (List::Envelopes, part.as_str(), "");
        done(b.store.0.raw_list(place, None, 1).await);
    }
    assert_eq!(faults(&b).await, [FaultKind::HookWithoutEnvelope; 2]);
    let mended = mended(&b, FaultKind::HookWithoutEnvelope).await;
    for fault in mended {
        assert_eq!(
            fault.repaired,
            fault.at.contains(&digest.to_string()),
            "{fault:?}"
        );
    }
    let found = b.store.envelope(&at_acme(), &digest).await.unwrap();
    assert_eq!(found, Some(bytes));
    assert_eq!(faults(&b).await, [FaultKind::HookWithoutEnvelope]);
    // There, and not what was published.
    let part = digest.to_string();
    let place = (List::Envelopes, part.as_str(), "");
    done(b.store.0.raw_list(place, Some(vec![7]), 1_000).await);
    assert_eq!(faults(&b).await, [FaultKind::HookWithoutEnvelope; 2]);
}

pub async fn a_chain_that_no_list_names_is_verified_and_listed_again(mut b: Bench) {
    filled(&mut b).await;
    let chain = Chain::Customer(acme());
    let name = chain.to_string();
    b.tamper(&chain, Tampering::Bytes(2)).await;
    let head = async || {
        let heads = b.store.heads_of(&Scope::System, &acme()).await;
        heads.unwrap().customer.number
    };
    let last = head().await;
    let place = (List::Heads, "", name.as_str());
    done(b.store.0.raw_list(place, None, last).await);
    assert_eq!(
        faults(&b).await,
        [FaultKind::ChainNotListed, FaultKind::BrokenChain]
    );
    let mended = mended(&b, FaultKind::ChainNotListed).await;
    assert!(mended.len() == 1 && mended[0].repaired, "{mended:?}");
    assert_eq!(faults(&b).await, [FaultKind::BrokenChain]);
    // It goes on from there.
    b.published(2).await;
    let now = head().await;
    assert!(now > last);
    let heads = b.store.heads(&Scope::System, crate::Page::default()).await;
    let heads = heads.unwrap().items;
    let listed = heads.iter().find(|h| h.chain == chain).unwrap();
    assert_eq!(listed.head.number, now);
}

pub async fn an_open_erasure_that_nobody_would_find_is_listed_again(b: Bench) {
    let digest = b.published(2).await;
    let claim = b.accepted(digest, 1, 100).await;
    b.instance(4, acme()).await;
    let at = at_acme();
    done(
        b.store
            .retire_instance(&at, b.ada(), iid(4), "sold".into())
            .await,
    );
    let one = b
        .store
        .erase_packet(&at, b.ada(), claim.clone(), "x".into());
    let one = done(one.await);
    let other = b.store.erase_instance(&at, b.ada(), iid(4), "x".into());
    let other = done(other.await);
    let open = async || {
        let open = b
            .store
            .unfinished_erasures(&Scope::System, Page::first(9))
            .await;
        open.unwrap().items.len()
    };
    assert_eq!((open().await, faults(&b).await), (2, vec![]));
    let mut gone = Vec::new();
    let engine = &b.store.0;
    for erasure in [&one, &other] {
        let begun = erasure.begun.ms();
        let sort = format!("{begun:020}\u{1}{}\u{1}{}", erasure.kind, erasure.id);
        let home = erasing::home(erasure.kind, &erasure.id);
        let version = engine.read("test", move |look| look.version(&home)).await;
        let place = (List::Erased, "open", sort.as_str());
        done(engine.raw_list(place, None, version.unwrap()).await);
        gone.push(sort);
    }
    assert_eq!(open().await, 0);
    assert_eq!(faults(&b).await, [FaultKind::ListBehind; 2]);
    let mended = mended(&b, FaultKind::ListBehind).await;
    assert!(mended.iter().all(|fault| fault.repaired), "{mended:?}");
    assert_eq!((open().await, faults(&b).await), (2, vec![]));
    // Finished, it is open no more; and one that is listed so is no more after a repair.
    let finished = b
        .store
        .finish_erasure(&at, b.ada(), ErasedKind::Packet, claim.to_string());
    done(finished.await);
    assert_eq!((open().await, faults(&b).await), (1, vec![]));
    let body = crate::codec::encode("erasure", &one).unwrap();
    let place = (List::Erased, "open", gone[0].as_str());
    done(b.store.0.raw_list(place, Some(body), 1_000).await);
    assert_eq!(faults(&b).await, [FaultKind::ListStray]);
    check(&b, true).await;
    assert_eq!((open().await, faults(&b).await), (1, vec![]));
}
