//! Erasing: gone from everywhere, told for ever, and the chain stays whole.
mod instances;
mod late;
mod lists;
mod packets;
mod rights;
mod said;

use boathook_hooks::ids::{ClaimId, Digest, InstanceId};

use super::bench::{Bench, acme, at_acme, done};
use crate::{
    Chain, ChainVerdict, Erasure, ErasureReceipt, Head, Packet, PacketsBy, Page, Scope,
    engine::List,
};

pub use {instances::*, late::*, lists::*, packets::*, rights::*, said::*};

fn agent(n: u32) -> Scope {
    Scope::Instance {
        customer: acme(),
        instance: super::bench::iid(n),
    }
}

fn acmes() -> Chain {
    Chain::Customer(acme())
}

fn why() -> String {
    "the customer asked".into()
}

async fn begin(b: &Bench, claim: &ClaimId) -> Erasure {
    let erased = b
        .store
        .erase_packet(&at_acme(), b.ada(), claim.clone(), why())
        .await;
    done(erased)
}

async fn finish(b: &Bench, erasure: &Erasure) -> ErasureReceipt {
    let (kind, id) = (erasure.kind, erasure.id.clone());
    done(b.store.finish_erasure(&at_acme(), b.ada(), kind, id).await)
}

async fn erase(b: &Bench, id: &InstanceId) -> crate::Answer<Erasure> {
    b.store
        .erase_instance(&at_acme(), b.ada(), id.clone(), why())
        .await
}

async fn retire(b: &Bench, id: InstanceId) {
    let retired = b
        .store
        .retire_instance(&at_acme(), b.ada(), id, "sold to Eve".into())
        .await;
    done(retired);
}

async fn packet(b: &Bench, claim: &ClaimId) -> Option<Packet> {
    b.store.packet(&at_acme(), claim).await.unwrap()
}

async fn listed(b: &Bench, by: PacketsBy) -> usize {
    let page = b.store.packets(&Scope::System, by, Page::default()).await;
    page.unwrap().items.len()
}

async fn found(b: &Bench, text: &str) -> usize {
    let page = b.store.search(&Scope::All, text, Page::default()).await;
    page.unwrap().items.len()
}

async fn pieces(b: &Bench, claim: &ClaimId, sha256: &Digest) -> usize {
    let part = format!("{claim}/{sha256}");
    let read = b.store.0.read("pieces", move |look| {
        look.list(List::Statements, &part, "", 10)
    });
    read.await.unwrap().len()
}

async fn whole(b: &Bench, against: Option<Head>) -> Head {
    let verdict = b.store.verify_chain(&Scope::All, &acmes(), against).await;
    match verdict.unwrap() {
        ChainVerdict::Whole { head } => head,
        ChainVerdict::Broken { at, why } => panic!("broken at {at}: {why}"),
    }
}

async fn open(b: &Bench) -> Vec<Erasure> {
    let page = Page::default();
    let open = b.store.unfinished_erasures(&Scope::System, page).await;
    open.unwrap().items
}
