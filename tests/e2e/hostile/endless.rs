//! Files without an end, and files that are none.
use std::{
    fs::{self, File},
    io::{Seek as _, SeekFrom, Write as _},
    os::unix::fs::symlink,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use boathook_tests::world::World;
use rustix::fs::{CWD, Mode, mkfifoat};

use super::{Packet, directory, hook, policy};

const TIB: u64 = 1 << 40;

/// One TiB, of which nothing is on the disk but some lines at both ends.
fn sparse(path: &Path) {
    let mut file = File::create(path).unwrap();
    file.write_all("the head of the file\n".repeat(8_000).as_bytes())
        .unwrap();
    let tail = "the tail of the file\n".repeat(8_000);
    file.set_len(TIB).unwrap();
    file.seek(SeekFrom::Start(TIB - tail.len() as u64)).unwrap();
    file.write_all(tail.as_bytes()).unwrap();
}

/// Appends without a pause until it is told to stop, or the disk would fill.
fn grow(path: &Path, stop: Arc<AtomicBool>) -> std::thread::JoinHandle<()> {
    let mut file = File::options()
        .create(true)
        .append(true)
        .open(path)
        .unwrap();
    let lines = "a line of the file that grows\n".repeat(500);
    file.write_all(lines.as_bytes()).unwrap();
    std::thread::spawn(move || {
        let mut left = 1_u64 << 30;
        while !stop.load(Ordering::Relaxed) && left > 0 {
            file.write_all(lines.as_bytes()).unwrap();
            left = left.saturating_sub(lines.len() as u64);
        }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn fifos_devices_and_files_without_end_cost_no_more_than_their_own_section() {
    let world = World::start().await.unwrap();
    let dir = directory(&world, "granted");
    mkfifoat(CWD, dir.join("fifo.log"), Mode::from_raw_mode(0o600)).unwrap();
    symlink("/dev/zero", dir.join("zero.log")).unwrap();
    sparse(&dir.join("sparse.log"));
    fs::write(dir.join("good.log"), "all is well\n").unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let growing = grow(&dir.join("growing.log"), stop.clone());
    // Devices are refused for what they are, even where their directory is granted.
    let granted = policy(&[&dir, Path::new("/dev")], &[]);
    let _agent = world.agent_with("app-01", &granted).await.unwrap();

    let one = |section: &str, path: &str, more: &str| {
        format!(
            "[[collect]]\nsection = \"{section}\"\ncollector = \"file\"\npaths = [\"{path}\"]\n{more}\n"
        )
    };
    let d = dir.display();
    let sections = [
        one("fifo", &format!("{d}/fifo.log"), ""),
        one("link", &format!("{d}/zero.log"), ""),
        one("zero", "/dev/zero", "tail_bytes = \"1 MiB\""),
        one(
            "terabyte-tail",
            &format!("{d}/sparse.log"),
            "tail_bytes = \"64 KiB\"",
        ),
        one(
            "terabyte-head",
            &format!("{d}/sparse.log"),
            "head_bytes = \"64 KiB\"",
        ),
        one(
            "terabyte-ends",
            &format!("{d}/sparse.log"),
            "head_lines = 10\ntail_lines = 10",
        ),
        one(
            "terabyte",
            &format!("{d}/sparse.log"),
            "file_bytes = \"1 MiB\"",
        ),
        one(
            "growing-tail",
            &format!("{d}/growing.log"),
            "tail_bytes = \"64 KiB\"",
        ),
        one(
            "growing",
            &format!("{d}/growing.log"),
            "file_bytes = \"1 MiB\"",
        ),
        one("all", &format!("{d}/*.log"), "tail_bytes = \"4 KiB\""),
        one("good", &format!("{d}/good.log"), ""),
    ];
    let packet = Packet::of(&world, &hook(&sections.concat())).await;
    stop.store(true, Ordering::Relaxed);
    growing.join().unwrap();

    for section in ["fifo", "link", "zero"] {
        assert_eq!(packet.outcome(section), "denied_by_policy", "{section}");
        assert_eq!(packet.text(section), "", "{section}");
    }
    assert!(
        packet.words("fifo").contains("a FIFO"),
        "{}",
        packet.words("fifo")
    );
    assert!(
        packet.words("zero").contains("a character device"),
        "{}",
        packet.words("zero")
    );
    assert_eq!(packet.outcome("terabyte-tail"), "ok");
    let tail = packet.text("terabyte-tail");
    assert!(
        tail.len() <= 64 << 10 && tail.len() > 60 << 10,
        "{}",
        tail.len()
    );
    assert!(tail.lines().all(|l| l == "the tail of the file"));
    assert_eq!(packet.outcome("terabyte-head"), "ok");
    assert!(
        packet
            .text("terabyte-head")
            .starts_with("the head of the file\n")
    );
    let ends = packet.text("terabyte-ends");
    assert_eq!(ends.matches("the head of the file\n").count(), 10);
    assert_eq!(ends.matches("the tail of the file\n").count(), 10);
    // Its middle is not text.
    assert!(packet.text("terabyte").len() <= (1 << 20) + 100);
    assert_eq!(
        packet.outcome("terabyte"),
        "truncated",
        "{}",
        packet.words("terabyte")
    );
    for (section, most) in [("growing-tail", 64 << 10), ("growing", 1 << 20)] {
        let text = packet.text(section);
        assert!(
            // With the mark where the limit cut.
            !text.is_empty() && text.len() <= most + 100,
            "{section}: {}",
            text.len()
        );
    }
    // What a glob finds is told in one section: good ones beside those that cannot be read.
    assert!(packet.text("all").contains("all is well"));
    assert!(
        packet.words("all").contains("a FIFO"),
        "{}",
        packet.words("all")
    );
    assert_eq!(packet.outcome("good"), "ok");
    assert_eq!(packet.text("good"), "all is well\n");
}
