//! Opening, with openat2 and without.
#![allow(clippy::unwrap_used)]
use std::{fs, os::unix::fs::symlink};

use super::*;

fn granted(path: &Path) -> Grants {
    Grants {
        directories: vec![path.to_owned()],
        ..Grants::default()
    }
}

/// As a hook that names the granted directory itself.
fn open(dirs: &Dirs, path: &Path) -> Result<Opened, Denied> {
    dirs.open_path(path, Path::new(""), &GlobSet::empty())
}

/// As a hook that names this very path.
fn open_named(dirs: &Dirs, path: &Path) -> Result<Opened, Denied> {
    dirs.open_path(path, path.parent().unwrap(), &GlobSet::empty())
}

#[test]
fn what_is_said_of_a_file_is_not_taken_for_a_password() {
    let redactor = boathook_hooks::redaction::Redactor::builder()
        .build()
        .unwrap();
    for denied in [
        Denied::NotGranted,
        Denied::Outside,
        Denied::Never("a password file"),
        Denied::Gone,
        Denied::System(io::ErrorKind::PermissionDenied.into()),
    ] {
        let said = denied.of("/etc/passwd");
        assert_eq!(redactor.redact_text(&said).text, said);
    }
    assert_eq!(
        Denied::NotGranted.of("/etc/passwd"),
        "no allowed directory holds /etc/passwd"
    );
    let stop = crate::child::out::Stop::system(
        "starting /usr/bin/passwd",
        &io::ErrorKind::PermissionDenied.into(),
    );
    let crate::child::out::Stop::DeniedBySystem(said) = stop else {
        panic!("{stop:?}");
    };
    assert_eq!(redactor.redact_text(&said).text, said);
}

#[test]
fn without_openat2_files_open_and_no_link_is_followed_at_all() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let at = |name: &str| dir.path().join(name);
    fs::create_dir(at("sub")).unwrap();
    fs::write(at("sub/file"), "x").unwrap();
    fs::write(other.path().join("secret"), "s").unwrap();
    symlink("sub/file", at("inside")).unwrap();
    symlink(other.path(), at("out")).unwrap();
    let dirs = Dirs::with(&granted(dir.path()), Resolver::by_parts());
    assert_eq!(open(&dirs, &at("sub/file")).unwrap().size, 1);
    for refused in ["inside", "out", "out/secret"] {
        assert!(
            open(&dirs, &at(refused)).unwrap_err().is_policy(),
            "{refused}"
        );
    }
    assert!(matches!(open(&dirs, &at("absent")), Err(Denied::Gone)));
    assert!(matches!(open(&dirs, &at("sub/file/x")), Err(Denied::Gone)));
    assert!(matches!(
        open(&dirs, &at("sub/../../x")),
        Err(Denied::Outside)
    ));
}

#[test]
fn the_deepest_grant_counts_and_what_is_beneath_none_is_not_granted() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("a")).unwrap();
    fs::write(dir.path().join("a/f"), "x").unwrap();
    let mut grants = granted(dir.path());
    grants.directories.push(dir.path().join("a"));
    grants.directories.push("/no/such/place".into());
    let dirs = Dirs::open(&grants);
    assert_eq!(
        dirs.beneath(&dir.path().join("a/f")).unwrap().1,
        Path::new("f")
    );
    assert!(matches!(
        open(&dirs, Path::new("/etc/hostname")),
        Err(Denied::NotGranted)
    ));
    assert_eq!(dirs.missing.len(), 1, "a grant that is not there is told");
}

#[test]
fn no_link_leads_out_of_the_directory_that_the_hook_names_with_openat2_or_without() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::create_dir(at("log")).unwrap();
    fs::create_dir(at("other")).unwrap();
    fs::write(at("log/plain"), "x").unwrap();
    fs::write(at("other/secret"), "s").unwrap();
    symlink("../other/secret", at("log/out")).unwrap();
    symlink("../other", at("log/app")).unwrap();
    for resolver in [Resolver::default(), Resolver::by_parts()] {
        let dirs = Dirs::with(&granted(dir.path()), resolver);
        assert!(open_named(&dirs, &at("log/plain")).is_ok());
        assert!(
            open_named(&dirs, &at("log/out")).unwrap_err().is_policy(),
            "the file"
        );
        assert!(
            matches!(
                open_named(&dirs, &at("log/app/secret")),
                Err(Denied::Linked)
            ),
            "a directory on the way"
        );
    }
    let dirs = Dirs::open(&granted(dir.path()));
    let Err(denied) = open_named(&dirs, &at("log/out")) else {
        panic!("opened")
    };
    assert!(
        denied
            .to_string()
            .contains(&format!("leads out of {}", at("log").display())),
        "{denied}"
    );
}

#[test]
fn a_link_of_the_administrators_own_is_followed_where_the_policy_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::create_dir(at("disk")).unwrap();
    fs::write(at("disk/f"), "x").unwrap();
    symlink("disk", at("logs")).unwrap();
    assert!(open_named(&Dirs::open(&granted(&at("logs"))), &at("logs/f")).is_ok());
}

#[test]
fn links_of_the_kernels_own_are_followed() {
    let dirs = Dirs::open(&granted(Path::new("/proc")));
    assert!(open_named(&dirs, Path::new("/proc/net/dev")).is_ok());
}
