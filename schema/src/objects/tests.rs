#![allow(clippy::unwrap_used, clippy::print_stderr)]
use std::{
    io::{Read as _, Seek as _, SeekFrom},
    time::{Duration, Instant},
};

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

fn directory() -> (tempfile::TempDir, Objects) {
    let dir = tempfile::tempdir().unwrap();
    let objects = Objects::local(dir.path()).unwrap();
    (dir, objects)
}

/// A bucket's part of its own for one test; none where there is no S3 and nobody promised one.
fn bucket() -> Option<Objects> {
    let config = crate::objects::testing::config()?;
    Some(Objects::open(&config, None).unwrap())
}

/// Each of these holds wherever the objects lie.
mod both {
    use super::*;

    pub async fn a_chunk_is_never_written_over(objects: Objects) {
        let first = objects.put(&folder(), 0, "one".into()).await.unwrap();
        let second = objects.put(&folder(), 0, "two".into()).await.unwrap();
        assert_eq!((first, second), (Put::Stored, Put::Lost));
        let run = objects.run(&folder()).await.unwrap();
        let bytes = objects.read(&folder(), &run.chunks, 0..3).await.unwrap();
        assert_eq!(&bytes[..], b"one");
    }

    pub async fn the_run_ends_at_the_first_gap(objects: Objects) {
        for (offset, bytes) in [(0, "abc"), (3, "de"), (9, "lost"), (5, "f")] {
            objects.put(&folder(), offset, bytes.into()).await.unwrap();
        }
        let run = objects.run(&folder()).await.unwrap();
        assert_eq!((run.bytes, run.chunks.len()), (6, 3));
        let middle = objects.read(&folder(), &run.chunks, 2..6).await.unwrap();
        assert_eq!(&middle[..], b"cdef");
    }

    pub async fn a_reader_seeks_and_reads_across_chunks(objects: Objects) {
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

    pub async fn of_many_writers_at_one_offset_one_wins(objects: Objects) {
        let writers = (0..16u8).map(|n| {
            let objects = objects.clone();
            tokio::spawn(async move {
                let bytes = Bytes::from(vec![n; 100_000]);
                (n, objects.put(&folder(), 0, bytes).await.unwrap())
            })
        });
        let mut won = Vec::new();
        for writer in writers.collect::<Vec<_>>() {
            let (n, put) = writer.await.unwrap();
            won.extend((put == Put::Stored).then_some(n));
        }
        assert_eq!(won.len(), 1, "{won:?}");
        let run = objects.run(&folder()).await.unwrap();
        let bytes = objects.read(&folder(), &run.chunks, 0..100_000).await;
        assert_eq!(bytes.unwrap(), vec![won[0]; 100_000]);
    }

    /// More than a page of a thousand, whose names sort otherwise than their numbers.
    pub async fn the_run_is_in_the_order_of_offsets_over_pages(objects: Objects) {
        let puts = (0..MAX_CHUNKS as u64).map(|n| {
            let objects = objects.clone();
            async move { objects.put(&folder(), n * 3, "abc".into()).await.unwrap() }
        });
        let done: Vec<Put> = stream::iter(puts).buffer_unordered(16).collect().await;
        assert!(done.iter().all(|put| *put == Put::Stored));
        let run = objects.run(&folder()).await.unwrap();
        assert_eq!((run.chunks.len(), run.bytes), (MAX_CHUNKS, 3 * 1_024));
        assert!(run.chunks.is_sorted_by_key(|chunk| chunk.offset));
        assert_eq!(objects.delete(&folder()).await.unwrap(), MAX_CHUNKS);
        assert_eq!(objects.run(&folder()).await.unwrap(), Run::default());
    }

    pub async fn deleting_takes_one_claims_chunks_only(objects: Objects) {
        let other = Folder::new(&"acme".parse().unwrap(), Time::from_ms(0), &claim(2));
        objects.put(&folder(), 0, "a".into()).await.unwrap();
        objects.put(&folder(), 1, "b".into()).await.unwrap();
        objects.put(&other, 0, "c".into()).await.unwrap();
        assert_eq!(all(&objects, None).await.len(), 2);
        assert_eq!(objects.delete(&folder()).await.unwrap(), 2);
        assert_eq!(all(&objects, None).await, [(claim(2), other)]);
    }

    pub async fn folders_are_told_once_each_and_from_any_of_them_on(objects: Objects) {
        let mut put = Vec::new();
        for customer in ["acme", "acme-x", "acme.y", "b"] {
            for month in 0..2 {
                for n in 1..4 {
                    let at = Time::from_ms(month * 40 * 86_400_000);
                    let folder = Folder::new(&customer.parse().unwrap(), at, &claim(n));
                    for offset in [0, 1, 10] {
                        objects.put(&folder, offset, "x".into()).await.unwrap();
                    }
                    put.push((claim(n), folder));
                }
            }
        }
        let told = all(&objects, None).await;
        assert_eq!(told.len(), put.len());
        assert!(put.iter().all(|folder| told.contains(folder)));
        for (n, (_, folder)) in told.iter().enumerate() {
            assert_eq!(all(&objects, Some(folder)).await, told[n + 1..], "{folder}");
        }
    }

    pub async fn a_probe_finds_what_is_there(objects: Objects) {
        objects.probe().await.unwrap();
        assert!(!objects.away() && !objects.degraded());
    }

    async fn all(objects: &Objects, after: Option<&Folder>) -> Vec<(ClaimId, Folder)> {
        objects.folders(after).try_collect().await.unwrap()
    }
}

macro_rules! on_both {
    ($($name:ident)*) => {
        mod in_a_directory {
            $(#[tokio::test]
            async fn $name() {
                let (_dir, objects) = super::directory();
                super::both::$name(objects).await;
            })*
        }
        mod in_a_bucket {
            $(#[tokio::test]
            async fn $name() {
                if let Some(objects) = super::bucket() {
                    super::both::$name(objects).await;
                }
            })*
        }
    };
}

on_both! {
    a_chunk_is_never_written_over
    the_run_ends_at_the_first_gap
    a_reader_seeks_and_reads_across_chunks
    of_many_writers_at_one_offset_one_wins
    the_run_is_in_the_order_of_offsets_over_pages
    deleting_takes_one_claims_chunks_only
    folders_are_told_once_each_and_from_any_of_them_on
    a_probe_finds_what_is_there
}

#[tokio::test]
async fn the_path_tells_customer_month_claim_and_offset() {
    let (dir, objects) = directory();
    objects.put(&folder(), 7, "x".into()).await.unwrap();
    let path = format!("packets/acme/2023-11/{}/7", claim(1));
    assert!(dir.path().join(path).is_file());
}

/// What each operation says of an endpoint that is gone, and how long that takes.
async fn gone(objects: &Objects) -> Vec<String> {
    let mut said = Vec::new();
    for operation in 0..4 {
        let begun = Instant::now();
        let failed = match operation {
            0 => objects.put(&folder(), 0, "x".into()).await.unwrap_err(),
            1 => objects.run(&folder()).await.unwrap_err(),
            2 => objects.delete(&folder()).await.unwrap_err(),
            _ => objects.probe().await.unwrap_err(),
        };
        assert!(begun.elapsed() < Duration::from_secs(10), "{failed}");
        let why = std::error::Error::source(&failed).unwrap();
        said.push(format!("{failed}: {why} ({:.1?})", begun.elapsed()));
    }
    eprintln!("{said:#?}");
    said
}

fn at(endpoint: &str) -> Objects {
    testing::credentials(|credentials| {
        let config = ObjectsConfig {
            credentials: credentials.to_owned(),
            ..ObjectsConfig::s3("s3://packets", endpoint)
        };
        Objects::open(&config, None).unwrap()
    })
}

#[tokio::test]
async fn an_endpoint_that_nobody_listens_at_is_told_in_plain_words() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let objects = at(&endpoint);
    assert!(!objects.away(), "nothing was asked yet");
    for said in gone(&objects).await {
        assert!(said.contains("the endpoint cannot be reached: "), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
    assert!(objects.away() && objects.degraded());
    assert_eq!(objects.failures(), 3);
}

#[tokio::test]
async fn an_endpoint_that_never_answers_is_told_within_ten_seconds() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let objects = at(&format!("http://{}", silent.local_addr().unwrap()));
    let folder = folder();
    let (put, probe) = tokio::join!(objects.put(&folder, 0, "x".into()), objects.probe());
    for failed in [put.map(drop).unwrap_err(), probe.unwrap_err()] {
        let why = std::error::Error::source(&failed).unwrap().to_string();
        assert_eq!(why, "the endpoint does not answer in time");
    }
}

#[tokio::test]
async fn a_failed_put_counts_until_one_succeeds() {
    let (dir, objects) = directory();
    let packets = dir.path().join("packets");
    std::fs::write(&packets, "in the way").unwrap();
    objects.put(&folder(), 0, "x".into()).await.unwrap_err();
    assert!(objects.degraded() && !objects.away());
    std::fs::remove_file(&packets).unwrap();
    objects.put(&folder(), 0, "x".into()).await.unwrap();
    assert!(!objects.degraded());
}

#[tokio::test]
async fn a_directory_that_is_gone_is_found_by_the_probe() {
    let (dir, objects) = directory();
    std::fs::remove_dir(dir.path()).unwrap();
    assert!(objects.probe().await.is_err() && objects.away());
    std::fs::create_dir(dir.path()).unwrap();
    assert!(objects.probe().await.is_ok() && !objects.away());
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_said_so() {
    if let Some(config) = testing::config() {
        let config = ObjectsConfig {
            url: "s3://no-such-bucket".into(),
            ..config
        };
        let objects = Objects::open(&config, None).unwrap();
        for failed in [
            objects.probe().await.unwrap_err(),
            objects.delete(&folder()).await.unwrap_err(),
            objects.run(&folder()).await.unwrap_err(),
        ] {
            let said = std::error::Error::source(&failed).unwrap().to_string();
            assert!(said.contains("NoSuchBucket"), "{said}");
        }
    }
}

#[tokio::test]
async fn a_wrong_key_is_refused_without_repeating_it() {
    if let Some(config) = testing::config() {
        let objects = testing::credentials(|path| {
            let config = ObjectsConfig {
                credentials: path.to_owned(),
                ..config
            };
            Objects::open(&config, None).unwrap()
        });
        for failed in [
            objects.probe().await.unwrap_err(),
            objects.run(&folder()).await.unwrap_err(),
        ] {
            let said = format!("{failed} {failed:?}");
            // S3 and MinIO say 403; versitygw 404, with a code of its own.
            assert!(said.contains("status 40"), "{said}");
            assert!(!said.contains("hunter2"), "{said}");
        }
    }
}

/// What the case above says, run alone in a process of its own where no S3 is given.
fn without_s3(promise: Option<&str>) -> (bool, String) {
    let mut alone = std::process::Command::new(std::env::current_exe().unwrap());
    alone
        .args([
            "--exact",
            "objects::tests::a_wrong_key_is_refused_without_repeating_it",
        ])
        .env_remove("BOATHOOK_TEST_S3")
        .env_remove("BOATHOOK_TEST_WHOLE")
        .env_remove("CI");
    if let Some(name) = promise {
        alone.env(name, "1");
    }
    let out = alone.output().unwrap();
    let said = [out.stdout, out.stderr].concat();
    (
        out.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

#[test]
fn what_is_not_tried_on_s3_says_so_loudly_and_fails_where_s3_was_promised() {
    let (passed, said) = without_s3(None);
    assert!(passed && said.contains("1 passed"), "{said}");
    assert!(said.contains("SKIPPED on S3"), "{said}");
    for promise in ["CI", "BOATHOOK_TEST_WHOLE"] {
        let (passed, said) = without_s3(Some(promise));
        assert!(!passed && said.contains("BOATHOOK_TEST_S3"), "{said}");
    }
}

#[test]
fn a_store_without_packets_of_its_own_needs_a_url() {
    let refused = Objects::open(&ObjectsConfig::default(), None)
        .err()
        .unwrap();
    let why = std::error::Error::source(&refused).unwrap().to_string();
    assert!(why.contains("objects.url"), "{why}");
}
