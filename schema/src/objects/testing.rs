//! The S3 service that tests use: `BOATHOOK_TEST_S3` is `http[s]://HOST[:PORT]/BUCKET[/PREFIX]`, with a key in `AWS_…`.
#![allow(clippy::unwrap_used, clippy::print_stderr)]
use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use super::ObjectsConfig;

/// A prefix of its own. None when there is no service; where `CI` is set that is a failure.
pub fn config() -> Option<ObjectsConfig> {
    let Ok(address) = std::env::var("BOATHOOK_TEST_S3") else {
        assert!(
            std::env::var_os("CI").is_none(),
            "BOATHOOK_TEST_S3 is not set: tests of S3 need http[s]://HOST[:PORT]/BUCKET; tests/parts/s3/s3 with COMMAND gives one"
        );
        eprintln!("not tried on S3: BOATHOOK_TEST_S3 is not set");
        return None;
    };
    let (scheme, rest) = address.split_once("://").unwrap();
    let (host, bucket) = rest.split_once('/').unwrap();
    let bucket = bucket.trim_end_matches('/');
    let own = uuid::Uuid::now_v7();
    Some(ObjectsConfig::s3(
        &format!("s3://{bucket}/{own}"),
        &format!("{scheme}://{host}"),
    ))
}

/// A file with a key that no service knows.
pub fn credentials<T>(body: impl FnOnce(&Path) -> T) -> T {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key.toml");
    fs::write(
        &path,
        "access_key_id = 'nobody'\nsecret_access_key = 'hunter2'\n",
    )
    .unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    body(&path)
}
