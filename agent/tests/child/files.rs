//! The `file` collector against everything that a directory can hold.
use std::{
    fs,
    os::unix::fs::{MetadataExt, symlink},
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use boathook_hooks::packet::Outcome;
use bson::{Document, doc};
use tempfile::TempDir;

use crate::rig::{Ran, Rig};

fn dir() -> TempDir {
    tempfile::tempdir().unwrap()
}

async fn collect(granted: &Path, params: Document) -> Ran {
    Rig::new()
        .section("f", "file", params)
        .directory(granted)
        .run()
        .await
}

fn name(path: &Path) -> String {
    path.display()
        .to_string()
        .trim_start_matches('/')
        .to_owned()
}

#[tokio::test]
async fn globs_find_files_beneath_the_granted_directory() {
    let dir = dir();
    fs::create_dir_all(dir.path().join("a/b")).unwrap();
    fs::write(dir.path().join("one.log"), "1\n2\n3\n").unwrap();
    fs::write(dir.path().join("a/b/two.log"), "two\n").unwrap();
    fs::write(dir.path().join("a/b/other.txt"), "no\n").unwrap();
    let glob = format!("{}/**/*.log", dir.path().display());
    let ran = collect(dir.path(), doc! {"paths": [glob], "tail_lines": 2_i64}).await;
    let section = ran.is("f", Outcome::Ok);
    assert_eq!(section.files.len(), 2);
    assert_eq!(section.text(&name(&dir.path().join("one.log"))), "2\n3\n");
    assert_eq!(
        section.text(&name(&dir.path().join("a/b/two.log"))),
        "two\n"
    );
}

#[tokio::test]
async fn what_is_outside_is_denied_however_it_is_named() {
    let (dir, outside) = (dir(), dir());
    let secret = outside.path().join("secret");
    fs::write(&secret, "from outside").unwrap();
    symlink(&secret, dir.path().join("absolute")).unwrap();
    symlink(
        format!(
            "../{}/secret",
            outside.path().file_name().unwrap().to_str().unwrap()
        ),
        dir.path().join("relative"),
    )
    .unwrap();
    symlink(outside.path(), dir.path().join("directory")).unwrap();
    let at = |rest: &str| format!("{}/{rest}", dir.path().display());
    for path in [
        at("absolute"),
        at("relative"),
        at("directory/secret"),
        secret.display().to_string(),
        "/etc/hostname".into(),
    ] {
        let ran = collect(dir.path(), doc! {"paths": [path.clone()]}).await;
        let section = ran.is("f", Outcome::DeniedByPolicy);
        assert!(section.files.is_empty(), "{path}");
    }
    let ran = collect(dir.path(), doc! {"paths": [at("**/*")]}).await;
    assert!(ran.is("f", Outcome::DeniedByPolicy).files.is_empty());
}

#[tokio::test]
async fn a_link_that_stays_inside_is_followed_once() {
    let dir = dir();
    fs::write(dir.path().join("app-1.log"), "line\n").unwrap();
    symlink("app-1.log", dir.path().join("latest.log")).unwrap();
    let ran = collect(
        dir.path(),
        doc! {"paths": [format!("{}/*.log", dir.path().display())]},
    )
    .await;
    let section = ran.is("f", Outcome::Ok);
    assert_eq!(
        section.files.len(),
        1,
        "one file under two names is one file"
    );
}

#[tokio::test]
async fn everything_that_is_no_plain_file_is_refused_in_its_own_words() {
    let dir = dir();
    let at = |name: &str| dir.path().join(name);
    assert!(
        Command::new("mkfifo")
            .arg(at("fifo"))
            .status()
            .unwrap()
            .success()
    );
    let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
    symlink("/dev/zero", at("zero")).unwrap();
    fs::write(at("original"), "x").unwrap();
    fs::hard_link(at("original"), at("second")).unwrap();
    fs::create_dir(at("folder")).unwrap();
    symlink("loop", at("loop")).unwrap();
    for (file, outcome, words) in [
        ("fifo", Outcome::DeniedByPolicy, "a FIFO"),
        ("socket", Outcome::DeniedByPolicy, "a socket"),
        (
            "zero",
            Outcome::DeniedByPolicy,
            "leads out of the granted directory",
        ),
        ("second", Outcome::DeniedByPolicy, "2 hard links"),
        ("folder", Outcome::Failed, "a directory"),
        ("loop", Outcome::DeniedByPolicy, "goes round"),
        ("missing", Outcome::Failed, "not there"),
    ] {
        let ran = collect(dir.path(), doc! {"paths": [at(file).display().to_string()]}).await;
        let section = ran.is("f", outcome);
        section.says(words);
        assert!(ran.took < Duration::from_secs(15), "{file}: {:?}", ran.took);
    }
    // Device files themselves, where the policy grants even those.
    let ran = collect(Path::new("/dev"), doc! {"paths": ["/dev/zero"]}).await;
    ran.is("f", Outcome::DeniedByPolicy)
        .says("a character device");
}

#[tokio::test]
async fn good_files_beside_bad_ones_are_sent_and_the_section_says_that_it_is_not_all() {
    let dir = dir();
    assert!(
        Command::new("mkfifo")
            .arg(dir.path().join("fifo"))
            .status()
            .unwrap()
            .success()
    );
    symlink("/dev/zero", dir.path().join("zero")).unwrap();
    fs::write(dir.path().join("good"), "good").unwrap();
    let ran = collect(
        dir.path(),
        doc! {"paths": [format!("{}/*", dir.path().display())]},
    )
    .await;
    let section = ran.is("f", Outcome::Truncated);
    assert_eq!(section.text(&name(&dir.path().join("good"))), "good");
    section.says("2 of the paths could not be read");
}

#[tokio::test]
async fn a_terabyte_costs_no_more_than_the_limit() {
    let dir = dir();
    let path = dir.path().join("huge.log");
    fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
    for params in [
        doc! {},
        doc! {"tail_lines": 100_i64},
        doc! {"head_bytes": 1_i64 << 40, "tail_bytes": 1_i64 << 40},
    ] {
        let mut all = doc! {"paths": [path.display().to_string()], "file_bytes": 1_i64 << 20};
        all.extend(params);
        let ran = collect(dir.path(), all).await;
        let section = ran.is("f", Outcome::Truncated);
        assert!(section.bytes() <= (1 << 20) + 100, "{}", section.bytes());
        assert!(
            section.end.left_out.iter().any(|l| l.bytes > 1 << 39),
            "{:?}",
            section.end.left_out
        );
        assert!(ran.took < Duration::from_secs(15), "{:?}", ran.took);
    }
}

#[tokio::test]
async fn the_sections_own_limit_cuts_whatever_the_parameters_say() {
    let dir = dir();
    (0..5).for_each(|n| fs::write(dir.path().join(format!("{n}.log")), vec![b'x'; 1000]).unwrap());
    let params = doc! {"paths": [format!("{}/*", dir.path().display())]};
    let ran = Rig::new()
        .section("f", "file", params)
        .within(5, 2_500)
        .directory(dir.path())
        .run()
        .await;
    let section = ran.is("f", Outcome::Truncated);
    assert_eq!(section.bytes(), 2_500);
    section.says("no room was left");
}

#[tokio::test]
async fn the_newest_come_first_and_the_old_and_the_many_are_counted() {
    let dir = dir();
    let age = |file: &str, seconds: u64| {
        let path = dir.path().join(file);
        fs::write(&path, file).unwrap();
        let time = std::time::SystemTime::now() - Duration::from_secs(seconds);
        fs::File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(time)
            .unwrap();
    };
    age("new", 1);
    age("middle", 100);
    age("old", 200);
    age("ancient", 100_000);
    let glob = format!("{}/*", dir.path().display());
    let ran = collect(
        dir.path(),
        doc! {"paths": [glob], "max_age": 1000_i64, "max_files": 2},
    )
    .await;
    let section = ran.is("f", Outcome::Truncated);
    let names: Vec<_> = section
        .files
        .keys()
        .map(|k| k.rsplit('/').next().unwrap())
        .collect();
    assert_eq!(names, ["middle", "new"]);
    assert!(
        section
            .end
            .left_out
            .iter()
            .any(|l| l.items == 2 || l.items == 1),
        "{:?}",
        section.end.left_out
    );
}

#[tokio::test]
async fn keys_and_hashes_and_the_agents_own_are_never_read() {
    let dir = dir();
    let at = |name: &str| dir.path().join(name);
    fs::create_dir(at(".ssh")).unwrap();
    fs::create_dir(at("agent")).unwrap();
    for file in [".ssh/work", "server.key", "agent/ledger"] {
        fs::write(at(file), "text").unwrap();
    }
    fs::write(
        at("innocent.txt"),
        "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n",
    )
    .unwrap();
    for file in [".ssh/work", "server.key", "agent/ledger", "innocent.txt"] {
        let path = at(file).display().to_string();
        let mut rig = Rig::new()
            .section("f", "file", doc! {"paths": [path]})
            .directory(dir.path());
        rig.grants.own = vec![at("agent")];
        rig.grants.raw = true;
        let ran = rig.run().await;
        assert!(
            ran.is("f", Outcome::DeniedByPolicy).files.is_empty(),
            "{file}"
        );
    }
    for (granted, path) in [
        ("/etc", "/etc/shadow"),
        ("/proc", "/proc/self/environ"),
        ("/proc", "/proc/1/environ"),
        ("/proc", "/proc/self/mem"),
    ] {
        let ran = collect(Path::new(granted), doc! {"paths": [path]}).await;
        let section = ran.section("f");
        assert!(section.files.is_empty(), "{path}");
        assert_ne!(section.end.outcome, Outcome::Ok, "{path}");
    }
    let ran = collect(Path::new("/etc"), doc! {"paths": ["/etc/shadow"]}).await;
    ran.is("f", Outcome::DeniedByPolicy).says("password hashes");
}

#[tokio::test]
async fn raw_is_the_policys_to_allow() {
    let dir = dir();
    fs::write(dir.path().join("x"), "x").unwrap();
    let params = doc! {"paths": [format!("{}/x", dir.path().display())], "raw": true};
    let ran = collect(dir.path(), params).await;
    ran.is("f", Outcome::Ok)
        .says("the policy does not allow them");
}

/// Swaps a link between a file inside and one outside, as fast as it can.
fn swap(
    dir: &Path,
    inside: &Path,
    outside: &Path,
    on: Arc<AtomicBool>,
) -> std::thread::JoinHandle<u64> {
    let (link, inside, outside) = (dir.join("swapped"), inside.to_owned(), outside.to_owned());
    let spare = dir.join("spare");
    std::thread::spawn(move || {
        let mut swaps = 0;
        while on.load(Ordering::Relaxed) {
            for target in [&inside, &outside] {
                let _ = fs::remove_file(&spare);
                symlink(target, &spare).unwrap();
                fs::rename(&spare, &link).unwrap();
                swaps += 1;
            }
        }
        swaps
    })
}

#[tokio::test]
async fn a_link_that_is_swapped_all_the_time_never_leads_outside() {
    let (dir, other) = (dir(), dir());
    let outside = other.path().join("outside");
    fs::write(&outside, "FROM OUTSIDE").unwrap();
    fs::write(dir.path().join("inside"), "from inside").unwrap();
    let on = Arc::new(AtomicBool::new(true));
    let swapper = swap(dir.path(), Path::new("inside"), &outside, Arc::clone(&on));
    // 30 sections a run, by name and by glob.
    // Longer by hand: BOATHOOK_SWAP_SECONDS=60.
    let seconds = std::env::var("BOATHOOK_SWAP_SECONDS").map_or(5, |s| s.parse().unwrap());
    let until = std::time::Instant::now() + Duration::from_secs(seconds);
    let (mut good, mut bad) = (0, 0);
    while std::time::Instant::now() < until {
        let mut rig = Rig::new().directory(dir.path());
        for n in 0..30 {
            let glob = if n % 2 == 0 { "swapped" } else { "s*apped" };
            rig = rig.section(
                &format!("s{n}"),
                "file",
                doc! {"paths": [format!("{}/{glob}", dir.path().display())]},
            );
        }
        let ran = rig.run().await;
        assert_eq!(ran.sections.len(), 30);
        for section in ran.sections.values() {
            for bytes in section.files.values() {
                assert_eq!(bytes, b"from inside");
                good += 1;
            }
            bad += usize::from(section.end.outcome == Outcome::DeniedByPolicy);
        }
    }
    on.store(false, Ordering::Relaxed);
    assert!(swapper.join().unwrap() > 1000);
    assert!(
        good > 0 && bad > 0,
        "both were met: {good} inside, {bad} refused"
    );
}

#[tokio::test]
async fn a_file_that_grows_all_the_time_ends() {
    let dir = dir();
    let path = dir.path().join("grows.log");
    fs::write(&path, "x\n".repeat(1000)).unwrap();
    let on = Arc::new(AtomicBool::new(true));
    let writer = {
        let (on, path) = (Arc::clone(&on), path.clone());
        std::thread::spawn(move || {
            let mut file = fs::File::options().append(true).open(path).unwrap();
            while on.load(Ordering::Relaxed) && file.metadata().unwrap().size() < 1 << 30 {
                std::io::Write::write_all(&mut file, &[b'y'; 65536]).unwrap();
            }
        })
    };
    let ran = collect(
        dir.path(),
        doc! {"paths": [path.display().to_string()], "file_bytes": 1_i64 << 40},
    )
    .await;
    on.store(false, Ordering::Relaxed);
    writer.join().unwrap();
    assert!(matches!(
        ran.section("f").end.outcome,
        Outcome::Ok | Outcome::Truncated
    ));
    assert!(ran.section("f").bytes() <= 8 << 20);
    assert!(ran.took < Duration::from_secs(15), "{:?}", ran.took);
}
