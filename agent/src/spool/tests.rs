#![allow(clippy::unwrap_used)]
use std::io::Write as _;

use super::*;

fn spool(limit: u64, keep: u64) -> (tempfile::TempDir, Spool) {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(&dir.path().join("spool"), limit, Duration::from_secs(keep)).unwrap();
    (dir, spool)
}

fn packed(spool: &Spool, run: &str, bytes: usize) -> Entry {
    spool
        .begin(run)
        .unwrap()
        .write_all(&vec![7; bytes])
        .unwrap();
    let claim = ClaimId {
        revision: Digest::of(b"h"),
        instance: "app-01".parse().unwrap(),
        reservation: 1,
    };
    spool
        .finish(
            run,
            claim,
            Digest::of(b"h"),
            "x.zip".into(),
            Time::from_ms(5),
            false,
        )
        .unwrap()
}

#[test]
fn a_packet_is_listed_with_its_digest_until_it_is_accepted_and_survives_a_restart() {
    let (_dir, spool) = spool(1 << 20, 0);
    let made = packed(&spool, "r1", 1_000);
    assert_eq!((made.bytes, made.sha256), (1_000, Digest::of(&[7; 1_000])));
    let again = Spool::open(&spool.dir, 1 << 20, Duration::ZERO).unwrap();
    assert_eq!(again.entries().unwrap(), [made]);
    again.accepted("r1").unwrap();
    assert_eq!(
        (again.entries().unwrap(), again.used().unwrap()),
        (vec![], 0)
    );
}

#[test]
fn the_spool_is_owner_only_and_its_room_bounded() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_dir, spool) = spool(200_000, 0);
    packed(&spool, "r1", 150_000);
    assert!(spool.room().unwrap() < 50_000);
    let mode = |p: &Path| fs::metadata(p).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&spool.dir), mode(&spool.zip("r1"))), (0o700, 0o600));
}

#[test]
fn copies_of_sent_packets_are_kept_for_a_while_and_make_way_for_new_ones() {
    let (_dir, spool) = spool(200_000, 3_600);
    packed(&spool, "r1", 150_000);
    spool.accepted("r1").unwrap();
    assert_eq!(spool.sent().unwrap().len(), 1);
    assert_eq!(spool.room().unwrap(), 200_000, "the copy made way");
    packed(&spool, "r2", 10);
    spool.accepted("r2").unwrap();
    spool
        .prune(SystemTime::now() + Duration::from_secs(3_000))
        .unwrap();
    assert_eq!(spool.sent().unwrap().len(), 1);
    spool
        .prune(SystemTime::now() + Duration::from_secs(4_000))
        .unwrap();
    assert_eq!(spool.sent().unwrap().len(), 0);
}

#[test]
fn leftovers_of_runs_that_nobody_knows_are_removed() {
    let (_dir, spool) = spool(1 << 20, 0);
    packed(&spool, "r1", 10);
    spool.begin("r2").unwrap();
    spool.begin("r3").unwrap();
    fs::write(spool.zip("r4"), b"no entry").unwrap();
    spool.clean(&["r1".into(), "r2".into()]).unwrap();
    assert_eq!(spool.entries().unwrap().len(), 1);
    assert!(spool.set_aside("r2").unwrap().is_some() && spool.set_aside("r3").unwrap().is_none());
    assert!(!spool.zip("r4").exists());
}

#[test]
fn a_packet_that_a_crash_left_without_its_name_is_completed_and_an_entry_without_one_is_dropped() {
    let (_dir, spool) = spool(1 << 20, 0);
    let (whole, lost) = (packed(&spool, "r1", 1_000), packed(&spool, "r2", 10));
    std::fs::rename(spool.zip(&whole.run), spool.path(&whole.run, "part")).unwrap();
    std::fs::remove_file(spool.zip(&lost.run)).unwrap();
    spool.complete().unwrap();
    assert_eq!(spool.entries().unwrap(), std::slice::from_ref(&whole));
    assert_eq!(
        std::fs::read(spool.zip(&whole.run)).unwrap(),
        vec![7; 1_000]
    );
}
