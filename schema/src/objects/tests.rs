#![allow(clippy::unwrap_used)]
use std::io::{Read as _, Seek as _, SeekFrom};

use boathook_hooks::ids::Digest;

use super::*;

fn claim(reservation: u16) -> ClaimId {
    ClaimId {
        revision: Digest::of(b"hook"),
        instance: "i-1".parse().unwrap(),
        reservation,
    }
}

fn folder() -> Folder {
    let customer = "acme".parse().unwrap();
    Folder::new(&customer, Time::from_ms(1_700_000_000_000), &claim(1))
}

fn open() -> (tempfile::TempDir, Objects) {
    let dir = tempfile::tempdir().unwrap();
    let objects = Objects::local(dir.path()).unwrap();
    (dir, objects)
}

#[tokio::test]
async fn a_chunk_is_never_written_over() {
    let (_dir, objects) = open();
    let first = objects.put(&folder(), 0, "one".into()).await.unwrap();
    let second = objects.put(&folder(), 0, "two".into()).await.unwrap();
    assert_eq!((first, second), (Put::Stored, Put::Lost));
    let run = objects.run(&folder()).await.unwrap();
    let bytes = objects.read(&folder(), &run.chunks, 0..3).await.unwrap();
    assert_eq!(&bytes[..], b"one");
}

#[tokio::test]
async fn the_run_ends_at_the_first_gap() {
    let (_dir, objects) = open();
    for (offset, bytes) in [(0, "abc"), (3, "de"), (9, "lost"), (5, "f")] {
        objects.put(&folder(), offset, bytes.into()).await.unwrap();
    }
    let run = objects.run(&folder()).await.unwrap();
    assert_eq!((run.bytes, run.chunks.len()), (6, 3));
    let middle = objects.read(&folder(), &run.chunks, 2..6).await.unwrap();
    assert_eq!(&middle[..], b"cdef");
}

#[tokio::test]
async fn the_path_tells_customer_month_claim_and_offset() {
    let (dir, objects) = open();
    objects.put(&folder(), 7, "x".into()).await.unwrap();
    let path = format!("packets/acme/2023-11/{}/7", claim(1));
    assert!(dir.path().join(path).is_file());
}

#[tokio::test]
async fn a_reader_seeks_and_reads_across_chunks() {
    let (_dir, objects) = open();
    let whole: Vec<u8> = (0..600_000u32).map(|n| (n % 251) as u8).collect();
    for part in [0..250_000, 250_000..599_999, 599_999..600_000] {
        let bytes = Bytes::copy_from_slice(&whole[part.clone()]);
        objects
            .put(&folder(), part.start as u64, bytes)
            .await
            .unwrap();
    }
    let run = objects.run(&folder()).await.unwrap();
    let mut reader = objects.reader(folder(), run.chunks);
    let (all, tail) = tokio::task::spawn_blocking(move || {
        let mut all = Vec::new();
        reader.read_to_end(&mut all).unwrap();
        let mut tail = Vec::new();
        reader.seek(SeekFrom::End(-10)).unwrap();
        reader.read_to_end(&mut tail).unwrap();
        assert!(reader.seek(SeekFrom::Current(-700_000)).is_err());
        (all, tail)
    })
    .await
    .unwrap();
    assert_eq!(all, whole);
    assert_eq!(tail, whole[599_990..]);
}

#[tokio::test]
async fn deleting_takes_one_claims_chunks_only() {
    let (_dir, objects) = open();
    let other = Folder::new(&"acme".parse().unwrap(), Time::from_ms(0), &claim(2));
    objects.put(&folder(), 0, "a".into()).await.unwrap();
    objects.put(&folder(), 1, "b".into()).await.unwrap();
    objects.put(&other, 0, "c".into()).await.unwrap();
    assert_eq!(objects.folders().await.unwrap().len(), 2);
    assert_eq!(objects.delete(&folder()).await.unwrap(), 2);
    assert_eq!(objects.folders().await.unwrap(), [(claim(2), other)]);
}
