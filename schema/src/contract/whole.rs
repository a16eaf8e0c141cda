//! The store as a whole: copied into another one, and checked.
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;

use super::bench::{Bench, Tampering, acme, at_acme, done, iid, ticket};
use crate::{
    Chain, ChainVerdict, CheckOptions, Checked, Claim, CopyError, CopyOptions, EventKind,
    FaultKind, Migrate, NewAnswer, PacketsBy, Page, Put, Scope, SessionAsk, Store, codec,
    engine::{HEAD, Home, List, Table},
    migrate,
};

/// An empty store of the same backend beside the bench's own.
async fn beside(b: &Bench) -> Store {
    let url = match b.url.split_once("prefix=") {
        Some((begin, rest)) => format!("{begin}prefix=z{}/beside", &rest[1..]),
        None => format!("{}/beside", b.url),
    };
    if let Some((_, dir)) = url.split_once("objects_dir=") {
        std::fs::create_dir_all(dir).unwrap();
    }
    migrate(&url, Migrate::Up).await.unwrap();
    Store::open(&url).await.unwrap()
}

fn options(from: &str) -> CopyOptions {
    CopyOptions {
        from: from.into(),
        same_objects: false,
    }
}

/// A packet with bytes.
pub(super) async fn delivered(b: &Bench, digest: boathook_hooks::ids::Digest, n: u32) -> Claim {
    let bytes = format!("the packet of {n}");
    let lease = b.granted(digest, n, bytes.len() as u64).await;
    let claim = b.store.claim_by_id(&Scope::System, &lease.claim).await;
    let claim = claim.unwrap().unwrap();
    let put = b
        .store
        .objects()
        .put(&claim.folder(), 0, Bytes::from(bytes.clone()))
        .await;
    assert_eq!(put.unwrap(), Put::Stored);
    let mut commit = b.packet(&claim.id, bytes.len() as u64, "");
    commit.chunks = vec![crate::Chunk {
        offset: 0,
        bytes: commit.bytes,
    }];
    commit.sha256 = boathook_hooks::ids::Digest::of(bytes.as_bytes());
    done(b.commit(commit).await);
    claim
}

/// Something of most kinds.
pub(super) async fn filled(b: &mut Bench) -> boathook_hooks::ids::Digest {
    let digest = b.published(9).await;
    for n in 1..=3 {
        delivered(b, digest, n).await;
    }
    b.instance(4, acme()).await;
    b.granted(digest, 4, 100).await;
    b.drafted(&[acme()]).await;
    let stopped = b.published(2).await;
    b.stop(stopped).await;
    b.later(1_000);
    let known = b.store.instance(&Scope::System, &iid(4)).await.unwrap();
    let ask = SessionAsk {
        instance: iid(4),
        value: String::new(),
        nonce: "n".into(),
        fresh: "a".into(),
        facts: known.unwrap().facts,
    };
    done(b.store.next_session(&Scope::System, b.system(), ask).await);
    done(
        b.store
            .answer(
                &Scope::System,
                b.system(),
                NewAnswer {
                    revision: digest,
                    instance: iid(5),
                    customer: acme(),
                    kind: boathook_hooks::protocol::AnswerKind::Declined,
                    reason: "no".into(),
                },
            )
            .await,
    );
    digest
}

pub(super) async fn check(b: &Bench, repair: bool) -> Checked {
    let options = CheckOptions {
        repair,
        read_bytes: true,
    };
    b.store.check(options, b.now, |_| {}).await.unwrap()
}

pub(super) fn kinds(checked: &Checked) -> Vec<FaultKind> {
    checked.faults.iter().map(|f| f.kind).collect()
}

pub async fn a_copy_that_was_cut_off_goes_on_and_holds_everything(mut b: Bench) {
    let digest = filled(&mut b).await;
    let to = beside(&b).await;
    // Given up at several places, as a program that is killed would.
    for cut in [2, 9, 25] {
        let told = Arc::new(AtomicU64::new(0));
        let (seen, enough) = (told.clone(), Arc::new(tokio::sync::Notify::new()));
        let wake = enough.clone();
        let options = options("here");
        let copy = b.store.copy_to(&to, &options, move |_| {
            if seen.fetch_add(1, Ordering::Relaxed) == cut {
                wake.notify_one();
            }
        });
        tokio::select! {
            biased;
            () = enough.notified() => {}
            whole = copy => panic!("not cut off: {whole:?}"),
        }
        assert!(to.is_half_copied().await.unwrap());
    }
    let copied = b
        .store
        .copy_to(&to, &options("here"), |_| {})
        .await
        .unwrap();
    assert!(!to.is_half_copied().await.unwrap());
    assert_eq!((copied.packets, copied.objects.chunks), (3, 3));
    let revision = to.revision(&Scope::System, &digest).await.unwrap();
    assert_eq!(revision, Some(b.revision(&digest).await));
    let by = || PacketsBy::Ticket(ticket());
    let packets = to.packets(&at_acme(), by(), Page::default()).await.unwrap();
    let own = b.store.packets(&at_acme(), by(), Page::default()).await;
    assert_eq!((packets.items.len(), &packets), (3, &own.unwrap()));
    let chain = Chain::Customer(acme());
    let head = |store: &Store| {
        let (store, chain) = (store.clone(), chain.clone());
        async move {
            store
                .verify_chain(&Scope::System, &chain, None)
                .await
                .unwrap()
        }
    };
    let whole = head(&to).await;
    assert!(matches!(&whole, ChainVerdict::Whole { head } if head.number > 0));
    assert_eq!(whole, head(&b.store).await);
    // The copy is a store like any other: numbers and chains go on.
    let copy = Bench {
        store: to.clone(),
        ..b.clone()
    };
    copy.stop(digest).await;
    let checked = check(&copy, false).await;
    assert_eq!(checked.faults, []);
    let control = to.changes_since(&Scope::System, 0, 1_000).await.unwrap();
    let before = b
        .store
        .changes_since(&Scope::System, 0, 1_000)
        .await
        .unwrap();
    assert!(control.head > before.head);
    assert_eq!(control.entries.len(), before.entries.len() + 1);
}

pub async fn a_copy_goes_into_an_empty_store_and_from_one(mut b: Bench) {
    filled(&mut b).await;
    let to = beside(&b).await;
    let again = b.store.copy_to(&b.store, &options("here"), |_| {}).await;
    assert!(
        matches!(again, Err(CopyError::NotEmpty { .. })),
        "{again:?}"
    );
    b.store
        .copy_to(&to, &options("here"), |_| {})
        .await
        .unwrap();
    let again = b.store.copy_to(&to, &options("here"), |_| {}).await;
    assert!(matches!(again, Err(CopyError::Done { .. })), "{again:?}");
}

pub async fn a_copy_is_of_one_source_and_sees_what_was_written_meanwhile(mut b: Bench) {
    filled(&mut b).await;
    let to = beside(&b).await;
    let enough = Arc::new(tokio::sync::Notify::new());
    let (wake, here) = (enough.clone(), options("here"));
    let copy = b.store.copy_to(&to, &here, move |done| {
        if done.entries > 0 {
            wake.notify_one();
        }
    });
    tokio::select! {
        biased;
        () = enough.notified() => {}
        whole = copy => panic!("not cut off: {whole:?}"),
    }
    let other = b.store.copy_to(&to, &options("there"), |_| {}).await;
    assert!(
        matches!(other, Err(CopyError::OtherSource { .. })),
        "{other:?}"
    );
    let write = b.system();
    done(
        b.store
            .put_customer(&Scope::System, write, acme(), "Renamed".into())
            .await,
    );
    let late = b.store.copy_to(&to, &options("here"), |_| {}).await;
    assert!(matches!(late, Err(CopyError::Differs { .. })), "{late:?}");
    assert!(to.is_half_copied().await.unwrap());
}

pub async fn a_store_that_fits_together_is_clean(mut b: Bench) {
    filled(&mut b).await;
    let checked = check(&b, false).await;
    assert_eq!(checked.faults, []);
    assert_eq!((checked.packets, checked.is_clean()), (3, true));
    assert!(checked.events > 0 && checked.entries > 0 && checked.aggregates > 0);
}

pub async fn what_was_erased_is_copied_as_such_and_fits(mut b: Bench) {
    let digest = filled(&mut b).await;
    let claim = delivered(&b, digest, 6).await;
    let why = "asked for".to_owned();
    let erased = b
        .store
        .erase_packet(&Scope::System, b.system(), claim.id.clone(), why);
    let erased = done(erased.await);
    let folder = erased.folder().unwrap();
    b.store.objects().delete(&folder).await.unwrap();
    let (kind, id) = (crate::ErasedKind::Packet, claim.id.to_string());
    done(
        b.store
            .finish_erasure(&Scope::System, b.system(), kind, id)
            .await,
    );
    assert_eq!(check(&b, false).await.faults, []);
    let to = beside(&b).await;
    let copied = b.store.copy_to(&to, &options("here"), |_| {}).await;
    assert_eq!(copied.unwrap().packets, 3);
}

pub async fn lists_that_do_not_fit_are_found_and_mended(mut b: Bench) {
    let digest = filled(&mut b).await;
    let hook = b.revision(&digest).await.hook.to_string();
    let engine = &b.store.0;
    // A hook that one list lacks, and one that stands where it does not belong.
    let place = |part| (List::Hooks, part, hook.as_str());
    let home = Home::new(Table::Hooks, &hook);
    let version = engine.read("test", move |look| look.version(&home)).await;
    let version = version.unwrap();
    done(engine.raw_list(place("customer/acme"), None, version).await);
    done(
        engine
            .raw_list(place("customer/bolt"), Some(vec![1]), 1)
            .await,
    );
    // A customer's entry that says something else, and one of nobody.
    let nobody = (List::Customers, "", "nobody");
    done(engine.raw_list(nobody, Some(vec![1]), 1).await);
    let checked = check(&b, false).await;
    let found = kinds(&checked);
    assert_eq!(
        found,
        [
            FaultKind::ListBehind,
            FaultKind::ListStray,
            FaultKind::ListStray
        ],
        "{:?}",
        checked.faults
    );
    let mended = check(&b, true).await;
    assert_eq!((mended.found, mended.repaired), (3, 3));
    assert_eq!(check(&b, false).await.faults, []);
}

pub async fn counts_packets_bytes_and_chains_that_do_not_fit_are_found(mut b: Bench) {
    let digest = filled(&mut b).await;
    let engine = &b.store.0;
    let home = Home::new(Table::Revisions, digest);
    let head = home.head();
    let mut revision: crate::Revision = engine
        .read("test", move |look| look.record("revision", &head))
        .await
        .unwrap()
        .unwrap();
    revision.usage.accepted += 1;
    let body = codec::encode("revision", &revision).unwrap();
    done(engine.raw_put(&home, HEAD, Some(body)).await);
    let packets = b
        .store
        .packets(&at_acme(), PacketsBy::Ticket(ticket()), Page::default())
        .await
        .unwrap()
        .items;
    // One packet without bytes, one with others, and bytes that nobody has.
    let objects = b.store.objects();
    objects.delete(&packets[0].folder()).await.unwrap();
    objects.delete(&packets[1].folder()).await.unwrap();
    let others = Bytes::from(vec![7_u8; usize::try_from(packets[1].bytes).unwrap()]);
    objects.put(&packets[1].folder(), 0, others).await.unwrap();
    let mut old = packets[2].claim.clone();
    old.reservation = 0;
    let folder = crate::Folder::new(&acme(), b.now, &old);
    let mut foreign = packets[2].claim.clone();
    foreign.revision = boathook_hooks::ids::Digest::of(b"nobody's");
    let others = crate::Folder::new(&acme(), b.now, &foreign);
    for folder in [&folder, &others] {
        let bytes = Bytes::from_static(b"lost");
        objects.put(folder, 0, bytes).await.unwrap();
    }
    b.tamper(&Chain::Customer(acme()), Tampering::Bytes(2))
        .await;
    let checked = check(&b, false).await;
    let found = kinds(&checked);
    for (kind, count) in [
        (FaultKind::Counts, 1),
        (FaultKind::PacketWithoutBytes, 2),
        (FaultKind::BytesWithoutPacket, 2),
        (FaultKind::BrokenChain, 1),
    ] {
        let same = found.iter().filter(|k| **k == kind).count();
        assert_eq!(same, count, "{kind:?} in {:?}", checked.faults);
    }
    assert!(!checked.is_clean());
    let mended = check(&b, true).await;
    assert_eq!(
        mended.repaired,
        1 + lists_of(&mended),
        "{:?}",
        mended.faults
    );
    assert_eq!(objects.run(&folder).await.unwrap().bytes, 0);
    assert_eq!(objects.run(&others).await.unwrap().bytes, 4);
    assert_eq!(b.count(EventKind::TICKET_PUT).await, 0);
}

fn lists_of(checked: &Checked) -> u64 {
    let lists = [FaultKind::ListBehind, FaultKind::ListStray];
    checked
        .faults
        .iter()
        .filter(|f| lists.contains(&f.kind))
        .count() as u64
}
