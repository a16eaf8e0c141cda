//! The `file` collector and packed logs, made by the tools that make them.
use std::{fs, path::Path, process::Command};

use boathook_hooks::packet::Outcome;
use bson::{Document, doc};

use crate::rig::{Ran, Rig};

async fn collect(dir: &Path, params: Document) -> Ran {
    let mut all = doc! {"paths": [format!("{}/**", dir.display())]};
    all.extend(params);
    Rig::new()
        .section("f", "file", all)
        .within(120, 8 << 20)
        .directory(dir)
        .run()
        .await
}

fn run(program: &str, args: &[&str], file: &Path) {
    assert!(
        Command::new(program)
            .args(args)
            .arg(file)
            .status()
            .unwrap()
            .success(),
        "{program}"
    );
}

fn name(path: &Path) -> String {
    path.display()
        .to_string()
        .trim_start_matches('/')
        .to_owned()
}

fn text() -> String {
    (0..20_000).map(|n| format!("line {n}\n")).collect()
}

#[tokio::test]
async fn packed_logs_are_unpacked_whatever_packed_them() {
    for (program, args) in [
        ("gzip", &[][..]),
        ("xz", &[]),
        ("xz", &["-T4", "--block-size=20000"]),
        ("zstd", &["-q", "--rm"]),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("app.log");
        fs::write(&path, text()).unwrap();
        run(program, args, &path);
        assert!(!path.exists());
        let ran = collect(dir.path(), doc! {}).await;
        assert_eq!(
            ran.is("f", Outcome::Ok).text(&name(&path)),
            text(),
            "{program}"
        );
        let ran = collect(dir.path(), doc! {"tail_lines": 2_i64}).await;
        assert_eq!(
            ran.is("f", Outcome::Ok).text(&name(&path)),
            "line 19998\nline 19999\n",
            "{program}"
        );
    }
}

#[tokio::test]
async fn beside_its_unpacked_self_a_packed_file_keeps_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.log");
    fs::write(&path, "old\n").unwrap();
    run("gzip", &["-k"], &path);
    let ran = collect(dir.path(), doc! {}).await;
    assert_eq!(ran.is("f", Outcome::Ok).files.len(), 2, "{ran:?}");
}

#[tokio::test]
async fn raw_files_stay_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.log");
    fs::write(&path, text()).unwrap();
    run("gzip", &[], &path);
    let packed = dir.path().join("app.log.gz");
    let mut rig = Rig::new()
        .section(
            "f",
            "file",
            doc! {"paths": [packed.display().to_string()], "raw": true},
        )
        .directory(dir.path());
    rig.grants.raw = true;
    let ran = rig.run().await;
    assert_eq!(
        ran.is("f", Outcome::Ok).files[&name(&packed)],
        fs::read(&packed).unwrap()
    );
}

#[tokio::test]
async fn bombs_are_given_up_and_files_beside_them_are_sent() {
    let dir = tempfile::tempdir().unwrap();
    for (file, program, args, size) in [
        ("a", "gzip", &["-9"][..], 20),
        ("b", "xz", &["-0"], 70),
        ("c", "zstd", &["-q", "--rm"], 20),
    ] {
        let path = dir.path().join(file);
        fs::File::create(&path)
            .unwrap()
            .set_len(size << 20)
            .unwrap();
        run(program, args, &path);
    }
    fs::write(dir.path().join("good"), "good").unwrap();
    // With a tail all must be unpacked to know its end.
    let ran = collect(dir.path(), doc! {"tail_bytes": 1000_i64}).await;
    let section = ran.is("f", Outcome::Truncated);
    assert_eq!(section.text(&name(&dir.path().join("good"))), "good");
    let given_up = section
        .end
        .left_out
        .iter()
        .filter(|l| l.text.contains("unpacks to more than"))
        .count();
    assert_eq!(given_up, 3, "{:?}", section.end.left_out);
    assert!(
        ran.took < std::time::Duration::from_secs(25),
        "{:?}",
        ran.took
    );
}

#[tokio::test]
async fn a_file_that_was_cut_off_brings_what_can_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.log");
    fs::write(&path, text()).unwrap();
    run("gzip", &[], &path);
    let packed = dir.path().join("app.log.gz");
    let whole = fs::read(&packed).unwrap();
    fs::write(&packed, &whole[..whole.len() / 2]).unwrap();
    let ran = collect(dir.path(), doc! {}).await;
    let section = ran.is("f", Outcome::Truncated);
    assert!(section.text(&name(&path)).starts_with("line 0\nline 1\n"));
    section.says("could not be read to its end");
}
