//! Names that lead elsewhere a moment later.
use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use boathook_tests::world::World;

use super::{Packet, directory, hook, policy};

const INSIDE: &str = "a line of the file that may be read";
const OUTSIDE: &str = "0UTS1DE";

/// Seconds of swapping; BOATHOOK_SWAP_SECONDS=60 makes it the full minute.
fn seconds() -> u64 {
    std::env::var("BOATHOOK_SWAP_SECONDS")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or(10)
}

/// Swaps until it is told to stop; counts.
struct Swapping {
    stop: Arc<AtomicBool>,
    count: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Swapping {
    fn start(mut swap: impl FnMut(u64) + Send + 'static) -> Self {
        let (stop, count) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicU64::new(0)),
        );
        let (ends, counts) = (stop.clone(), count.clone());
        let thread = std::thread::spawn(move || {
            while !ends.load(Ordering::Relaxed) {
                swap(counts.fetch_add(1, Ordering::Relaxed));
                // The collecting process has the lowest priority: three threads without a pause would keep it from
                // ever reading.
                std::thread::sleep(Duration::from_micros(100));
            }
        });
        Self {
            stop,
            count,
            thread: Some(thread),
        }
    }
}

impl Drop for Swapping {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Puts a link to `to` at `at`, in one step.
fn link(at: &Path, to: &Path) {
    let fresh = at.with_extension("fresh");
    let _ = fs::remove_file(&fresh);
    symlink(to, &fresh).unwrap();
    fs::rename(&fresh, at).unwrap();
}

fn lines(line: &str) -> String {
    format!("{line}\n").repeat(2_000)
}

/// A file's name that is now a link to an allowed file, now one outside; and a directory's name, in the middle of a
/// path, the same; and a name that is now the file itself and now a link.
fn swap_all(granted: &Path, outside: &Path) -> Vec<Swapping> {
    let inside = granted.join("inside");
    let (granted_1, outside_1, inside_1) = (granted.to_owned(), outside.to_owned(), inside.clone());
    let files = Swapping::start(move |n| {
        let to = if n % 2 == 0 { &inside_1 } else { &outside_1 };
        for name in ["a.log", "b.log", "c.log", "d.log"] {
            link(&granted_1.join(name), &to.join("app.log"));
        }
    });
    let (at, outside_2) = (granted.join("dir"), outside.to_owned());
    let directories = Swapping::start(move |n| {
        link(&at, if n % 2 == 0 { &inside } else { &outside_2 });
    });
    let (at, outside_3) = (granted.join("self.log"), outside.join("app.log"));
    let kinds = Swapping::start(move |n| {
        if n % 2 == 0 {
            let fresh = at.with_extension("file");
            fs::write(&fresh, INSIDE).unwrap();
            fs::rename(&fresh, &at).unwrap();
        } else {
            link(&at, &outside_3);
        }
    });
    vec![files, directories, kinds]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_swapped_in_a_loop_never_brings_a_byte_of_the_file_outside() {
    let world = World::start().await.unwrap();
    let granted = directory(&world, "granted");
    let outside: PathBuf = directory(&world, "outside");
    let inside = directory(&world, "granted/inside");
    fs::write(inside.join("app.log"), lines(INSIDE)).unwrap();
    fs::write(outside.join("app.log"), lines(OUTSIDE)).unwrap();
    let swapping = swap_all(&granted, &outside);
    let _agent = world
        .agent_with("app-01", &policy(&[&granted], &[]))
        .await
        .unwrap();

    let g = granted.display();
    let named = format!(
        "paths = [\"{g}/a.log\", \"{g}/b.log\", \"{g}/c.log\", \"{g}/d.log\", \"{g}/dir/app.log\", \"{g}/self.log\"]"
    );
    let toml = hook(&format!(
        "[[collect]]\nsection = \"named\"\ncollector = \"file\"\n{named}\n\
         [[collect]]\nsection = \"found\"\ncollector = \"file\"\npaths = [\"{g}/**/*.log\"]\n\
         [[collect]]\nsection = \"tails\"\ncollector = \"file\"\n{named}\ntail_bytes = \"1 KiB\"\n"
    ));
    let until = Instant::now() + Duration::from_secs(seconds());
    let (mut packets, mut read, mut denied) = (0, 0, 0);
    // On a machine that is busy with other things few runs meet each side; then it takes longer.
    let late = until + Duration::from_secs(60);
    while Instant::now() < until || (Instant::now() < late && (read == 0 || denied == 0)) {
        let packet = Packet::of(&world, &toml).await;
        if let Some(place) = packet.holds(OUTSIDE) {
            panic!("the file outside stands in {place} of packet {packets}");
        }
        packets += 1;
        read += u32::from(packet.text("named").contains(INSIDE));
        denied += u32::from(
            packet
                .words("named")
                .contains("leads out of the granted directory"),
        );
    }
    let swaps: Vec<u64> = swapping
        .iter()
        .map(|s| s.count.load(Ordering::Relaxed))
        .collect();
    // It proves nothing unless both sides of the swap were met.
    assert!(
        read > 0 && denied > 0,
        "of {packets} packets {read} had the allowed file and {denied} met the link outside; swaps {swaps:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn links_that_lead_out_are_denied_by_policy_each_with_its_path() {
    let world = World::start().await.unwrap();
    let granted = directory(&world, "granted");
    let outside = directory(&world, "outside");
    fs::write(outside.join("app.log"), lines(OUTSIDE)).unwrap();
    symlink(outside.join("app.log"), granted.join("absolute.log")).unwrap();
    symlink("../outside/app.log", granted.join("relative.log")).unwrap();
    symlink(&outside, granted.join("dir")).unwrap();
    fs::hard_link(outside.join("app.log"), granted.join("hard.log")).unwrap();
    let _agent = world
        .agent_with("app-01", &policy(&[&granted], &[]))
        .await
        .unwrap();

    let g = granted.display();
    let one = |section: &str, path: &str| {
        format!(
            "[[collect]]\nsection = \"{section}\"\ncollector = \"file\"\npaths = [\"{path}\"]\n"
        )
    };
    let sections = [
        one("absolute", &format!("{g}/absolute.log")),
        one("relative", &format!("{g}/relative.log")),
        one("through", &format!("{g}/dir/app.log")),
        one("hard", &format!("{g}/hard.log")),
        one("plain", &format!("{}/app.log", outside.display())),
        one("magic", "/proc/self/environ"),
    ];
    let packet = Packet::of(&world, &hook(&sections.concat())).await;
    for section in ["absolute", "relative", "through", "hard", "plain", "magic"] {
        assert_eq!(packet.outcome(section), "denied_by_policy", "{section}");
    }
    assert!(
        packet.words("hard").contains("hard links"),
        "{}",
        packet.words("hard")
    );
    assert_eq!(packet.holds(OUTSIDE), None);
}
