//! Links that the policy would allow, and the hook does not name.
use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use boathook_hooks::packet::Outcome;
use bson::{Document, doc};
use tempfile::TempDir;

use crate::rig::{Ran, Rig, Section};

const SECRET: &str = "of-another-directory";

/// `log` with a file and links to `other`, both beneath the one granted directory.
fn wide() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::create_dir_all(at("log/private")).unwrap();
    fs::create_dir(at("other")).unwrap();
    fs::write(at("log/app.log"), "a line\n").unwrap();
    fs::write(at("log/private/secret"), SECRET).unwrap();
    fs::write(at("other/secret.log"), SECRET).unwrap();
    symlink("../other/secret.log", at("log/probe.log")).unwrap();
    symlink("../other", at("log/linked")).unwrap();
    dir
}

async fn collect(granted: &Path, params: Document) -> Ran {
    let rig = Rig::new().section("f", "file", params);
    rig.directory(granted).run().await
}

fn holds_secret(section: &Section) -> bool {
    let mut files = section.files.values();
    files.any(|bytes| String::from_utf8_lossy(bytes).contains(SECRET))
}

#[tokio::test]
async fn a_link_leads_no_further_than_the_hook_names_however_much_the_policy_grants() {
    let dir = wide();
    let log = dir.path().join("log").display().to_string();
    for (path, words) in [
        ("probe.log", "leads out of"),
        ("pr?be.log", "leads out of"),
        ("linked/secret.log", "behind a symbolic link"),
        ("linked/*.log", "behind a symbolic link"),
    ] {
        let ran = collect(dir.path(), doc! {"paths": [format!("{log}/{path}")]}).await;
        let section = ran.is("f", Outcome::DeniedByPolicy);
        section.says(words);
        assert!(section.files.is_empty(), "{path}");
    }
    let ran = collect(dir.path(), doc! {"paths": [format!("{log}/**")]}).await;
    let section = ran.is("f", Outcome::Truncated);
    section.says(&format!("leads out of {log}"));
    assert_eq!(section.text(&format!("{}/app.log", &log[1..])), "a line\n");
}

#[tokio::test]
async fn a_hook_that_names_both_directories_may_follow_a_link_between_them() {
    let dir = wide();
    let at = dir.path().display();
    // The narrower glob finds the link, too.
    let paths = [format!("{at}/log/*.log"), format!("{at}/**/*.log")];
    let ran = collect(dir.path(), doc! {"paths": paths.to_vec()}).await;
    assert!(holds_secret(ran.is("f", Outcome::Ok)));
}

#[tokio::test]
async fn what_is_excluded_stays_out_under_a_links_name_too() {
    let dir = wide();
    let log = dir.path().join("log");
    symlink("private/secret", log.join("innocent.log")).unwrap();
    fs::remove_file(log.join("probe.log")).unwrap();
    let log = log.display();
    for exclude in ["private/*", "private", "**/secret"] {
        let exclude = format!("{log}/{exclude}");
        let all = doc! {"paths": [format!("{log}/**/*.log")], "exclude": [&exclude]};
        let ran = collect(dir.path(), all).await;
        let section = ran.is("f", Outcome::Ok);
        assert!(!holds_secret(section), "{exclude}");
        section.says("what the hook excludes");
        let named = doc! {"paths": [format!("{log}/innocent.log")], "exclude": [&exclude]};
        let ran = collect(dir.path(), named).await;
        assert!(!holds_secret(ran.section("f")), "{exclude}");
    }
}

#[tokio::test]
async fn what_is_excluded_stays_out_where_the_granted_directory_is_itself_a_link() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| -> PathBuf { dir.path().join(name) };
    fs::create_dir(at("disk")).unwrap();
    fs::write(at("disk/secret"), SECRET).unwrap();
    symlink("secret", at("disk/innocent")).unwrap();
    symlink("disk", at("logs")).unwrap();
    let logs = at("logs").display().to_string();
    let params = doc! {"paths": [format!("{logs}/*")], "exclude": [format!("{logs}/secret")]};
    let ran = collect(&at("logs"), params).await;
    assert!(!holds_secret(ran.section("f")));
}
