//! Chains over several partitions, which the contract's few events never fill.
#![allow(clippy::unwrap_used)]

use boathook_hooks::time::{DAY, Time};
use futures_util::future::join_all;
use tempfile::TempDir;

use crate::{
    BrokenChain, Chain, ChainVerdict, EventFilter, EventKind, Migrate, NewEvent, Page, Scope,
    Store, Write, codec,
    engine::{
        Engine,
        days::DayShare,
        events::{BUCKET, END, bucket, event_row},
        look::beyond,
    },
};

fn noon() -> Time {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

async fn engine() -> (Engine, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", dir.path().display());
    crate::migrate(&url, Migrate::Up).await.unwrap();
    (Store::open(&url).await.unwrap().0, dir)
}

/// The house's chain with as many events; every third is a refusal.
async fn with(events: u64) -> (Engine, TempDir) {
    let (engine, dir) = engine().await;
    let record = |n: u64| {
        let kind = if n.is_multiple_of(3) {
            EventKind::AUTHORITY_REFUSED
        } else {
            EventKind::PACKET_READ
        };
        let write = Write::system(noon());
        engine.record_event(&Scope::System, write, Chain::House, NewEvent::new(kind))
    };
    for answer in join_all((0..events).map(record)).await {
        answer.unwrap().done().unwrap();
    }
    (engine, dir)
}

async fn verdict(engine: &Engine) -> ChainVerdict {
    let verdict = engine.verify_chain(&Scope::System, &Chain::House, None);
    verdict.await.unwrap()
}

async fn numbers(engine: &Engine, filter: EventFilter) -> Vec<u64> {
    let mut numbers = Vec::new();
    let mut page = Page::first(700);
    loop {
        let found = engine
            .events(&Scope::System, &Chain::House, filter.clone(), page)
            .await
            .unwrap();
        numbers.extend(found.items.iter().map(|e| e.number));
        match found.next {
            None => return numbers,
            next => page = Page::first(700).after(next),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_goes_on_over_its_partitions() {
    let all = 2 * BUCKET + 10;
    let (engine, _dir) = with(all).await;
    let ChainVerdict::Whole { head } = verdict(&engine).await else {
        panic!("broken");
    };
    assert_eq!(head.number, all);
    assert_eq!(
        numbers(&engine, EventFilter::default()).await,
        (1..=all).collect::<Vec<_>>()
    );
    let refusals = EventFilter {
        kind: Some(EventKind::AUTHORITY_REFUSED),
        ..EventFilter::default()
    };
    let up = numbers(&engine, refusals.clone()).await;
    assert_eq!(up.len() as u64, all.div_ceil(3));
    // And back the same way, however the pages fall on the partitions' ends.
    for (filter, up) in [
        (EventFilter::default(), (1..=all).collect()),
        (refusals, up),
    ] {
        for from in [None, Some(noon())] {
            let filter = EventFilter {
                newest_first: true,
                from,
                ..filter.clone()
            };
            let mut back = numbers(&engine, filter).await;
            back.reverse();
            assert_eq!(back, up);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_partition_ends_where_the_next_begins() {
    let (engine, _dir) = with(BUCKET).await;
    assert!(
        matches!(verdict(&engine).await, ChainVerdict::Whole { head } if head.number == BUCKET)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_that_is_gone_is_missed() {
    let (engine, _dir) = with(2 * BUCKET + 10).await;
    let home = bucket("house", 1);
    let rows = engine.raw_rows(&home, "", &beyond("")).await.unwrap();
    assert!(rows.len() as u64 > BUCKET);
    for (row, _) in rows {
        engine
            .raw_put(&home, &row, None)
            .await
            .unwrap()
            .done()
            .unwrap();
    }
    let missing = ChainVerdict::Broken {
        at: BUCKET + 1,
        why: BrokenChain::Missing,
    };
    assert_eq!(verdict(&engine).await, missing);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_behind_the_stored_end_are_not_taken() {
    let (engine, _dir) = with(5).await;
    let home = bucket("house", 0);
    let rows = engine.raw_rows(&home, END, &beyond(END)).await.unwrap();
    engine
        .raw_put(&home, END, None)
        .await
        .unwrap()
        .done()
        .unwrap();
    let no_end = ChainVerdict::Broken {
        at: 5,
        why: BrokenChain::Head,
    };
    assert_eq!(verdict(&engine).await, no_end);
    let mut end: crate::Head = codec::decode("head", &rows[0].1).unwrap();
    end.hash.0[0] ^= 1;
    let end = codec::encode("head", &end).unwrap();
    let put = engine.raw_put(&home, END, Some(end)).await;
    put.unwrap().done().unwrap();
    assert_eq!(verdict(&engine).await, no_end);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_is_counted_again_from_all_its_partitions() {
    let all = BUCKET + 10;
    let (engine, _dir) = with(all).await;
    let stats = async || {
        let day = "2026-11-21";
        let stats = engine.day_stats(&Scope::System, None, day, day).await;
        let count = |s: &crate::DayStat| (s.kind.clone(), s.count);
        stats.unwrap().iter().map(count).collect::<Vec<_>>()
    };
    let right = [
        (EventKind::AUTHORITY_REFUSED, all.div_ceil(3)),
        (EventKind::PACKET_READ, all - all.div_ceil(3)),
    ];
    assert_eq!(stats().await, right);
    let wrong = DayShare {
        count: 7_000,
        ..DayShare::default()
    };
    let body = codec::encode("day", &wrong).unwrap();
    let home = bucket("house", 1);
    for row in ["d/2026-11-21/packet_read", "d/2026-11-21/never_was"] {
        let put = engine.raw_put(&home, row, Some(body.clone()));
        put.await.unwrap().done().unwrap();
    }
    assert_ne!(stats().await, right);
    let write = Write::system(noon().plus_ms(DAY));
    let recount = async || {
        let day = "2026-11-21".to_owned();
        engine
            .recount_day(&Scope::System, write.clone(), Chain::House, day)
            .await
    };
    assert_eq!(recount().await.unwrap().done(), Ok(all));
    assert_eq!(stats().await, right);
    assert_eq!(recount().await.unwrap().done(), Ok(all), "a repeat");
    // An event's row is where its number says.
    let second = engine.raw_rows(&home, "e/", "f").await.unwrap();
    assert_eq!(second[0].0, event_row(BUCKET + 1));
}
