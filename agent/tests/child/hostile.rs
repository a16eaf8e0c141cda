//! Everything at once that a machine can put in a run's way.
use std::{
    fs,
    os::unix::fs::symlink,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use boathook_agent::child::RunEnd;
use boathook_hooks::packet::Outcome;
use bson::doc;

use crate::rig::{Rig, lives, own_mark};

#[tokio::test]
async fn every_section_of_a_run_in_a_hostile_place_has_its_outcome_in_time() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let at = |name: &str| dir.path().join(name);
    let outside = other.path().join("outside");
    fs::write(&outside, "FROM OUTSIDE").unwrap();
    fs::write(at("inside"), "from inside").unwrap();
    fs::File::create(at("huge"))
        .unwrap()
        .set_len(1 << 40)
        .unwrap();
    assert!(
        Command::new("mkfifo")
            .arg(at("fifo"))
            .status()
            .unwrap()
            .success()
    );
    symlink("/dev/zero", at("zero")).unwrap();
    let on = Arc::new(AtomicBool::new(true));
    let swapper = {
        let (on, link, spare, outside) =
            (Arc::clone(&on), at("swapped"), at("spare"), outside.clone());
        std::thread::spawn(move || {
            while on.load(Ordering::Relaxed) {
                for target in ["inside".as_ref(), outside.as_path()] {
                    let _ = fs::remove_file(&spare);
                    symlink(target, &spare).unwrap();
                    fs::rename(&spare, &link).unwrap();
                }
            }
        })
    };

    let mark = &own_mark("boathook-test-hostile");
    let forks = format!(
        "setsid sh -c 'trap \"\" TERM HUP INT; (setsid sh -c \"trap \\\"\\\" TERM; sleep 300; : {mark}\" &) ; sleep 300; : {mark}' & wait"
    );
    let file = |name: &str| doc! {"paths": [at(name).display().to_string()]};
    let begun = Instant::now();
    let ran = Rig::new()
        .section("swapped", "file", file("swapped"))
        .section("all", "file", file("*"))
        .within(10, 1 << 20)
        .section("fifo", "file", file("fifo"))
        .section("zero", "file", file("zero"))
        .section("huge", "file", doc! {"paths": [at("huge").display().to_string()], "tail_lines": 5_i64, "file_bytes": 1_i64 << 20})
        .section("forks", "command", doc! {"path": "/bin/sh", "args": ["-c", forks]})
        .within(2, 1 << 20)
        .section("endless", "command", doc! {"path": "/usr/bin/yes", "args": ["on and on"], "stdout_bytes": 10_000_i64})
        .within(5, 1 << 20)
        .section("host", "host", doc! {"parts": ["os"]})
        .directory(dir.path())
        .command("/bin/sh", &["-c", "(?s).*"])
        .command("/usr/bin/yes", &["on and on"])
        .run_ms(60_000)
        .run()
        .await;
    on.store(false, Ordering::Relaxed);
    swapper.join().unwrap();

    assert!(matches!(ran.end, RunEnd::Finished), "{:?}", ran.end);
    assert!(begun.elapsed() < Duration::from_secs(60));
    let swapped = ran.section("swapped");
    assert!(
        matches!(swapped.end.outcome, Outcome::Ok | Outcome::DeniedByPolicy),
        "{:?}",
        swapped.end
    );
    ran.is("all", Outcome::Truncated);
    ran.is("fifo", Outcome::DeniedByPolicy).says("a FIFO");
    ran.is("zero", Outcome::DeniedByPolicy);
    assert!(ran.is("huge", Outcome::Truncated).bytes() <= (1 << 20) + 100);
    ran.is("forks", Outcome::TimedOut);
    let endless = ran.section("endless");
    assert!(
        matches!(endless.end.outcome, Outcome::Truncated | Outcome::TimedOut),
        "{:?}",
        endless.end
    );
    assert_eq!(endless.files["stdout.txt"].len(), 10_000);
    ran.is("host", Outcome::Ok);
    for section in ran.sections.values() {
        for bytes in section.files.values() {
            assert!(!bytes.windows(12).any(|part| part == b"FROM OUTSIDE"));
        }
    }
    assert!(!lives(mark) && !lives("on and on"));
}
